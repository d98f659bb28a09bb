"""Where a repository lives: one literal address that was checked, and what its refusals mean.

An address is made from settings and a name fetched by id, never taken from a payload, a file or a result.
"""

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit

from github_app.core.names import SHA, Sha
from github_app.errors import (
    GitError,
    GitHubRefusedError,
    GitHubUnreachableError,
    LostAccessError,
    RemitError,
    UsageError,
)
from github_app.git.command import Access, GitTimeoutError, Token, run_git

_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")
_WEB_PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*|/\.[A-Za-z0-9_-][A-Za-z0-9._-]*){1,6}")
_FILE_PATH = re.compile(r"(/[A-Za-z0-9._~%+,@=-]+)+")
# https://git-scm.com/docs/git-check-ref-format
_NOT_A_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|^[-/.]|[/.]$|^@$|^HEAD$")


class Protocol(StrEnum):
    """How a remote may be reached."""

    HTTPS = "https"
    HTTP = "http"  # a loopback host only
    FILE = "file"  # a clone the person at the keyboard named


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """An address git may talk to. Raises UsageError when it is not plainly that."""

    url: str
    protocol: Protocol = Protocol.HTTPS

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        fine = parts.scheme == self.protocol and f"{parts.scheme}://{parts.netloc}{parts.path}" == self.url
        match self.protocol:
            case Protocol.FILE:
                fine = fine and not parts.netloc and _FILE_PATH.fullmatch(parts.path) is not None
            case Protocol.HTTP | Protocol.HTTPS:
                fine = fine and _HOST.fullmatch(parts.hostname or "") is not None and "@" not in parts.netloc
                fine = fine and _WEB_PATH.fullmatch(parts.path) is not None and _port_is_a_number(self.url)
                fine = fine and (self.protocol is Protocol.HTTPS or _is_loopback(parts.hostname or ""))
        if not fine or ".." in parts.path.split("/"):
            raise UsageError(
                f"not an address Remit talks git to: {_shown(self.url)}", hint="https://HOST/OWNER/NAME.git"
            )

    @classmethod
    def at(cls, path: Path) -> Self:
        """Return the remote that is a repository on this machine."""
        return cls(url=f"file://{quote(str(path.resolve()), safe='/+,@=')}", protocol=Protocol.FILE)

    def access(self, token: Token | None) -> Access:
        """Return what a git process needs to talk to this remote and to nothing else."""
        return Access(url=self.url, protocol=self.protocol, token=token)


def check_branch(name: str) -> str:
    """Return a branch name that may stand behind refs/heads/; raises GitError for any other text."""
    if not 0 < len(name) <= 255 or _NOT_A_BRANCH.search(name) or not name.isprintable():
        raise GitError(f"not a branch name: {name[:100]!r}")
    return name


def check_sha(text: str) -> Sha:
    """Return an object name; raises GitError for any other text."""
    if not SHA.fullmatch(text):
        raise GitError(f"not an object name: {text[:80]!r}")
    return Sha(text)


def remote_head(remote: Remote, branch: str, token: Token | None) -> Sha | None:
    """Return the commit a branch of the remote points to now, or None when there is no such branch."""
    ref = f"refs/heads/{check_branch(branch)}"
    try:
        said = run_git(("ls-remote", remote.url, ref), git_dir=None, access=remote.access(token), timeout=60)
    except GitError as error:
        raise explain(error) from error
    for line in said.decode().splitlines():
        sha, _, name = line.partition("\t")
        if name == ref:
            return check_sha(sha)
    return None


_UNREACHABLE = re.compile(
    r"Could not resolve host|Failed to connect|Connection (refused|reset|timed out)|Operation too slow|timed out"
    r"|returned error: (5\d\d|429)|early EOF|hung up unexpectedly|Empty reply from server"
    r"|SSL_ERROR|gnutls_handshake|Internal Server Error",
    re.IGNORECASE,
)
_LOST = re.compile(
    r"Repository not found|returned error: 404|repository '.*' not found|account .* suspended", re.IGNORECASE
)
_TOKEN = re.compile(
    r"Authentication failed|could not read Username|returned error: 401|Invalid username", re.IGNORECASE
)
_DENIED = re.compile(
    r"returned error: 403|Permission to .* denied|Write access to repository not granted", re.IGNORECASE
)


def explain(error: GitError) -> RemitError:
    """Return what a failed talk with a remote means: later, lost, a spent token, denied, or the error itself."""
    if isinstance(error, GitTimeoutError) or _UNREACHABLE.search(error.output):
        return GitHubUnreachableError(error.sentence)
    if _LOST.search(error.output):
        return LostAccessError("GitHub says the repository is not found or not permitted", status=404)
    if _TOKEN.search(error.output):
        return GitHubRefusedError("GitHub did not accept the token", status=401)
    if _DENIED.search(error.output):
        return GitHubRefusedError("GitHub says this is not permitted", status=403)
    return error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port_is_a_number(url: str) -> bool:
    try:
        urlsplit(url).port  # noqa: B018 - reading it is the check
    except ValueError:
        return False
    return True


def _shown(url: str) -> str:
    """Return an address as it may be shown: whatever stands before an @ is left out."""
    return repr(re.sub(r"//[^/]*@", "//***@", url)[:200])
