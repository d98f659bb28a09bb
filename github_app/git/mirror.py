"""One bare mirror per repository: what every run starts from, and what confined code may read but never write.

Its configuration is rewritten by us whenever it is opened; it has no hooks. Whatever changes it (fetch, worktrees,
references, new objects) goes through one lock, because git races with itself there. Fetching is single-flight across
threads and processes: who asks is satisfied by any fetch that started after they asked.
"""

import contextlib
import json
import os
import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from github_app.core.names import Sha
from github_app.errors import GitError
from github_app.git.command import GitTooLargeError, Token, ask_git, run_git, try_git
from github_app.git.place import flocked
from github_app.git.remote import Remote, check_branch, check_sha, explain
from github_app.git.removal import remove

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_FORMATS = {"sha1": ("0", ""), "sha256": ("1", "[extensions]\n\tobjectFormat = sha256\n")}
_CONFIG = """\
[core]
\trepositoryFormatVersion = {version}
\tbare = true
\tfileMode = true
\tsharedRepository = 0644
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[repack]
\twriteBitmaps = false
{extensions}"""
_CORRUPT = re.compile(
    r"corrupt|bad object|missing (blob|tree|commit)|unable to read|is empty|invalid (object|sha1)|bad signature"
    r"|not a git repository|unresolved deltas|loose object|packfile|broken|index file|bad ref|did not send all",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """The mirror of one repository. `name` is ours, never a name from outside."""

    root: Path
    name: str
    object_format: str = "sha1"

    @classmethod
    def open(cls, root: Path, name: str, *, object_format: str = "sha1") -> Self:
        """Return a mirror that is there and sound in its frame; a broken one is thrown away and made anew, empty.

        Raises GitError for an odd name.
        """
        if not _NAME.fullmatch(name) or object_format not in _FORMATS:
            raise GitError(f"not a mirror of ours: {name[:80]!r} ({object_format})")
        mirror = cls(root=root.resolve(), name=name, object_format=object_format)
        mirror.root.mkdir(parents=True, exist_ok=True)
        mirror.root.chmod(0o711)
        with mirror.lock():
            if not mirror._frame_is_sound():
                mirror._make()
            mirror._write_config()
        return mirror

    @property
    def git_dir(self) -> Path:
        """The bare repository."""
        return self.root / f"{self.name}.git"

    @property
    def objects(self) -> Path:
        """What confined code may read."""
        return self.git_dir / "objects"

    @contextlib.contextmanager
    def lock(self) -> Generator[None]:
        """Hold the lock under which the mirror changes. Not reentrant.

        Lock files that git finds then are a crash's: whoever may make one holds the lock that we hold now.
        """
        with flocked(self.root / f"{self.name}.lock"):
            for stale in (*self.git_dir.glob("*.lock"), *(self.git_dir / "refs").rglob("*.lock")):
                stale.unlink(missing_ok=True)
            yield

    def fetch(self, remote: Remote, branch: str, token: Token | None, *, timeout: float = 1800) -> Sha:
        """Return the commit the remote's branch pointed to at some moment after this call began.

        Raises GitHubUnreachableError, GitHubRefusedError, LostAccessError, or GitError for what git could not do. A
        mirror whose objects are damaged is thrown away and fetched again, once.
        """
        key = f"{remote.url} {check_branch(branch)}"
        asked_at = self._generations()["started"]
        with self.lock():
            known = self._generations()
            number, sha = known["done"].get(key, (0, ""))
            if number > asked_at:
                return check_sha(sha)
            started = known["started"] + 1
            self._remember({**known, "started": started})
            sha = self._fetch_or_start_over(remote, branch, token, timeout)
            known = self._generations()
            self._remember({"started": started, "done": {**known["done"], key: [started, sha]}})
            return sha

    def read_file(self, sha: Sha, path: str, limit: int) -> bytes | None:
        """Return a regular file of a commit, or None when there is none (a symbolic link is none).

        Raises GitTooLargeError when it has more than `limit` bytes.
        """
        found = run_git(("ls-tree", "-z", "-l", "--full-tree", check_sha(sha), "--", path), git_dir=self.git_dir)
        for entry in found.split(b"\0"):
            facts, _, name = entry.partition(b"\t")
            if name != path.encode() or not facts.startswith(b"100"):
                continue
            _, _, blob, size = facts.split()
            if int(size) > limit:
                raise GitTooLargeError(f"{path} has {int(size)} bytes, more than {limit}")
            return run_git(("cat-file", "blob", blob.decode()), git_dir=self.git_dir, limit=limit)
        return None

    def changed_since(self, old: Sha, new: Sha) -> tuple[str, ...]:
        """Return the paths that differ between two commits, sorted; odd bytes are shown as replacement characters."""
        found = run_git(
            ("diff-tree", "-r", "-z", "--name-only", "--no-renames", check_sha(old), check_sha(new)),
            git_dir=self.git_dir,
        )
        return tuple(sorted(path.decode(errors="replace") for path in found.split(b"\0") if path))

    def is_ancestor(self, old: Sha, new: Sha) -> bool:
        """Say whether `old` is in the history of `new`. Raises GitError when the mirror lacks one of them."""
        return ask_git(("merge-base", "--is-ancestor", check_sha(old), check_sha(new)), git_dir=self.git_dir)

    def has(self, sha: Sha) -> bool:
        """Say whether the mirror has a commit."""
        return try_git(("cat-file", "-e", f"{check_sha(sha)}^{{commit}}"), git_dir=self.git_dir).code == 0

    def patch(self, base: Sha, sha: Sha, limit: int) -> bytes:
        """Return the difference as a patch that `git apply` takes. Raises GitTooLargeError past `limit` bytes."""
        return run_git((*PATCH, check_sha(base), check_sha(sha)), git_dir=self.git_dir, limit=limit)

    def refs(self, prefix: str) -> dict[str, Sha]:
        """Return the references under a prefix of ours."""
        said = run_git(("for-each-ref", "--format=%(objectname) %(refname)", prefix), git_dir=self.git_dir).decode()
        return {ref: check_sha(sha) for sha, _, ref in (line.partition(" ") for line in said.splitlines())}

    def drop_ref(self, ref: str) -> None:
        """Delete a reference of ours; one that is not there is fine. The lock must be held."""
        if not ref.startswith("refs/"):
            raise GitError(f"not a reference: {ref[:80]!r}")
        packed = self.git_dir / "packed-refs"
        if (self.git_dir / ref).exists() or (packed.exists() and ref in packed.read_text(errors="replace")):
            run_git(("update-ref", "--no-deref", "-d", ref), git_dir=self.git_dir)

    def collect(self) -> None:
        """Pack what is loose and drop what nothing needs since two weeks; only when no run is alive on this mirror."""
        with self.lock():
            worktrees = self.git_dir / "worktrees"
            if not (worktrees.is_dir() and any(worktrees.iterdir())):
                run_git(("gc", "--quiet", "--no-detach"), git_dir=self.git_dir, timeout=1800)

    def _frame_is_sound(self) -> bool:
        if not all((self.git_dir / part).exists() for part in ("HEAD", "objects", "refs", "config")):
            return False
        self._write_config()  # first: git reads it to answer
        said = try_git(("rev-parse", "--show-object-format", "--is-bare-repository"), git_dir=self.git_dir)
        return said.code == 0 and said.out.decode().split() == [self.object_format, "true"]

    def _make(self) -> None:
        """Make the mirror beside its place and move it there; whatever stood there goes."""
        fresh = self.root / f".{self.name}.{os.urandom(6).hex()}.new"
        run_git(
            ("init", "--quiet", "--bare", "--template=", f"--object-format={self.object_format}", str(fresh)),
            git_dir=fresh,
        )
        (fresh / "HEAD").write_text("ref: refs/heads/none\n")
        for directory in (fresh, fresh / "objects", fresh / "objects" / "info", fresh / "objects" / "pack"):
            directory.chmod(0o755 if directory != fresh else 0o711)
        if self.git_dir.is_symlink() or self.git_dir.exists():
            broken = self.root / f".{self.name}.{os.urandom(6).hex()}.broken"
            self.git_dir.rename(broken)
            remove(broken)
        fresh.rename(self.git_dir)

    def _write_config(self) -> None:
        version, extensions = _FORMATS[self.object_format]
        text = _CONFIG.format(version=version, extensions=extensions)
        config = self.git_dir / "config"
        if not config.is_file() or config.is_symlink() or config.read_bytes() != text.encode():
            _replace(config, text)
        hooks = self.git_dir / "hooks"
        if hooks.exists() or hooks.is_symlink():
            remove(hooks)

    def _fetch_or_start_over(self, remote: Remote, branch: str, token: Token | None, timeout: float) -> Sha:
        try:
            return self._fetch(remote, branch, token, timeout)
        except GitError as error:
            if not _CORRUPT.search(error.output) or self._is_whole():
                raise explain(error) from error
        self._make()
        self._write_config()
        try:
            return self._fetch(remote, branch, token, timeout)
        except GitError as error:
            raise explain(error) from error

    def _fetch(self, remote: Remote, branch: str, token: Token | None, timeout: float) -> Sha:
        ours = f"refs/remotes/origin/{branch}"
        for other in self.refs("refs/remotes/origin"):
            if other.startswith(f"{ours}/") or ours.startswith(f"{other}/"):
                self.drop_ref(other)  # a branch became a folder of branches, or the reverse
        run_git(
            (
                *("fetch", "--quiet", "--no-tags", "--no-auto-gc", "--no-write-fetch-head", "--no-recurse-submodules"),
                *("--refmap=", remote.url, f"+refs/heads/{branch}:{ours}"),
            ),
            git_dir=self.git_dir,
            access=remote.access(token),
            timeout=timeout,
        )
        said = run_git(("rev-parse", "--verify", "--quiet", f"{ours}^{{commit}}"), git_dir=self.git_dir)
        return check_sha(said.decode().strip())

    def _is_whole(self) -> bool:
        check = ("fsck", "--connectivity-only", "--no-dangling", "--no-progress")
        return self._frame_is_sound() and try_git(check, git_dir=self.git_dir, timeout=600).code == 0

    def _generations(self) -> dict[str, Any]:
        """Return how many fetches have started, and per branch the number and result of the last that finished."""
        try:
            known = json.loads((self.root / f"{self.name}.fetched").read_text())
        except (FileNotFoundError, ValueError):  # never fetched, or torn by a power cut: somebody fetches once more
            return {"started": 0, "done": {}}
        return known

    def _remember(self, known: dict[str, Any]) -> None:
        _replace(self.root / f"{self.name}.fetched", json.dumps(known))


PATCH = (
    "diff-tree",
    "-r",
    "-p",
    "--binary",
    "--full-index",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
)


def _replace(path: Path, text: str) -> None:
    """Write a file of ours so that nobody ever reads half of it."""
    beside = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    beside.write_text(text)
    beside.rename(path)
