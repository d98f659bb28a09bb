"""A commit that is the base with some files of the result: to see whether the new tests fail without the fix."""

from pathlib import Path
from tempfile import TemporaryDirectory

from github_app.core.names import Sha
from github_app.errors import GitError
from github_app.git.command import run_git
from github_app.git.mirror import Mirror
from github_app.git.remote import check_sha

_NOBODY = {"NAME": "remit", "EMAIL": "remit@localhost", "DATE": "@0 +0000"}
_NOTHING = b"000000"


def graft(mirror: Mirror, name: str, *, base: Sha, head: Sha, paths: tuple[str, ...]) -> Sha:
    """Return a commit, parent `base`, whose tree is the base's with `paths` as they are in `head`.

    The paths come from an imported result, so they are already known to be harmless. Raises GitError, also for a path
    that the result does not change or does not have.
    """
    if not paths:
        raise GitError("nothing to graft")
    wanted = {path.encode() for path in paths}
    lines = [line for path, line in _changed(mirror, base, head).items() if path in wanted]
    if len(lines) != len(wanted):
        raise GitError("the result lacks a file that was to be grafted")
    who = {f"GIT_{role}_{fact}": text for role in ("AUTHOR", "COMMITTER") for fact, text in _NOBODY.items()}
    with mirror.lock(), TemporaryDirectory(prefix=f"remit-{name}-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        run_git(("read-tree", check_sha(base)), git_dir=mirror.git_dir, env=index)
        # --replace: a test folder may stand where the base has a file
        update = ("update-index", "--replace", "-z", "--index-info")
        run_git(update, git_dir=mirror.git_dir, stdin=b"".join(lines), env=index)
        tree = check_sha(run_git(("write-tree",), git_dir=mirror.git_dir, env=index).decode().strip())
        said = run_git(
            ("commit-tree", tree, "-p", check_sha(base), "-F", "-"), git_dir=mirror.git_dir, stdin=b"graft\n", env=who
        )
    return check_sha(said.decode().strip())


def _changed(mirror: Mirror, base: Sha, head: Sha) -> dict[bytes, bytes]:
    """Return, by path, what update-index reads (`mode sha 0<TAB>path`) of each file the result has and changed.

    Read from the difference, not by naming the paths to git, which gives a meaning to some names (`:/x`).
    """
    raw = run_git(
        ("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", check_sha(base), check_sha(head)),
        git_dir=mirror.git_dir,
    )
    words = raw.split(b"\0")[:-1]
    found = {}
    for facts, path in zip(words[::2], words[1::2], strict=True):
        _, mode, _, sha, _ = facts.split(b" ")
        if mode != _NOTHING:
            found[path] = mode + b" " + sha + b" 0\t" + path + b"\0"
    return found
