"""Who a worker is, and whether the process that held a lease still lives.

A process is its host, its pid and the kernel's start time of that pid. A host is one boot and one pid namespace: two
containers on one machine are two hosts to each other, because neither can see the other's processes.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname

PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerId:
    """One worker process. `host` and `start` are empty where there is no /proc: then only leases tell."""

    name: str
    host: str
    pid: int
    start: str

    @property
    def mark(self) -> str:
        """Return what a row says of the process that took it; "" where there is no telling."""
        return f"{self.host}|{self.pid}|{self.start}" if self.host and self.start else ""

    @classmethod
    def of_mark(cls, mark: str) -> "WorkerId":
        """Return the process that a row's mark is of."""
        host, pid, start = mark.rsplit("|", 2)
        return cls(name="", host=host, pid=int(pid), start=start)


def this_process(name: str = "") -> WorkerId:
    """Return the identity of the calling process; `name` is for people and defaults to host name and pid."""
    pid = os.getpid()
    return WorkerId(name=name or f"{gethostname()}:{pid}", host=_host(), pid=pid, start=started(pid))


def alive(worker: WorkerId, here: WorkerId) -> bool | None:
    """Say whether the worker's process still runs; None when `here` cannot know (another host, no /proc)."""
    if not worker.host or worker.host != here.host or not worker.start:
        return None
    return started(worker.pid) == worker.start


def started(pid: int) -> str:
    """Return the kernel's start time of a process in ticks since boot, "" when there is no such process (or zombie).

    Field 22 of https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; the name in field 2 may contain anything.
    """
    try:
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]


def _host() -> str:
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""
