"""What a sandbox is asked and what it answers: the contract between those who need untrusted code run and `sandbox/`.

A confinement starts with nothing: no file, no variable, no network, no terminal. Everything named here is added. The
same value gives the same powers on every backend; what a backend cannot hold it says in its probe.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Protocol


class Wall(IntEnum):
    """How strong the wall is; ordered, the larger the stronger. A policy names the weakest it accepts."""

    NONE = 0
    LANDLOCK = 1
    CONTAINER = 2
    BUBBLEWRAP = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Limits of one run: seconds, bytes and counts. Each is enforced from outside the confined code."""

    wall_seconds: float = 1500
    silence_seconds: float | None = 300
    output_bytes: int = 1_000_000
    memory_bytes: int = 4 << 30
    processes: int = 512
    open_files: int = 4096
    disk_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """One program to run confined.

    `argv` is executed without a shell. `readable` and `writable` name directories or files, beyond the system's own
    programs and libraries, which every backend adds read-only. `stdout` and `stderr` are files of ours outside every
    writable path; the backend appends to them and stops the run at `bounds.output_bytes` together. `connect` names
    loopback TCP ports that may be reached; everything else on the network is refused.
    """

    argv: tuple[str, ...]
    cwd: Path
    stdout: Path
    stderr: Path
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    connect: tuple[int, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)


class Ending(StrEnum):
    """Why a confined run ended."""

    EXITED = "exited"  # by itself; `exit_code` says how
    SIGNALLED = "signalled"  # killed by a signal that was not ours
    NOT_STARTED = "not_started"  # the program is missing or may not be executed
    WALL = "wall"  # wall-clock limit
    SILENCE = "silence"  # nothing printed for too long
    OUTPUT = "output"  # printed too much
    MEMORY = "memory"
    DISK = "disk"
    CANCELLED = "cancelled"  # `Running.kill` was called
    LEASE = "lease"  # the deadline given by `Running.renew` passed
    BROKEN = "broken"  # the sandbox itself failed: the result does not count


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a confined run ended. When this value exists, no process of the run is alive any more."""

    ending: Ending
    exit_code: int | None
    seconds: float
    note: str = ""

    @property
    def ok(self) -> bool:
        """Say whether the program ended by itself with 0."""
        return self.ending is Ending.EXITED and self.exit_code == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Whether a backend works here and now, found by running its real profile with a self-check."""

    works: bool
    sentence: str


class Running(Protocol):
    """A confined run that has been started."""

    def wait(self, seconds: float | None = None) -> Ended | None:
        """Wait for the end; None when `seconds` passed first."""

    def kill(self) -> None:
        """End every process of the run now; `wait` then answers CANCELLED."""

    def renew(self, seconds: float) -> None:
        """Let the run live until `seconds` from now (monotonic); unless renewed again it then ends with LEASE."""


class Sandbox(Protocol):
    """One way to run untrusted code."""

    @property
    def wall(self) -> Wall:
        """How strong it is."""

    def probe(self) -> Probe:
        """Try it for real and say in a sentence what was found; cached by the caller."""

    def start(self, confinement: Confinement) -> Running:
        """Start the program. Raises SandboxError when the wall cannot be built; then nothing ran."""

    def adopt(self, path: Path) -> None:
        """Hand a directory tree to the account that confined code runs as (a no-op when it is our own account)."""

    def reclaim(self, path: Path) -> None:
        """Take a directory tree back so that we can remove it, whatever modes it has."""


def run(sandbox: Sandbox, confinement: Confinement) -> Ended:
    """Start a program and wait for its end."""
    ended = sandbox.start(confinement).wait()
    if ended is None:
        raise AssertionError("an unbounded wait came back empty")
    return ended
