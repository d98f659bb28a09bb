"""Issue events and timers against every state a task can be in."""

from dataclasses import replace

import pytest
from core_example import (
    ADMIN,
    BODY,
    BOT,
    HEAD,
    NOW,
    OUTSIDER,
    READER,
    SECOND,
    SELF,
    TRIAGER,
    access_lost,
    approval,
    changed,
    expired,
    facts,
    finished,
    having,
    issue,
    labels,
    policy,
    pull_closed,
    repository,
    said,
    start_refused,
    task,
    withdrawn,
)

from github_app.core.decide import DAY, decide
from github_app.core.decision import (
    CreateTask,
    MoveTask,
    Propose,
    React,
    Refresh,
    Reply,
    RewordTask,
    Verdict,
    WithdrawApprovals,
)
from github_app.core.facts import Ledger
from github_app.core.names import Mode, State, Tier
from github_app.core.policy import Caps
from github_app.core.task import ENDED, OPEN, Move, Origin, next_state

AFTER_EDIT = facts(issue(body=BODY + " Also the readme.", edited_at=NOW))
AFTER_BUG = facts(issue("documentation", "bug"))
FULL = Ledger(pending_repository=5)
WAITING = [State.HELD, State.QUEUED, State.RETRYABLE]
UNFINISHED = [State.DEFERRED, *WAITING, State.RUNNING]


def kinds(things):
    return [type(thing) for thing in things]


def moves(decision):
    return [change.move for change in decision.changes if isinstance(change, MoveTask)]


def codes(decision):
    return [reason.code for reason in decision.reasons]


def becomes(old, new, state, rules=None):
    """Return the facts `new` of an issue whose task was made when its facts were `old`."""
    return new.with_ledger(Ledger(task=task(state, old, rules)))


def test_an_auto_safe_label_queues_a_task_at_once():
    decision = decide(changed(), policy(), facts())
    (create,) = decision.changes
    assert isinstance(create, CreateTask)
    assert (create.origin, create.tier, create.base, create.requester) == (
        Origin.QUEUED,
        Tier.AUTO_SAFE,
        HEAD,
        "writer",
    )
    assert (decision.verdict, create.digest, create.expires_at) == (Verdict.RUN, decision.digest, None)
    assert decision.actions == (
        React(on="issue", number=7, comment_id=None, content="eyes"),
        Refresh(task_id=None),
    )


def test_a_proposed_label_holds_a_task_and_asks_for_exactly_its_text():
    decision = decide(changed(), policy(), facts(issue("bug")))
    (create,) = decision.changes
    assert (decision.verdict, create.origin, create.expires_at) == (Verdict.HOLD, Origin.HELD, NOW + 7 * DAY)
    assert kinds(decision.actions) == [React, Propose, Refresh]
    proposal = decision.actions[1]
    assert (proposal.body, proposal.digest, proposal.expires_at) == (BODY, create.digest, create.expires_at)
    assert proposal.changed == ()


@pytest.mark.parametrize("names", [("documentation",), ("bug",)])
def test_over_a_cap_a_task_is_deferred_and_not_proposed(names):
    decision = decide(changed(), policy(), facts(issue(*names), FULL))
    (create,) = decision.changes
    assert (decision.verdict, create.origin, create.expires_at) == (Verdict.DEFER, Origin.DEFERRED, None)
    assert (create.reason.code, codes(decision)[0]) == ("cap.pending_repository", "cap.pending_repository")
    assert kinds(decision.actions) == [React, Refresh]


def test_an_identical_title_is_refused_with_the_other_issues_number():
    other = replace(task(State.QUEUED), issue_number=3)
    decision = decide(changed(), policy(), facts(ledger=Ledger(same_title=other)))
    assert (decision.verdict, codes(decision), decision.changes) == (Verdict.SKIP, ["duplicate.title"], ())
    (reply,) = decision.actions
    assert (reply.kind, reply.reasons[0].sentence) == ("skipped", "#3 has the same title and an open task.")
    assert reply.once


@pytest.mark.parametrize(
    ("sender", "action", "answered"),
    [
        (ADMIN, "labeled", True),
        (TRIAGER, "labeled", True),
        (TRIAGER, "edited", True),
        (READER, "labeled", False),
        (OUTSIDER, "opened", False),
        (BOT, "labeled", False),
        (ADMIN, "reconciled", False),
        (ADMIN, "assigned", False),
    ],
    ids=str,
)
def test_a_skip_is_said_aloud_to_who_asked_just_now_and_could_change_it(sender, action, answered):
    decision = decide(changed(action, sender), policy(), facts(issue("bug", body="short"), sender=sender))
    assert codes(decision) == ["body.short"]
    assert kinds(decision.actions) == ([Reply] if answered else [])
    assert decision.changes == ()


@pytest.mark.parametrize(
    "about", [issue(open=False), issue(locked=True), issue(is_pull=True), issue(labels=labels("bug"))]
)
def test_nobody_is_told_where_nobody_asked_or_nobody_can_answer(about):
    decision = decide(changed(), policy(), facts(about))
    assert (decision.actions, decision.changes) == ((), ())


def test_the_same_refusal_is_told_once():
    first = decide(changed(), policy(), facts(issue("bug", body="short")))
    again = decide(changed("edited"), policy(), facts(issue("bug", body="short too")))
    other = decide(changed("edited"), policy(), facts(issue("bug", assignees=("writer",))))
    assert first.actions[0].once == again.actions[0].once != other.actions[0].once


@pytest.mark.parametrize("state", [*WAITING, State.RUNNING, State.IN_REVIEW])
def test_an_event_that_changes_nothing_changes_nothing(state):
    decision = decide(changed("edited"), policy(), having(state))
    assert (decision.changes, decision.actions) == ((), ())


STOPS = {
    "closed": facts(issue(open=False)),
    "locked": facts(issue(locked=True)),
    "transferred": facts(issue(transferred=True)),
    "deleted": replace(facts(), issue=None),
    "archived": facts(repository=repository(archived=True)),
    "opt-in removed": facts(issue(labels=labels("documentation"))),
    "blocked label": facts(issue("documentation", "security")),
    "skip label": facts(issue("documentation", "wontfix")),
    "map label removed": facts(issue(labels=labels("remit"))),
    "labeller lost triage": facts(issue(labels=labels("remit", "documentation", by=READER))),
    "assigned": facts(issue(assignees=("admin",))),
    "body emptied": facts(issue(body="")),
}


@pytest.mark.parametrize("state", UNFINISHED)
@pytest.mark.parametrize("why", STOPS)
def test_a_stop_condition_cancels_whatever_has_not_become_a_pull_request(why, state):
    decision = decide(changed("x"), policy(), becomes(facts(), STOPS[why], state))
    assert (decision.verdict, moves(decision)) == (Verdict.STOP, [Move.CANCEL])
    assert kinds(decision.changes) == [MoveTask, WithdrawApprovals]
    told = [action for action in decision.actions if isinstance(action, Reply)]
    assert len(told) == (state is State.RUNNING and why not in {"locked", "deleted"})


def test_a_task_whose_pull_request_is_open_is_left_to_its_reviewers():
    decision = decide(changed("closed"), policy(), becomes(facts(), STOPS["closed"], State.IN_REVIEW))
    assert (decision.changes, decision.actions) == ((), ())


@pytest.mark.parametrize("state", [State.QUEUED, State.RETRYABLE])
def test_new_words_of_trusted_people_are_simply_the_new_text(state):
    decision = decide(changed("edited"), policy(), becomes(facts(), AFTER_EDIT, state))
    (change,) = decision.changes
    assert isinstance(change, RewordTask)
    assert (change.reason.code, change.set["digest"], change.set["tier"]) == (
        "text.changed",
        decision.digest,
        Tier.AUTO_SAFE,
    )
    assert "the description was changed" in change.reason.sentence


@pytest.mark.parametrize("state", [State.QUEUED, State.RETRYABLE])
def test_new_words_void_an_approval(state):
    before = facts(issue("bug"))
    after = facts(issue("bug", title="Drop the database"))
    decision = decide(changed("edited"), policy(), becomes(before, after, state))
    move, withdraw = decision.changes
    assert (move.move, codes(decision)[0]) == (Move.HOLD, "approval.void")
    assert (withdraw.task_id, withdraw.comment_id) == (70, None)
    assert (move.set["expires_at"], move.set["proposed_at"]) == (NOW + 7 * DAY, NOW)
    assert decision.actions[0].changed == ("the title was changed",)


def test_new_words_of_a_held_task_are_proposed_anew():
    before, after = facts(issue("bug")), facts(issue("bug", body=BODY * 2))
    decision = decide(changed("edited"), policy(), becomes(before, after, State.HELD))
    change, withdraw = decision.changes
    assert (type(change), type(withdraw)) == (RewordTask, WithdrawApprovals)
    assert change.set["digest"] == decision.actions[0].digest == decision.digest
    assert kinds(decision.actions) == [Propose, Refresh]


@pytest.mark.parametrize("state", [State.QUEUED, State.RETRYABLE])
def test_a_stricter_label_holds_what_would_have_run(state):
    decision = decide(changed(), policy(), becomes(facts(), AFTER_BUG, state))
    assert (decision.verdict, moves(decision), decision.tier) == (Verdict.HOLD, [Move.HOLD], Tier.PROPOSED)


@pytest.mark.parametrize("state", WAITING)
def test_a_looser_label_loosens_nothing_by_itself(state):
    decision = decide(changed("unlabeled"), policy(), becomes(AFTER_BUG, facts(), state))
    assert decision.verdict is Verdict.HOLD
    assert decision.changes[0].set["tier"] is Tier.PROPOSED
    assert moves(decision) == ([] if state is State.HELD else [Move.HOLD])


def test_a_stricter_label_stops_a_run():
    decision = decide(changed(), policy(), becomes(facts(), AFTER_BUG, State.RUNNING))
    assert (decision.verdict, moves(decision)) == (Verdict.STOP, [Move.CANCEL])
    assert [a.kind for a in decision.actions if isinstance(a, Reply)] == ["stopped"]


def test_other_words_do_not_stop_a_run():
    decision = decide(changed("edited"), policy(), becomes(facts(), AFTER_EDIT, State.RUNNING))
    assert (decision.changes, decision.actions) == ((), ())


def test_an_outsiders_edit_stops_an_auto_safe_run():
    after = facts(issue(editor=OUTSIDER, edited_at=NOW))
    decision = decide(changed("edited"), policy(), becomes(facts(), after, State.RUNNING))
    assert moves(decision) == [Move.CANCEL]


def test_room_admits_a_deferred_auto_safe_task():
    decision = decide(changed("reconciled"), policy(), having(State.DEFERRED))
    assert (decision.verdict, moves(decision)) == (Verdict.RUN, [Move.ADMIT])
    assert kinds(decision.actions) == [Refresh]


def test_room_proposes_a_deferred_task_that_needs_an_approval():
    decision = decide(changed("reconciled"), policy(), having(State.DEFERRED, facts(issue("bug"))))
    assert (decision.verdict, moves(decision)) == (Verdict.HOLD, [Move.PROPOSE])
    assert decision.changes[0].set["expires_at"] == NOW + 7 * DAY
    assert kinds(decision.actions) == [Propose, Refresh]


def test_a_deferred_task_without_room_keeps_its_place_silently():
    waiting = task(State.DEFERRED, reason_code="cap.pending_repository")
    decision = decide(changed("reconciled"), policy(), facts(ledger=replace(FULL, task=waiting)))
    assert (decision.verdict, decision.changes, decision.actions) == (Verdict.DEFER, (), ())


def test_a_deferred_task_learns_its_new_text_and_its_new_cap():
    waiting = task(State.DEFERRED, reason_code="cap.requester")
    decision = decide(changed("edited"), policy(), AFTER_EDIT.with_ledger(replace(FULL, task=waiting)))
    (change,) = decision.changes
    assert (change.reason.code, change.set["digest"]) == ("cap.pending_repository", decision.digest)


def test_an_older_deferred_task_goes_first():
    rules = policy(caps=Caps(pending_per_repository=2))
    ledger = Ledger(task=task(State.DEFERRED), pending_repository=1, deferred_before=1)
    assert decide(changed("reconciled"), rules, facts(ledger=ledger)).verdict is Verdict.DEFER
    ledger = replace(ledger, deferred_before=0)
    assert moves(decide(changed("reconciled"), rules, facts(ledger=ledger))) == [Move.ADMIT]


def test_a_refused_start_cancels_what_may_not_go_on():
    decision = decide(start_refused(), policy(), becomes(facts(), STOPS["closed"], State.RUNNING))
    assert moves(decision) == [Move.CANCEL]


def test_a_refused_start_gives_new_words_of_trusted_people_back_to_the_queue():
    decision = decide(start_refused(), policy(), becomes(facts(), AFTER_EDIT, State.RUNNING))
    assert (moves(decision), decision.changes[0].set["digest"]) == ([Move.RELEASE], decision.digest)


def test_a_refused_start_whose_reason_went_away_is_given_back_and_said_in_a_whole_sentence():
    decision = decide(start_refused(), policy(), having(State.RUNNING))
    assert moves(decision) == [Move.RELEASE]
    assert "start ." not in decision.reasons[0].sentence


def test_a_refused_start_holds_a_changed_text_with_a_new_proposal():
    before, after = facts(issue("bug")), facts(issue("bug", body=BODY * 2))
    decision = decide(start_refused(), policy(), becomes(before, after, State.RUNNING))
    assert (moves(decision), codes(decision)[0]) == ([Move.HOLD], "approval.void")
    assert kinds(decision.actions) == [Propose, Refresh]


def test_a_refused_start_for_want_of_an_approval_says_so():
    decision = decide(start_refused(), policy(), having(State.RUNNING, facts(issue("bug"))))
    assert (moves(decision), codes(decision)[0]) == ([Move.HOLD], "approval.missing")
    assert kinds(decision.actions) == [Propose, Refresh, Reply]


@pytest.mark.parametrize(
    "known",
    [
        facts(),
        having(State.RUNNING, fence=4),
        having(State.RUNNING, id=71),
        *(having(state) for state in State if state is not State.RUNNING),
    ],
)
def test_a_refused_start_of_a_task_that_moved_on_counts_for_nothing(known):
    decision = decide(start_refused(), policy(), known)
    assert (decision.verdict, decision.changes, codes(decision)) == (Verdict.IGNORE, (), ["task.moved_on"])


def test_nobody_answered_in_time():
    decision = decide(expired(), policy(), having(State.HELD, facts(issue("bug")), expires_at=NOW))
    assert (decision.verdict, moves(decision), codes(decision)) == (Verdict.STOP, [Move.EXPIRE], ["approval.expired"])


@pytest.mark.parametrize(
    "known",
    [
        facts(),
        having(State.HELD, expires_at=NOW + 1),
        having(State.HELD, id=71, expires_at=NOW),
        having(State.QUEUED, expires_at=NOW),
        having(State.RUNNING, expires_at=NOW),
    ],
)
def test_an_expiry_that_came_too_early_or_too_late_counts_for_nothing(known):
    assert decide(expired(), policy(), known).changes == ()


def test_lost_access_cancels_every_task_and_writes_nothing():
    tasks = (task(State.RUNNING), task(State.HELD, id=71))
    decision = decide(access_lost(), policy(), facts(repository=None, ledger=Ledger(affected=tasks)))
    assert moves(decision) == [Move.CANCEL, Move.CANCEL]
    assert (decision.actions, codes(decision)) == ((), ["access.lost"])


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.HELD, [WithdrawApprovals]),
        (State.QUEUED, [WithdrawApprovals, MoveTask]),
        (State.RETRYABLE, [WithdrawApprovals, MoveTask]),
        (State.RUNNING, [WithdrawApprovals]),
        (State.IN_REVIEW, []),
        (State.DEFERRED, []),
    ],
)
def test_an_edited_approval_stops_counting(state, expected):
    ledger = Ledger(task=task(state, facts(issue("bug"))), approvals=(approval(ADMIN, "x", comment=300),))
    decision = decide(withdrawn(300), policy(), facts(issue("bug"), ledger))
    assert kinds(decision.changes) == expected
    assert moves(decision) == ([Move.HOLD] if MoveTask in expected else [])


def test_an_edited_comment_that_approved_nothing_changes_nothing():
    ledger = Ledger(task=task(State.QUEUED), approvals=(approval(ADMIN, "x", comment=299),))
    decision = decide(withdrawn(300), policy(), facts(ledger=ledger))
    assert (decision.verdict, decision.changes) == (Verdict.IGNORE, ())


EVENTS = [
    changed(),
    said("/remit why"),
    said("/approve"),
    said("/remit stop"),
    said("/remit retry"),
    said("/remit nonsense"),
    withdrawn(),
    start_refused(),
    finished(),
    finished("crashed"),
    pull_closed(merged=True),
    pull_closed(merged=False),
    access_lost(),
    expired(),
]
IDS = [f"{type(event).__name__}-{number}" for number, event in enumerate(EVENTS)]


@pytest.mark.parametrize("event", EVENTS, ids=IDS)
def test_observing_never_has_an_effect_and_never_starts_or_frees_anything(event):
    rules = policy(mode=Mode.OBSERVE)
    for state in (None, *State):
        for about in (facts(), facts(issue("bug")), STOPS["closed"]):
            known = about if state is None else having(state, about, rules)
            decision = decide(event, rules, known)
            assert decision.actions == ()
            assert not any(isinstance(change, CreateTask) for change in decision.changes)
            assert not {Move.ADMIT, Move.PROPOSE} & set(moves(decision))


def test_observing_still_says_what_would_have_happened():
    decision = decide(changed(), policy(mode=Mode.OBSERVE), facts())
    assert (decision.verdict, decision.category, codes(decision)) == (Verdict.HOLD, "docs", ["mode.observe"])


def test_observing_still_lets_a_stop_condition_stop():
    rules = policy(mode=Mode.OBSERVE)
    decision = decide(changed("closed"), rules, becomes(facts(), STOPS["closed"], State.RUNNING, rules))
    assert (moves(decision), decision.actions) == ([Move.CANCEL], ())


def test_what_remit_did_itself_decides_nothing():
    for action in ("labeled", "unlabeled", "edited", "opened"):
        decision = decide(changed(action, SELF), policy(), facts(sender=SELF))
        assert (decision.verdict, decision.changes, decision.actions) == (Verdict.IGNORE, (), ())
    assert decide(changed("reconciled", SELF), policy(), facts(sender=SELF)).changes != ()


@pytest.mark.parametrize("event", EVENTS, ids=IDS)
@pytest.mark.parametrize("state", sorted(ENDED))
def test_an_ended_task_never_moves_again(event, state):
    assert moves(decide(event, policy(), having(state).with_ledger(Ledger(last=task(state))))) == []


@pytest.mark.parametrize("event", EVENTS, ids=IDS)
def test_every_move_decided_is_one_the_state_table_knows(event):
    for state in sorted(OPEN):
        for about in (facts(), facts(issue("bug")), *STOPS.values()):
            known = replace(becomes(facts(), about, state), comment_at=NOW - SECOND)
            for change in decide(event, policy(), known).changes:
                if isinstance(change, MoveTask):
                    assert (change.task_id, change.version) == (70, 4)
                    assert next_state(state, change.move) is not state


def test_the_same_question_has_the_same_answer():
    for event in EVENTS:
        known = having(State.HELD, facts(issue("bug")))
        assert decide(event, policy(), known) == decide(event, policy(), known)


def test_a_decision_is_stored_without_the_issues_words():
    stored = str(decide(changed(), policy(), facts(issue("bug"))).as_json())
    assert "old command" not in stored
    assert "Propose" in stored


def test_two_decisions_share_a_fingerprint_only_when_the_second_says_nothing_new():
    one = decide(changed(), policy(), facts())
    assert one.fingerprint == decide(changed("edited"), policy(), facts()).fingerprint
    others = [AFTER_EDIT, AFTER_BUG, STOPS["closed"], facts(issue(author=OUTSIDER))]
    assert len({one.fingerprint, *(decide(changed(), policy(), other).fingerprint for other in others)}) == 5


@pytest.mark.parametrize("state", UNFINISHED)
def test_anybody_can_open_a_pull_request_for_an_issue_and_it_stops_no_task(state):
    decision = decide(changed("x"), policy(), becomes(facts(), facts(issue(linked_pulls=(12,))), state))
    assert Move.CANCEL not in moves(decision)


def ended(state, code="task.rejected", *, at):
    last = replace(task(state), reason_code=code, updated_at=at)
    seen = facts(issue(labels=tuple(replace(label, at=NOW - 60_000) for label in labels("remit", "documentation"))))
    return replace(seen, ledger=replace(seen.ledger, task=None, last=last))


@pytest.mark.parametrize("state", [State.REJECTED, State.EXPIRED, State.FAILED, State.COMPLETED])
def test_a_task_that_was_ended_stays_ended_until_the_label_is_set_again_or_somebody_asks(state):
    over, anew = ended(state, at=NOW - 30_000), ended(state, at=NOW - 90_000)
    decision = decide(changed("labeled"), policy(), over)
    assert ([r.code for r in decision.reasons], decision.changes) == (["task.ended"], ())
    assert kinds(decide(changed("labeled"), policy(), anew).changes) == [CreateTask]
    assert kinds(decide(changed("retried"), policy(), over).changes) == [CreateTask]


def test_what_only_the_issue_itself_cancelled_comes_back_with_it():
    closed, stopped = (ended(State.CANCELLED, code, at=NOW - 30_000) for code in ("issue.closed", "task.stopped"))
    assert kinds(decide(changed("reopened"), policy(), closed).changes) == [CreateTask]
    assert decide(changed("reopened"), policy(), stopped).changes == ()


def test_p01_equal_digits_of_another_text_are_another_text():
    bug = facts(issue("bug"))
    before = becomes(bug, bug, State.HELD)
    collided = replace(before.ledger.task, subject=before.ledger.task.subject.replace('"body":"', '"body":"0'))
    decision = decide(changed("edited"), policy(), replace(before, ledger=replace(before.ledger, task=collided)))
    assert [action.digest for action in decision.actions if isinstance(action, Propose)] == [collided.digest]


@pytest.mark.parametrize("state", [State.HELD, State.QUEUED, State.RETRYABLE])
def test_a_policy_that_cannot_be_read_stops_no_task_even_where_it_had_another_opt_in_label(state):
    unreadable = replace(policy(), trigger="ship-it", broken="line 3 is not YAML")
    assert decide(changed("labeled"), unreadable, becomes(facts(), facts(), state)).changes == ()
    closed = becomes(facts(), facts(issue(open=False)), state)
    assert moves(decide(changed("closed"), unreadable, closed)) == [Move.CANCEL]
