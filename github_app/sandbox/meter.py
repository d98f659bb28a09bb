"""How much memory and disk a run uses, measured from outside.

Memory is anonymous and shared pages; pages of files are the kernel's to drop. Processes that share pages are counted
exactly (proportionally) only when the cheap sum is over the limit. Disk is allocated blocks below the writable paths,
at least one block an entry so that a million empty files count, and deleted files that somebody holds open.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

_BLOCK = 4096
_DEEPEST = 500
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def memory_over(pids: Iterable[int], limit: int) -> bool:
    """Say whether the processes together use more than `limit` bytes."""
    listed = list(pids)
    unmapped, _ = held_open(listed)
    rough = {pid: _fields(pid, "status", (b"RssAnon:", b"RssShmem:")) for pid in listed}
    if sum(map(sum, rough.values())) + unmapped <= limit:
        return False
    # a process may forbid to be looked into, and then counts in full
    exact = [_fields(pid, "smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:")) or rough[pid] for pid in listed]
    anonymous, shared = (sum(each[column] for each in exact if each) for column in (0, 1))
    return anonymous + max(shared, unmapped) > limit


def held_open(pids: Iterable[int]) -> tuple[int, int]:
    """Return the bytes of nameless files the processes hold open: (in memory, on disk)."""
    memory: dict[tuple[int, int], int] = {}
    disk: dict[tuple[int, int], int] = {}
    for pid in pids:
        try:
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                found = entry.stat()
                if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                    is_memory = entry.readlink().name.startswith("memfd:")
                    (memory if is_memory else disk)[(found.st_dev, found.st_ino)] = found.st_blocks * 512
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended, or closed the file, while we looked
    return sum(memory.values()), sum(disk.values())


def disk_used(paths: Iterable[str]) -> int:
    """Return the bytes allocated below the paths, never leaving them through a symbolic link.

    Raises RecursionError below 500 nested directories, which nobody needs and which would hide what lies there.
    """
    linked: set[tuple[int, int]] = set()
    total = 0
    for path in paths:
        found = Path(path).lstat()
        total += _allocated(found, linked)
        if stat.S_ISDIR(found.st_mode):
            total += _below(path, linked)
    return total


def _below(path: str, linked: set[tuple[int, int]]) -> int:
    total = 0
    levels: list[tuple[int, list[str]]] = []
    try:
        levels.append(_open_level(path, None))
        while levels:
            directory, names = levels[-1]
            if not names:
                os.close(directory)
                levels.pop()
                continue
            name = names.pop()
            try:
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
                total += _allocated(found, linked)
                if stat.S_ISDIR(found.st_mode):
                    if len(levels) >= _DEEPEST:
                        raise RecursionError(f"directories nested deeper than {_DEEPEST}")
                    levels.append(_open_level(name, directory))
            except (FileNotFoundError, NotADirectoryError):
                continue  # the tree is alive: it went away while we looked
    finally:
        for directory, _ in levels:
            os.close(directory)
    return total


def _open_level(name: str, parent: int | None) -> tuple[int, list[str]]:
    directory: int
    try:
        directory = os.open(name, _DIRECTORY, dir_fd=parent)
    except PermissionError:
        # Only an account that owns the directory can get here; what it hid from itself still counts.
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            Path(f"/proc/self/fd/{handle}").chmod(0o700)
        finally:
            os.close(handle)
        directory = os.open(name, _DIRECTORY, dir_fd=parent)
    return directory, os.listdir(directory)  # noqa: PTH208  (a descriptor, not a path)


def _allocated(found: os.stat_result, linked: set[tuple[int, int]]) -> int:
    if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
        if (found.st_dev, found.st_ino) in linked:
            return 0
        linked.add((found.st_dev, found.st_ino))
    return max(found.st_blocks * 512, _BLOCK)


def _fields(pid: int, name: str, wanted: tuple[bytes, ...]) -> tuple[int, ...]:
    """Return some fields of a file of a process, in bytes and in the order wanted; nothing when it cannot be read."""
    try:
        text = Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ()  # it ended while we looked, or does not let us
    found = {line.split()[0]: int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(wanted)}
    return tuple(found.get(field, 0) for field in wanted) if found else ()
