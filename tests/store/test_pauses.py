"""Where nothing starts, and what waits too long, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from crafted import POLICY, WORKER, add_task, caps, changed, delivered, facts, step
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from github_app.core.decide import decide
from github_app.core.names import Mode, State
from github_app.core.pause import Scope
from github_app.core.task import Move, Origin
from github_app.store import view
from github_app.store.apply import apply
from github_app.store.backlog import take
from github_app.store.codec import event_from
from github_app.store.lease import claim
from github_app.store.pauses import pause, pauses, repository_called, resume
from github_app.store.rescue import expire_approvals, remind_approvals

DAY = 24 * 3_600_000
PLACES = {"server": (Scope.SERVER, 0), "installation": (Scope.INSTALLATION, 1), "repository": (Scope.REPOSITORY, 1)}


def paused(db, scope, target, **more):
    return pause(db, scope, target, "there", **{"reason": "maintenance", "by": "root"} | more)


@pytest.mark.parametrize("where", PLACES)
def test_nothing_is_claimed_where_it_is_paused_until_somebody_resumes(db, where):
    add_task(db)
    paused(db, *PLACES[where])
    assert None is claim(db, WORKER)
    assert resume(db, *PLACES[where], by="root")
    assert State.RUNNING is claim(db, WORKER).task.state
    assert not resume(db, *PLACES[where], by="root")


@pytest.mark.parametrize("scope", [Scope.INSTALLATION, Scope.REPOSITORY])
def test_a_pause_elsewhere_stops_nothing_here(db, scope):
    add_task(db)
    paused(db, scope, 2)
    assert claim(db, WORKER) is not None


def test_a_pause_with_an_end_lifts_by_itself(db, clock):
    add_task(db)
    paused(db, Scope.SERVER, 0, until=clock() + 1000)
    clock.advance(999)
    assert (claim(db, WORKER), len(pauses(db))) == (None, 1)
    clock.advance(1)
    assert pauses(db) == []
    assert not resume(db, Scope.SERVER, 0, by="root")
    assert claim(db, WORKER) is not None


def test_a_task_that_waits_for_its_next_try_waits_too_and_one_that_runs_goes_on(db):
    add_task(db, 1), add_task(db, 2, repository=2)
    first, live = claim(db, WORKER).task, claim(db, WORKER).task
    waiting = step(db, first, Move.RETRY)
    paused(db, Scope.SERVER, 0)
    assert None is claim(db, WORKER)
    assert [view.get(db, task.id).state for task in (waiting, live)] == [State.RETRYABLE, State.RUNNING]


def test_pausing_again_replaces_and_every_pause_stays_on_record(db, clock):
    paused(db, Scope.REPOSITORY, 1, until=clock() + 1000)
    paused(db, Scope.REPOSITORY, 1, reason="still", by="ada")
    paused(db, Scope.INSTALLATION, 1)
    assert [(p.reason, p.by, p.until) for p in pauses(db)] == [("still", "ada", None), ("maintenance", "root", None)]
    resume(db, Scope.REPOSITORY, 1, by="bob")
    with db.read() as session:
        rows = session.execute(text("SELECT paused_by, lifted_by FROM pause ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [("root", "ada"), ("ada", "bob"), ("root", "")]


def test_one_place_is_paused_once_and_only_in_known_ways(db):
    sql = "INSERT INTO pause (scope, target, name, reason, paused_by, at) VALUES (:scope, 1, 'n', 'r', 'b', 1)"
    for scope in ("repository", "planet"):
        paused(db, Scope.REPOSITORY, 1)
        with pytest.raises(IntegrityError), db.write() as session:
            session.execute(text(sql), {"scope": scope})


def test_no_claim_slips_through_beside_a_pause(real_db):
    policy = caps(running_per_repository=100, running_per_installation=100)
    for number in range(1, 21):
        add_task(real_db, number, policy=policy)

    def act(number):
        if number == 10:
            paused(real_db, Scope.SERVER, 0)
            return real_db.now()
        claimed = claim(real_db, WORKER)
        return None if claimed is None else claimed.task.started_at

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(act, range(40)))
    ended = done.pop(10)
    assert all(at is None or at <= ended for at in done)
    assert None is claim(real_db, WORKER)


def test_a_decision_made_in_a_pause_says_that_the_task_will_wait(db):
    paused(db, Scope.REPOSITORY, 1)
    paused(db, Scope.SERVER, 0)
    applied = apply(db, delivered(db, "g"), changed(), POLICY, facts(now=db.now()), decide_active)
    assert State.QUEUED is applied.task.state
    codes = [reason["code"] for reason in view.detail(db, applied.task.id).decisions[0].document["reasons"]]
    assert codes[1:] == ["paused.repository", "paused.server"]
    detail = view.detail(db, applied.task.id)
    assert [one.scope for one in detail.pauses] == [Scope.REPOSITORY, Scope.SERVER]


def decide_active(event, policy, known):
    return decide(event, replace(policy, mode=Mode.ACTIVE), known)


def test_a_task_that_needs_no_start_any_more_is_not_shown_as_paused(db):
    ended = step(db, add_task(db), Move.CANCEL)
    paused(db, Scope.SERVER, 0)
    assert view.detail(db, ended.id).pauses == ()


def test_a_repository_is_known_by_the_name_of_its_newest_task(db):
    add_task(db)
    assert repository_called(db, "ACME/R1") == (1, "acme/r1")
    assert None is repository_called(db, "acme/other")


# reminders


def held(db, clock, days=7):
    return add_task(db, origin=Origin.HELD, expires_at=clock() + days * DAY)


def test_a_proposal_is_reminded_of_once_on_its_last_day(db, clock):
    task = held(db, clock)
    clock.advance(6 * DAY - 1)
    assert remind_approvals(db) == 0
    clock.advance(1)
    assert [remind_approvals(db), remind_approvals(db)] == [1, 0]
    (delivery,) = take(db)[0].deliveries
    event = event_from(delivery.event, delivery.body)
    assert (task.id, task.expires_at) == (event.task_id, event.expires_at)
    clock.advance(DAY)
    assert (remind_approvals(db), expire_approvals(db)) == (0, 1)


def test_a_new_proposal_is_reminded_of_anew(db, clock):
    task = held(db, clock)
    clock.advance(6 * DAY)
    assert remind_approvals(db) == 1
    step(db, task, Move.APPROVE, Move.HOLD, expires_at=clock() + 7 * DAY)
    assert remind_approvals(db) == 0
    clock.advance(6 * DAY)
    assert remind_approvals(db) == 1


def test_a_proposal_that_lives_for_a_day_only_is_not_reminded_of(db, clock):
    held(db, clock, days=1)
    clock.advance(1)
    assert remind_approvals(db) == 0


def test_what_is_not_held_any_more_is_not_reminded_of(db, clock):
    step(db, held(db, clock), Move.APPROVE)
    clock.advance(6 * DAY)
    assert remind_approvals(db) == 0
