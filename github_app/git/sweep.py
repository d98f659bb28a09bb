"""What crashes left behind, removed: runs nobody holds, trash, and what git keeps of worktrees that are gone.

Safe beside living runs: a run is swept only by whoever can take its lock, and a mirror only under its own.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from github_app.git.mirror import Mirror
from github_app.git.place import Place, clear, take_abandoned
from github_app.git.registry import forget_dead, registered
from github_app.git.removal import remove
from github_app.git.worktree import Confiner, result_ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many of each were removed."""

    runs: int = 0
    trash: int = 0
    worktrees: int = 0
    refs: int = 0
    scraps: int = 0


def sweep(work_dir: Path, mirrors: Iterable[Mirror], confiner: Confiner | None = None) -> Swept:
    """Remove every leftover of runs that are not alive, and say how many.

    `confiner` takes trees back first where confined code ran as an account whose files we could not remove otherwise.
    """
    work_dir = work_dir.resolve()
    dead, waste = take_abandoned(work_dir)
    worktrees = refs = scraps = 0
    for mirror in mirrors:
        with mirror.lock():
            scraps += _drop_scraps(mirror)
            worktrees += forget_dead(mirror)
            refs += _drop_refs(mirror, work_dir)
    with contextlib.ExitStack() as ending:  # every piece is tried, whatever became of the others
        for place in (*dead, *waste):
            ending.callback(_clear, work_dir, place, confiner)
    return Swept(runs=len(dead), trash=len(waste), worktrees=worktrees, refs=refs, scraps=scraps)


def _clear(work_dir: Path, place: Place, confiner: Confiner | None) -> None:
    try:
        if confiner is not None:
            for part in sorted(place.path.iterdir()):
                if part.is_dir() and not part.is_symlink():
                    confiner.reclaim(part)
    finally:
        clear(work_dir, place)


def _drop_refs(mirror: Mirror, work_dir: Path) -> int:
    """Drop branches no worktree has and results whose run has ended."""
    kept = {f"refs/heads/{entry.branch}" for entry in registered(mirror)}
    kept |= {result_ref(path.name) for path in (work_dir / "runs").iterdir()}
    gone = [ref for prefix in ("refs/heads", "refs/remit") for ref in mirror.refs(prefix) if ref not in kept]
    for ref in gone:
        mirror.drop_ref(ref)
    return len(gone)


def _drop_scraps(mirror: Mirror) -> int:
    """Remove half-written files; nobody writes the mirror while its lock is held."""
    scraps = [
        *mirror.root.glob(f".{mirror.name}.*"),
        *(mirror.objects / "pack").glob("tmp_*"),
        *mirror.objects.glob("??/tmp_obj_*"),
        *mirror.objects.glob("tmp_objdir-*"),
    ]
    for path in scraps:
        remove(path)
    return len(scraps)
