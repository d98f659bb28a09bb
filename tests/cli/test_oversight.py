"""`remit task audit`, `remit pause` and `remit resume` at a terminal."""

import json
import re

import pytest
from typer.testing import CliRunner

from github_app.cli.app import app
from github_app.core.decision import CreateTask, Reason, RecordApproval
from github_app.core.digest import digest
from github_app.core.events import Place
from github_app.core.names import Tier
from github_app.core.policy import Policy
from github_app.core.task import Move, Origin
from github_app.errors import RemitError, UsageError
from github_app.store.pauses import pauses
from github_app.store.session import Database
from github_app.store.tasks import Cause, approve, create, move

SUBJECT = '{"title":"x"}'
WHY = Reason(code="a.code", sentence="A sentence.")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A data directory with one task that was approved."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("github_app.cli.app.configure_log", lambda *_: None)  # one log for the whole process
    db = Database(f"sqlite:///{tmp_path / 'data' / 'remit.db'}")
    db.upgrade()
    with db.write() as session:
        cause = Cause(actor="bob", actor_id=8, at=db.now(session))
        wanted = CreateTask(
            origin=Origin.HELD, issue_number=4, title="A page", category="docs", tier=Tier.PROPOSED,
            digest=digest(SUBJECT), subject=SUBJECT, base="a" * 40, requester_id=7, requester="ada", reason=WHY,
        )  # fmt: skip
        there = Place(installation_id=5, repository_id=50, full_name="acme/widgets")
        task = create(session, there, wanted, Policy(version="policy-1"), cause)
        given = RecordApproval(task_id=task.id, comment_id=3, user_id=8, login="bob", digest=task.digest, at=cause.at)
        approve(session, given, cause)
        queued = move(session, task.id, 1, Move.APPROVE, WHY, cause)
        move(session, task.id, queued.version, Move.CLAIM, WHY, cause)
    yield db
    db.close()


def remit(*words):
    return CliRunner().invoke(app, list(words))


def failing(kind, *words):
    result = remit(*words)
    assert isinstance(result.exception, kind), result.output
    return result.exception


def test_a_trail_is_shown_exported_and_checked_without_a_database(place, tmp_path, monkeypatch):
    shown = remit("task", "audit", "1").output
    assert "Started in line 4 on approval by bob (8) in comment 3; proposed" in shown
    head = re.search(r"All 4 lines fit\. Head: ([0-9a-f]{64})", shown)[1]

    path = tmp_path / "trail.json"
    path.write_text(remit("task", "audit", "1", "--json").output)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    checked = remit("task", "audit", "--verify", str(path), "--head", head)
    assert (checked.exit_code, "All 4 lines fit" in checked.output) == (0, True)
    assert list(elsewhere.iterdir()) == []


def test_a_file_that_was_touched_is_refused_with_its_first_wrong_line(place, tmp_path):
    document = json.loads(remit("task", "audit", "1", "--json").output)
    path = tmp_path / "trail.json"
    document["lines"][1]["actor"] = "eve"
    path.write_text(json.dumps(document))
    error = failing(RemitError, "task", "audit", "--verify", str(path))
    assert (error.exit_code, "line 2: it does not fit its digest" in error.sentence) == (1, True)
    assert error.hint


@pytest.mark.parametrize("text", ["", "{", '{"a": 1, "a": 2}', '{"a": NaN}', "[" * 100_000, "\xff", "[]"])
def test_what_is_no_export_is_refused_in_words(place, tmp_path, text):
    path = tmp_path / "trail.json"
    path.write_text(text, encoding="latin-1")
    assert failing(RemitError, "task", "audit", "--verify", str(path)).exit_code == 1


def test_a_head_that_is_not_in_the_trail_is_a_finding(place):
    error = failing(RemitError, "task", "audit", "1", "--head", "0" * 64)
    assert "was noted earlier" in error.sentence


@pytest.mark.parametrize("words", [(), ("1", "--verify", "x"), ("99",), ("--verify", "nowhere.json")])
def test_an_audit_of_nothing_is_a_wrong_use(place, words):
    assert failing(UsageError, "task", "audit", *words).exit_code == 2


@pytest.mark.parametrize(
    ("where", "name"),
    [((), "this server"), (("--repo", "ACME/widgets"), "acme/widgets"), (("--installation", "5"), "installation 5")],
)
def test_a_place_is_paused_listed_and_resumed(place, where, name):
    said = remit("pause", *where, "--reason", "the build is red", "--until", "2h").output
    assert "the build is red" in said
    (made,) = pauses(place)
    assert (name, True) == (made.name, 0 <= 2 * 3_600_000 - (made.until - made.at) < 60_000)
    assert name in remit("pause", "--list").output
    assert [name] == [one["name"] for one in json.loads(remit("pause", "--list", "--json").output)]
    assert f"{name} is no longer paused." in remit("resume", *where).output
    assert "Nothing is paused." in remit("pause", "--list").output
    assert "is not paused" in failing(UsageError, "resume", *where).sentence


def test_a_paused_task_says_so(place):
    with place.write() as session:
        cause = Cause(actor="bob", at=place.now(session))
        move(session, 1, 3, Move.RETRY, WHY, cause)
    remit("pause", "--repo", "50", "--reason", "moving house")
    assert "moving house" in remit("task", "show", "1").output


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "needs a reason"),
        (("--reason", " "), "needs a reason"),
        (("--reason", "x", "--repo", "acme/other"), "has had no task"),
        (("--reason", "x", "--repo", "a/b", "--installation", "5"), "not both"),
        (("--reason", "x", "--until", "soon"), "no time"),
        (("--reason", "x", "--until", "2001-01-01"), "not ahead"),
        (("--reason", "x", "--until", "99999w"), "not ahead of us, or too far"),
    ],
)
def test_a_pause_that_makes_no_sense_is_refused_in_words(place, words, problem):
    assert problem in failing(UsageError, "pause", *words).sentence
    assert pauses(place) == []


def test_an_instant_without_a_zone_is_in_utc(place):
    remit("pause", "--reason", "x", "--until", "2030-01-01T00:00")
    assert pauses(place)[0].until == 1_893_456_000_000
