"""The one place that starts git for Remit itself, and the rules under which it may.

Never with a working directory, git directory or configuration that confined code could write; never with a prompt, a
hook, a filter, a submodule or a replaced object; with a token only in the environment of the one process that talks to
the remote it belongs to. Whatever git prints is redacted before anybody sees it.
"""

import base64
import contextlib
import functools
import os
import re
import resource
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from github_app.errors import GitError, NotConfiguredError

OLDEST = (2, 38)
_NOWHERE = "/nonexistent"
_LOCAL_CONFIG = Path(__file__).with_name("local.gitconfig")
# https://git-scm.com/docs/git-config: each of these can start a program, follow a stranger or change what is read
_SAFE = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.askPass", ""),
    ("core.pager", "cat"),
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
    ("credential.helper", ""),
    ("commit.gpgSign", "false"),
    ("push.gpgSign", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    ("diff.ignoreSubmodules", "none"),  # a gitlink in a result must be seen, not skipped
    ("http.followRedirects", "false"),
    ("http.sslVerify", "true"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("transfer.credentialsInUrl", "die"),
)
# The operator's own way out, for those whose network has only one
_ROUTE = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO")


class GitMissingError(NotConfiguredError):
    """git is not installed, or too old."""


class GitTooLargeError(GitError):
    """git had more to say than it was allowed; nothing of it counts."""


class GitTimeoutError(GitError):
    """git took longer than it was allowed and was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A secret for one remote. It never shows itself."""

    value: str

    def __repr__(self) -> str:
        return "Token(***)"

    @property
    def header(self) -> str:
        """Return the header GitHub asks for.

        https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation
        """
        return f"Authorization: Basic {self._basic}"

    @property
    def _basic(self) -> str:
        return base64.b64encode(f"x-access-token:{self.value}".encode()).decode()

    def redact(self, text: str) -> str:
        """Return the text without this secret, as it is or in the ways git could have written it."""
        for form in (self._basic, base64.b64encode(self.value.encode()).decode(), self.value):
            text = text.replace(form, "***")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one git process may reach: one address, by one protocol, with one secret or none."""

    url: str
    protocol: str
    token: Token | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How git ended: its exit code, what it printed, and its messages, redacted."""

    code: int
    out: bytes
    text: str


def try_git(
    args: tuple[str, ...],
    *,
    git_dir: Path | None,
    access: Access | None = None,
    stdin: bytes | BinaryIO = b"",
    timeout: float = 120,
    limit: int = 64 << 20,
    env: Mapping[str, str] | None = None,
    memory: int | None = None,
) -> Finished:
    """Run git and return how it ended, whatever its exit code.

    `timeout` is in seconds, `limit` (what it may print) and `memory` (address space) in bytes. `env` adds variables
    of ours, such as an object directory. Raises GitMissingError, GitTimeoutError, GitTooLargeError.
    """
    command = [_program(), f"--git-dir={git_dir or '/dev/null'}", *args]
    hide = access.token.redact if access and access.token else str
    feed = stdin if isinstance(stdin, bytes) else b""
    with subprocess.Popen(  # noqa: S603 - no shell, a fixed program, and arguments that the callers validate
        command,
        cwd="/",
        env=_environment(access) | dict(env or {}),
        stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            if memory is not None:
                with contextlib.suppress(ProcessLookupError):  # it has ended already: nothing to limit
                    resource.prlimit(process.pid, resource.RLIMIT_AS, (memory, memory))
            out, err = _converse(process, feed, limit=limit, deadline=time.monotonic() + timeout)
        except BaseException as problem:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            match problem:
                case TimeoutError():
                    raise GitTimeoutError(f"git {_verb(args)} took longer than {timeout:g} s") from None
                case OverflowError():
                    raise GitTooLargeError(f"git {_verb(args)} answered with more than {limit} bytes") from None
            raise
        code = process.wait()
    return Finished(code=code, out=out, text=hide(err.decode(errors="replace")).strip()[-8000:])


def run_git(
    args: tuple[str, ...],
    *,
    git_dir: Path | None,
    access: Access | None = None,
    stdin: bytes | BinaryIO = b"",
    timeout: float = 120,
    limit: int = 64 << 20,
    env: Mapping[str, str] | None = None,
    memory: int | None = None,
) -> bytes:
    """Run git and return what it printed. As `try_git`, and raises GitError when git says no."""
    finished = try_git(
        args, git_dir=git_dir, access=access, stdin=stdin, timeout=timeout, limit=limit, env=env, memory=memory
    )
    if finished.code != 0:
        fail(args, finished)
    return finished.out


def ask_git(args: tuple[str, ...], *, git_dir: Path, env: Mapping[str, str] | None = None) -> bool:
    """Run a git command whose exit code is its answer: 0 is yes, 1 is no, anything else raises GitError."""
    finished = try_git(args, git_dir=git_dir, env=env)
    if finished.code not in {0, 1}:
        fail(args, finished)
    return finished.code == 0


def fail(args: tuple[str, ...], finished: Finished) -> NoReturn:
    """Raise GitError for a command that ended badly."""
    line = finished.text.splitlines()[-1] if finished.text else f"exit code {finished.code}"
    raise GitError(f"git {_verb(args)} failed: {line[:300]}", output=finished.text)


def _verb(args: tuple[str, ...]) -> str:
    """Return which git command this is, past the settings in front of it."""
    return next((word for before, word in zip(("", *args), args, strict=False) if "-c" not in {before, word}), "")


@functools.cache
def _program() -> str:
    """Return the git to use, tried once. Raises GitMissingError with the version found."""
    found = shutil.which("git")
    if found is None:
        raise GitMissingError("git is not installed", hint="install git 2.38 or newer")
    said = subprocess.run([found, "version"], env=_environment(None), capture_output=True, text=True, check=False)  # noqa: S603
    check_version(said.stdout)
    return found


def check_version(said: str) -> None:
    """Raise GitMissingError when `git version` says something older than Remit was written for."""
    number = re.search(r"git version (\d+)\.(\d+)\S*", said)
    if number is None or (int(number[1]), int(number[2])) < OLDEST:
        raise GitMissingError(
            f"git 2.38 or newer is needed, found: {said.strip()[:80] or 'nothing'}", hint="upgrade git"
        )


def program_path() -> str:
    """Return the PATH under which git and its own programs are found."""
    return os.environ.get("PATH", os.defpath)


def _environment(access: Access | None) -> dict[str, str]:
    """Return the whole environment of a git process: nothing is inherited but the way to the network."""
    config = list(_SAFE)
    env = {
        "PATH": program_path(),
        "HOME": _NOWHERE,
        "XDG_CONFIG_HOME": _NOWHERE,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_GRAFT_FILE": "/dev/null",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "none" if access is None else access.protocol,
    }
    if access is not None:
        if access.protocol == "file":
            env["GIT_CONFIG_GLOBAL"] = str(_LOCAL_CONFIG)  # the serving side drops GIT_CONFIG_COUNT
        if access.protocol == "https":
            env |= {name: os.environ[name] for name in _ROUTE if name in os.environ}
        if access.token is not None:
            config.append((f"http.{access.url}.extraHeader", access.token.header))
    env["GIT_CONFIG_COUNT"] = str(len(config))
    for number, (key, value) in enumerate(config):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return env


def _converse(process: subprocess.Popen[bytes], feed: bytes, *, limit: int, deadline: float) -> tuple[bytes, bytes]:
    """Feed stdin and collect stdout and stderr. Raises TimeoutError and OverflowError; the caller then kills."""
    heard: dict[int, bytearray] = {}
    rest = memoryview(feed)
    with selectors.DefaultSelector() as watch:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                heard[stream.fileno()] = bytearray()
                watch.register(stream, selectors.EVENT_READ)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            watch.register(process.stdin, selectors.EVENT_WRITE)
        while watch.get_map():
            ready = watch.select(max(0, deadline - time.monotonic()))
            if not ready and time.monotonic() >= deadline:
                raise TimeoutError
            for key, _ in ready:
                if key.fd in heard:
                    chunk = os.read(key.fd, 1 << 16)
                    heard[key.fd] += chunk
                    if len(heard[key.fd]) > limit:
                        raise OverflowError
                    if not chunk:
                        watch.unregister(key.fileobj)
                    continue
                try:
                    rest = rest[os.write(key.fd, rest[: 1 << 16]) :]
                except BrokenPipeError:  # git has heard enough; its exit code says why
                    rest = rest[:0]
                if not rest and process.stdin is not None:
                    watch.unregister(key.fileobj)
                    process.stdin.close()
    out, err = heard.values()
    return bytes(out), bytes(err)
