"""How a run ended, read from what the kernel and the walls say."""

import os
import signal
from dataclasses import dataclass

from github_app.core.confinement import Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The first reason for which a run ended; what follows it is its consequence."""

    ending: Ending
    exit_code: int | None = None
    note: str = ""


def from_status(status: int) -> Verdict:
    """Read a wait status."""
    if os.WIFSIGNALED(status):
        return from_signal(os.WTERMSIG(status))
    return Verdict(ending=Ending.EXITED, exit_code=os.WEXITSTATUS(status))


def from_shell_code(code: int) -> Verdict:
    """Read an exit code in which, as in a shell's, 128 + n stands for signal n."""
    if 128 < code <= 128 + signal.SIGRTMAX:
        return from_signal(code - 128)
    return Verdict(ending=Ending.EXITED, exit_code=code)


def from_signal(number: int) -> Verdict:
    """Read a signal that ended the program; SIGXFSZ is the kernel holding the limit on a single file."""
    if number == signal.SIGXFSZ:
        return Verdict(ending=Ending.DISK, note="wrote a file larger than the disk limit")
    try:
        return Verdict(ending=Ending.SIGNALLED, note=signal.Signals(number).name)
    except ValueError:
        return Verdict(ending=Ending.SIGNALLED, note=f"signal {number}")
