"""A bare repository on disk, spoken to with git plumbing and nobody's configuration.

Objects never change, so what is read of them is remembered. Refs are read from their files each time: this package
is their only writer and never packs them. Every command runs with a rebuilt environment, without hooks, without system
or user configuration.
"""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

GIT = shutil.which("git") or "git"
ZERO = "0" * 40
_CONFIG = (
    *("core.hooksPath", "/dev/null"),
    *("core.fsmonitor", "false"),
    *("gc.auto", "0"),
    *("receive.autogc", "false"),
    *("maintenance.auto", "false"),
    *("safe.directory", "*"),
    *("uploadpack.allowAnySHA1InWant", "true"),
    *("uploadpack.allowFilter", "true"),
)
SAFE_REF = re.compile(r"refs/(heads|tags|notes)/(?!.*(\.\.|//|@\{|\.lock(/|$)))[^\x00-\x20~^:?*\[\\\x7f]+(?<![./])")


def environment() -> dict[str, str]:
    """Return the whole environment of a git process of this server."""
    pairs = zip(_CONFIG[::2], _CONFIG[1::2], strict=True)
    settings = {
        f"GIT_CONFIG_{part}_{index}": text
        for index, pair in enumerate(pairs)
        for part, text in zip(("KEY", "VALUE"), pair, strict=True)
    }
    return settings | {
        "GIT_CONFIG_COUNT": str(len(_CONFIG) // 2),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "PATH": os.environ.get("PATH", os.defpath),
    }


class CommandError(Exception):
    """A git command that did not succeed; `code` is its exit status."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Entry(NamedTuple):
    """One name in a tree."""

    mode: str
    kind: str
    sha: str
    size: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit as git stores it; dates are ISO 8601 in UTC."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: tuple[str, str, str]
    committer: tuple[str, str, str]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file of a diff; `patch` starts at the first hunk and is empty for binary files."""

    path: str
    previous: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str

    def lines(self) -> dict[tuple[str, int], str]:
        """Return the lines a review comment may stand on, (side, line), each with its hunk up to that line."""
        found: dict[tuple[str, int], str] = {}
        left = right = 0
        hunk: list[str] = []
        for line in self.patch.split("\n"):
            if match := re.match(r"@@ -(\d+)(?:,\d+)? \+(\d+)", line):
                left, right, hunk = int(match[1]), int(match[2]), [line]
                continue
            hunk.append(line)
            if not line or line[0] in " -":
                found["LEFT", left] = "\n".join(hunk)
            if not line or line[0] in " +":
                found["RIGHT", right] = "\n".join(hunk)
            left += line[:1] in ("", " ", "-")
            right += line[:1] in ("", " ", "+")
        return found


class BareRepository:
    """One bare repository; thread-safe for reading, writing is serialised by the caller."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._remembered: dict[tuple[str, ...], bytes] = {}
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path, default_branch: str) -> "BareRepository":
        """Make an empty repository; written by hand because `git init` costs a process and brings sample hooks."""
        for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (path / folder).mkdir(parents=True)
        (path / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n")
        (path / "HEAD").write_text(f"ref: refs/heads/{default_branch}\n")
        return cls(path)

    def run(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> bytes:
        """Run one git command and return what it printed; raise CommandError when it fails."""
        done = subprocess.run(  # noqa: S603 - our own git, a fixed list of arguments
            [GIT, f"--git-dir={self.path}", *arguments],
            input=stdin,
            capture_output=True,
            env=environment() | dict(extra or {}),
            cwd=self.path,
            check=False,
        )
        if done.returncode:
            raise CommandError(done.returncode, done.stderr.decode(errors="replace") or done.stdout.decode())
        return done.stdout

    def ask(self, *arguments: str) -> bytes:
        """Run a command whose answer depends on immutable objects only, once."""
        with self._lock:
            known = self._remembered.get(arguments)
        if known is None:
            known = self.run(*arguments)
            with self._lock:
                self._remembered[arguments] = known
        return known

    def refs(self, kind: str = "heads") -> dict[str, str]:
        """Return the branches (or tags) and their commits, by name."""
        top = self.path / "refs" / kind
        files = (Path(folder) / name for folder, _, names in os.walk(top) for name in names)
        return {
            file.relative_to(top).as_posix(): file.read_text().strip()
            for file in sorted(files)
            if not file.name.endswith(".lock")
        }

    def ref(self, name: str) -> str | None:
        """Return what a full ref name (`refs/heads/main`) points at."""
        if not SAFE_REF.fullmatch(name):
            return None
        file = self.path / name
        return file.read_text().strip() if file.is_file() else None

    def branch(self, name: str) -> str | None:
        """Return the tip of a branch."""
        return self.ref(f"refs/heads/{name}")

    def head(self) -> str:
        """Return the name of the default branch."""
        return (self.path / "HEAD").read_text().removeprefix("ref: refs/heads/").strip()

    def resolve(self, revision: str) -> str | None:
        """Return the commit meant by a branch, tag, `HEAD`, full ref or commit id."""
        if revision == "HEAD":
            return self.branch(self.head())
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision, f"refs/{revision}"):
            if sha := self.ref(name):
                return sha
        return revision if re.fullmatch("[0-9a-f]{40}", revision) and self.kind(revision) == "commit" else None

    def kind(self, sha: str) -> str | None:
        """Return the type of an object, None when it is not here."""
        try:
            return self.ask("cat-file", "-t", sha).decode().strip()
        except CommandError:
            return None

    def update(self, ref: str, new: str, old: str | None = None) -> None:
        """Move, make or (with ZERO) remove a ref; raise CommandError when it is not at `old`."""
        arguments = ("-d", ref) if new == ZERO else (ref, new)
        self.run("update-ref", *arguments, *([old] if old is not None else []))

    def write(
        self,
        branch: str,
        files: Mapping[str, str | bytes | None],
        message: str,
        *,
        who: tuple[str, str],
        at: float,
        parent: str | None,
    ) -> str:
        """Commit files (None deletes) on top of `parent` (None: a root commit), move the branch, return the commit."""
        body = message.encode()
        line = f"{who[0]} <{who[1]}> {int(at)} +0000"
        stream = [f"commit refs/heads/{branch}\nauthor {line}\ncommitter {line}\ndata {len(body)}\n".encode(), body]
        stream.append(f"\nfrom {parent}\n".encode() if parent else b"\n")
        for name, content in files.items():
            quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
            if content is None:
                stream.append(f"D {quoted}\n".encode())
                continue
            data = content.encode() if isinstance(content, str) else content
            stream += [f"M 100644 inline {quoted}\ndata {len(data)}\n".encode(), data, b"\n"]
        self.run("fast-import", "--quiet", "--done", "--force", stdin=b"".join([*stream, b"done\n"]))
        tip = self.branch(branch)
        if tip is None:
            raise CommandError(1, f"fast-import did not make {branch}")
        return tip

    def commit(self, sha: str) -> Commit:
        """Return a commit's facts."""
        shown = self.ask("show", "-s", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", f"--format={_COMMIT}", sha)
        return _commit(shown.decode(errors="replace"))

    def commits(self, base: str | None, head: str, limit: int = 250) -> list[Commit]:
        """Return the commits in `head` that `base` has not, oldest first."""
        span = [head] if base is None else [f"{base}..{head}"]
        how = f"--format={_COMMIT}%x1e"
        shown = self.ask("log", "--reverse", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", f"-n{limit}", how, *span)
        parts = shown.decode(errors="replace").split("\x1e")
        return [_commit(part.lstrip("\n")) for part in parts if part.strip()]

    def count(self, base: str, head: str) -> tuple[int, int]:
        """Return how many commits only `head` has and how many only `base` has."""
        behind, ahead = self.ask("rev-list", "--left-right", "--count", f"{base}...{head}").split()
        return int(ahead), int(behind)

    def merge_base(self, base: str, head: str) -> str | None:
        """Return the best common ancestor, None for unrelated histories."""
        try:
            return self.ask("merge-base", base, head).decode().strip()
        except CommandError as problem:
            if problem.code == 1:
                return None
            raise

    def entries(self, commit: str, path: str) -> list[Entry] | None:
        """Return the names in a folder of a commit (the top for ""), None when it is no folder."""
        try:
            listed = self.ask("ls-tree", "-l", "-z", "--full-tree", f"{commit}:{path}")
        except CommandError:
            return None
        found = []
        for line in listed.split(b"\0"):
            if line:
                facts, _, name = line.partition(b"\t")
                mode, kind, sha, size = facts.decode().split()
                full = f"{path}/{name.decode(errors='replace')}" if path else name.decode(errors="replace")
                found.append(Entry(mode, kind, sha, int(size) if size != "-" else 0, full))
        return found

    def entry(self, commit: str, path: str) -> Entry | None:
        """Return what a path of a commit is."""
        folder, _, _ = path.rpartition("/")
        return next((entry for entry in self.entries(commit, folder) or () if entry.path == path), None)

    def blob(self, sha: str) -> bytes:
        """Return a blob's content."""
        return self.ask("cat-file", "blob", sha)

    def changes(self, base: str, head: str) -> list[FileChange]:
        """Return what `git diff base head` says, one record a file."""
        options = ("-r", "-M", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv")
        raw = self.ask("diff-tree", *options, "--raw", "--numstat", "-z", base, head).decode(errors="replace")
        patches = self._patches(self.ask("diff-tree", *options, "-p", base, head).decode(errors="replace"))
        facts, numbers = _raw_and_numbers(raw)
        return [
            FileChange(
                path=path, previous=previous, status=status, sha=sha, additions=added, deletions=deleted, patch=p
            )
            for (status, sha, previous, path), (added, deleted), p in zip(facts, numbers, patches, strict=True)
        ]

    @staticmethod
    def _patches(text: str) -> list[str]:
        found = []
        for part in re.split(r"(?m)^diff --git .*\n", text)[1:]:
            start = re.search(r"(?m)^@@ ", part)
            found.append(part[start.start() :].removesuffix("\n") if start else "")
        return found

    def merge(
        self, base: str, head: str, message: str, *, who: tuple[str, str], at: float, parents: Sequence[str]
    ) -> str | None:
        """Return a new commit that holds both sides, None when they conflict."""
        try:
            tree = self.run("merge-tree", "--write-tree", base, head).decode().split("\n", 1)[0]
        except CommandError as problem:
            if problem.code == 1:
                return None
            raise
        named = {
            f"GIT_{role}_{part}": text
            for role in ("AUTHOR", "COMMITTER")
            for part, text in (("NAME", who[0]), ("EMAIL", who[1]), ("DATE", f"{int(at)} +0000"))
        }
        flags = [word for parent in parents for word in ("-p", parent)]
        return self.run("commit-tree", tree, *flags, stdin=message.encode(), extra=named).decode().strip()

    def merges_cleanly(self, base: str, head: str) -> bool:
        """Say whether `head` merges into `base` without conflict."""
        try:
            self.ask("merge-tree", "--write-tree", base, head)
        except CommandError as problem:
            if problem.code == 1:
                return False
            raise
        return True


_COMMIT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%ad%x00%cn%x00%ce%x00%cd%x00%B"


def _commit(text: str) -> Commit:
    sha, tree, parents, author, a_mail, a_date, committer, c_mail, c_date, message = text.split("\0", 9)
    return Commit(
        sha=sha,
        tree=tree,
        parents=tuple(parents.split()),
        author=(author, a_mail, a_date),
        committer=(committer, c_mail, c_date),
        message=message.rstrip("\n"),
    )


_STATUS = {"A": "added", "M": "modified", "T": "changed", "D": "removed", "R": "renamed", "C": "copied"}


def _raw_and_numbers(text: str) -> tuple[list[tuple[str, str, str | None, str]], list[tuple[int, int]]]:
    """Read `--raw --numstat -z`: first all raw records, then all numbers, in the same order."""
    words = iter(text.split("\0"))
    facts: list[tuple[str, str, str | None, str]] = []
    numbers: list[tuple[int, int]] = []
    for word in words:
        if word.startswith(":"):
            _, _, _, sha, letter = word.split(" ")
            first = next(words)
            previous, path = (first, next(words)) if letter[0] in "RC" else (None, first)
            facts.append((_STATUS[letter[0]], sha, previous, path))
        elif word:
            added, deleted, path = word.split("\t", 2)
            if not path:
                next(words)
                next(words)
            numbers.append((0 if added == "-" else int(added), 0 if deleted == "-" else int(deleted)))
    return facts, numbers
