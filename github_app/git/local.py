"""A clone on this machine, for `remit run`: read as a remote, and given the result as one new branch.

Nothing else of the clone changes: not its checkout, index, configuration, hooks, HEAD or uncommitted files. Its
configuration may be anybody's, so what can run a program is switched off here as everywhere.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from github_app.core.names import Sha
from github_app.errors import GitError, UsageError
from github_app.git.command import run_git, try_git
from github_app.git.mirror import Mirror
from github_app.git.remote import Remote, check_branch, check_sha

_RESULT_BYTES = 512 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """A repository somebody works in."""

    path: Path
    git_dir: Path
    object_format: str

    @classmethod
    def at(cls, path: Path) -> Self:
        """Return the clone at a directory (the top of a working tree, or a bare repository).

        Raises UsageError when there is none.
        """
        top = path.resolve()
        inside = _git_dir(top)
        said = try_git(("rev-parse", "--git-common-dir", "--show-object-format"), git_dir=inside)
        lines = said.out.decode(errors="replace").splitlines()
        if said.code != 0 or len(lines) != 2:
            raise UsageError(f"{top} is not a git repository", hint="--repo wants the top directory of a clone")
        asks = r"^(extensions\.partialclone|remote\..*\.promisor)$"
        if try_git(("config", "--get-regexp", asks), git_dir=inside).out.strip():
            # Reading it could start the program its configuration names, to fetch what is missing.
            raise UsageError(
                f"{top} is a partial clone", hint="--repo wants a complete one: git clone without --filter"
            )
        return cls(path=top, git_dir=Path(inside, lines[0]).resolve(), object_format=lines[1])

    @property
    def remote(self) -> Remote:
        """The clone as an address to fetch from."""
        return Remote.at(self.git_dir)

    def default_branch(self) -> tuple[str, Sha]:
        """Return the name and commit that runs start from: the clone's idea of its remote's default, else its HEAD.

        Raises UsageError when there is no commit yet.
        """
        origin = self._ask("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
        if origin and (sha := self._ask("rev-parse", "--verify", "--quiet", f"{origin}^{{commit}}")):
            return check_branch(origin.removeprefix("refs/remotes/origin/")), check_sha(sha)
        here = _git_dir(self.path)
        name = self._ask("symbolic-ref", "--quiet", "--short", "HEAD", git_dir=here)
        sha = self._ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}", git_dir=here)
        if not sha:
            raise UsageError(f"{self.path} has no commit yet")
        return check_branch(name) if name else "HEAD", check_sha(sha)

    def head(self, branch: str) -> Sha | None:
        """Return the commit of a branch of the clone, or None."""
        sha = self._ask("rev-parse", "--verify", "--quiet", f"refs/heads/{check_branch(branch)}^{{commit}}")
        return check_sha(sha) if sha else None

    def _ask(self, *args: str, git_dir: Path | None = None) -> str:
        finished = try_git(args, git_dir=git_dir or self.git_dir)
        return finished.out.decode(errors="replace").strip() if finished.code == 0 else ""


def take_in(mirror: Mirror, clone: Clone, sha: Sha) -> Sha:
    """Bring a commit of the clone, with its history, into the mirror; return it.

    A reference under `refs/remotes/origin/` named after the clone's default branch holds it. Raises GitError.
    """
    name, _ = clone.default_branch()
    kept = f"refs/remotes/origin/{'local' if name == 'HEAD' else name}"
    with mirror.lock():
        run_git(
            (
                *("fetch", "--quiet", "--no-tags", "--no-auto-gc", "--no-write-fetch-head", "--no-recurse-submodules"),
                *("--refmap=", clone.remote.url, f"+{check_sha(sha)}:{kept}"),
            ),
            git_dir=mirror.git_dir,
            access=clone.remote.access(None),
            timeout=1800,
        )
    return sha


def deliver(mirror: Mirror, clone: Clone, sha: Sha, branch: str) -> None:
    """Make a branch of the clone that points to a commit of the mirror; a branch that does already is fine.

    Raises UsageError when the clone has another branch of that name, GitError when git could not.
    """
    ref = f"refs/heads/{check_branch(branch)}"
    there = clone.head(branch)
    if there == check_sha(sha):
        return
    if there is not None:
        raise UsageError(
            f"{clone.path} has a branch {branch} already", hint=f"rename or delete it: git branch -m {branch}"
        )
    known = "".join(f"^{tip}\n" for tip in sorted(set(mirror.refs("refs/remotes/origin").values())))
    pack = run_git(
        ("pack-objects", "--quiet", "--stdout", "--revs", "--delta-base-offset"),
        git_dir=mirror.git_dir,
        stdin=f"{sha}\n{known}".encode(),
        limit=_RESULT_BYTES,
    )
    run_git(("index-pack", "--stdin", "--strict"), git_dir=clone.git_dir, stdin=pack)
    if not _connected(clone, sha):
        raise GitError(
            f"{clone.path} lacks the commit the result starts from", hint="fetch in the clone, then try again"
        )
    run_git(("update-ref", "--no-deref", ref, sha, "0" * len(sha)), git_dir=clone.git_dir)


def _connected(clone: Clone, sha: Sha) -> bool:
    check = ("rev-list", "--objects", "--quiet", sha, "--not", "--all")
    return try_git(check, git_dir=clone.git_dir).code == 0


def _git_dir(top: Path) -> Path:
    """Return where a working tree's git directory is: its own, or where a `.git` file points to (a linked worktree)."""
    inside = top / ".git"
    if inside.is_file():
        text = inside.read_text(errors="replace")[:4096]
        return Path(top, text.removeprefix("gitdir:").strip()).resolve()
    return inside if inside.is_dir() else top
