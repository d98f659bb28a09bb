"""Directory trees change hands: to the account of untrusted code before a run, back to us after it.

Trees that come back are hostile. Nothing here follows a symbolic link or opens a file for its content; every step is
relative to a directory descriptor, so a tree of any depth works and a renamed directory leads nowhere else.
"""

import os
import stat
from pathlib import Path

from github_app.errors import SandboxError
from github_app.sandbox.account import Account

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


def adopt(path: Path, account: Account) -> None:
    """Hand a tree to the account; a no-op when it is our own.

    Raises SandboxError when the account could not get to the tree, and when a file in it has a second name (a hard
    link): handing over the one would hand over the other.
    """
    account.require_way_to(path)
    if account.foreign:
        _change_hands(path, account.uid, account.gid, hostile=False)


def reclaim(path: Path) -> None:
    """Take a tree back: ours in the file system, and every directory in it open to us, so that it can be removed."""
    _change_hands(path, os.geteuid(), os.getegid(), hostile=True)


def _change_hands(path: Path, uid: int, gid: int, *, hostile: bool) -> None:
    try:
        parent = os.open(path.parent, _DIRECTORY)
    except OSError as error:
        raise SandboxError(f"{path} cannot change hands: {error.strerror}") from error
    try:
        if _take(parent, path.name, uid, gid, hostile=hostile):
            _descend(os.open(path.name, _DIRECTORY, dir_fd=parent), uid, gid, hostile=hostile)
    except FileNotFoundError as error:
        raise SandboxError(f"{path} cannot change hands: it does not exist") from error
    finally:
        os.close(parent)


def _descend(root: int, uid: int, gid: int, *, hostile: bool) -> None:
    """Take everything below `root` and close it; two descriptors are enough, however deep the tree is."""
    here = root
    trail = [_identity(here)]
    pending: list[list[str]] = []
    try:
        pending.append(_take_all(here, uid, gid, hostile=hostile))
        while pending:
            if pending[-1]:
                here = _step(here, pending[-1].pop())
                trail.append(_identity(here))
                pending.append(_take_all(here, uid, gid, hostile=hostile))
                continue
            pending.pop()
            trail.pop()
            if pending:
                here = _step(here, "..")
                if _identity(here) != trail[-1]:
                    raise SandboxError("a directory moved while its tree changed hands")
    finally:
        os.close(here)


def _step(here: int, name: str) -> int:
    following = os.open(name, _DIRECTORY, dir_fd=here)
    os.close(here)
    return following


def _take_all(directory: int, uid: int, gid: int, *, hostile: bool) -> list[str]:
    """Take every entry of a directory and return the names of those that are directories themselves."""
    return [name for name in os.listdir(directory) if _take(directory, name, uid, gid, hostile=hostile)]


def _take(directory: int, name: str, uid: int, gid: int, *, hostile: bool) -> bool:
    """Take one entry and say whether it is a directory."""
    handle = os.open(name, _HANDLE, dir_fd=directory)
    try:
        found = os.fstat(handle)
        is_directory = stat.S_ISDIR(found.st_mode)
        if not hostile and not is_directory and found.st_nlink > 1 and found.st_uid != uid:
            raise SandboxError(f"{name} is a hard link; handing it over would hand over its other name too")
        if (found.st_uid, found.st_gid) != (uid, gid):
            os.chown(name, uid, gid, dir_fd=directory, follow_symlinks=False)
        if hostile and is_directory and found.st_mode & 0o700 != 0o700:
            Path(f"/proc/self/fd/{handle}").chmod(0o700)
    finally:
        os.close(handle)
    return is_directory


def _identity(handle: int) -> tuple[int, int]:
    found = os.fstat(handle)
    return found.st_dev, found.st_ino
