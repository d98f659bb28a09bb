"""Who runs what: claims, leases, fences, and what a run records while it lasts.

Counted limits need claims one after another: the lock, one SELECT with every limit and pause, one compare-and-set
UPDATE. Every later write matches the fence, so a worker that lost its lease writes nothing. Only `heartbeat` renews,
and only what it is told really runs. An attempt that reported its end has no lease any more: it waits for its decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from github_app.core.decision import Reason, Refresh
from github_app.core.events import AttemptFinished, StartRefused, place_of
from github_app.core.facts import Approval
from github_app.core.names import Instant, State, TaskId
from github_app.core.task import STARTABLE, Move, Task
from github_app.errors import StaleError
from github_app.store.codec import clean, event_body, plain
from github_app.store.inbox import NewDelivery, record
from github_app.store.ledger import standing_approvals
from github_app.store.outbox import put
from github_app.store.pauses import NOT_PAUSED
from github_app.store.presence import WorkerId
from github_app.store.session import Database
from github_app.store.tables import among
from github_app.store.tasks import ATTEMPT, NO_LEASE, TASK, Cause, annotate, claim_row, move

LEASE = 40_000
IS_STARTABLE = among("t.state", STARTABLE)

CLAIMABLE = text(f"""
SELECT t.id, t.version FROM task t
LEFT JOIN (SELECT repository_id, count(*) AS n FROM task WHERE state = 'running' GROUP BY repository_id) here
  ON here.repository_id = t.repository_id
LEFT JOIN (SELECT installation_id, count(*) AS n FROM task WHERE state = 'running' GROUP BY installation_id) around
  ON around.installation_id = t.installation_id
WHERE {IS_STARTABLE} AND t.run_after <= :now
  AND coalesce(here.n, 0) < t.running_cap AND coalesce(around.n, 0) < t.running_cap_installation
  AND (SELECT count(*) FROM task WHERE state = 'running') < :total
  AND {NOT_PAUSED}
ORDER BY t.priority DESC, coalesce(here.n, 0), coalesce(t.admitted_at, t.created_at), t.id LIMIT 1
""")  # noqa: S608 - our words


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A task this worker may run until its lease ends. `earlier` are the steps that interrupted attempts recorded."""

    task: Task
    fence: int
    number: int
    lease_until: Instant
    approvals: tuple[Approval, ...]
    earlier: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What became of the tasks a worker said it runs. Both mean: stop the run, publish nothing."""

    lost: frozenset[TaskId]
    cancelled: frozenset[TaskId]


def claim(db: Database, worker: WorkerId, *, lease: int = LEASE, total: int = 1_000_000) -> Claimed | None:
    """Lease the next task that may start now, or None. `lease` is in milliseconds, `total` the limit over all workers.

    The order is priority, then repositories with fewer running, then age.
    """

    def work(session: Session) -> Claimed | None:
        db.lock(session)
        now = db.now(session)
        found = session.execute(CLAIMABLE, {"now": now, "total": total}).first()
        if found is None:
            return None
        until = Instant(now + lease)
        columns = {
            "lease_until": until,
            "worker": clean(worker.name),
            "worker_host": worker.host,
            "worker_pid": worker.pid,
            "worker_start": worker.start,
        }
        reason = Reason(code="worker.claimed", sentence=f"Started by {worker.name}.")
        task = claim_row(session, found.id, found.version, reason, Cause(actor="remit", at=now), columns)
        interruptions = session.execute(select(TASK.c.interruptions).where(TASK.c.id == task.id)).scalar_one()
        number = task.attempts + interruptions
        earlier = _steps_so_far(session, task.id)
        values = {"task_id": task.id, "fence": task.fence, "number": number, "started_at": now, "steps": {}}
        session.execute(insert(ATTEMPT).values({**values, "worker": clean(worker.name)}))
        put(
            session,
            Refresh(task_id=task.id),
            key=f"claim:{task.id}:{task.fence}",
            place=place_of(task),
            number=task.issue_number,
            task_id=task.id,
            now=now,
        )
        return Claimed(
            task=task,
            fence=task.fence,
            number=number,
            lease_until=until,
            approvals=standing_approvals(session, task.id),
            earlier=earlier,
        )

    return db.transaction(work)


def heartbeat(db: Database, live: Mapping[TaskId, int], *, lease: int = LEASE) -> Heartbeat:
    """Renew the leases of what really runs (`live`: task id -> fence, read before this call) and learn what must stop.

    Says nothing about tasks that are not in `live`: a claim made in the meantime is not touched.
    """

    def work(session: Session) -> Heartbeat:
        until = db.now(session) + lease
        lost, cancelled = set(), set()
        for task_id, fence in sorted(live.items()):
            mine = (TASK.c.id == task_id, TASK.c.fence == fence, TASK.c.lease_until.is_not(None))
            renewed = session.execute(update(TASK).where(*mine).values(lease_until=until).returning(TASK.c.id)).first()
            if renewed is None:
                row = session.execute(select(TASK.c.fence, TASK.c.state).where(TASK.c.id == task_id)).first()
                if row is None or row.fence != fence:
                    lost.add(task_id)
                elif row.state != State.RUNNING:
                    cancelled.add(task_id)
        return Heartbeat(lost=frozenset(lost), cancelled=frozenset(cancelled))

    return db.transaction(work)


def record_step(
    db: Database, task_id: TaskId, fence: int, name: str, data: Mapping[str, Any], **columns: Any
) -> Mapping[str, Any]:
    """Record once that a step of the run is done, and return what is recorded (an earlier record wins).

    `columns` are noted on the task in the same transaction (`branch`, `head`, `pull_number`, ...). Raises StaleError
    when the lease is lost: the step is then not ours to do.
    """

    def work(session: Session) -> Mapping[str, Any]:
        _hold_on(session, task_id, fence)
        mine = (ATTEMPT.c.task_id == task_id, ATTEMPT.c.fence == fence)
        steps = session.execute(select(ATTEMPT.c.steps).where(*mine)).scalar_one()
        if name in steps:
            return steps[name]
        told = plain({**data, "at": db.now(session)})
        session.execute(update(ATTEMPT).where(*mine).values(steps={**steps, name: told}))
        if columns:
            annotate(session, task_id, **columns)
        return told

    return db.transaction(work)


def still_mine(db: Database, task_id: TaskId, fence: int) -> None:
    """Raise StaleError unless the lease is held: to be asked just before an effect outside."""
    with db.read() as session:
        row = session.execute(
            select(TASK.c.fence, TASK.c.state, TASK.c.lease_until).where(TASK.c.id == task_id)
        ).first()
        now = db.now(session)
    if row is None or row.fence != fence or row.state != State.RUNNING or (row.lease_until or 0) < now:
        raise StaleError(f"the lease of task {task_id} with fence {fence} is lost")


def finish(db: Database, event: AttemptFinished) -> bool:
    """Record how an attempt ended and hand it to be decided, in one transaction; False when that was done before.

    To be repeated until the database answers. Raises StaleError when the lease was lost: the report counts for nothing.
    """
    report = event.report
    values = {
        "outcome": clean(report.outcome),
        "sentence": clean(report.sentence),
        "base": report.base,
        "head": report.head,
        "report": plain(report),
        "wall": clean(report.wall),
    }
    return _end(db, event, f"attempt:{event.task_id}:{event.fence}", "remit.attempt_finished", None, values)


def refuse_start(db: Database, event: StartRefused, why: str) -> bool:
    """Hand a claimed task back to be decided, because it may not start as things are now; as `finish` otherwise."""
    values = {"outcome": "not_started", "sentence": clean(why)}
    guid = f"start:{event.task_id}:{event.fence}"
    return _end(db, event, guid, "remit.start_refused", event.number, values)


def release(db: Database, task_id: TaskId, fence: int, reason: Reason, *, run_after: Instant | None = None) -> Task:
    """Give a task back unharmed (drain, provider outage): the attempt does not count. Raises StaleError as above."""

    def work(session: Session) -> Task:
        db.lock(session)
        row = _hold_on(session, task_id, fence)
        changes = {} if run_after is None else {"run_after": run_after}
        return move(
            session, task_id, row.version, Move.RELEASE, reason, Cause(actor="remit", at=db.now(session)), changes
        )

    return db.transaction(work)


def _end(
    db: Database,
    event: AttemptFinished | StartRefused,
    guid: str,
    name: str,
    number: int | None,
    values: dict[str, Any],
) -> bool:
    def work(session: Session) -> bool:
        if session.execute(text("SELECT 1 FROM delivery WHERE guid = :guid"), {"guid": guid}).first() is not None:
            return False
        row = _hold_on(session, event.task_id, event.fence)
        now = db.now(session)
        mine = (ATTEMPT.c.task_id == event.task_id, ATTEMPT.c.fence == event.fence)
        session.execute(update(ATTEMPT).where(*mine).values(**values, ended_at=now))
        session.execute(update(TASK).where(TASK.c.id == event.task_id).values(NO_LEASE))
        delivery = NewDelivery(
            guid=guid,
            event=name,
            source="internal",
            installation_id=event.place.installation_id,
            repository_id=event.place.repository_id,
            number=row.issue_number if number is None else number,
            body=event_body(event),
            received_at=now,
        )
        record(session, delivery)
        return True

    return db.transaction(work)


def _hold_on(session: Session, task_id: TaskId, fence: int) -> Any:
    """Lock the row of a task that this fence still runs."""
    wanted = select(TASK.c.version, TASK.c.fence, TASK.c.state, TASK.c.lease_until, TASK.c.issue_number)
    row = session.execute(wanted.where(TASK.c.id == task_id).with_for_update()).first()
    if row is None or row.fence != fence or row.state != State.RUNNING or row.lease_until is None:
        raise StaleError(f"the lease of task {task_id} with fence {fence} is lost")
    return row


def _steps_so_far(session: Session, task_id: TaskId) -> dict[str, Any]:
    wanted = select(ATTEMPT.c.steps, ATTEMPT.c.report.is_not(None).label("reported"))
    found: dict[str, Any] = {}
    for row in session.execute(wanted.where(ATTEMPT.c.task_id == task_id).order_by(ATTEMPT.c.fence)).all():
        found = {} if row.reported else {**found, **row.steps}  # what was reported is over; the next round begins anew
    return found
