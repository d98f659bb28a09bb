"""Runs inside a sandbox that is being probed, alone, on any Python 3: prints what it could do and should not.

Its input is JSON: a directory outside, a listening loopback port and the id of a process outside.
"""

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path


def succeeds(attempt: Callable[[], object]) -> bool:
    """Say whether an attempt got through; a refusal is an OSError."""
    try:
        attempt()
    except OSError:
        return False
    return True


def write(path: str) -> None:
    """Write a file."""
    Path(path).write_text("x", encoding="ascii")


def read(path: str) -> bytes:
    """Read a file."""
    return Path(path).read_bytes()


def connect(port: int) -> None:
    """Open a connection to a loopback port."""
    socket.create_connection(("127.0.0.1", port), 2).close()


def spies(pid: int) -> bool:
    """Say whether anything but our own variables can be read from a process."""
    try:
        found = read(f"/proc/{pid}/environ").split(b"\0")
    except OSError:
        return False
    own = {name + b"=" + value for name, value in os.environb.items()} | {b""}
    return not own.issuperset(found)


def main() -> None:
    """Attack everything once."""
    targets = json.load(sys.stdin)
    outside, port, pid = targets["outside"], targets["port"], targets["pid"]
    failures = []
    if not succeeds(lambda: write("proof")):
        failures.append("writing inside")
    attacks: dict[str, Callable[[], object]] = {
        "reading outside": lambda: read(f"{outside}/canary"),
        "writing outside": lambda: write(f"{outside}/proof"),
        "reading /etc/shadow": lambda: read("/etc/shadow"),
        "connecting": lambda: connect(port),
        "signalling a process outside": lambda: os.kill(pid, 0),
    }
    failures += [name for name, attempt in attacks.items() if succeeds(attempt)]
    failures += [f"reading /proc/{each}/environ" for each in (pid, os.getppid()) if spies(each)]
    if 0 in os.getresuid():
        failures.append("being root")
    json.dump(failures, sys.stdout)


if __name__ == "__main__":
    main()
