"""How a directory tree is removed whatever somebody did to it: no modes, 3,000 levels, names no shell can write.

Every directory is first moved up beside the others and only then emptied, so that no path gets long and nothing
recurses. Symbolic links are removed, never followed. Somebody else removing the same tree is not an error.
"""

import contextlib
import os
import stat
from pathlib import Path


def remove(path: Path) -> None:
    """Remove a file or a tree. Raises the first OSError after everything that could go has gone."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(kind):
        path.unlink(missing_ok=True)
        return
    problems: list[OSError] = []
    waiting = [path.name]
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        while waiting:
            _empty(parent, waiting.pop(), waiting, problems)
        with contextlib.suppress(FileNotFoundError):
            path.lstat()
            problems.append(OSError(f"{path} could not be removed"))
    finally:
        os.close(parent)
    if problems:
        raise problems[0]


def _empty(parent: int, name: str, waiting: list[str], problems: list[OSError]) -> None:
    """Empty one directory that stands in `parent`, move its directories up into `waiting`, remove it."""
    try:
        _open_up(name, parent)
        here = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    except FileNotFoundError:
        return
    except OSError as problem:
        problems.append(problem)
        return
    try:
        with os.scandir(here) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for child, is_dir in found:
            try:
                if is_dir:
                    _open_up(child, here)
                    aside = f".gone-{os.urandom(12).hex()}"
                    os.rename(child, aside, src_dir_fd=here, dst_dir_fd=parent)
                    waiting.append(aside)
                else:
                    os.unlink(child, dir_fd=here)
            except FileNotFoundError:
                continue
            except OSError as problem:
                problems.append(problem)
    finally:
        os.close(here)
    try:
        os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        return
    except OSError as problem:
        problems.append(problem)


def _open_up(name: str, parent: int) -> None:
    """Let us enter a directory whatever its modes are, without following a link that took its place."""
    held = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if stat.S_ISDIR(os.fstat(held).st_mode):
            Path(f"/proc/self/fd/{held}").chmod(0o700)
    finally:
        os.close(held)
