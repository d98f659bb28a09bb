"""A private PostgreSQL server for a test session, from the binaries on this machine; no running server is needed.

It listens on a socket in a directory of its own only, and is shared by the processes of one pytest-xdist session: the
first to come starts it, the last to leave stops it. initdb refuses root, so root starts it as an unprivileged account.
"""

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
QUICK = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "listen_addresses=",
    "max_connections=200",
    "deadlock_timeout=50ms",
)
START_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that accepts connections of the superuser `postgres` through its socket directory."""

    sockets: Path

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self.sockets), safe='')}"

    def create(self, template: str = "template0") -> str:
        """Make a new database and return its name."""
        name = f"t_{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def server(shared: Path) -> Generator[Server]:
    """Give the server of this session; `shared` is a directory all processes of the session see.

    Skips the test, with the reason, when this machine has no PostgreSQL.
    """
    binaries = _binaries()
    with _counted(shared) as (count, note):
        if count == 1:
            note.write_text(str(_start(binaries)))
        root = Path(note.read_text())
    try:
        yield Server(sockets=root)
    finally:
        with _counted(shared, leaving=True) as (count, _):
            if count == 0:
                _stop(root)


def _binaries() -> Path:
    found = shutil.which("initdb")
    candidates = [*BINARIES, *([Path(found).parent] if found else [])]
    if not candidates:
        pytest.skip("no PostgreSQL binaries on this machine (looked in /usr/lib/postgresql and PATH)")
    return candidates[0]


@contextmanager
def _counted(shared: Path, *, leaving: bool = False) -> Generator[tuple[int, Path]]:
    with (shared / "postgres.users").open("a+") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        users.seek(0)
        count = int(users.read() or 0) + (-1 if leaving else 1)
        yield count, shared / "postgres.root"
        users.truncate(0)
        users.write(str(count))


def _start(binaries: Path) -> Path:
    root = Path(tempfile.mkdtemp(prefix="remit-pg-", dir="/tmp"))
    account = _account()
    if account is not None:
        os.chown(root, account.pw_uid, account.pw_gid)
    as_whom: dict[str, Any] = (
        {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    )
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "cwd": root, **as_whom}
    data = root / "data"
    initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    subprocess.run(initdb, check=True, stderr=subprocess.PIPE, **quiet)
    options = [word for setting in (*QUICK, f"unix_socket_directories={root}") for word in ("-c", setting)]
    with (root / "log").open("wb") as log:
        process = subprocess.Popen([binaries / "postgres", "-D", data, *options], stderr=log, **quiet)
    deadline = time.monotonic() + START_SECONDS
    while not _answers(root):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {(root / 'log').read_text()[-2000:]}")
        os.sched_yield()
    process.returncode = 0  # it outlives the process that started it; `_stop` ends it by its pid file
    return root


def _stop(root: Path) -> None:
    pid = int((root / "data" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGINT)  # fast shutdown
    deadline = time.monotonic() + START_SECONDS
    while (root / "data" / "postmaster.pid").exists() and time.monotonic() < deadline:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        os.sched_yield()
    shutil.rmtree(root)


def _answers(root: Path) -> bool:
    try:
        psycopg.connect(Server(sockets=root).url("postgres")).close()
    except psycopg.OperationalError:
        return False
    return True


def _account() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    pytest.skip("PostgreSQL cannot run as root, and there is no account named postgres or nobody")
