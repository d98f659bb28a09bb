"""The processes of a run as the guard sees them: everything that descends from it, whatever session it moved to.

The guard is a child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): whoever loses its parent becomes the guard's child,
so a guard without children has no living descendant.
"""

import ctypes
import os
import signal
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Let every orphan among our descendants become our child."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def become_dumpable() -> None:
    """Undo what a change of uid did: without it our own /proc entries belong to root and cannot be opened."""
    _prctl(_PR_SET_DUMPABLE, 1)


def die_with_parent() -> None:
    """Have the kernel kill us when the thread that forked us ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def every_process() -> list[Path]:
    """Return the /proc entries of all processes of this machine that can be seen."""
    return [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def descendants(ancestor: int) -> list[int]:
    """Return the ids of all living processes below `ancestor`, nearest first."""
    children: dict[int, list[int]] = {}
    for entry in every_process():
        try:
            text = (entry / "stat").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        parent = int(text[text.rindex(b")") + 2 :].split()[1])
        children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    frontier = [ancestor]
    while frontier:
        below = children.get(frontier.pop(), [])
        found += below
        frontier += below
    return found


def exterminate() -> None:
    """Kill and reap every descendant of this process; returns only when none is left.

    A process that forks faster than one sweep is met by the next: whoever is born in between still descends from us.
    """
    while True:
        for pid in descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it ended by itself
        if not _reap():
            return
        time.sleep(0.002)


def _reap() -> bool:
    """Collect every child that has ended; say whether any is left."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
