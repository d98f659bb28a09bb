"""Commands as processes, and what they work on."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from world import PRELUDE, REPOSITORY

from github_app.demo.hub import Hub

ROOT = Path(__file__).parents[2]


PATIENCE = 30


def environment(**more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200", **more}


def remit(*words, cwd, **env):
    """Run a command to its end."""
    command = [sys.executable, "-m", "github_app", *map(str, words)]
    given = {name: str(value) for name, value in env.items()}
    return subprocess.run(
        command, cwd=cwd, env=environment(**given), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@dataclass
class Said:
    returncode: int
    stdout: str
    stderr: str


@dataclass
class Running:
    """A command that runs until it is told to end."""

    process: subprocess.Popen
    log: Path

    def end(self, number=signal.SIGTERM, seconds=12):
        """Tell it to end; return its exit code and how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(seconds)
        return code, time.monotonic() - began

    def wait_for(self, word):
        eventually(lambda: word in self.log.read_text() or self.process.poll() is not None, self.log)
        assert word in self.log.read_text()


@contextlib.contextmanager
def running(*words, cwd, **env):
    log = Path(cwd, f"{words[0]}-{time.monotonic_ns()}.log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "github_app", *words],
            cwd=cwd,
            env=environment(**{name: str(value) for name, value in env.items()}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield Running(process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def eventually(seen, log=None, seconds=PATIENCE):
    until = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < until, f"it did not come: {log.read_text()[-3000:] if log else ''}"
        time.sleep(0.03)
    return found


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@dataclass
class Installed:
    """A local GitHub with the app installed, and the settings a server needs for it."""

    hub: Hub
    folder: Path
    url: str
    settings: dict

    def program(self, text):
        Path(self.folder, "agent.py").write_text(PRELUDE + text)

    def pull_of(self, number):
        found = [one for one in self.hub.repository(REPOSITORY).pulls if f"/{number}-" in one.pull.head]
        return found[0] if found else None

    def healthy(self):
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False


def git(path, *words):
    said = subprocess.run(
        [shutil.which("git"), "-c", "user.name=a", "-c", "user.email=a@example.org", *map(str, words)],
        cwd=path,
        env=environment(GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL="/dev/null"),
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.strip()
