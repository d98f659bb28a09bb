"""`remit run` on a clone: a branch and a report, and nothing else of the clone changes."""

import hashlib
import json
import os
import re
import signal
from pathlib import Path

import pytest
from cli_process import eventually, git, running

ISSUE = """# Say how amounts are written

Somebody who reads the manual for the first time should find out that all amounts are in cents, without asking anybody.
One short page is enough.
"""
WRITES = "sh -c 'cat > brief.md; mkdir -p docs; mv brief.md docs/amounts.md'"


@pytest.fixture
def issue(place):
    path = place / "issue.md"
    path.write_text(ISSUE)
    return path


@pytest.fixture
def run(here, clone, issue):
    def local(*words, repo=clone, label="documentation", agent=WRITES):
        return here(
            "run", "--repo", repo, "--issue", issue, "--label", label, "--agent-cmd", agent, *words, cwd=clone.parent
        )

    return local


def fingerprint(path):
    """Hash every file of a tree, with its mode and time, but git's objects and the branches of ours."""
    found = {}
    for each in sorted(path.rglob("*")):
        name = each.relative_to(path).as_posix()
        if re.search(r"(^|/)objects/|refs/heads/remit($|/)|(^|/)logs/refs/heads/remit", name):
            continue
        what = each.lstat()
        data = bytes(each.readlink()) if each.is_symlink() else each.read_bytes() if each.is_file() else b""
        when = what.st_mtime_ns if each.is_file() else 0
        found[name] = (hashlib.sha256(data).hexdigest(), what.st_mode, when)
    return found


def temporary():
    return sorted(each.name for each in Path("/tmp").glob("remit-run-*"))


def branches(clone):
    return git(clone, "for-each-ref", "--format=%(refname:short)", "refs/heads/remit").split()


def test_the_result_is_a_branch_and_a_report_and_the_clone_is_untouched(run, clone, place):
    (clone / "docs" / "a.md").write_text("staged\n")
    git(clone, "add", "docs/a.md")
    before = fingerprint(clone)
    said = run("--report", place / "report.md")
    assert said.stderr.splitlines()[-1].endswith("review")
    [branch] = branches(clone)
    assert before == fingerprint(clone)
    report = (place / "report.md").read_text()
    assert f"git -C {clone} diff {git(clone, 'rev-parse', 'main')[:12]}..{branch}" in report
    assert "Say how amounts are written" in git(clone, "show", f"{branch}:docs/amounts.md")
    assert git(clone, "diff", "--name-only", "main", branch).split() == ["docs/amounts.md"]


def test_as_json_the_same_is_data(run, clone):
    said = json.loads(run("--json").stdout)
    assert (said["decision"]["verdict"], said["decision"]["tier"]) == ("run", "auto_safe")
    assert [said["branch"]] == branches(clone)
    assert said["look"].endswith(said["branch"])


def test_a_held_tier_runs_nothing_without_approval_and_runs_with_it(run, clone):
    held = run(label="bug")
    assert (held.returncode, branches(clone)) == (1, [])
    assert "`--approve` approves exactly this text" in held.stdout
    run("--approve", label="bug")
    assert len(branches(clone)) == 1


@pytest.mark.parametrize(("label", "code"), [("security", "label.blocked"), ("nonsense", "label.")])
def test_a_label_that_starts_nothing_is_explained(run, clone, label, code):
    said = run(label=label)
    assert (said.returncode, code in said.stdout) == (1, True)
    assert "Nothing was run." in said.stdout
    assert branches(clone) == []


def test_it_works_from_a_detached_head_and_from_a_linked_worktree(run, clone, place):
    git(clone, "checkout", "-q", "--detach")
    before = fingerprint(clone)
    run()
    assert before == fingerprint(clone)
    git(clone, "worktree", "add", "-q", place / "linked")
    before = fingerprint(place / "linked")
    run(repo=place / "linked")
    assert before == fingerprint(place / "linked")
    assert len(set(branches(clone))) == 2


def test_nothing_that_a_hostile_clone_configures_is_run(run, clone, place):
    trap = place / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {place}/sprung-$$\ncat\n")
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "core.sshCommand", "core.pager", "diff.external", "filter.x.smudge",
                 "filter.x.clean", "credential.helper", "gpg.program", "uploadpack.packObjectsHook"):  # fmt: skip
        git(clone, "config", name, trap)
    git(clone, "config", "commit.gpgSign", "true")
    (clone / ".git" / "info").mkdir(exist_ok=True)
    (clone / ".git" / "info" / "attributes").write_text("* filter=x\n")
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-update", "pre-receive", "pre-auto-gc"):
        (clone / ".git" / "hooks").mkdir(exist_ok=True)
        (clone / ".git" / "hooks" / hook).write_bytes(trap.read_bytes())
        (clone / ".git" / "hooks" / hook).chmod(0o755)
    before = fingerprint(clone)
    run()
    assert sorted(place.glob("sprung-*")) == []
    assert before == fingerprint(clone)
    assert len([each for each in (clone / ".git" / "refs" / "heads" / "remit").rglob("*") if each.is_file()]) == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"repo": "nowhere"}, "is not a git repository"),
        ({"repo": "."}, "is not a git repository"),
        ({"repo": "empty"}, "has no commit yet"),
        ({"issue": "nowhere.md"}, "cannot be read"),
        ({"issue": "."}, "cannot be read"),
        ({"issue": "blank.md"}, "has no title"),
        ({"issue": "latin.md"}, "cannot be read: it is not UTF-8"),
        ({"agent": "no-such-agent --fast"}, "there is no such program"),
        ({"agent": "sh -c 'unbalanced"}, "cannot be read"),
        ({"agent": ""}, "is empty"),
        ({"policy": "nowhere.yml"}, "cannot be read"),
        ({"policy": "broken.yml"}, "broken.yml:2:7:"),
    ],
)
def test_what_cannot_be_is_one_sentence_with_something_to_try(here, clone, issue, place, change, sentence):
    (place / "empty").mkdir()
    git(place / "empty", "init", "-q")
    (place / "blank.md").write_text("\n\n")
    (place / "latin.md").write_bytes(b"# caf\xe9\n")
    (place / "broken.yml").write_text("version: 1\nmode: fast\n")
    said = here(
        "run", "--repo", change.get("repo", clone), "--issue", change.get("issue", issue), "--label", "documentation",
        "--agent-cmd", change.get("agent", "true"), *(["--policy", change["policy"]] if "policy" in change else []),
        cwd=place,
    )  # fmt: skip
    assert said.returncode in {1, 2}
    assert "Traceback" not in said.stderr
    assert sentence in said.stderr
    assert "error: " in said.stderr
    assert "try: " in said.stderr


def test_an_interrupted_run_leaves_nothing(clone, issue, place):
    before, there = fingerprint(clone), {*temporary()}
    words = ("run", "--repo", str(clone), "--issue", str(issue), "--label", "documentation", "--agent-cmd",
             "sh -c 'touch started; sleep 60'")  # fmt: skip
    with running(*words, cwd=place) as process:
        process.wait_for("agent")
        code, seconds = process.end(signal.SIGINT)
    assert (code, seconds < 5) == (130, True)
    assert "Traceback" not in process.log.read_text()
    assert (before, []) == (fingerprint(clone), branches(clone))
    eventually(lambda: not {*temporary()} - there)  # other tests run beside this one, and have theirs for a moment
    eventually(lambda: not _alive(str(place)))


def _alive(word):
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit() and int(each.name) != os.getpid():
            try:
                told = (each / "cmdline").read_bytes()
            except OSError:
                continue
            found += [told] if b"sleep\x0060" in told and word.encode() in told else []
    return found
