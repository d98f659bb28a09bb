import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from git_workbench import git

from github_app.errors import GitError
from github_app.git.place import claim
from github_app.git.removal import remove
from github_app.git.sweep import Swept, sweep

# A worker that dies without a word in the middle of a run
CRASH = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from git_workbench import quick_confiner
from github_app.git.mirror import Mirror
from github_app.git.worktree import open_run
place, base, run_id = Path(sys.argv[2]), sys.argv[3], sys.argv[4]
mirror = Mirror.open(place / "mirrors", "42")
with open_run(mirror=mirror, work_dir=place / "work", run_id=run_id, branch=f"remit/docs/1-{run_id}", base=base,
              confiner=quick_confiner()) as run:
    (run.path / "tree" / "half").write_text("done")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def crash(bench, run_id):
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", CRASH, str(here), str(bench.place), bench.base, run_id],
        cwd=here.parent.parent,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


def test_what_a_crash_left_is_swept_beside_a_living_run(bench):
    crash(bench, "dead")
    git(bench.mirror.git_dir, "update-ref", "refs/remit/dead", bench.base)
    git(bench.mirror.git_dir, "update-ref", "refs/heads/remit/docs/1-stray", bench.base)
    (bench.mirror.git_dir / "packed-refs.lock").touch()
    (bench.mirror.objects / "pack" / "tmp_pack_x").touch()
    (bench.mirror.git_dir / "worktrees" / "half-made").mkdir()
    with bench.open(run_id="living", branch="remit/docs/1-l") as run:
        assert sweep(bench.work_dir, [bench.mirror]) == Swept(runs=1, trash=0, worktrees=1, refs=2, scraps=1)
        assert sweep(bench.work_dir, [bench.mirror]) == Swept()
        assert bench.agent(run, "git status --porcelain")[1] == ""
        assert list(bench.mirror.refs("refs/heads")) == ["refs/heads/remit/docs/1-l"]
    assert [list((bench.work_dir / name).iterdir()) for name in ("runs", "trash")] == [[], []]


def test_a_run_may_be_opened_again_after_a_crash_without_a_sweep(bench):
    crash(bench, "7")
    assert list(bench.mirror.refs("refs/heads")) == ["refs/heads/remit/docs/1-7"]
    with bench.open() as run:
        assert bench.agent(run, "ls half")[0].exit_code != 0
    assert bench.mirror.refs("refs/heads") == {}


def test_a_branch_left_by_a_crash_is_made_again(bench):
    git(bench.mirror.git_dir, "update-ref", "refs/heads/remit/docs/1-7", bench.base)
    with bench.open() as run:
        assert run.branch == "remit/docs/1-7"


def test_a_run_that_cannot_be_checked_out_leaves_nothing(bench):
    failing = replace(bench.confiner, run=lambda asked: bench.confiner.run(replace(asked, argv=("false",))))
    broken = replace(bench, confiner=failing)
    with pytest.raises(GitError, match="the checkout failed"), broken.open():
        pass
    with pytest.raises(GitError), bench.open(base="1" * 40):
        pass
    assert [list((bench.work_dir / name).iterdir()) for name in ("runs", "trash")] == [[], []]
    assert bench.mirror.refs("refs/heads") == {}


@pytest.mark.parametrize("run_id", ["", ".", "..", "../x", "a/b", "-x", "a.lock", "a" * 65, "a b", "a\n"])
def test_an_odd_run_id_is_refused(place, run_id):
    with pytest.raises(GitError, match="not a run id"):
        claim(place / "work", run_id, {})


def test_any_tree_can_be_removed(place):
    top = place / "top"
    top.mkdir()
    (top / "keep").symlink_to(place / "outside")
    (place / "outside").mkdir()
    (place / "outside" / "file").touch()
    here = os.open(top, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        os.mkfifo("p", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    (top / "d" / "d").chmod(0)
    (top / "d").chmod(0)
    remove(top)
    assert sorted(path.name for path in place.iterdir()) == ["outside"]
    assert [path.name for path in (place / "outside").iterdir()] == ["file"]
    remove(top)
