from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from crafted import WHY, WORKER, add_task, finished, step, wanted
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from github_app.core.decision import Reason, RecordApproval
from github_app.core.names import State
from github_app.core.task import ENDED, MOVES, OPEN, Move, Origin
from github_app.errors import IllegalMoveError, StaleError
from github_app.store import view
from github_app.store.lease import claim, finish
from github_app.store.ledger import standing_approvals
from github_app.store.tasks import Cause, annotate, approve, move, reword, withdraw

PATHS = {
    State.DEFERRED: (Origin.DEFERRED, ()),
    State.HELD: (Origin.HELD, ()),
    State.QUEUED: (Origin.QUEUED, ()),
    State.RUNNING: (Origin.QUEUED, (Move.CLAIM,)),
    State.RETRYABLE: (Origin.QUEUED, (Move.CLAIM, Move.RETRY)),
    State.IN_REVIEW: (Origin.QUEUED, (Move.CLAIM, Move.SUBMIT)),
    State.COMPLETED: (Origin.QUEUED, (Move.CLAIM, Move.SUBMIT, Move.COMPLETE)),
    State.CANCELLED: (Origin.QUEUED, (Move.CANCEL,)),
    State.REJECTED: (Origin.QUEUED, (Move.REJECT,)),
    State.EXPIRED: (Origin.HELD, (Move.EXPIRE,)),
    State.FAILED: (Origin.QUEUED, (Move.FAIL,)),
}


def test_every_state_and_move_does_what_the_table_says_and_nothing_else(db):
    for number, (state, wanted_move) in enumerate(product(State, Move), start=1):
        origin, path = PATHS[state]
        task = step(db, add_task(db, number, origin=origin), *path)
        assert state == task.state
        lines = len(view.history(db, task.id))
        if wanted_move in MOVES[state]:
            after = step(db, task, wanted_move)
            assert (MOVES[state][wanted_move], task.version + 1) == (after.state, after.version)
            last = view.history(db, task.id)[-1]
            assert (state, after.state, wanted_move) == (last.from_state, last.to_state, last.move)
        else:
            with pytest.raises(IllegalMoveError):
                step(db, task, wanted_move)
            now = view.get(db, task.id)
            assert (state, task.version, lines) == (now.state, now.version, len(view.history(db, task.id)))


def test_a_move_from_another_version_is_stale_and_writes_nothing(db):
    task = add_task(db)
    step(db, task, Move.HOLD)
    with pytest.raises(StaleError, match="at version 2, not at version 1"):
        step(db, task, Move.CANCEL)
    assert [line.move for line in view.history(db, task.id)] == ["create", "hold"]


def test_of_many_moves_from_one_version_one_wins(db):
    task = add_task(db)

    def cancel(_):
        try:
            step(db, task, Move.CANCEL)
        except StaleError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(cancel, range(8))) == 1
    assert [line.move for line in view.history(db, task.id)] == ["create", "cancel"]


def test_history_says_who_when_from_what_under_which_policy_and_why(db, clock):
    task = add_task(db)
    clock.advance(5)
    with db.write() as session:
        cause = Cause(actor="bob", at=clock(), delivery_id=12, policy_version="policy-9")
        move(session, task.id, 1, Move.HOLD, Reason(code="a.code", sentence="A sentence."), cause, {"expires_at": 99})
    line = view.history(db, task.id)[-1]
    assert (2, clock(), "bob", 12, "policy-9", "a.code", "A sentence.") == (
        line.seq,
        line.at,
        line.actor,
        line.delivery_id,
        line.policy_version,
        line.code,
        line.sentence,
    )
    assert line.data["expires_at"] == 99


def test_an_issue_has_one_open_task(db):
    add_task(db)
    with pytest.raises(IntegrityError):
        add_task(db)
    add_task(db, repository=2)


def test_an_ended_task_releases_its_issue(db):
    step(db, add_task(db), Move.CANCEL)
    assert add_task(db).state == State.QUEUED


def test_a_state_nobody_knows_is_refused_by_the_database(db):
    task = add_task(db)
    with pytest.raises(IntegrityError), db.write() as session:
        session.execute(text("UPDATE task SET state = 'sleeping' WHERE id = :id"), {"id": task.id})


def test_only_known_columns_are_set(db):
    task = add_task(db)
    with pytest.raises(ValueError, match="fence, state"):
        step(db, task, Move.HOLD, state="completed", fence=7)
    assert view.get(db, task.id).state == State.QUEUED


def test_rewording_changes_columns_and_version_but_not_the_state(db):
    task = add_task(db)
    with db.write() as session:
        cause = Cause(actor="ada", at=db.now(session))
        after = reword(session, task.id, 1, WHY, cause, {"title": "Another  Title!", "digest": "e" * 16})
    assert (after.state, after.version, after.title, after.digest) == (State.QUEUED, 2, "Another  Title!", "e" * 16)
    with db.read() as session:
        assert session.execute(text("SELECT title_key FROM task")).scalar_one() == "another title"


def test_noting_where_something_is_makes_no_new_version(db):
    task = add_task(db)
    with db.write() as session:
        annotate(session, task.id, status_comment_id=44)
    assert (44, task.version) == (view.get(db, task.id).status_comment_id, view.get(db, task.id).version)


def test_leaving_running_ends_the_lease_and_the_attempt(db):
    add_task(db)
    claimed = claim(db, WORKER)
    step(db, claimed.task, Move.CANCEL)
    with db.read() as session:
        assert tuple(session.execute(text("SELECT lease_until, worker FROM task")).one()) == (None, None)
    (attempt,) = view.attempts(db, claimed.task.id)
    assert ("cancel", WHY.sentence, db.now()) == (attempt.outcome, attempt.sentence, attempt.ended_at)


def test_what_was_approved_stays_on_record_when_it_stops_counting(db):
    task = add_task(db, origin=Origin.HELD, subject='{"title": "x"}')
    given = RecordApproval(task_id=task.id, comment_id=5, user_id=8, login="bob", digest=task.digest, at=db.now())
    with db.write() as session:
        cause = Cause(actor="bob", at=db.now())
        approve(session, given, cause)
        approve(session, given, cause)
        assert [approval.comment_id for approval in standing_approvals(session, task.id)] == [5]
        withdraw(session, task.id, 6, WHY, cause)
        assert [approval.comment_id for approval in standing_approvals(session, task.id)] == [5]
        withdraw(session, task.id, 5, WHY, cause)
        assert standing_approvals(session, task.id) == ()
    (line,) = view.detail(db, task.id).approvals
    assert ('{"title": "x"}', db.now(), WHY.sentence) == (line.subject, line.withdrawn_at, line.withdrawn_why)


def test_text_no_database_can_store_is_replaced(db):
    task = add_task(db, title="a\0b\ud800c")
    assert task.title == "a\ufffdb\ufffdc"


def test_lists_go_by_key_newest_first(db):
    made = [add_task(db, number, repository=1 + number % 2) for number in range(1, 8)]
    first = view.page(db, limit=3)
    second = view.page(db, limit=3, before=first[-1].id)
    assert [task.id for task in reversed(made)][:6] == [task.id for task in first + second]
    assert sorted(task.issue_number for task in view.page(db, repository_id=1, state=State.QUEUED)) == [2, 4, 6]
    assert {state: n for state, n in view.open_counts(db).items() if n} == {State.QUEUED: 7}
    assert set(view.open_counts(db)) == OPEN
    assert ENDED.isdisjoint(view.open_counts(db))


def test_creating_names_the_issue_once(db):
    task = add_task(db, 3)
    assert (task.id, None) == (view.open_for(db, 1, 3).id, view.open_for(db, 1, 4))
    assert wanted(3).title == task.title


def test_a_task_is_found_by_its_pull_request_and_shows_its_last_report(db):
    add_task(db)
    claimed = claim(db, WORKER)
    assert view.last_report(db, claimed.task.id) is None
    event = finished(claimed.task)
    finish(db, event)
    task = step(db, view.get(db, claimed.task.id), Move.SUBMIT, pull_number=12)
    assert (view.task_by_pull(db, 1, 12).id, view.task_by_pull(db, 2, 12)) == (task.id, None)
    assert view.last_report(db, task.id) == event.report
