from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from crafted import (
    ADA,
    POLICY,
    WHY,
    WORKER,
    add_task,
    admit_or_defer,
    arrived,
    caps,
    changed,
    deciding,
    delivered,
    facts,
    finished,
    person,
    place,
    step,
    wanted,
)
from sqlalchemy import text

from github_app.core.decide import decide
from github_app.core.decision import (
    MoveTask,
    React,
    Reason,
    RecordApproval,
    Refresh,
    Reply,
    RewordTask,
    Verdict,
    WithdrawApprovals,
)
from github_app.core.events import AccessLost, CommentCreated, CommentWithdrawn, PullClosed
from github_app.core.names import Instant, Mode, State
from github_app.core.task import Move, Origin
from github_app.errors import IllegalMoveError, StaleError
from github_app.store import view
from github_app.store.apply import apply
from github_app.store.backlog import counts, take
from github_app.store.codec import event_from
from github_app.store.lease import claim, finish
from github_app.store.ledger import read_ledger
from github_app.store.outbox import SETTLING, done, due
from github_app.store.waiting import HOUR, wake_all

EYES = React(on="issue", number=1, comment_id=None, content="eyes")


def said(db, guid, answer, number=1, *, policy=POLICY, event=None, by=None, **more):
    delivery = delivered(db, guid, number, **more)
    with db.write() as session:  # what was proposed is posted
        session.execute(text("UPDATE outbox SET state = 'done' WHERE kind = 'Propose'"))
    known = replace(facts(number, now=db.now(), by=by, **more), comment_at=db.now() + 2000)
    return apply(db, delivery, event or changed(number, **more), policy, known, answer)


def ledger(db, event, policy=POLICY, *, number=1, **more):
    with db.read() as session:
        return read_ledger(session, event, policy, facts(number, now=db.now(), **more))


def states(db):
    return [(line.state, line.note) for line in view.deliveries(db)]


def test_a_decision_creates_its_task_its_history_and_its_effects_in_one_go(db):
    applied = said(db, "g", deciding(wanted(), actions=(EYES, Refresh(task_id=None))))
    task = view.open_for(db, 1, 1)
    assert applied.task == task
    detail = view.detail(db, task.id)
    assert [(line.move, line.actor, line.delivery_id) for line in detail.history] == [("create", "ada", 1)]
    assert [Refresh(task_id=task.id)] == [e.action for e in due_after(db, EYES)]
    assert [(d.verdict, d.document["reasons"][0]["code"]) for d in detail.decisions] == [("run", "test.reason")]
    assert detail.decisions[0].document["facts"]["issue"]["number"] == 1
    assert states(db) == [("handled", "run: test.reason")]


def due_after(db, first):
    (effect,) = due(db)
    assert effect.action == first
    done(db, effect.id)
    return due(db, Instant(db.now() + SETTLING))


def test_anything_that_raises_leaves_everything_as_it_was(db):
    task = add_task(db)
    bad = MoveTask(task_id=task.id, version=2, move=Move.COMPLETE, reason=WHY)
    first = RewordTask(task_id=task.id, version=1, reason=WHY, set={"title": "Other"})
    with pytest.raises(IllegalMoveError):
        said(db, "g", deciding(first, bad, actions=(EYES,)))
    assert (view.get(db, task.id), [], 1) == (task, due(db), counts(db).pending)
    assert view.latest_decision(db, 1, 1) is None


def test_a_stale_decision_is_refused_and_nothing_is_written(db):
    task = step(db, add_task(db), Move.HOLD)
    with pytest.raises(StaleError):
        said(db, "g", deciding(MoveTask(task_id=task.id, version=1, move=Move.CANCEL, reason=WHY)))
    assert view.get(db, task.id) == task


def test_a_delivery_has_its_effect_once(db):
    delivery = delivered(db, "g")
    answer = deciding(wanted(), actions=(EYES,))
    apply(db, delivery, changed(), POLICY, facts(now=db.now()), answer)
    with pytest.raises(StaleError, match="settled by somebody else"):
        apply(db, delivery, changed(), POLICY, facts(now=db.now()), answer)
    assert len(due(db)) == 1


def test_a_decision_that_says_nothing_new_is_not_stored_again(db):
    assert [said(db, guid, deciding(verdict=Verdict.SKIP)).stored for guid in "ab"] == [True, False]
    assert [state for state, _ in states(db)] == ["superseded", "handled"]
    other = Reason(code="another", sentence="Another.")
    assert said(db, "c", deciding(verdict=Verdict.SKIP, reason=other)).stored
    assert said(db, "d", deciding(verdict=Verdict.SKIP, reason=other, actions=(EYES,))).stored


def test_what_nobody_asked_for_leaves_no_decision(db):
    missing = Reason(code="trigger.missing", sentence="No.")
    assert not said(db, "g", deciding(verdict=Verdict.IGNORE, reason=missing)).stored
    assert states(db) == [("ignored", "ignore: trigger.missing")]


def test_a_burst_is_one_decision(db):
    for guid in ("a", "b", "c"):
        arrived(db, guid)
    (batch,) = take(db)
    *earlier, newest = batch.deliveries
    older = [delivery.id for delivery in earlier]
    apply(db, newest, changed(), POLICY, facts(now=db.now()), deciding(wanted()), superseded=older)
    assert [state for state, _ in states(db)] == ["handled", "superseded", "superseded"]
    assert counts(db).pending == 0


def test_a_burst_whose_decision_fails_waits_as_a_whole(db):
    for guid in ("a", "b"):
        arrived(db, guid)
    (batch,) = take(db)
    older = [delivery.id for delivery in batch.deliveries[:-1]]
    bad = MoveTask(task_id=99, version=1, move=Move.CANCEL, reason=WHY)
    with pytest.raises(StaleError):
        apply(db, batch.deliveries[-1], changed(), POLICY, facts(now=db.now()), deciding(bad), superseded=older)
    assert counts(db).pending == 2


def test_an_approval_is_recorded_moves_the_task_and_is_withdrawn(db):
    task = add_task(db, origin=Origin.HELD)
    given = RecordApproval(task_id=task.id, comment_id=5, user_id=8, login="bob", digest=task.digest, at=db.now())
    approve = MoveTask(task_id=task.id, version=1, move=Move.APPROVE, reason=WHY)
    assert State.QUEUED is said(db, "a", deciding(given, approve)).task.state
    assert [(a.comment_id, a.by.login) for a in ledger(db, changed()).approvals] == [(5, "bob")]
    said(db, "b", deciding(WithdrawApprovals(task_id=task.id, reason=WHY, comment_id=5)))
    assert ledger(db, changed()).approvals == ()


def test_the_policy_a_decision_was_made_under_is_kept_with_its_texts_once(db):
    texts = {".github/remit.yml": "mode: active"}
    for guid in "ab":
        known = facts(now=db.now())
        apply(db, delivered(db, guid), changed(), POLICY, known, deciding(actions=(EYES,)), sources=texts)
    assert view.policy_sources(db, "policy-1") == texts
    assert view.policy_sources(db, "policy-2") is None


def test_a_reply_that_is_said_once_is_said_once(db):
    reply = Reply(number=1, kind="skipped", to="ada", once="skipped:1:1")
    for guid in "ab":
        said(db, guid, deciding(actions=(reply,)))
    (effect,) = due(db)
    done(db, effect.id)
    assert due(db) == []


def test_the_ledger_counts_what_each_cap_needs(db, clock):
    bob = person(8, "bob")
    for number, origin in ((1, Origin.QUEUED), (2, Origin.HELD), (3, Origin.DEFERRED)):
        add_task(db, number, origin=origin, policy=caps(new_per_requester_per_hour=None))
    add_task(db, 4, by=bob)
    add_task(db, 1, repository=2)
    add_task(db, 1, repository=3, installation=2)
    step(db, add_task(db, 5), Move.CLAIM, Move.SUBMIT)
    step(db, add_task(db, 6), Move.CANCEL)
    seen = ledger(db, changed(1), number=1)
    assert (seen.task.issue_number, seen.pending_repository, seen.pending_installation, seen.open_pulls) == (1, 2, 3, 2)
    assert seen.requester_last_hour == 4, "2, 5, 6 here and 1 in the other repository; not itself, not the deferred one"
    assert seen.created_today == 4
    new = ledger(db, changed(9), number=9)
    assert (
        new.task, new.last, new.pending_repository, new.pending_installation, new.deferred_before,
    ) == (None, None, 3, 4, 1)  # fmt: skip
    assert ledger(db, changed(6), number=6).last.issue_number == 6
    clock.advance(HOUR)
    assert ledger(db, changed(9), number=9).requester_last_hour == 0


def test_the_ledger_finds_the_same_title_elsewhere_in_the_repository_only(db):
    other = add_task(db, 1, title="Fix the  Docs.")
    assert other == ledger(db, changed(2), number=2, title="fix the docs").same_title
    assert None is ledger(db, changed(1), number=1, title="fix the docs").same_title
    assert None is ledger(db, changed(2, repository=2), number=2, repository=2, title="fix the docs").same_title


def test_the_ledger_finds_the_task_by_what_the_event_names(db):
    task = step(db, add_task(db, 4), Move.CLAIM)
    task = step(db, task, Move.SUBMIT, pull_number=12, branch="remit/docs/4-1")
    on_pull = {"place": place(), "number": 12, "on_pull": True, "comment_id": 1, "sender": ADA}
    comment = CommentCreated(**on_pull, comment_kind="review", author=ADA, paragraphs=("/approve",), alone=True)
    closed = PullClosed(place=place(), number=12, head_branch="x", merged_as=None, sender=ADA)
    for event in (
        changed(4),
        comment,
        CommentWithdrawn(**on_pull, action="edited"),
        closed,
        replace(closed, number=99, head_branch="remit/docs/4-1"),
        finished(task),
    ):
        assert task == ledger(db, event).task
    assert None is ledger(db, replace(comment, on_pull=False)).task
    assert None is ledger(db, replace(closed, number=99)).task


def test_lost_access_affects_the_open_tasks_of_what_was_lost(db):
    one, two = add_task(db, 1), add_task(db, 1, repository=2)
    step(db, add_task(db, 2), Move.CANCEL)
    add_task(db, 1, repository=3, installation=2)
    event = AccessLost(installation_id=1, repository_ids=None, why="uninstalled")
    assert (one, two) == ledger(db, event).affected
    assert (two,) == ledger(db, replace(event, repository_ids=(2,))).affected
    delivery = delivered(db, "g", None, repository=None)
    apply(db, delivery, event, POLICY, replace(facts(now=db.now()), issue=None, repository=None), decide)
    assert [view.get(db, task.id).state for task in (one, two)] == [State.CANCELLED] * 2


def test_sixty_labels_at_once_are_exactly_five_pending_and_the_rest_in_line(real_db):
    policy = caps(new_per_requester_per_hour=None)
    deliveries = {number: delivered(real_db, f"g{number}", number) for number in range(1, 61)}

    def label(number):
        known = facts(number, now=real_db.now())
        return apply(real_db, deliveries[number], changed(number), policy, known, admit_or_defer)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(label, range(1, 61)))
    assert {s: n for s, n in view.open_counts(real_db).items() if n} == {State.QUEUED: 5, State.DEFERRED: 55}
    waiting = view.page(real_db, state=State.DEFERRED, limit=100)
    assert list(range(55, 0, -1)) == [task.position for task in waiting]


def test_when_a_task_ends_the_first_in_line_is_looked_at_again_and_admitted(db):
    policy = caps(pending_per_repository=1)
    for number in (1, 2, 3):
        said(db, f"g{number}", admit_or_defer, number, policy=policy)
    end(db, policy, 1)
    (batch,) = take(db)
    (room,) = batch.deliveries
    event = event_from(room.event, room.body)
    assert (room.event, event.number, event.action) == ("remit.room", 2, "reconciled")
    applied = apply(db, room, event, policy, facts(2, now=db.now()), admit_or_defer)
    assert State.QUEUED is applied.task.state
    assert view.open_for(db, 1, 3).position == 1
    assert take(db) == []


def end(db, policy, number, **where):
    task = view.open_for(db, where.get("repository", 1), number)
    cancel = MoveTask(task_id=task.id, version=task.version, move=Move.CANCEL, reason=WHY)
    said(db, f"end{task.id}", deciding(cancel), number, policy=policy, **where)


def test_room_in_an_installation_goes_to_the_repository_with_the_least_pending(db, clock):
    policy = caps(pending_per_installation=2, pending_per_repository=2)
    for number in (1, 2, 3):
        said(db, f"a{number}", admit_or_defer, number, policy=policy)
        clock.advance(1)
    said(db, "b", admit_or_defer, 1, policy=policy, repository=2)
    end(db, policy, 1)
    assert [(batch.repository_id, batch.number) for batch in take(db)] == [(2, 1)]


def test_everybodys_first_goes_before_anybodys_second_and_a_used_up_hour_holds_up_nobody(db, clock):
    policy = caps(pending_per_repository=1, new_per_requester_per_hour=2)
    bob, eve = person(8, "bob"), person(9, "eve")
    add_task(db, 1, by=eve, policy=policy)
    step(db, add_task(db, 2, by=bob, policy=policy), Move.CANCEL)
    step(db, add_task(db, 3, by=bob, policy=policy), Move.CANCEL)
    for number, by in ((10, person()), (11, person()), (12, bob), (13, eve)):
        clock.advance(1)
        add_task(db, number, by=by, origin=Origin.DEFERRED, policy=policy)
    assert [
        task.issue_number for task in sorted(view.page(db, state=State.DEFERRED), key=lambda task: task.position)
    ] == [10, 13, 11, 12]
    assert ledger(db, changed(20), number=20, by=person(30, "new")).deferred_before == 2


def test_what_time_made_room_for_is_found_by_the_sweep_and_invited_once(db):
    policy = caps(pending_per_repository=2)
    for number in (1, 2, 3):
        add_task(db, number, origin=Origin.DEFERRED, policy=policy)
    assert [wake_all(db), wake_all(db)] == [2, 0]
    assert [batch.number for batch in take(db)] == [1, 2]


def test_a_new_policy_counts_for_open_tasks_at_once(db):
    add_task(db, 1), add_task(db, 2)
    assert claim(db, WORKER) is not None
    assert claim(db, WORKER) is None
    two = caps(running_per_repository=2)
    known = replace(facts(3, now=db.now()), comment_at=db.now())
    apply(db, delivered(db, "g", 3), changed(3), two, known, deciding(verdict=Verdict.SKIP), sources={})
    assert claim(db, WORKER) is not None


def test_the_real_decision_carries_a_labelled_issue_to_its_review(db):
    policy = replace(POLICY, mode=Mode.ACTIVE)
    task = said(db, "label", decide, policy=policy).task
    assert State.QUEUED is task.state
    claimed = claim(db, WORKER)
    finish(db, finished(claimed.task, pull_number=12, branch="remit/docs/1-1", head="b" * 40))
    (batch,) = take(db)
    (delivery,) = batch.deliveries
    event = event_from(delivery.event, delivery.body)
    after = apply(db, delivery, event, policy, facts(now=db.now()), decide).task
    assert (after.state, after.pull_number, after.branch) == (State.IN_REVIEW, 12, "remit/docs/1-1")
    assert [line.move for line in view.history(db, task.id)] == ["create", "claim", "submit"]


def test_the_real_decision_proposes_approves_and_holds_again(db):
    policy = replace(POLICY, mode=Mode.PROPOSE)
    task = said(db, "label", decide, policy=policy).task
    assert State.HELD is task.state
    comment = CommentCreated(
        place=place(), number=1, on_pull=False, comment_kind="issue_comment", comment_id=5, author=ADA, sender=ADA,
        paragraphs=("/approve",), alone=True,
    )  # fmt: skip
    approved = said(db, "comment", decide, policy=policy, event=comment).task
    assert State.QUEUED is approved.state
    withdrawn = CommentWithdrawn(place=place(), number=1, on_pull=False, comment_id=5, action="deleted", sender=ADA)
    assert State.HELD is said(db, "gone", decide, policy=policy, event=withdrawn).task.state
    detail = view.detail(db, task.id)
    assert [line.move for line in detail.history] == ["create", "approval", "approve", "withdrawal", "hold"]
    assert [line.withdrawn_at is None for line in detail.approvals] == [False]
