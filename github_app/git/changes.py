"""What differs between a base and a result, read from git's raw difference, and what of it Remit will not import.

Paths and links come from untrusted code. What is refused here is refused under every policy, because some git, some
file system or some reviewer's screen would take it for something else.
"""

import re
import unicodedata
from dataclasses import dataclass

from github_app.errors import HostileTreeError
from github_app.git.export import TransportLimits
from github_app.git.quarantine import Quarantine

FILE, PROGRAM, LINK, SUBMODULE, NOTHING = "100644", "100755", "120000", "160000", "000000"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # control, format (bidi, zero width), surrogates, line separators
_SETTINGS = frozenset({".gitmodules", ".gitattributes", ".lfsconfig"})
_SHORT_NAME = re.compile(r"(git|gitmod|gitatt|lfscon|gi[0-9a-f]{4})~[0-9]+")
_LINK_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One path that differs. Modes as git writes them, `000000` and a zero sha where there is nothing.

    `size` is that of the new content in bytes; `added` and `removed` count lines and are 0 for binary content.
    """

    path: str
    status: str  # A, M, D or T; a rename is a D and an A
    old_mode: str
    new_mode: str
    old_sha: str
    new_sha: str
    size: int
    added: int
    removed: int
    binary: bool


def read_changes(quarantine: Quarantine, base: str, result: str, limits: TransportLimits) -> tuple[Change, ...]:
    """Return every difference, in git's order. Raises HostileTreeError for what will not be imported."""
    raw = quarantine.git("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", base, result)
    words = raw.split(b"\0")[:-1]
    if len(words) // 2 > limits.files:
        raise HostileTreeError(f"the result changes {len(words) // 2} files, more than {limits.files}")
    facts = [(word.decode()[1:].split(" "), _path(name)) for word, name in zip(words[::2], words[1::2], strict=True)]
    for (old_mode, new_mode, *_), path in facts:
        _check_mode(path, old_mode, new_mode)
        _check_name(path, removed=new_mode == NOTHING)
    blobs = tuple({new_sha for (_, new_mode, _, new_sha, _), _ in facts if new_mode != NOTHING})
    sizes = quarantine.sizes(blobs)
    for (_, new_mode, _, new_sha, _), path in facts:
        if new_mode != NOTHING and sizes[new_sha] > limits.file_bytes:
            raise HostileTreeError(f"{path} has {sizes[new_sha]} bytes, more than {limits.file_bytes}")
    _check_links(quarantine, {path: fact[3] for fact, path in facts if fact[1] == LINK}, sizes)
    _check_collisions(quarantine, result, tuple(path for fact, path in facts if fact[0] == NOTHING))
    counts = _count_lines(quarantine, base, result)
    return tuple(
        Change(
            path=path,
            status=status,
            old_mode=old_mode,
            new_mode=new_mode,
            old_sha=old_sha,
            new_sha=new_sha,
            size=sizes.get(new_sha, 0),
            added=counts[path][0],
            removed=counts[path][1],
            binary=counts[path][2],
        )
        for (old_mode, new_mode, old_sha, new_sha, status), path in facts
    )


def _path(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise HostileTreeError(f"a path is not UTF-8: {ascii(name)[2:-1][:200]}") from None


def _check_mode(path: str, old_mode: str, new_mode: str) -> None:
    if new_mode == SUBMODULE:
        raise HostileTreeError(f"{_shown(path)} is a repository of its own (a submodule)")
    if new_mode not in {FILE, PROGRAM, LINK, NOTHING} or old_mode not in {FILE, PROGRAM, LINK, SUBMODULE, NOTHING}:
        raise HostileTreeError(f"{_shown(path)} has the odd mode {new_mode}")


def _check_name(path: str, *, removed: bool) -> None:
    last = _plain(path.rsplit("/", 1)[-1])
    if last in _SETTINGS:
        raise HostileTreeError(f"{_shown(path)} tells git what to run or fetch; Remit does not change it")
    if removed:
        return  # an odd name that the base had may go
    if any(unicodedata.category(char) in _UNSEEN for char in path):
        raise HostileTreeError(f"a path has invisible or control characters: {_shown(path)}")
    for part in re.split(r"[/\\]", path):
        plain = _plain(part)
        if plain in {"", ".", "..", ".git"} or _SHORT_NAME.fullmatch(plain):
            raise HostileTreeError(f"{_shown(path)} has a part that git or a file system takes for something else")


def _plain(part: str) -> str:
    """Return a name as the most forgiving file system would see it: no case, no trailing dots, blanks or streams."""
    stream_free = part.split(":", 1)[0]
    plain = unicodedata.normalize("NFKC", stream_free).casefold()
    return plain if plain in {".", ".."} else plain.rstrip(". ")


def _check_links(quarantine: Quarantine, links: dict[str, str], sizes: dict[str, int]) -> None:
    """A link may only go up as far as the tree's top, and only before it goes down.

    Then no chain of such links leaves the tree, because a path in git never passes through a link itself.
    """
    for path, sha in links.items():
        if sizes[sha] > _LINK_BYTES:
            raise HostileTreeError(f"{_shown(path)} is a link to something too long")
        try:
            target = quarantine.read_blob(sha, _LINK_BYTES).decode()
        except UnicodeDecodeError:
            raise HostileTreeError(f"{_shown(path)} is a link to something that is not UTF-8") from None
        parts = target.split("/")
        ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
        odd = any(unicodedata.category(char) in _UNSEEN for char in target) or "\\" in target or not target
        inside = not target.startswith("/") and ups <= path.count("/") and ".." not in parts[ups:]
        if odd or not inside or any(_plain(part) == ".git" for part in parts):
            raise HostileTreeError(f"{_shown(path)} is a link that leaves the tree or could: {_shown(target)}")


def _check_collisions(quarantine: Quarantine, result: str, added: tuple[str, ...]) -> None:
    """No new path, nor a folder on its way, may differ from another one only in case or in Unicode form."""
    if not added:
        return
    watched = {_folded(prefix) for path in added for prefix in _prefixes(path)}
    spelled: dict[str, str] = {}
    for name in quarantine.git("ls-tree", "-r", "-z", "--name-only", "--full-tree", result).split(b"\0"):
        for prefix in _prefixes(name.decode(errors="replace")):
            folded = _folded(prefix)
            if folded in watched and spelled.setdefault(folded, prefix) != prefix:
                raise HostileTreeError(
                    f"{_shown(prefix)} and {_shown(spelled[folded])} are the same to some file systems"
                )


def _prefixes(path: str) -> tuple[str, ...]:
    ends = [number for number, char in enumerate(path) if char == "/"]
    return (*(path[:end] for end in ends), path)


def _folded(path: str) -> str:
    return (
        path.lower() if path.isascii() else unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
    )


def _count_lines(quarantine: Quarantine, base: str, result: str) -> dict[str, tuple[int, int, bool]]:
    said = quarantine.git(
        "diff-tree", "-r", "-z", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv", base, result
    )
    counts = {}
    for line in said.split(b"\0")[:-1]:
        added, removed, name = line.split(b"\t", 2)
        binary = added == b"-"
        counts[_path(name)] = (0, 0, True) if binary else (int(added), int(removed), False)
    return counts


def _shown(text: str) -> str:
    """Return foreign text so that nothing of it acts: printable ASCII, shortened."""
    return ascii(text)[1:-1][:200]
