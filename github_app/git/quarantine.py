"""Objects from a run, checked by git but not yet part of the mirror.

A directory of its own borrows the mirror's objects; nothing in it is believed before git has hashed it, checked its
form and followed its links, within limits of size, memory and time. Throwing it away leaves no trace.
"""

from dataclasses import dataclass
from pathlib import Path

from github_app.core.names import SHA, Sha
from github_app.errors import GitError, HostileTreeError
from github_app.git.command import GitTimeoutError, GitTooLargeError, run_git, try_git
from github_app.git.export import Export, TransportLimits
from github_app.git.mirror import Mirror
from github_app.git.remote import check_sha
from github_app.git.removal import remove

_MEMORY = 2 << 30
# Forms that git only warns about unless told: https://git-scm.com/docs/git-fsck#_fsck_messages
_STRICT = "--strict=badFilemode=error,zeroPaddedFilemode=error,gitmodulesParse=error,badTimezone=error"
_FRUGAL = ("-c", "core.packedGitWindowSize=32m", "-c", "core.packedGitLimit=256m", "-c", "core.bigFileThreshold=16m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """One directory of objects that stands in front of the mirror's."""

    mirror: Mirror
    path: Path

    @property
    def env(self) -> dict[str, str]:
        """What makes git read the mirror with these objects in front, and write only here."""
        return {"GIT_OBJECT_DIRECTORY": str(self.path)}

    def git(self, *args: str, stdin: bytes = b"", limit: int = 64 << 20) -> bytes:
        """Run git on the mirror with these objects in front."""
        return run_git((*_FRUGAL, *args), git_dir=self.mirror.git_dir, stdin=stdin, env=self.env, limit=limit)

    def sizes(self, shas: tuple[str, ...]) -> dict[str, int]:
        """Return the size in bytes of each object. Raises GitError when one is missing."""
        asked = "".join(f"{sha}\n" for sha in shas).encode()
        said = self.git("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked).decode()
        found = dict(line.split(" ", 1) for line in said.splitlines())
        if any(not size.isdecimal() for size in found.values()):
            raise GitError("an object is missing")
        return {sha: int(size) for sha, size in found.items()}

    def read_blob(self, sha: str, limit: int) -> bytes:
        """Return a file's content. Raises GitTooLargeError past `limit` bytes, GitError when it is not there."""
        check_sha(sha)
        size = self.sizes((sha,))[sha]
        if size > limit:
            raise GitTooLargeError(f"{sha} has {size} bytes, more than {limit}")
        return self.git("cat-file", "blob", sha, limit=limit)


def admit(mirror: Mirror, export: Export, base: Sha, limits: TransportLimits) -> tuple[Quarantine, Sha]:
    """Put an export into quarantine and return its commit: well formed, complete, new, and a child of `base` only.

    Raises HostileTreeError for anything else.
    """
    if not SHA.fullmatch(export.sha) or len(export.sha) != len(base):
        raise HostileTreeError("the exporter did not name a commit")
    sha = Sha(export.sha)
    quarantine = Quarantine(mirror=mirror, path=export.pack.with_suffix(".objects"))
    remove(quarantine.path)
    (quarantine.path / "info").mkdir(parents=True)
    (quarantine.path / "pack").mkdir()
    (quarantine.path / "info" / "alternates").write_text(f"{mirror.objects}\n")
    _index(quarantine, export, limits)
    came = _objects(quarantine, limits)
    _check_commit(quarantine, sha, base, came)
    return quarantine, sha


def _index(quarantine: Quarantine, export: Export, limits: TransportLimits) -> None:
    """Let git hash and check everything in the pack."""
    with export.pack.open("rb", buffering=0) as pack:
        pack.seek(export.offset)
        header = pack.read(12)
        if header[:8] != b"PACK\0\0\0\2" or len(header) != 12:
            raise HostileTreeError("the exporter did not write a pack")
        if int.from_bytes(header[8:], "big") > limits.objects:
            raise HostileTreeError(f"the result has more than {limits.objects} objects")
        pack.seek(export.offset)
        args = ("index-pack", "--stdin", "--fix-thin", "--threads=1", _STRICT, f"--max-input-size={limits.pack_bytes}")
        try:
            finished = try_git(
                (*_FRUGAL, *args),
                git_dir=quarantine.mirror.git_dir,
                stdin=pack,
                env=quarantine.env,
                timeout=limits.seconds,
                memory=_MEMORY,
            )
        except (GitTimeoutError, GitTooLargeError) as error:
            raise HostileTreeError("the result could not be checked in time") from error
    if finished.code != 0:
        line = next((line for line in finished.text.splitlines() if line.startswith(("fatal:", "error:"))), "")
        raise HostileTreeError(f"git refuses the result: {line[:200] or 'no reason given'}")


def _objects(quarantine: Quarantine, limits: TransportLimits) -> frozenset[str]:
    """Return the names of everything that came."""
    came: set[str] = set()
    for index in (quarantine.path / "pack").glob("*.idx"):
        said = quarantine.git(
            "show-index", f"--object-format={quarantine.mirror.object_format}", stdin=index.read_bytes()
        )
        came.update(line.split(" ")[1] for line in said.decode().splitlines())
    if len(came) > 2 * limits.objects:
        raise HostileTreeError(f"the result has more than {limits.objects} objects")
    return frozenset(came)


def _check_commit(quarantine: Quarantine, sha: Sha, base: Sha, came: frozenset[str]) -> None:
    """See that the commit is one new child of the base, and that all it adds came with it and nothing is missing."""
    if sha not in came:
        raise HostileTreeError("the result's commit did not come with it")
    try:
        head = quarantine.git("cat-file", "commit", sha).split(b"\n\n", 1)[0].decode(errors="replace").splitlines()
        new = quarantine.git("rev-list", "--objects", "--no-object-names", sha, f"^{base}").decode().split()
    except GitError as error:
        raise HostileTreeError("the result is not complete") from error
    if [line for line in head if line.startswith("parent ")] != [f"parent {base}"]:
        raise HostileTreeError("the result does not start from the commit the run started from")
    if not came.issuperset(new):
        raise HostileTreeError("the result borrows objects that did not come with it")
