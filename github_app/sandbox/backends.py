"""The registry of walls, by name."""

from github_app.sandbox import bubblewrap, landlock, plain
from github_app.sandbox.backend import Backend

BACKENDS: dict[str, Backend] = {each.BACKEND.name: each.BACKEND for each in (bubblewrap, landlock, plain)}
