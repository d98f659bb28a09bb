"""A fresh world for each story."""

import tempfile
from pathlib import Path

import pytest
from world import make_world

from github_app.git.removal import remove


@pytest.fixture
def place():
    """A directory that the agents' account may enter (pytest's own are closed to it when the tests run as root)."""
    folder = Path(tempfile.mkdtemp(prefix="remit-story-"))
    folder.chmod(0o711)
    yield folder
    remove(folder)


@pytest.fixture
def world(place):
    with make_world(place) as made:
        yield made
