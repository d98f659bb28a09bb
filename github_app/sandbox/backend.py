"""What every backend's file defines: its name, how strong it is, what it lacks here, and how it starts a program."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from github_app.core.confinement import Confinement, Wall
from github_app.sandbox.launch import Report
from github_app.sandbox.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One way to confine. `missing` and `refused` answer with a sentence, or with nothing when all is well."""

    name: str
    wall: Wall
    reports_ending: bool  # the launcher stays and says how its program ended
    describe: Callable[[], str]
    missing: Callable[[], str]
    refused: Callable[[Confinement], str]
    launch: Callable[[Order, Report, str], NoReturn]
