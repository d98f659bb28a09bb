"""What is stored with a decision is enough to explain it and to make it again."""

from dataclasses import replace

from crafted import changed, delivered, facts

from github_app.core.decide import decide
from github_app.core.facts import Label
from github_app.core.names import Instant, Mode
from github_app.core.replay import replay
from github_app.policy.read import default_policy
from github_app.store import view
from github_app.store.apply import apply
from github_app.store.recorded import known_sources, recorded_decision, recordings

RULES = replace(default_policy(), mode=Mode.ACTIVE)
SOURCES = {"server.yml": "version: 1\nmode: active\n"}


def decided(db, number, *names, rules=RULES):
    known = facts(number, now=db.now())
    labels = tuple(Label(name=name, by=known.sender) for name in ("remit", *names))
    known = replace(known, issue=replace(known.issue, labels=labels))
    return apply(db, delivered(db, f"d-{number}", number), changed(number), rules, known, decide, sources=SOURCES)


def test_a_decision_is_stored_with_what_would_change_it(db):
    applied = decided(db, 1, "bug")
    (stored,) = view.detail(db, applied.task.id).decisions
    assert [remedy["code"] for remedy in stored.document["remedies"]] == ["approval.give", "policy.change"]
    assert applied.task.digest in stored.document["remedies"][0]["sentence"]


def test_a_decision_that_runs_is_stored_without_any(db):
    applied = decided(db, 1, "documentation")
    assert view.detail(db, applied.task.id).decisions[0].document["remedies"] == []


def test_no_word_of_the_issue_is_in_the_stored_decision(db):
    applied = decided(db, 1, "bug")
    assert "word word" not in str(view.detail(db, applied.task.id).decisions[0].document)


def test_recorded_decisions_come_back_newest_first_and_are_the_same_again(db):
    for number, names in enumerate([("bug",), ("documentation",), ("security",), ("tests", "bug")], start=1):
        decided(db, number, *names)
    found = list(recordings(db, since=Instant(0)))
    assert [one.event.number for one in found] == [4, 3, 2, 1]
    again = replay(decide, lambda _: RULES, found)
    assert (again.total, again.rows) == (4, [])
    assert [one.event.number for one in recordings(db, since=Instant(0), limit=2)] == [4, 3]
    assert recorded_decision(db, found[0].id).facts == found[0].facts
    assert known_sources(db) == {RULES.version: SOURCES}


def test_only_what_was_decided_since_is_read(db, clock):
    decided(db, 1, "bug")
    clock.advance(10_000)
    decided(db, 2, "bug")
    assert [one.event.number for one in recordings(db, since=Instant(db.now() - 5_000))] == [2]
    assert recorded_decision(db, 99) is None
