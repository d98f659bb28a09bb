"""No wall at all: a plain process of the agents' account, still bounded. Only ever used when asked for by name."""

import os
import resource
from typing import NoReturn

from github_app.core.confinement import Ending, Wall
from github_app.sandbox.backend import Backend
from github_app.sandbox.family import die_with_parent, every_process
from github_app.sandbox.launch import Report
from github_app.sandbox.order import Order


def launch(order: Order, report: Report, program: str) -> NoReturn:
    """Become the program."""
    die_with_parent()
    limit_open_files(order)
    limit_processes(order)
    report.say(started=True)
    try:
        os.execve(program, list(order.argv), order.env)  # noqa: S606  (no shell is the point)
    except OSError as error:
        report.say(ending=Ending.NOT_STARTED, exit_code=None, note=f"{program}: {error.strerror}")
        os._exit(1)


def limit_open_files(order: Order) -> None:
    """Set RLIMIT_NOFILE."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = order.bounds.open_files if hard == resource.RLIM_INFINITY else min(order.bounds.open_files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, lowest))


def limit_processes(order: Order) -> None:
    """Set RLIMIT_NPROC, which the kernel counts for the whole account: what runs already is added."""
    already = 0
    for entry in every_process():
        try:
            if entry.stat().st_uid == order.account.uid:
                already += len(list((entry / "task").iterdir()))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    wanted = order.bounds.processes + already
    lowest = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (lowest, lowest))


BACKEND = Backend(
    name="none",
    wall=Wall.NONE,
    reports_ending=False,
    describe=lambda: "No wall",
    missing=lambda: "",
    refused=lambda _: "",
    launch=launch,
)
