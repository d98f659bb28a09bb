"""What a git patch says about its new side: which lines it shows, which it adds, and where a remark can stand.

GitHub refuses a whole review for one remark on a line that its own diff does not show.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NEW_NAME = re.compile(rb'\+\+\+ (?:b/(.+?)|"b/(.+)")\t?$')
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_LETTERS = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a patch's new side; `number` counts from 1 in the new file."""

    path: str
    number: int
    added: bool
    text: bytes


def rows_of_new_side(patch: bytes) -> Iterator[Row]:
    """Yield every line of the new side that stands in a patch, in its order.

    Only the counts in a hunk's head say what belongs to it: a changed line may look like any header.
    https://git-scm.com/docs/diff-format#generate_patch_text_with_p
    """
    path, number, old, new = "", 0, 0, 0
    for row in patch.split(b"\n"):
        sign = row[:1]
        if old > 0 or new > 0:
            if sign in {b"+", b" "}:
                yield Row(path=path, number=number, added=sign == b"+", text=row[1:])
                number, new = number + 1, new - 1
            old -= sign in {b"-", b" "}
        elif named := _NEW_NAME.match(row):
            path = (named.group(1) or _unquoted(named.group(2))).decode(errors="replace")
        elif hunk := _HUNK.match(row):
            number = int(hunk.group(2))
            old, new = int(hunk.group(1) or b"1"), int(hunk.group(3) or b"1")


def lines_of_new_side(patch: bytes) -> dict[str, frozenset[int]]:
    """Return, for each path of a git patch, the line numbers of the new side that stand in the patch."""
    found: dict[str, set[int]] = {}
    for row in rows_of_new_side(patch):
        found.setdefault(row.path, set()).add(row.number)
    return {name: frozenset(lines) for name, lines in found.items()}


def lines_for_remarks(patch: bytes) -> dict[str, frozenset[int]]:
    """Return the lines that GitHub's diff shows for certain.

    GitHub looks for renames and we do not: where something was deleted, a new file may be shown as its renaming, with
    only the lines that differ, and is left out here.
    """
    lines = lines_of_new_side(patch)
    heads = patch.split(b"\ndiff --git ")
    if not any(b"\ndeleted file mode " in _head(part) for part in heads):
        return lines
    fresh = {_path_of(part) for part in heads if b"\nnew file mode " in _head(part)}
    return {name: shown for name, shown in lines.items() if name not in fresh}


def added_text(patch: bytes) -> bytes:
    """Return what a patch adds, line by line, and the names of the files it adds to."""
    texts: list[bytes] = []
    path = None
    for row in rows_of_new_side(patch):
        if row.path != path:
            path = row.path
            texts.append(path.encode())
        if row.added:
            texts.append(row.text)
    return b"\n".join(texts)


def _head(part: bytes) -> bytes:
    """Return the header lines of one file of a patch: what stands before its first hunk."""
    return part.split(b"\n@@ ", 1)[0]


def _path_of(part: bytes) -> str:
    named = next((found for row in _head(part).split(b"\n") if (found := _NEW_NAME.match(row))), None)
    return "" if named is None else (named.group(1) or _unquoted(named.group(2))).decode(errors="replace")


def _unquoted(name: bytes) -> bytes:
    """Undo git's quoting of odd names (https://git-scm.com/docs/git-config#Documentation/git-config.txt-corequotePath)."""

    def plain(found: re.Match[bytes]) -> bytes:
        code = found.group(1)
        return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else _LETTERS.get(code, code)

    return _ESCAPE.sub(plain, name)
