"""The launcher: the child of the guard that gives up everything and then starts the confined program.

It reports on a pipe, one JSON line each: `{"started": true}`, then for a wall that watches its program from within
`{"ending": ..., "exit_code": ..., "note": ...}`. `{"refused": sentence}` says that nothing ran. An empty report means
that the program took the launcher's place; its wait status is then the ending.
"""

import json
import os
import resource
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from github_app.core.confinement import Ending
from github_app.sandbox.account import become
from github_app.sandbox.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The launcher's ends of three pipes.

    One to write what became of the program, one to read that ends with the guard, and one to hold: it tells Remit,
    after the guard's death, that nothing of the run is alive.
    """

    write_fd: int
    guard_fd: int
    life_fd: int

    def say(self, **fields: object) -> None:
        """Write one line."""
        os.write(self.write_fd, json.dumps(fields).encode() + b"\n")


def enter(order: Order, report: Report, launch: Callable[[Order, Report, str], NoReturn]) -> NoReturn:
    """Turn this forked child into the launcher and the launcher into the program, or say why not; never returns."""
    try:
        os.setsid()
        os.setpriority(os.PRIO_PROCESS, 0, 19)
        os.umask(0o022)
        _die_first()
        _bound(order)
        become(order.account)
        os.environ.clear()
        os.environ.update(order.env)
        os.chdir(_reach(order))
        program, problem = _find(order)
        if problem:
            report.say(started=True)
            report.say(ending=Ending.NOT_STARTED, exit_code=None, note=problem)
        else:
            launch(order, report, program)
    except Exception as error:  # noqa: BLE001  (a forked child: whatever happened is told to the guard, then it ends)
        report.say(refused=f"{type(error).__name__}: {error}" if not hasattr(error, "sentence") else str(error))
    os._exit(1)


def _die_first() -> None:
    """When the machine runs out of memory, let the kernel take a run before it takes Remit."""
    score = Path("/proc/self/oom_score_adj")
    score.write_text(str(max(500, int(score.read_text(encoding="ascii")))), encoding="ascii")


def _bound(order: Order) -> None:
    """Set what the kernel holds for every process by itself; hard limits, inherited by all descendants."""
    bounds = order.bounds
    for limit, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, bounds.disk_bytes)):
        _, hard = resource.getrlimit(limit)
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (lowest, lowest))


def _reach(order: Order) -> str:
    """Return the working directory, or raise with the sentence that says which path is out of the account's reach."""
    for path, mode in (
        *((path, os.R_OK) for path in order.readable),
        *((path, os.R_OK | os.W_OK) for path in order.writable),
        (order.cwd, os.X_OK),
    ):
        if not os.access(path, mode):
            order.account.require_way_to(Path(path))
            raise PermissionError(f"the account {order.account.name} lacks access to {path}")
    return order.cwd


def _find(order: Order) -> tuple[str, str]:
    """Return the program's absolute path and nothing, or nothing and a sentence why it cannot be started."""
    name = order.argv[0]
    found = shutil.which(name, path=order.env.get("PATH", ""))
    if found is None:
        return "", f"{name} is not installed, or may not be executed"
    program = os.path.abspath(found)  # noqa: PTH100  (symbolic links must stay: python in a venv lives by them)
    real = Path(program).resolve()
    if not any(real.is_relative_to(place) for place in (*order.system, *order.readable, *order.writable)):
        return "", f"{program} lies outside everything that this run may read"
    if not stat.S_ISREG(real.stat().st_mode):
        return "", f"{program} is not a program"
    with real.open("rb") as file:
        first = file.readline(256)
    if first.startswith(b"#!"):
        words = first[2:].split()
        if not words or not os.access(words[0], os.X_OK):
            return "", f"{program} names an interpreter that is not installed"
    return program, ""
