"""The git directory that confined code gets: private, disposable, and complete enough for every everyday command.

It knows its own branch and the remote's branches, borrows the mirror's objects read-only, and holds no credentials.
What is done to it is read by nobody but the exporter, which is confined itself.
"""

from pathlib import Path

from github_app.core.names import Sha

_CONFIG = """\
[core]
\trepositoryFormatVersion = {version}
\tbare = false
\tfileMode = true
\tlogAllRefUpdates = true
[gc]
\tauto = 0
[maintenance]
\tauto = false
[user]
\tname = Remit agent
\temail = agent@remit.invalid
[commit]
\tgpgSign = false
[advice]
\tdetachedHead = false
{extensions}"""


def build_facade(
    git_dir: Path, *, tree: Path, objects: Path, branch: str | None, base: Sha, origin: dict[str, Sha]
) -> None:
    """Write the git directory of a run and point its tree to it; a branch of None is a detached head.

    `origin` are the remote's branches by name.
    """
    for part in ("objects/info", "objects/pack", "refs/heads", "refs/remotes/origin", "refs/tags", "info"):
        (git_dir / part).mkdir(parents=True)
    extensions = "[extensions]\n\tobjectFormat = sha256\n" if len(base) == 64 else ""
    version = 1 if extensions else 0
    (git_dir / "config").write_text(_CONFIG.format(version=version, extensions=extensions))
    (git_dir / "HEAD").write_text(f"ref: refs/heads/{branch}\n" if branch else f"{base}\n")
    (git_dir / "objects/info/alternates").write_text(f"{objects}\n")
    known = {f"refs/remotes/origin/{name}": sha for name, sha in origin.items()}
    if branch:
        known[f"refs/heads/{branch}"] = base
    lines = [f"{sha} {ref}\n" for ref, sha in sorted(known.items())]
    (git_dir / "packed-refs").write_text("# pack-refs with: peeled fully-peeled sorted \n" + "".join(lines))
    if len(origin) == 1:
        (git_dir / "refs/remotes/origin/HEAD").write_text(f"ref: refs/remotes/origin/{next(iter(origin))}\n")
    (tree / ".git").unlink(missing_ok=True)
    (tree / ".git").write_text(f"gitdir: {git_dir}\n")
