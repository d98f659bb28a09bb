"""Which lines of a change can carry an inline remark: GitHub refuses a review with a remark anywhere else."""

import re

_HUNK = re.compile(rb"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_FILE = re.compile(rb"\+\+\+ b/(.+?)\t?$")


def lines_of_new_side(patch: bytes) -> dict[str, frozenset[int]]:
    """Return, for each path of a git patch, the line numbers of the new side that stand in the patch."""
    found: dict[str, set[int]] = {}
    path: str | None = None
    line = left = 0
    for row in patch.split(b"\n"):
        if left > 0 and path is not None and row[:1] in {b" ", b"+", b""}:
            found[path].add(line)
            line, left = line + 1, left - 1
        elif row.startswith(b"diff --git "):
            path, left = None, 0
        elif left <= 0 and (named := _FILE.match(row)):
            path = named.group(1).decode(errors="replace")
            found.setdefault(path, set())
        elif hunk := _HUNK.match(row):
            line, left = int(hunk.group(1)), int(hunk.group(2) or b"1")
    return {name: frozenset(lines) for name, lines in found.items()}
