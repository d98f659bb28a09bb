"""Pauses stop starts, never decisions; and the reminder of a proposal nobody answered."""

from dataclasses import replace

import pytest
from core_example import BUG_FACTS, NOW, OTHER, PLACE, WRITER, approval, changed, facts, having, policy, said, task

from github_app.core.decide import decide
from github_app.core.decision import CreateTask, MoveTask, Reply, Verdict
from github_app.core.events import ApprovalAwaited
from github_app.core.facts import Ledger
from github_app.core.names import Instant, Mode, State
from github_app.core.pause import Pause, Scope, why_paused
from github_app.core.policy import Approval
from github_app.core.report import Status, reply_comment, status_comment

PAUSES = tuple(
    Pause(scope=scope, target=0, name="n", reason="the build is red", by="root", at=NOW, until=until)
    for scope, until in ((Scope.REPOSITORY, Instant(NOW + 3_600_000)), (Scope.SERVER, None))
)
HELD = having(State.HELD, BUG_FACTS, expires_at=Instant(NOW + 1000))
AWAITED = ApprovalAwaited(place=PLACE, task_id=HELD.ledger.task.id, expires_at=Instant(NOW + 1000))


def paused(known):
    return known.with_ledger(replace(known.ledger, pauses=PAUSES))


@pytest.mark.parametrize(
    ("event", "known"),
    [(changed(), facts()), (changed(), BUG_FACTS), (said("/approve"), HELD), (changed(), having(State.DEFERRED))],
)
def test_a_pause_changes_nothing_about_a_decision_but_what_it_says(event, known):
    free, held_up = decide(event, policy(), known), decide(event, policy(), paused(known))
    assert (free.changes, free.actions, free.verdict) == (held_up.changes, held_up.actions, held_up.verdict)
    assert free.reasons == held_up.reasons[: len(free.reasons)]


@pytest.mark.parametrize(
    ("event", "known", "queues"),
    [(changed(), facts(), True), (said("/approve"), HELD, True), (changed(), BUG_FACTS, False)],
)
def test_a_decision_that_queues_a_task_says_why_it_will_wait(event, known, queues):
    decision = decide(event, policy(), paused(known))
    said_of = [reason.code for reason in decision.reasons if reason.code.startswith("paused.")]
    assert (["paused.repository", "paused.server"] if queues else []) == said_of
    assert said_of == [step.code for step in decision.steps if step.check == "pause"]


def test_a_pause_says_where_until_when_who_and_why():
    first, second = map(why_paused, PAUSES)
    assert (first.code, second.code) == ("paused.repository", "paused.server")
    assert (
        first.sentence
        == "Nothing starts on this repository until 2027-01-15 09:00 UTC: root paused it (the build is red)."
    )
    assert (
        second.sentence == "Nothing starts on this server until somebody resumes it: root paused it (the build is red)."
    )


@pytest.mark.parametrize("verb", ["why", "status"])
def test_why_and_status_tell_of_a_pause(verb):
    known = paused(having(State.QUEUED))
    (reply,) = [a for a in decide(said(f"/remit {verb}"), policy(), known).actions if isinstance(a, Reply)]
    comment = reply_comment(reply, "1", known.ledger.task)
    assert all(reason.sentence in comment for reason in map(why_paused, PAUSES))


def test_the_status_of_a_running_task_tells_of_no_pause():
    shown = {state: "paused.server" in status_comment(Status(task=task(state), pauses=PAUSES)) for state in State}
    assert {State.DEFERRED, State.HELD, State.QUEUED, State.RETRYABLE} == {state for state in shown if shown[state]}


# reminders


def reminded(known, rules=None):
    return decide(AWAITED, rules or policy(), known)


def test_a_reminder_changes_nothing_and_says_who_is_waited_for_and_until_when():
    decision = reminded(HELD)
    (reply,) = decision.actions
    comment = reply_comment(reply, "1", HELD.ledger.task)
    assert (decision.verdict, decision.changes, reply.kind) == (Verdict.HOLD, (), "reminder")
    assert f"reminder:{HELD.ledger.task.proposal}" == reply.once
    for told in (
        "expires on 2027-01-15",
        "one more approval",
        f"/approve {HELD.ledger.task.digest}",
        "approval.awaited",
    ):
        assert told in comment


def test_a_reminder_counts_the_approvals_of_this_text_that_are_missing():
    task_now = HELD.ledger.task
    given = (approval(WRITER, task_now.digest), approval(WRITER, task_now.digest), approval(OTHER, "0" * 12))
    known = HELD.with_ledger(Ledger(task=task_now, approvals=given))
    rules = policy(approval=Approval(count=3))
    assert "2 more approvals" in reminded(known, rules).reasons[0].sentence


@pytest.mark.parametrize("state", [state for state in State if state is not State.HELD])
def test_what_is_not_held_any_more_is_not_reminded_of(state):
    known = having(state, BUG_FACTS, expires_at=Instant(NOW + 1000))
    assert reminded(known).actions == ()


def test_another_proposal_is_not_reminded_of_by_the_end_of_an_earlier_one():
    later = having(State.HELD, BUG_FACTS, expires_at=Instant(NOW + 2000))
    assert reminded(later).actions == ()


def test_a_repository_that_only_observes_is_not_written_to():
    assert reminded(HELD, policy(mode=Mode.OBSERVE)).actions == ()


def test_the_decisions_here_do_queue_and_approve():
    assert any(isinstance(change, CreateTask) for change in decide(changed(), policy(), facts()).changes)
    assert any(isinstance(change, MoveTask) for change in decide(said("/approve"), policy(), HELD).changes)
