"""A recorded decision is decided again from what was stored, and from nothing else."""

import json
from dataclasses import replace

import pytest
from core_example import (
    BUG_FACTS,
    NOW,
    READER,
    WRITER,
    access_lost,
    changed,
    facts,
    finished,
    having,
    issue,
    labels,
    policy,
    said,
)
from hypothesis import given, seed
from test_properties import policies, quick, situations

from github_app.core.decide import decide
from github_app.core.facts import Ledger
from github_app.core.names import Mode, Permission, State
from github_app.core.policy import Approval, Caps
from github_app.core.recorded import command_of, event_as_json, event_from, facts_as_json, facts_from
from github_app.core.replay import decide_again, recording, replay

OTHER_VERSION = "ffffffffffff"


def stored(event, known, rules=None):
    """Return what the database gives back of a decision."""
    rules = rules or policy()
    document = decide(event, rules, known).as_json()
    document |= {"event": event_as_json(event), "facts": facts_as_json(known)}
    return recording(1, NOW, json.loads(json.dumps(document)))


def again(event, known, other, rules=None):
    """Return the verdict under another policy."""
    return str(decide_again(decide, replace(other, version=OTHER_VERSION), stored(event, known, rules)).verdict)


@seed(20261120)
@quick()
@given(known=situations, rules=policies)
def test_under_the_same_policy_every_decision_comes_out_the_same(known, rules):
    event = changed()
    before = decide(event, rules, known)
    after = decide_again(decide, replace(rules, version=OTHER_VERSION), stored(event, known, rules))
    assert (after.verdict, after.tier, after.category, after.digest) == (
        before.verdict,
        before.tier,
        before.category,
        before.digest,
    )
    assert [r.code for r in after.reasons] == [r.code for r in before.reasons]


@pytest.mark.parametrize("state", [State.DEFERRED, State.HELD, State.QUEUED, State.RUNNING, State.IN_REVIEW])
@pytest.mark.parametrize("about", [facts(), BUG_FACTS])
def test_a_decision_about_an_open_task_comes_out_the_same_too(state, about):
    for event in (changed(), said("/approve"), said("/remit why"), said("/remit stop"), said("/remit nonsense")):
        known = having(state, about)
        before = decide(event, policy(), known)
        assert again(event, known, policy()) == str(before.verdict), event


def test_no_word_of_anybody_is_stored():
    words = "marmalade"
    known = having(State.HELD, facts(issue(title=f"{words} {words}", body=f"{words} " * 40)))
    known = replace(known, ledger=replace(known.ledger, task=replace(known.ledger.task, title=words, reason=words)))
    event = said(f"/reject {words}", words)
    assert words not in json.dumps([facts_as_json(known), event_as_json(event)])


@pytest.mark.parametrize(
    ("paragraph", "kept"),
    [
        ("/approve", "/approve"),
        ("/remit approve", "/remit approve"),
        ("/approve 0123456789ab", "/approve 0123456789ab"),
        ("/approve please", "/approve ?"),
        ("/reject because", "/reject"),
        ("/remit frobnicate", "/remit unknown"),
        ("hello", ""),
    ],
)
def test_of_a_comment_only_the_command_is_kept(paragraph, kept):
    assert command_of(said(paragraph)) == kept


def test_facts_come_back_as_they_were_without_words():
    known = having(State.HELD, BUG_FACTS)
    back = facts_from(json.loads(json.dumps(facts_as_json(known))))
    assert facts_as_json(back) == facts_as_json(known)
    assert (back.issue.title, back.issue.body) == ("", "")
    event = said("/approve")
    assert event_as_json(event_from(event_as_json(event))) == event_as_json(event)


@pytest.mark.parametrize("document", [None, {}, {"form": 1}, {"now": 3}])
def test_what_an_older_version_stored_is_not_guessed_at(document):
    assert facts_from(document) is None


@pytest.mark.parametrize("event", [access_lost(), finished()])
def test_what_is_no_question_about_an_issue_is_not_made_again(event):
    assert event_from(event_as_json(event)) is None


def test_another_policy_decides_otherwise():
    assert again(changed(), facts(), policy(mode=Mode.PROPOSE)) == "hold"
    assert again(changed(), facts(), policy(blocked=("documentation",))) == "block"
    assert again(changed(), BUG_FACTS, policy(rules=(replace(policy().rules[0], tier=0), *policy().rules[1:]))) == "run"
    crowded = facts(ledger=Ledger(pending_repository=3))
    assert again(changed(), crowded, policy(caps=Caps(pending_per_repository=3))) == "defer"
    by_reader = facts(issue(labels=labels("remit", "documentation", by=READER)))
    assert again(changed(), by_reader, policy(people=replace(policy().people, propose=Permission.READ))) == "hold"


def test_a_task_that_would_not_have_been_made_like_this_is_not_there():
    queued = having(State.QUEUED)
    assert again(changed("edited"), queued, policy()) == "run"
    assert again(changed("edited"), queued, policy(mode=Mode.PROPOSE)) == "hold"
    assert again(changed("edited"), queued, policy(trigger="other")) == "ignore"


def test_an_approval_is_made_again_by_the_other_policys_rules():
    held = having(State.HELD, BUG_FACTS)
    assert again(said("/approve"), held, policy()) == "approve"
    strict = policy(approval=Approval(permission=Permission.ADMIN))
    assert again(said("/approve"), held, strict) == "answer"


def test_a_table_says_what_became_of_what():
    some = [
        stored(changed(), facts()),
        stored(changed(), BUG_FACTS),
        stored(changed(by=WRITER), facts(issue("security"))),
        None,
    ]
    found = replay(decide, lambda _: policy(mode=Mode.PROPOSE), some)
    assert dict(found.counts) == {("run", "hold"): 1, ("hold", "hold"): 1, ("block", "block"): 1}
    assert (found.total, found.skipped) == (3, 1)
    (row,) = found.rows
    assert (row.before, row.after) == (("run", "auto_safe", "docs"), ("hold", "proposed", "docs"))
    assert found.as_json()["rows"][0]["reasons"][0]["code"] == "mode.propose"
