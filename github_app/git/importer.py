"""The way back: from what an exporter claims to one commit that Remit made.

Nothing of a run but the final tree survives: its commits, authors, messages and branches are dropped. The mirror gets
the result's objects, and a reference that holds them while the run lives, only when `seal` is called.
"""

from dataclasses import dataclass

from github_app.core.names import Instant, Sha
from github_app.errors import GitError
from github_app.git.changes import Change, read_changes
from github_app.git.command import run_git
from github_app.git.export import Export, TransportLimits
from github_app.git.mirror import PATCH, Mirror
from github_app.git.quarantine import Quarantine, admit
from github_app.git.remote import check_sha
from github_app.git.worktree import result_ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A result that was checked: its tree and what it changes. Good while its run lives."""

    mirror: Mirror
    quarantine: Quarantine
    run_id: str
    base: Sha
    tree: Sha
    changes: tuple[Change, ...]

    def read_blob(self, sha: str, limit: int) -> bytes:
        """Return the content of a changed file. Raises GitTooLargeError when it has more than `limit` bytes."""
        return self.quarantine.read_blob(sha, limit)

    def patch(self, limit: int) -> bytes:
        """Return the whole difference as a patch that `git apply` takes. Raises GitTooLargeError past `limit` bytes."""
        return self.quarantine.git(*PATCH, self.base, self.tree, limit=limit)


def import_export(mirror: Mirror, export: Export, base: Sha, limits: TransportLimits) -> Imported:
    """Check what an exporter wrote. Raises HostileTreeError, with a sentence, for what will not be imported."""
    quarantine, commit = admit(mirror, export, check_sha(base), limits)
    tree = check_sha(quarantine.git("rev-parse", "--verify", f"{commit}^{{tree}}").decode().strip())
    changes = read_changes(quarantine, base, tree, limits)
    return Imported(mirror=mirror, quarantine=quarantine, run_id=export.run_id, base=base, tree=tree, changes=changes)


def seal(imported: Imported, *, message: str, author_name: str, author_email: str, date: Instant) -> Sha:
    """Make the one commit of a result, parent the base, and bring it into the mirror; return it.

    The message carries its trailers already. The same arguments give the same commit. Held by `refs/remit/<run>` until
    the run ends. Raises GitError.
    """
    for text in (author_name, author_email):
        if not text or any(char in text for char in "<>\n\0"):
            raise GitError("the author's name or address cannot stand in a commit")
    if "\0" in message:
        raise GitError("a commit message cannot have a NUL")
    person = {"NAME": author_name, "EMAIL": author_email, "DATE": f"@{date // 1000} +0000"}
    who = {f"GIT_{role}_{fact}": text for role in ("AUTHOR", "COMMITTER") for fact, text in person.items()}
    quarantine, mirror = imported.quarantine, imported.mirror
    said = run_git(
        ("commit-tree", imported.tree, "-p", imported.base, "-F", "-"),
        git_dir=mirror.git_dir,
        stdin=message.encode(),
        env={**quarantine.env, **who},
    )
    sha = check_sha(said.decode().strip())
    ref = result_ref(imported.run_id)
    with mirror.lock():
        old = mirror.refs(ref).get(ref, "0" * len(sha))
        quarantine.git(
            *("-c", "pack.threads=1", "pack-objects", "--quiet", "--revs", str(mirror.objects / "pack" / "pack")),
            stdin=f"{sha}\n^{imported.base}\n".encode(),
        )
        run_git(("update-ref", "--no-deref", ref, sha, old), git_dir=mirror.git_dir)
    return sha
