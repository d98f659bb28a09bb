import threading

import pytest
from git_workbench import git

from github_app.core.names import Instant
from github_app.errors import GitError
from github_app.git.importer import seal
from github_app.git.publish import Pushed, push

WHO = {
    "author_name": "remit[bot]",
    "author_email": "1+remit[bot]@users.noreply.github.com",
    "date": Instant(1_795_000_000_000),
}


def test_what_the_agent_left_becomes_one_commit_of_ours_and_is_pushed(walled_bench, remote, upstream):
    bench = walled_bench
    with bench.open() as run:
        ended, said = bench.agent(
            run,
            "git status --porcelain && echo new > docs/new.md && git add docs && git commit -qm mine"
            " && echo more >> README.md && rm src/app.py && echo noise > x.log",
        )
        assert (ended.exit_code, said) == (0, "")
        imported = bench.take(run)
        assert [(c.status, c.path, c.added, c.removed) for c in imported.changes] == [
            ("M", "README.md", 1, 0),
            ("A", "docs/new.md", 1, 0),
            ("D", "src/app.py", 0, 1),
        ]
        assert imported.read_blob(imported.changes[1].new_sha, 100) == b"new\n"
        sha = seal(imported, message="docs: say more\n\nRemit-Task: 7\n", **WHO)
        assert seal(imported, message="docs: say more\n\nRemit-Task: 7\n", **WHO) == sha
        assert bench.mirror.patch(bench.base, sha, 10_000) == imported.patch(10_000)
        assert bench.mirror.changed_since(bench.base, sha) == ("README.md", "docs/new.md", "src/app.py")
        pushed = push(mirror=bench.mirror, remote=remote, sha=sha, branch="remit/docs/1-7", token=None, expected=None)
        assert pushed == Pushed(sha=sha)
    assert git(upstream, "log", "--format=%an %cn %P %s", "-1", "remit/docs/1-7") == (
        f"remit[bot] remit[bot] {bench.base} docs: say more"
    )
    assert not run.path.exists()
    assert list((bench.work_dir / "trash").iterdir()) == []
    assert bench.mirror.refs("refs/heads") == {}
    assert bench.mirror.refs("refs/remit") == {}
    assert list(bench.mirror.git_dir.glob("worktrees/*")) == []


def test_a_run_that_changes_nothing_is_seen_as_that(bench):
    with bench.open() as run:
        assert bench.take(run).changes == ()


EVERYDAY = """
set -e
test "$(git rev-parse --abbrev-ref HEAD)" = remit/docs/1-7
test "$(git rev-parse origin/main)" = "$(git rev-parse HEAD)"
git log --oneline origin/HEAD | grep -q second
echo a > a.txt; git add a.txt; git commit -qm a
git switch -qc topic; echo b > b.txt; git add .; git commit -qm b
git stash list; echo c >> a.txt; git stash -q; git stash pop -q; git diff --stat | grep -q a.txt
git config user.name me; git commit -qam c; git tag v1; git switch -q -; git merge -q topic
git rebase -q origin/main; git cherry-pick --no-commit HEAD >/dev/null 2>&1 || git reset -q --hard
git commit -q --amend -m amended; git revert --no-edit HEAD >/dev/null; git gc -q; git fsck --no-dangling 2>/dev/null
git worktree list | grep -q .; git branch -D topic >/dev/null; git reflog | head -1 | grep -q .
git blame README.md >/dev/null; git show HEAD:README.md >/dev/null; git grep -q Hello
git describe --tags --always >/dev/null
"""


def test_everyday_git_works_for_the_agent(walled_bench):
    with walled_bench.open() as run:
        ended, said = walled_bench.agent(run, EVERYDAY)
        assert (ended.exit_code, said) == (0, "")
        assert walled_bench.agent(run, "git for-each-ref --format='%(refname)'")[1].count("refs/heads/") == 1


def test_a_detached_run_works_for_a_proof(walled_bench):
    with walled_bench.open(branch=None) as run:
        assert walled_bench.agent(run, "git status --short --branch")[1] == "## HEAD (no branch)\n"
    assert walled_bench.mirror.refs("refs/heads") == {}


def test_sixty_runs_at_once_on_one_mirror_all_work(bench):
    problems, done = [], []

    def one(number):
        try:
            with bench.open(run_id=f"r{number}", branch=f"remit/docs/1-{number}") as run:
                done.append((run.tree / "README.md").exists())
        except BaseException as problem:  # noqa: BLE001 - told below
            problems.append(problem)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (problems, done) == ([], [True] * 60)
    assert bench.mirror.refs("refs/heads") == {}
    assert list((bench.work_dir / "runs").iterdir()) == []


def test_a_living_run_keeps_its_id_and_its_branch(bench):
    with bench.open():
        with pytest.raises(GitError, match="run 7 is alive"), bench.open(branch="remit/docs/1-8"):
            pass
        with pytest.raises(GitError, match="is being worked on"), bench.open(run_id="8"):
            pass
        assert list(bench.mirror.refs("refs/heads")) == ["refs/heads/remit/docs/1-7"]
    with bench.open() as again:
        assert again.run_id == "7"
