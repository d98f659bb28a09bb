"""The strongest wall: every namespace there is, an allow-list of mounts, no capability.

Inside there is a /proc of the run's own, whose first process was started with the run's own environment.
https://github.com/containers/bubblewrap
"""

import os
from pathlib import Path
from typing import NoReturn

from github_app.core.confinement import Confinement, Wall
from github_app.sandbox.backend import Backend
from github_app.sandbox.launch import Report
from github_app.sandbox.order import Order
from github_app.sandbox.plain import limit_open_files, limit_processes

PROGRAM = Path("/usr/bin/bwrap")
_ENV = "/usr/bin/env"


def missing() -> str:
    """Return a sentence about what this machine lacks, or nothing."""
    return "" if PROGRAM.exists() else f"{PROGRAM} is not installed"


def refused(confinement: Confinement) -> str:
    """Return a sentence about what of a confinement this wall cannot give, or nothing."""
    if confinement.connect:
        return "bubblewrap cannot open single loopback ports yet, and opening the whole network is no answer"
    return ""


def launch(order: Order, report: Report, program: str) -> NoReturn:
    """Become bwrap, which reports on the same pipe in its own words (`child-pid`, `exit-code`)."""
    limit_open_files(order)
    limit_processes(order)
    os.set_inheritable(report.write_fd, True)
    os.set_inheritable(report.life_fd, True)
    command = [str(PROGRAM), *_walls(report), *_mounts(order), "--chdir", order.cwd, "--"]
    # bwrap sets PWD; the environment is to be the order's, exactly
    kept = [] if "PWD" in order.env else [_ENV, "-u", "PWD"]
    os.execve(PROGRAM, [*command, *kept, program, *order.argv[1:]], order.env)  # noqa: S606  (no shell is the point)


def _walls(report: Report) -> list[str]:
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
        *("--cap-drop", "ALL", "--hostname", "sandbox", "--json-status-fd", str(report.write_fd)),
        *("--sync-fd", str(report.life_fd)),
    ]


def _mounts(order: Order) -> list[str]:
    shared_memory = str(min(order.bounds.memory_bytes // 2, 1 << 30))
    mounts = ["--proc", "/proc", "--dev", "/dev", "--size", shared_memory, "--tmpfs", "/dev/shm"]  # noqa: S108
    for path in order.system:
        mounts += ["--symlink", os.readlink(path), path] if os.path.islink(path) else ["--ro-bind", path, path]  # noqa: PTH114, PTH115
    wanted = [(path, "--ro-bind") for path in order.readable] + [(path, "--bind") for path in order.writable]
    for path, kind in sorted(wanted, key=lambda each: len(Path(each[0]).parts)):
        mounts += [kind, path, path]
    return [*mounts, "--remount-ro", "/dev", "--remount-ro", "/"]


BACKEND = Backend(
    name="bubblewrap",
    wall=Wall.BUBBLEWRAP,
    reports_ending=True,
    describe=lambda: "bubblewrap",
    missing=missing,
    refused=refused,
    launch=launch,
)
