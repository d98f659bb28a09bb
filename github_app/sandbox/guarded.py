"""Confined runs as the rest of Remit sees them; the only file here that starts a process.

Each run has a guard (see `guard`), started with an environment of our own making and told everything over a pipe.
Starting takes about 0.15 s. Everything here is thread-safe.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from github_app.core.confinement import Confinement, Ended, Ending, Probe, Wall
from github_app.errors import SandboxError
from github_app.sandbox import ownership
from github_app.sandbox.account import Account
from github_app.sandbox.backend import Backend
from github_app.sandbox.order import Order, order_for, read_ended
from github_app.sandbox.probe import probe_by_running
from github_app.sandbox.system import interpreter, search_path, system_paths

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_BOOT = f"import sys; sys.path.insert(0, {str(_PACKAGE_ROOT)!r}); from github_app.sandbox.guard import main; main()"
_GUARD_ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}


class GuardedSandbox:
    """A wall of this machine; implements `core.confinement.Sandbox`."""

    def __init__(self, backend: Backend, account: Account) -> None:
        self._backend = backend
        self.account = account

    def __repr__(self) -> str:
        return f"GuardedSandbox({self.name!r}, as {self.account.name!r})"

    @property
    def name(self) -> str:
        """The backend's name in settings."""
        return self._backend.name

    @property
    def wall(self) -> Wall:
        """How strong it is."""
        return self._backend.wall

    @property
    def interpreter(self) -> Path:
        """A python3 that confined code can run. Raises SandboxError when there is none within reach."""
        return interpreter(self.account)

    @property
    def search_path(self) -> str:
        """The PATH to give confined code."""
        return search_path(self.account)

    def probe(self) -> Probe:
        """Try the real profile with a program that checks its own walls; says in a sentence what was found."""
        return probe_by_running(self, self._backend)

    def adopt(self, path: Path) -> None:
        """Hand a directory tree to the account that confined code runs as. Raises SandboxError when it cannot."""
        ownership.adopt(path, self.account)

    def reclaim(self, path: Path) -> None:
        """Take a directory tree back so that we can remove it, whatever modes it has."""
        ownership.reclaim(path)

    def start(self, confinement: Confinement) -> "GuardedRun":
        """Start a program. Raises SandboxError when the wall cannot be built; then nothing ran."""
        _require_sound(confinement)
        for problem in (self._backend.missing(), self._backend.refused(confinement)):
            if problem:
                raise SandboxError(problem)
        with ExitStack() as ours, ExitStack() as theirs:
            try:
                handed = [_open_for_append(path, theirs) for path in (confinement.stdout, confinement.stderr)]
                (answers, guard_answers), (life, guard_life), (orders, control) = (os.pipe() for _ in range(3))
                for descriptor in (answers, life, control):
                    ours.callback(os.close, descriptor)
                for descriptor in (guard_answers, guard_life, orders):
                    theirs.callback(os.close, descriptor)
                handed += [guard_answers, guard_life]
                process = subprocess.Popen(  # noqa: S603  (our own interpreter, our own code)
                    [sys.executable, "-I", "-c", _BOOT],
                    stdin=orders,
                    stdout=subprocess.DEVNULL,
                    env=_GUARD_ENVIRONMENT,
                    cwd="/",
                    pass_fds=handed,
                    start_new_session=True,
                )
            except OSError as error:
                raise SandboxError(f"the guard of a run could not be started: {error}") from error
            theirs.close()
            run = GuardedRun(process, answers, life, control)
            ours.pop_all()
        run.begin(order_for(self.name, confinement, self.account, system_paths(self.account), handed))
        return run


class GuardedRun:
    """A run and its guard; implements `core.confinement.Running`."""

    def __init__(self, process: "subprocess.Popen[bytes]", answers: int, life: int, control: int) -> None:
        self._process = process
        self._answers = os.fdopen(answers, "rb")
        self._life = life
        self._control: int | None = control
        self._sending = threading.Lock()
        self._over = threading.Event()
        self._ended: Ended | None = None

    @property
    def guard_pid(self) -> int:
        """The guard's process id."""
        return self._process.pid

    def begin(self, order: Order) -> None:
        """Send the order and wait until the program runs. Raises SandboxError when it does not."""
        self._send(order.to_line())
        first = self._next_answer()
        threading.Thread(target=self._follow, name=f"run-{self.guard_pid}", args=(first,), daemon=True).start()
        if first is not None and "started" in first:
            return
        self._over.wait()
        note = self._ended.note if self._ended is not None else ""
        raise SandboxError(note or "the guard of the run died before it started anything")

    def wait(self, seconds: float | None = None) -> Ended | None:
        """Wait for the end; None when `seconds` passed first."""
        return self._ended if self._over.wait(seconds) else None

    def kill(self) -> None:
        """End every process of the run now."""
        self._send(b'{"kill": true}\n')

    def renew(self, seconds: float) -> None:
        """Let the run live until `seconds` from now."""
        self._send(json.dumps({"renew": seconds}).encode() + b"\n")

    def _send(self, line: bytes) -> None:
        """Tell the guard; when it has gone there is nobody to tell, and `wait` says how the run ended."""
        rest = memoryview(line)
        with self._sending:
            while rest and self._control is not None:
                try:
                    rest = rest[os.write(self._control, rest) :]
                except BrokenPipeError:
                    return

    def _next_answer(self) -> dict[str, Any] | None:
        line = self._answers.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def _follow(self, answer: dict[str, Any] | None) -> None:
        """Read to the last answer; without one, wait until the launcher too has killed its own and gone."""
        ended = None
        while answer is not None:
            if "ending" in answer:
                ended = read_ended(answer)
            answer = self._next_answer()
        if ended is None:
            os.read(self._life, 1)
        code = self._process.wait()
        note = f"the guard of the run died ({code})"
        self._ended = ended or Ended(ending=Ending.BROKEN, exit_code=None, seconds=0.0, note=note)
        self._answers.close()
        os.close(self._life)
        with self._sending:
            if self._control is not None:
                os.close(self._control)
            self._control = None
        self._over.set()


def _open_for_append(path: Path, stack: ExitStack) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, descriptor)
    return descriptor


def _require_sound(confinement: Confinement) -> None:
    """Raise SandboxError for an order that no backend could hold."""
    if not confinement.argv or not confinement.argv[0]:
        raise SandboxError("there is no program to run")
    texts = (*confinement.argv, *confinement.env, *confinement.env.values())
    if any("\0" in text for text in texts) or any("=" in name or not name for name in confinement.env):
        raise SandboxError("an argument or variable has a character that no program can be given")
    for path in (confinement.cwd, *confinement.readable, *confinement.writable):
        if not path.exists():
            raise SandboxError(f"{path} does not exist")
    for target in (confinement.stdout, confinement.stderr):
        if any(target.resolve().is_relative_to(path.resolve()) for path in confinement.writable):
            raise SandboxError(f"{target} lies where the confined program may write")
