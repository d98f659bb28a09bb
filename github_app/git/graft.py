"""A commit that is the base with some files of the result: to see whether the new tests fail without the fix."""

from pathlib import Path
from tempfile import TemporaryDirectory

from github_app.core.names import Sha
from github_app.errors import GitError
from github_app.git.command import run_git
from github_app.git.mirror import Mirror
from github_app.git.remote import check_sha


def graft(mirror: Mirror, name: str, *, base: Sha, head: Sha, paths: tuple[str, ...]) -> Sha:
    """Return a commit, parent `base`, whose tree is the base's with `paths` as they are in `head`.

    The paths come from an imported result, so they are already known to be harmless. Raises GitError.
    """
    if not paths:
        raise GitError("nothing to graft")
    listed = run_git(("ls-tree", "-r", "-z", check_sha(head), "--", *paths), git_dir=mirror.git_dir)
    entries = [entry for entry in listed.split(b"\0") if entry]
    if len(entries) != len(paths):
        raise GitError("the result lacks a file that was to be grafted")
    who = {f"GIT_{role}_{fact}": text for role in ("AUTHOR", "COMMITTER") for fact, text in _NOBODY.items()}
    with mirror.lock(), TemporaryDirectory(prefix=f"remit-{name}-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        run_git(("read-tree", check_sha(base)), git_dir=mirror.git_dir, env=index)
        lines = b"".join(_index_line(entry) for entry in entries)
        run_git(("update-index", "-z", "--index-info"), git_dir=mirror.git_dir, stdin=lines, env=index)
        tree = check_sha(run_git(("write-tree",), git_dir=mirror.git_dir, env=index).decode().strip())
        said = run_git(
            ("commit-tree", tree, "-p", check_sha(base), "-F", "-"), git_dir=mirror.git_dir, stdin=b"graft\n", env=who
        )
    return check_sha(said.decode().strip())


_NOBODY = {"NAME": "remit", "EMAIL": "remit@localhost", "DATE": "@0 +0000"}


def _index_line(entry: bytes) -> bytes:
    """Turn `mode type sha<TAB>path` into what update-index reads: `mode sha 0<TAB>path`."""
    meta, _, path = entry.partition(b"\t")
    mode, _, sha = meta.split(b" ")
    return mode + b" " + sha + b" 0\t" + path + b"\0"
