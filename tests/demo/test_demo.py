"""`remit demo`: alone, twice, two at once, and killed in the middle."""

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from killed import ENDED_BEFORE, bare, command, hub_state, kill_at, processes_left, run_to_the_end

from github_app.git.removal import remove

ALL = os.environ.get("REMIT_TEST_KILLS", "")
# story: decision, tier, state, draft, comments on the issue
ENDS = {
    "docs": ("run", "auto_safe", "completed", False, 1),
    "tests": ("run", "auto_safe", "in_review", False, 1),
    "bug": ("hold", "proposed", "in_review", False, 3),
    "feature": ("hold", "proposed", "rejected", None, 3),
    "void": ("hold", "proposed", "in_review", True, 5),
    "fails": ("run", "auto_safe", "failed", None, 2),
    "nothing": ("defer", "auto_safe", "failed", None, 2),
    "deferred-1": ("defer", "auto_safe", "in_review", False, 1),
    "deferred-2": ("defer", "auto_safe", "in_review", False, 1),
    "deferred-3": ("defer", "auto_safe", "in_review", False, 1),
    "blocked": ("block", None, None, None, 1),
    "outsider": ("ignore", None, None, None, 0),
    "duplicate": ("skip", "auto_safe", None, None, 1),
}
NOTHING_LEFT = {"worktrees": [], "branches": [], "runs": []}


@pytest.fixture
def place():
    """A directory that the agents' account may enter (pytest's own are closed to it when the tests run as root)."""
    folder = Path(tempfile.mkdtemp(prefix="remit-demo-"))
    folder.chmod(0o711)
    yield folder
    remove(folder)


def check(ended, folder):
    """Check everything that holds for a finished demo, killed or not."""
    rows = ended.document["issues"]
    found = {r["story"]: (r["decision"], r["tier"], r["state"], r["draft"], r["comments"]) for r in rows}
    assert found == ENDS
    assert all(row["reasons"] and row["why"] for row in rows)
    assert all(bool(row["branch"]) == bool(row["pull"]) for row in rows)
    assert ended.document["left_behind"] == NOTHING_LEFT
    assert processes_left(folder, 5) == []
    hub = hub_state(folder)
    branches = [bare(row["branch"]) for row in rows if row["branch"]]
    assert hub["pulls"] == sorted(branches)
    assert len(hub["branches"]) == len(set(hub["branches"])) == len(branches)
    assert "Traceback" not in ended.said


def test_every_path_of_the_demo_ends_as_it_should_and_nothing_is_left_behind(place):
    ended = run_to_the_end(place / "demo")
    check(ended, place / "demo")
    assert 0 < ended.document["label_to_agent_start_ms"] < 10_000
    assert not ended.document["resumed"]
    assert "maintainer merges #" in ended.said


def test_p25_a_demo_that_is_killed_twice_ends_as_if_it_had_not_been(place):
    folder = place / "demo"
    for moment in ("Add tests for free shipping", "then the issue is edited"):
        assert kill_at(folder, moment) != ENDED_BEFORE
        assert processes_left(folder, 12) == []
    ended = run_to_the_end(folder)
    assert "it resumes where it was" in ended.said
    check(ended, folder)


@pytest.mark.skipif(not ALL, reason="set REMIT_TEST_KILLS to seconds, such as '1 2 3 4 5 6 7 8 9'")
@pytest.mark.parametrize("moment", [float(word) for word in ALL.split()])
def test_p25_a_demo_that_is_killed_at_any_moment_ends_as_if_it_had_not_been(place, moment):
    kill_at(place / "demo", moment)
    check(run_to_the_end(place / "demo"), place / "demo")


def test_a_second_start_begins_anew_and_two_at_once_are_refused_in_one_sentence(place):
    folder = place / "demo"
    with subprocess.Popen(command(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        told = first.stderr.readline() + first.stderr.readline()
        second = subprocess.run(command(folder), capture_output=True, text=True, timeout=60, check=False)
        first.send_signal(signal.SIGINT)
        rest = first.communicate(timeout=20)[1]
    assert (second.returncode, second.stdout) == (3, "")
    assert second.stderr.splitlines()[0] == f"error: Another demo is running in {folder}."
    assert second.stderr.splitlines()[1].startswith("try: ")
    assert "resumes" not in told + rest  # it was finished or never begun
    assert first.returncode == 130
    assert "Traceback" not in rest
    assert processes_left(folder, 5) == []


def test_a_directory_that_holds_other_things_is_left_alone(place):
    folder = place / "mine"
    (folder / "github").mkdir(parents=True)
    (folder / "github" / "work.txt").write_text("years of it")
    for also in ("lock", "thesis.txt"):
        (folder / also).write_text("")
        said = subprocess.run(command(folder), capture_output=True, text=True, timeout=60, check=False)
        assert said.returncode == 2
        assert "--data-dir" in said.stderr
        assert (folder / "github" / "work.txt").read_text() == "years of it"


def test_a_diary_of_another_version_starts_anew(place):
    folder = place / "older"
    kill_at(folder, "isolation")
    diary = json.loads((folder / "diary.json").read_text())
    (folder / "diary.json").write_text(json.dumps({**diary, "version": "0.0.1", "surprise": 1}))
    said = kill_at(folder, "opens")
    assert "opens" in said
    assert "resumes" not in said
