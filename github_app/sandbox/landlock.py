"""The wall for machines without namespaces: Landlock and seccomp, through the `sandlock` package.

Needs Landlock ABI 6 (Linux 6.12) for its full set, signals among it; on less the probe refuses. Metadata of files
(names given, sizes, modes) stays visible everywhere. https://docs.kernel.org/userspace-api/landlock.html
"""

import os
import signal
import threading
from typing import NoReturn

import sandlock

from github_app.core.confinement import Ending, Wall
from github_app.sandbox.backend import Backend
from github_app.sandbox.family import become_dumpable, become_subreaper, exterminate
from github_app.sandbox.launch import Report
from github_app.sandbox.order import Order
from github_app.sandbox.system import DEVICES, KERNEL_FACTS, existing


def describe() -> str:
    """Return what this kernel and package are, for the probe's sentence."""
    return f"Landlock (ABI {sandlock.landlock_abi_version()}) through sandlock {sandlock.__version__}"


def missing() -> str:
    """Return a sentence about what the kernel lacks, or nothing."""
    have, need = sandlock.landlock_abi_version(), sandlock.min_landlock_abi()
    if have < 1:
        return "this kernel has no Landlock (or it is switched off at boot: lsm=)"
    if have < need:
        return (
            f"this kernel has Landlock ABI {have}, and ABI {need} (Linux 6.12) is needed to confine signals and sockets"
        )
    return ""


def launch(order: Order, report: Report, program: str) -> NoReturn:
    """Start the program confined, stay beside it as its supervisor, report its ending."""
    become_dumpable()
    become_subreaper()
    bounds = order.bounds
    box = sandlock.Sandbox(
        fs_readable=[*order.system, *order.readable, *map(str, existing((*DEVICES[1:], *KERNEL_FACTS)))],
        fs_writable=[*order.writable, "/dev/null"],
        net_allow=[f"tcp://127.0.0.1:{port}" for port in order.connect],
        max_memory=bounds.memory_bytes,
        max_processes=bounds.processes,
        max_open_files=bounds.open_files,
        cwd=order.cwd,
    )
    process = box.popen([program, *order.argv[1:]])
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)  # the program's pipes end with the program, not with us
    threading.Thread(target=_outlive_nothing, args=(report.guard_fd,), daemon=True).start()
    report.say(started=True)
    status = process.wait()
    match status.reason:
        case sandlock.ExitReason.EXITED:
            report.say(ending=Ending.EXITED, exit_code=status.exit_code, note="")
        case _:
            report.say(**_killed(status.signal))
    exterminate()
    os._exit(0)


def _outlive_nothing(guard_fd: int) -> None:
    """When the guard is killed its pipe ends, and then so does everything here."""
    os.read(guard_fd, 1)
    exterminate()
    os._exit(1)


def _killed(number: int) -> dict[str, object]:
    if number > 0 and number != signal.SIGKILL:
        return {"ending": Ending.SIGNALLED, "exit_code": None, "note": signal.Signals(number).name}
    return {"ending": Ending.MEMORY, "exit_code": None, "note": "killed for asking for more memory than allowed"}


BACKEND = Backend(
    name="landlock",
    wall=Wall.LANDLOCK,
    reports_ending=True,
    describe=describe,
    missing=missing,
    refused=lambda _: "",
    launch=launch,
)
