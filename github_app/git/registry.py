"""Which worktrees the mirror believes in. Read from its files, because git's own commands refuse what a crash left.

Everything here wants the mirror's lock to be held.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from github_app.git.mirror import Mirror
from github_app.git.removal import remove

_HEAD = re.compile(r"ref: refs/heads/(.+)\n?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """One entry: its own directory in the mirror, the tree it stands for (None when unreadable) and its branch."""

    entry: Path
    tree: Path | None
    branch: str | None

    def is_alive(self) -> bool:
        """Say whether the tree is still in its place; a run that ended, or was swept, has moved it away first."""
        return self.tree is not None and self.tree.is_dir()


def registered(mirror: Mirror) -> tuple[Registered, ...]:
    """Return every worktree entry, half-made ones too."""
    folder = mirror.git_dir / "worktrees"
    if not folder.is_dir():
        return ()
    found = []
    for entry in sorted(folder.iterdir()):
        pointer = _read(entry / "gitdir").strip()
        branch = _HEAD.fullmatch(_read(entry / "HEAD"))
        tree = Path(pointer).parent if pointer else None
        found.append(Registered(entry=entry, tree=tree, branch=branch[1] if branch else None))
    return tuple(found)


def forget(mirror: Mirror, entry: Registered) -> None:
    """Remove an entry and its branch."""
    remove(entry.entry)
    if entry.branch is not None:
        mirror.drop_ref(f"refs/heads/{entry.branch}")


def forget_dead(mirror: Mirror) -> int:
    """Forget every entry whose tree has gone, and say how many."""
    dead = [entry for entry in registered(mirror) if not entry.is_alive()]
    for entry in dead:
        forget(mirror, entry)
    return len(dead)


def _read(path: Path) -> str:
    """Return a small file of git's, or nothing when a crash took it."""
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""
