"""Where runs live on disk: one directory each, owned by whoever holds its lock, and one way out through the trash.

    <work_dir>/runs/<id>/   lock (flock = ownership, never pid files), owner.json, tree/, git/, scratch/, log/
    <work_dir>/trash/       what is being removed; everything in it may go

A kill ends ownership by itself. Whoever can take the lock of a run or of a piece of trash may remove it.
"""

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from github_app.errors import GitError
from github_app.git.removal import remove

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_TRAVERSABLE = 0o711  # the account of confined code may pass through, not look around


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A run's directory, held by this process for as long as `lock` is open."""

    path: Path
    lock: int


@contextlib.contextmanager
def flocked(path: Path) -> Generator[None]:
    """Hold an exclusive lock on a file of ours, made when missing; waits. It excludes threads and processes alike."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def lay_out(work_dir: Path) -> None:
    """Make the directories that runs live in. A directory that is there already keeps the modes it was given."""
    for path in (work_dir, work_dir / "runs", work_dir / "trash"):
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(_TRAVERSABLE)


def claim(work_dir: Path, run_id: str, owner: Mapping[str, str | None]) -> Place:
    """Make a run's directory and hold it. Raises GitError for an odd id or a run that is alive.

    What a crashed run of the same id left is moved to the trash first.
    """
    if not RUN_ID.fullmatch(run_id):
        raise GitError(f"not a run id: {run_id[:80]!r}")
    lay_out(work_dir)
    path = work_dir / "runs" / run_id
    with flocked(work_dir / "lock"):
        if path.exists():
            left = take_over(path)
            if left is None:
                raise GitError(f"run {run_id} is alive")
            _to_trash(work_dir, path)
            os.close(left.lock)
        path.mkdir(mode=0o700)
        lock = _try_lock(path)
    if lock is None:
        raise AssertionError("a new lock was taken already")
    try:
        (path / "owner.json").write_text(json.dumps(owner, sort_keys=True))
        path.chmod(_TRAVERSABLE)
    except BaseException:
        os.close(lock)
        raise
    return Place(path=path, lock=lock)


def take_over(path: Path) -> Place | None:
    """Hold a directory nobody holds any more; None when its owner is alive or it has gone."""
    try:
        lock = _try_lock(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if lock is None else Place(path=path, lock=lock)


def discard(work_dir: Path, place: Place) -> Place:
    """Move a held directory to the trash, to be cleared later; its lock stays held. Returns where it is now."""
    with flocked(work_dir / "lock"):
        return replace(place, path=_to_trash(work_dir, place.path))


def take_abandoned(work_dir: Path) -> tuple[list[Place], list[Place]]:
    """Move runs that nobody holds to the trash, and hold them and all other trash that nobody holds."""
    lay_out(work_dir)
    with flocked(work_dir / "lock"):
        held = [place for path in sorted((work_dir / "trash").iterdir()) if (place := take_over(path))]
        left = [place for path in sorted((work_dir / "runs").iterdir()) if (place := take_over(path))]
        return [replace(place, path=_to_trash(work_dir, place.path)) for place in left], held


def clear(work_dir: Path, place: Place) -> None:
    """Remove a held directory and let its lock go. Raises the first OSError after everything that could go has gone."""
    problems: list[OSError] = []
    try:
        for child in sorted(place.path.iterdir()):
            if child.name != "lock":
                try:
                    remove(child)
                except OSError as problem:
                    problems.append(problem)
        if problems:
            raise problems[0]
        with flocked(work_dir / "lock"):
            remove(place.path)
    finally:
        os.close(place.lock)


def _to_trash(work_dir: Path, path: Path) -> Path:
    target = work_dir / "trash" / f"{path.name}.{os.urandom(6).hex()}"
    path.rename(target)
    return target


def _try_lock(path: Path) -> int | None:
    held = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    except BaseException:
        os.close(held)
        raise
    return held
