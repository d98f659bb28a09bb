"""One run's worktree: made from a commit, held for as long as the run lives, removed on every path.

The worktree is registered in the mirror (which keeps its branch unique and its base from being collected), but the code
that works in it sees only a private git directory. Checking out runs confined, too: a repository's content is not ours.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from github_app.core.confinement import Bounds, Confinement, Ended, Ending
from github_app.core.names import Sha
from github_app.errors import GitError, SandboxError
from github_app.git.command import program_path, run_git
from github_app.git.facade import build_facade
from github_app.git.mirror import Mirror
from github_app.git.place import claim, clear, discard
from github_app.git.registry import forget_dead, registered
from github_app.git.remote import check_branch, check_sha

_CORES = os.cpu_count() or 1
_CHECKOUTS = threading.BoundedSemaphore(_CORES)
_OURS = "remit/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confiner:
    """How untrusted code is run, and how a directory is handed to its account and taken back."""

    run: Callable[[Confinement], Ended]
    adopt: Callable[[Path], None]
    reclaim: Callable[[Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A worktree that is there. Its paths are good until the `with` block ends."""

    mirror: Mirror
    path: Path
    run_id: str
    branch: str | None
    base: Sha

    @property
    def tree(self) -> Path:
        """Where the files are; never to be opened by trusted code."""
        return self.path / "tree"

    @property
    def git_dir(self) -> Path:
        """The private git directory of the code that works in the tree."""
        return self.path / "git"

    @property
    def scratch(self) -> Path:
        """A home and a temporary directory for the code that works in the tree."""
        return self.path / "scratch"

    @property
    def home(self) -> Path:
        """HOME of the code that works in the tree."""
        return self.scratch / "home"

    @property
    def tmp(self) -> Path:
        """TMPDIR of the code that works in the tree."""
        return self.scratch / "tmp"

    @property
    def log(self) -> Path:
        """Files of ours, such as what confined code printed; nothing confined can write here by itself."""
        return self.path / "log"

    @property
    def readable(self) -> tuple[Path, ...]:
        """What a confinement for code in this tree must be able to read."""
        return (self.mirror.objects,)

    @property
    def writable(self) -> tuple[Path, ...]:
        """What a confinement for code in this tree must be able to write."""
        return (self.tree, self.git_dir, self.scratch)

    @property
    def env(self) -> dict[str, str]:
        """The variables git and other tools need in this tree; whoever runs code there adds their own."""
        return {
            "PATH": program_path(),
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }


@contextlib.contextmanager
def open_run(
    *,
    mirror: Mirror,
    work_dir: Path,
    run_id: str,
    branch: str | None,
    base: Sha,
    confiner: Confiner,
    checkout_bounds: Bounds | None = None,
) -> Generator[Run]:
    """Make a worktree of `base`, on a new local branch or detached (None), and remove every trace of it afterwards.

    Raises GitError when the run or the branch is alive elsewhere or the checkout fails, SandboxError when the wall
    does. Safe from many threads and processes.
    """
    check_sha(base)
    if branch is not None:
        check_branch(branch)
    work_dir = work_dir.resolve()
    owner = {"run": run_id, "mirror": mirror.name, "branch": branch, "base": base}
    place = claim(work_dir, run_id, owner)
    run = Run(mirror=mirror, path=place.path, run_id=run_id, branch=branch, base=base)
    try:
        _furnish(run, confiner, _register(run))
        _check_out(run, confiner, checkout_bounds or Bounds(wall_seconds=600, silence_seconds=None, disk_bytes=8 << 30))
        yield run
    finally:
        with contextlib.ExitStack() as ending:  # last in, first out; each step is tried whatever the others did
            trash = discard(work_dir, place)
            ending.callback(clear, work_dir, trash)
            ending.callback(_unregister, run)
            for part in trash.path.iterdir():
                if part.is_dir() and not part.is_symlink():
                    ending.callback(confiner.reclaim, part)


def check_end(ended: Ended, what: str, said: Path) -> None:
    """Raise for a confined git of ours that did not end well: SandboxError for the wall's fault, else GitError."""
    if ended.ok:
        return
    if ended.ending in {Ending.BROKEN, Ending.NOT_STARTED}:
        raise SandboxError(f"{what} could not be run confined: {ended.note or ended.ending}")
    text = said.read_bytes()[-4000:].decode(errors="replace").strip() if said.exists() else ""
    how = f"exit code {ended.exit_code}" if ended.ending is Ending.EXITED else str(ended.ending)
    raise GitError(f"{what} failed ({how})", output=text)


def _register(run: Run) -> dict[str, Sha]:
    """Add the worktree to the mirror, after whatever a crash left in its way; return the remote's branches."""
    mirror = run.mirror
    with mirror.lock():
        forget_dead(mirror)
        if run.branch is not None:
            if any(entry.branch == run.branch for entry in registered(mirror)):
                raise GitError(f"branch {run.branch} is being worked on by another run")
            mirror.drop_ref(f"refs/heads/{run.branch}")  # left by a crash: no worktree has it
        where = ("--detach",) if run.branch is None else ("--no-track", "-b", run.branch)
        run_git(
            ("worktree", "add", "--quiet", "--lock", "--no-checkout", *where, str(run.tree), run.base),
            git_dir=mirror.git_dir,
        )
        return {
            ref.removeprefix("refs/remotes/origin/"): sha
            for ref, sha in mirror.refs("refs/remotes/origin").items()
            if not ref.startswith(f"refs/remotes/origin/{_OURS}")
        }


def _unregister(run: Run) -> None:
    """Forget the worktree, which has been moved away; what others left dead goes with it."""
    with run.mirror.lock():
        forget_dead(run.mirror)
        run.mirror.drop_ref(result_ref(run.run_id))


def result_ref(run_id: str) -> str:
    """Return the reference that keeps a run's result in the mirror until the run ends."""
    return f"refs/remit/{run_id}"


def _furnish(run: Run, confiner: Confiner, origin: dict[str, Sha]) -> None:
    """Write the private git directory and the scratch space, and hand all of it over."""
    run.log.mkdir(mode=0o700)
    for path in (run.git_dir, run.scratch, run.home, run.tmp):
        path.mkdir(mode=0o700)
    run.tree.chmod(0o700)
    build_facade(
        run.git_dir, tree=run.tree, objects=run.mirror.objects, branch=run.branch, base=run.base, origin=origin
    )
    for path in run.writable:
        confiner.adopt(path)


def _check_out(run: Run, confiner: Confiner, bounds: Bounds) -> None:
    said = run.log / "checkout"
    with _CHECKOUTS:
        ended = confiner.run(
            Confinement(
                argv=("git", "-c", f"checkout.workers={_CORES}", "read-tree", "--reset", "-u", "HEAD"),
                cwd=run.tree,
                stdout=run.log / "checkout.out",
                stderr=said,
                readable=run.readable,
                writable=run.writable,
                env={**run.env, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_NO_REPLACE_OBJECTS": "1"},
                bounds=bounds,
            )
        )
    check_end(ended, "the checkout", said)
