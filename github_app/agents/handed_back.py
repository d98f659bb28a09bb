"""Reading what an agent wrote: never through a link, never a device or pipe, never more than asked for.

The text is cleaned for people: control characters and terminal sequences go, invisible ones are the reporter's matter.
"""

import os
import re
import stat
from pathlib import Path

_TERMINAL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # OSC, DCS, SOS, PM, APC: titles, links
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NOT_OPENABLE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def read_bounded(directory: Path, name: str, limit: int) -> str | None:
    """Return at most `limit` bytes of a regular file directly in a directory that an agent may have written to.

    None when there is no such file, or when it is something else: a link, a pipe, a device, a directory.
    """
    try:
        place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _read_regular(os.open(name, _NOT_OPENABLE, dir_fd=place), limit, from_end=False)
    except OSError:
        return None
    finally:
        os.close(place)


def read_tail(path: Path, limit: int) -> str:
    """Return the last `limit` bytes of a log of ours; nothing when there is none."""
    try:
        return _read_regular(os.open(path, _NOT_OPENABLE), limit, from_end=True) or ""
    except FileNotFoundError:
        return ""


def plain(text: str) -> str:
    """Return text without terminal sequences and control characters; line ends become newlines."""
    text = _TERMINAL.sub("", text.replace("\r\n", "\n"))
    return _CONTROL.sub("", text.replace("\r", "\n"))


def last_lines(text: str, lines: int, characters: int) -> str:
    """Return the last lines that say something, at most so many characters of them."""
    said = [line.rstrip() for line in plain(text).splitlines() if line.strip()]
    return "\n".join(said[-lines:])[-characters:]


def _read_regular(handle: int, limit: int, *, from_end: bool) -> str | None:
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            return None
        if from_end and found.st_size > limit:
            file.seek(found.st_size - limit)
        return file.read(limit).decode("utf-8", errors="replace")
