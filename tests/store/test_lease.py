import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from crafted import POLICY, REAPER, WHY, WORKER, add_task, arrived, caps, finished, place, step
from sqlalchemy import text

from github_app.core.decision import React
from github_app.core.events import StartRefused
from github_app.core.names import State
from github_app.core.task import Move, Origin
from github_app.errors import StaleError
from github_app.store import view
from github_app.store.backlog import take
from github_app.store.codec import event_from
from github_app.store.lease import (
    LEASE,
    claim,
    finish,
    heartbeat,
    record_step,
    refuse_start,
    release,
    still_mine,
)
from github_app.store.outbox import due, put
from github_app.store.presence import alive, started, this_process
from github_app.store.rescue import ON_ITS_WAY, PATIENCE, expire_approvals, free_taken, reap

WIDE = caps(running_per_repository=100, running_per_installation=100)


def test_a_claim_runs_the_task_under_a_new_fence(db):
    task = add_task(db)
    claimed = claim(db, WORKER)
    assert (State.RUNNING, 1, 1, db.now() + LEASE) == (
        claimed.task.state,
        claimed.fence,
        claimed.number,
        claimed.lease_until,
    )
    assert (task.id, None) == (claimed.task.id, claim(db, WORKER))


def test_sixty_concurrent_claims_hold_every_limit_and_claim_nothing_twice(real_db):
    policy = caps(running_per_repository=2, running_per_installation=3)
    for number in range(1, 31):
        add_task(real_db, number, repository=number % 3, installation=1 + number % 2, policy=policy)
    with ThreadPoolExecutor(12) as pool:
        claims = [c for c in pool.map(lambda _: claim(real_db, WORKER, total=5), range(60)) if c is not None]
    assert (len(claims), len({c.task.id for c in claims})) == (5, 5)
    places = [c.task.repository_id for c in claims], [c.task.installation_id for c in claims]
    assert all(places[0].count(repository) <= 2 for repository in range(3))
    assert all(places[1].count(installation) <= 3 for installation in (1, 2))


def test_a_repository_at_its_limit_does_not_hold_up_another(db):
    add_task(db, 1), add_task(db, 2), add_task(db, 3, repository=2)
    assert [c and c.task.issue_number for c in (claim(db, WORKER) for _ in range(3))] == [1, 3, None]


def test_priority_goes_first_then_the_repository_with_fewer_running_then_age(db, clock):
    for number, repository in ((1, 1), (2, 1), (3, 2), (4, 1)):
        add_task(db, number, repository=repository, policy=WIDE)
        clock.advance(1)
    with db.write() as session:
        session.execute(text("UPDATE task SET priority = 1 WHERE issue_number = 4"))
    assert [claim(db, WORKER).task.issue_number for _ in range(4)] == [4, 3, 1, 2]


def test_a_task_waits_for_its_time(db, clock):
    add_task(db)
    step(db, claim(db, WORKER).task, Move.RETRY, run_after=clock() + 1000)
    assert claim(db, WORKER) is None
    clock.advance(1000)
    assert claim(db, WORKER).number == 2


def test_a_heartbeat_renews_only_what_it_names(db, clock):
    add_task(db, 1), add_task(db, 2, repository=2)
    one, two = claim(db, WORKER), claim(db, WORKER)
    clock.advance(LEASE - 1)
    beat = heartbeat(db, {one.task.id: one.fence})
    assert (frozenset(), frozenset()) == (beat.lost, beat.cancelled)
    clock.advance(2)
    assert [two.task.id] == [r.task.id for r in reap(db, REAPER)]


def test_a_heartbeat_tells_what_was_cancelled_and_what_was_lost(db):
    add_task(db, 1), add_task(db, 2, repository=2)
    one, two = claim(db, WORKER), claim(db, WORKER)
    step(db, one.task, Move.CANCEL)
    beat = heartbeat(db, {one.task.id: one.fence, two.task.id: two.fence - 1})
    assert (frozenset({two.task.id}), frozenset({one.task.id})) == (beat.lost, beat.cancelled)


def test_an_expired_lease_is_rescued_once_with_a_word_in_the_history(db, clock):
    add_task(db)
    claimed = claim(db, WORKER)
    clock.advance(LEASE + 1)
    assert [(claimed.task.id, State.RETRYABLE)] == [(r.task.id, r.task.state) for r in reap(db, REAPER)]
    assert reap(db, REAPER) == []
    assert view.history(db, claimed.task.id)[-1].sentence == "Restarted after interruption."
    again = claim(db, WORKER)
    assert (again.number, again.fence, again.task.attempts) == (2, 2, 1)
    assert [attempt.outcome for attempt in view.attempts(db, claimed.task.id)] == ["retry", ""]


def test_nothing_a_stale_worker_does_counts(db, clock):
    add_task(db)
    old = claim(db, WORKER)
    clock.advance(LEASE + 1)
    reap(db, REAPER)
    new = claim(db, replace(WORKER, name="w2"))
    task_id = old.task.id
    for write in (
        lambda: record_step(db, task_id, old.fence, "pushed", {}),
        lambda: finish(db, finished(old.task)),
        lambda: refuse_start(db, StartRefused(place=place(), task_id=task_id, fence=old.fence, number=1), "no"),
        lambda: release(db, task_id, old.fence, WHY),
        lambda: still_mine(db, task_id, old.fence),
    ):
        with pytest.raises(StaleError):
            write()
    assert frozenset({task_id}) == heartbeat(db, {task_id: old.fence}).lost
    still_mine(db, task_id, new.fence)
    assert take(db) == []


def test_a_dead_process_of_this_host_is_noticed_at_once_and_a_live_one_is_not(db):
    add_task(db, 1), add_task(db, 2, repository=2)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = this_process("here")
    there = replace(here, name="child", pid=child.pid, start=started(child.pid))
    dying, living = claim(db, there), claim(db, here)
    assert reap(db, here) == []
    child.kill()
    child.communicate()
    assert [dying.task.id] == [r.task.id for r in reap(db, here)]
    assert view.get(db, living.task.id).state == State.RUNNING


def lay_effect(db, number, installation):
    where = replace(place(), installation_id=installation)
    eyes = React(on="issue", number=number, comment_id=None, content="eyes")
    with db.write() as session:
        put(session, eyes, key=f"k{number}", place=where, number=number, task_id=None, now=db.now(session))


def test_what_a_dead_process_was_working_on_is_free_again_and_what_a_live_one_does_is_not(db, clock):
    arrived(db, "hers", 1), arrived(db, "ours", 2)
    for number, installation in ((1, 7), (2, 8)):
        lay_effect(db, number, installation)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = this_process("here")
    there = replace(here, name="child", pid=child.pid, start=started(child.pid))
    assert [b.deliveries[0].guid for b in take(db, limit=1, by=there)] == ["hers"]
    assert [b.deliveries[0].guid for b in take(db, by=here)] == ["ours"]
    assert [e.number for e in due(db, limit=1, by=there)] == [1]
    assert [e.number for e in due(db, by=here)] == [2]
    assert (free_taken(db, here), take(db), due(db)) == (0, [], [])
    child.kill()
    child.communicate()

    assert free_taken(db, here) == 2
    assert [b.deliveries[0].guid for b in take(db, by=here)] == ["hers"]
    assert due(db, by=here) == [], "what the dead sent last may still arrive"
    clock.advance(ON_ITS_WAY)
    (again,) = due(db, by=here)
    assert (again.number, again.tries) == (1, 2)
    assert free_taken(db, here) == 0


def test_a_process_is_known_by_its_start_time_and_only_on_its_host():
    here = this_process()
    assert (os.getpid(), True) == (here.pid, alive(here, here))
    assert False is alive(replace(here, start="1"), here)
    assert None is alive(replace(here, host="another"), here)


def test_a_task_that_is_interrupted_again_and_again_fails(db, clock):
    task = add_task(db)
    for _ in range(POLICY.retries + PATIENCE):
        claim(db, WORKER)
        clock.advance(LEASE + 1)
        assert [r.task.state for r in reap(db, REAPER)] == [State.RETRYABLE]
    claim(db, WORKER)
    clock.advance(LEASE + 1)
    assert [r.task.state for r in reap(db, REAPER)] == [State.FAILED]
    assert view.get(db, task.id).last_failure == "interrupted"


def test_a_rescue_refreshes_what_people_see(db, clock):
    task = add_task(db)
    claim(db, WORKER)
    clock.advance(LEASE + 1)
    reap(db, REAPER)
    assert [(e.kind, e.state) for e in view.detail(db, task.id).effects] == [("Refresh", "pending")]


def test_a_step_is_recorded_once_and_handed_to_the_next_attempt(db, clock):
    add_task(db)
    claimed = claim(db, WORKER)
    first = record_step(db, claimed.task.id, claimed.fence, "pushed", {"head": "b"}, branch="remit/docs/1-1")
    assert first == record_step(db, claimed.task.id, claimed.fence, "pushed", {"head": "c"})
    assert view.get(db, claimed.task.id).branch == "remit/docs/1-1"
    clock.advance(LEASE + 1)
    reap(db, REAPER)
    assert {"pushed": {"head": "b", "at": first["at"]}} == claim(db, WORKER).earlier


def test_a_new_round_begins_without_the_steps_of_the_one_that_was_reported(db):
    add_task(db)
    claimed = claim(db, WORKER)
    record_step(db, claimed.task.id, claimed.fence, "pushed", {"head": "b"})
    finish(db, finished(claimed.task))
    step(db, view.get(db, claimed.task.id), Move.SUBMIT, Move.REVISE)
    assert claim(db, WORKER).earlier == {}


def test_a_heartbeat_between_the_end_and_its_decision_stops_nothing(db):
    add_task(db)
    claimed = claim(db, WORKER)
    finish(db, finished(claimed.task))
    beat = heartbeat(db, {claimed.task.id: claimed.fence})
    assert (beat.lost, beat.cancelled) == (frozenset(), frozenset())


def test_a_finished_attempt_becomes_one_internal_delivery_however_often_it_is_told(db, clock):
    add_task(db)
    claimed = claim(db, WORKER)
    event = finished(claimed.task, base="a" * 40, head="b" * 40, cost_usd=0.25)
    assert [finish(db, event), finish(db, event)] == [True, False]
    clock.advance(LEASE * 100)
    assert reap(db, REAPER) == [], "an attempt that reported its end is not rescued while it waits for its decision"
    (batch,) = take(db)
    (delivery,) = batch.deliveries
    assert event == event_from(delivery.event, delivery.body)
    (attempt,) = view.attempts(db, claimed.task.id)
    assert ("done", event.report) == (attempt.outcome, attempt.report)


def test_a_report_that_could_not_be_handled_does_not_keep_its_slot_for_ever(db):
    add_task(db)
    claimed = claim(db, WORKER)
    finish(db, finished(claimed.task))
    with db.write() as session:
        session.execute(text("UPDATE delivery SET state = 'quarantined'"))
    assert [claimed.task.id] == [r.task.id for r in reap(db, REAPER)]


def test_a_refused_start_is_handed_to_be_decided_and_spends_no_attempt(db):
    add_task(db, 5)
    claimed = claim(db, WORKER)
    event = StartRefused(place=place(), task_id=claimed.task.id, fence=claimed.fence, number=5)
    assert [refuse_start(db, event, "The text changed."), refuse_start(db, event, "Again.")] == [True, False]
    (batch,) = take(db)
    assert (5, event) == (batch.number, event_from(batch.deliveries[0].event, batch.deliveries[0].body))
    assert step(db, view.get(db, claimed.task.id), Move.HOLD).attempts == 0


def test_a_task_given_back_unharmed_spends_no_attempt(db, clock):
    add_task(db)
    claimed = claim(db, WORKER)
    after = release(db, claimed.task.id, claimed.fence, WHY, run_after=clock() + 10)
    assert (after.state, after.attempts, claim(db, WORKER)) == (State.QUEUED, 0, None)
    clock.advance(10)
    assert ((again := claim(db, WORKER)).number, again.fence) == (1, 2)


def test_a_proposal_nobody_answers_is_said_to_have_expired_once(db, clock):
    task = add_task(db, origin=Origin.HELD, expires_at=clock() + 1000)
    assert expire_approvals(db) == 0
    clock.advance(1000)
    assert [expire_approvals(db), expire_approvals(db)] == [1, 0]
    (batch,) = take(db)
    assert task.id == event_from(batch.deliveries[0].event, batch.deliveries[0].body).task_id
