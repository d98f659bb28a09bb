"""What a run made, taken out of its tree by a second confined process after everything of the first one is dead.

The exporter uses a git directory of its own, without the agent's configuration, hooks or index: what counts is what is
in the tree. The agent's HEAD only says which ignored files it wanted kept; when it is garbage, the base is used. What
comes out (one line with a commit, then a thin pack) goes to a file of ours and is not trusted: see `importer`.
"""

from dataclasses import dataclass
from pathlib import Path

from github_app.core.confinement import Bounds, Confinement, Ending
from github_app.errors import GitError, HostileTreeError
from github_app.git.worktree import Confiner, Run, check_end

# $1 tree  $2 facade  $3 mirror objects  $4 base  $5 export directory  $6 object format
_SCRIPT = r"""
set -eu
tree=$1 facade=$2 borrowed=$3 base=$4 format=$6
export GIT_DIR="$5/git"
git init --quiet --bare --template= --object-format="$format" "$GIT_DIR"
git config core.bare false
printf '%s\n' "$borrowed" "$facade/objects" > "$GIT_DIR/objects/info/alternates"
wanted=$(git --git-dir="$facade" rev-parse --verify --quiet 'HEAD^{commit}' 2>/dev/null) || wanted=$base
git read-tree "$wanted" 2>/dev/null || git read-tree "$base"
exclude=/dev/null
if [ -f "$facade/info/exclude" ]; then exclude=$facade/info/exclude; fi
cd "$tree"
export GIT_WORK_TREE="$tree"
chmod -R u+rwX . >&2 || :
add=0
git -c core.excludesFile="$exclude" -c advice.addEmbeddedRepo=false add -A --ignore-errors . 2>"$GIT_DIR/said" || add=3
head -c 4000 "$GIT_DIR/said" >&2
if grep -q 'could not open directory' "$GIT_DIR/said"; then add=3; fi
[ "$add" = 0 ] || exit "$add"
result=$(git write-tree)
commit=$(git commit-tree "$result" -p "$base" -m export)
printf '%s\n' "$commit"
printf '%s\n^%s\n' "$commit" "$base" |
    git -c pack.useBitmaps=false -c pack.threads=1 pack-objects --quiet --stdout --revs --thin --delta-base-offset
"""
_ENV = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_AUTHOR_NAME": "export",
    "GIT_AUTHOR_EMAIL": "export@remit.invalid",
    "GIT_COMMITTER_NAME": "export",
    "GIT_COMMITTER_EMAIL": "export@remit.invalid",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportLimits:
    """How much may come out of a run at all, in bytes, counts and seconds; what a policy allows is less, and later."""

    pack_bytes: int = 64 << 20
    objects: int = 50_000
    files: int = 10_000
    file_bytes: int = 64 << 20
    seconds: float = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What an exporter wrote: a claim. The pack starts at `offset` of the file."""

    run_id: str
    sha: str
    pack: Path
    offset: int


def export(run: Run, confiner: Confiner, limits: TransportLimits) -> Export:
    """Take what is in the run's tree. Nothing that worked in the tree may be alive any more.

    Raises HostileTreeError when it is too much or takes too long, GitError when it could not be committed, SandboxError
    when the wall failed. May be called again; each call starts anew.
    """
    out = run.path / "export"
    if out.exists():
        confiner.reclaim(out)
    stage = out / str(len(list(out.iterdir())) if out.exists() else 0)
    stage.mkdir(parents=True, mode=0o711)
    out.chmod(0o711)
    stage.chmod(0o700)
    confiner.adopt(stage)
    pack = run.log / f"export-{stage.name}.pack"
    said = run.log / f"export-{stage.name}"
    ended = confiner.run(
        Confinement(
            argv=(
                *("sh", "-c", _SCRIPT, "export", str(run.tree), str(run.git_dir), str(run.mirror.objects)),
                *(run.base, str(stage), run.mirror.object_format),
            ),
            cwd=stage,
            stdout=pack,
            stderr=said,
            readable=run.readable,
            writable=(*run.writable, stage),
            env={**run.env, **_ENV, "HOME": str(stage), "TMPDIR": str(stage)},
            bounds=Bounds(
                wall_seconds=limits.seconds,
                silence_seconds=None,
                output_bytes=limits.pack_bytes,
                disk_bytes=4 * limits.pack_bytes + (64 << 20),
            ),
        )
    )
    match ended.ending:
        case Ending.OUTPUT | Ending.DISK:
            raise HostileTreeError(f"the result is larger than {limits.pack_bytes} bytes")
        case Ending.WALL:
            raise HostileTreeError(f"the result could not be taken within {limits.seconds:g} s")
    check_end(ended, "committing what is in the worktree", said)
    with pack.open("rb") as file:
        line = file.readline(100)
    if not line.endswith(b"\n"):
        raise GitError("the exporter ended without saying what it exported")
    return Export(run_id=run.run_id, sha=line[:-1].decode(errors="replace"), pack=pack, offset=len(line))
