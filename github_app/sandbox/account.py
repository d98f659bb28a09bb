"""The account that untrusted code runs as: never uid 0, and without any group but its own.

When Remit runs as root the account is another one (setting REMIT_AGENT_USER, by default `nobody`); otherwise it is
Remit's own, because only root can become somebody else.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from github_app.errors import SandboxError

DEFAULT_USER = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A uid and its primary gid; `foreign` says whether it must be switched to."""

    name: str
    uid: int
    gid: int
    foreign: bool

    def may_enter(self, directory: Path) -> bool:
        """Say whether the account may traverse a directory, judged by its mode bits alone (no ACLs)."""
        found = directory.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)

    def blocked_at(self, path: Path) -> Path | None:
        """Return the first directory on the way to `path` that the account may not enter; None when all are open."""
        return next((each for each in reversed(path.resolve().parents) if not self.may_enter(each)), None)

    def require_way_to(self, path: Path) -> None:
        """Raise SandboxError when the account cannot get to `path`."""
        blocked = self.blocked_at(path)
        if blocked is not None:
            raise SandboxError(
                f"the account {self.name} may not enter {blocked}, so nothing can be run in {path}",
                hint="set REMIT_WORK_DIR to a directory that every account may enter, such as /var/lib/remit",
            )


def find_account(agent_user: str | None) -> Account:
    """Return the account for untrusted code. Raises SandboxError when it does not exist, is root or cannot be taken."""
    own = os.geteuid()
    if own != 0 and agent_user is None:
        return Account(name=_name_of(own), uid=own, gid=os.getegid(), foreign=False)
    name = agent_user or DEFAULT_USER
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise SandboxError(
            f"there is no account named {name} to run agents as",
            hint="set REMIT_AGENT_USER to an existing unprivileged account",
        ) from None
    if entry.pw_uid == 0:
        raise SandboxError(
            f"agents may never run as {name}, which is uid 0", hint="set REMIT_AGENT_USER to an unprivileged account"
        )
    if own not in (0, entry.pw_uid):
        raise SandboxError(
            f"only root can run agents as {name}, and Remit runs as {_name_of(own)}", hint="unset REMIT_AGENT_USER"
        )
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid, foreign=own == 0)


def become(account: Account) -> None:
    """Turn this process into the account for good; a no-op when it is our own."""
    if account.foreign:
        os.setgroups([])
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
    if 0 in os.getresuid():
        raise SandboxError("untrusted code would have run as uid 0")


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
