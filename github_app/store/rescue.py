"""What time brings about: tasks of dead workers go back to the queue, proposals nobody answered expire.

A lease that ran out is rescued anywhere; a dead process of this very host at once, by its pid, the kernel's start time
and the boot. Rescuing locks the row, so a heartbeat that comes first wins and one that comes later learns it is lost.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from github_app.core.decision import Reason, Refresh
from github_app.core.events import ApprovalAwaited, ApprovalExpired, Event, Place, place_of
from github_app.core.names import InstallationId, Instant, RepositoryId, State, TaskId
from github_app.core.task import Move, Task
from github_app.store.codec import event_body
from github_app.store.inbox import NewDelivery, Recorded, record
from github_app.store.outbox import put
from github_app.store.presence import WorkerId, alive
from github_app.store.session import Database
from github_app.store.tables import IS_HELD, IS_RUNNING
from github_app.store.tasks import TASK, Cause, count_interruption, move
from github_app.store.waiting import wake

DAY = 24 * 3_600_000
ON_ITS_WAY = 10_000  # milliseconds
PATIENCE = 3  # interruptions beyond the policy's retries before a task fails: it may be what kills the workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescued:
    """A task whose run was interrupted, as it stands now, and the fence that counts for nothing any more."""

    task: Task
    fence: int


def reap(db: Database, here: WorkerId) -> list[Rescued]:
    """Take back every running task whose lease ran out or whose worker on this host is dead."""

    def work(session: Session) -> list[Rescued]:
        db.lock(session)
        now = db.now(session)
        rows = session.execute(select(TASK).where(text(IS_RUNNING)).with_for_update()).mappings().all()
        rescued = [_rescue(session, row, now) for row in rows if _interrupted(session, row, here, now)]
        for ended in (one.task for one in rescued if one.task.state is State.FAILED):
            wake(session, ended.installation_id, f"rescue-{ended.id}-{ended.fence}", now)
        return rescued

    return db.transaction(work)


def free_taken(db: Database, here: WorkerId) -> int:
    """Free the deliveries and effects that a dead process of this host was working on; returns of how many processes.

    An effect waits `ON_ITS_WAY` all the same: what the dead sent last may still arrive, and is then found.
    """
    held = "SELECT DISTINCT taken_by FROM {} WHERE state = 'pending' AND taken_until IS NOT NULL AND taken_by <> ''"
    freed = 0
    for table, patience in (("delivery", 0), ("outbox", ON_ITS_WAY)):
        with db.read() as session:
            marks = session.execute(text(held.format(table))).scalars().all()
        for mark in marks:
            if alive(WorkerId.of_mark(mark), here) is False:
                freed += db.transaction(
                    lambda session, t=table, m=mark, p=patience: _free(session, t, m, db.now(session) + p)
                )
    return freed


def _free(session: Session, table: str, mark: str, until: int) -> int:
    sql = (
        f"UPDATE {table} SET taken_by = '', taken_until = CASE WHEN taken_until < :until THEN taken_until ELSE :until "  # noqa: S608
        "END WHERE state = 'pending' AND taken_until IS NOT NULL AND taken_by = :mark"
    )
    result: Any = session.execute(text(sql), {"until": until, "mark": mark})
    return 1 if result.rowcount else 0


def expire_approvals(db: Database, *, limit: int = 100) -> int:
    """Say of every held task whose time is over that it is; what that means is decided like any other event."""

    def work(session: Session) -> int:
        now = db.now(session)
        sql = (
            "SELECT id, version, installation_id, repository_id, repository, issue_number FROM task "  # noqa: S608
            f"WHERE {IS_HELD} AND expires_at <= :now ORDER BY expires_at LIMIT :limit"
        )
        return sum(_expire(session, row, now) for row in session.execute(text(sql), {"now": now, "limit": limit}).all())

    return db.transaction(work)


def remind_approvals(db: Database, *, limit: int = 100) -> int:
    """Say once of every proposal that expires within a day that it does; ones that live no longer need no reminder."""

    def work(session: Session) -> int:
        now = db.now(session)
        sql = (
            "SELECT id, installation_id, repository_id, repository, issue_number, expires_at FROM task t "  # noqa: S608
            f"WHERE {IS_HELD} AND expires_at > :now AND expires_at <= :soon AND expires_at - proposed_at > :day "
            "AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.guid = 'awaited:' || t.id || ':' || t.expires_at) "
            "ORDER BY expires_at LIMIT :limit"
        )
        values = {"now": now, "soon": now + DAY, "day": DAY, "limit": limit}
        return sum(_remind(session, row, now) for row in session.execute(text(sql), values).all())

    return db.transaction(work)


def _interrupted(session: Session, row: Any, here: WorkerId, now: Instant) -> bool:
    if row["lease_until"] is None:  # it reported its end; only a lost report leaves it here
        guids = (f"attempt:{row['id']}:{row['fence']}", f"start:{row['id']}:{row['fence']}")
        sql = "SELECT 1 FROM delivery WHERE state = 'pending' AND guid IN (:a, :b)"
        return session.execute(text(sql), {"a": guids[0], "b": guids[1]}).first() is None
    holder = WorkerId(name=row["worker"], host=row["worker_host"], pid=row["worker_pid"], start=row["worker_start"])
    return row["lease_until"] < now or alive(holder, here) is False


def _rescue(session: Session, row: Any, now: Instant) -> Rescued:
    cause = Cause(actor="remit", at=now)
    task_id = TaskId(row["id"])
    if row["interruptions"] + 1 > row["retries"] + PATIENCE:
        sentence = f"Interrupted {row['interruptions'] + 1} times; it may be what stops the workers."
        reason = Reason(code="attempt.interrupted", sentence=sentence)
        task = move(session, task_id, row["version"], Move.FAIL, reason, cause, {"last_failure": "interrupted"})
    else:
        reason = Reason(code="attempt.interrupted", sentence="Restarted after interruption.")
        task = move(session, task_id, row["version"], Move.RETRY, reason, cause, {"run_after": now})
        count_interruption(session, task_id)
    place = place_of(task)
    put(
        session,
        Refresh(task_id=task_id),
        key=f"rescue:{task_id}:{task.fence}",
        place=place,
        number=task.issue_number,
        task_id=task_id,
        now=now,
    )
    return Rescued(task=task, fence=task.fence)


def _expire(session: Session, row: Any, now: Instant) -> bool:
    event = ApprovalExpired(place=_place(row), task_id=TaskId(row.id))
    return _tell(session, row, now, f"expired:{row.id}:{row.version}", "remit.approval_expired", event)


def _remind(session: Session, row: Any, now: Instant) -> bool:
    event = ApprovalAwaited(place=_place(row), task_id=TaskId(row.id), expires_at=Instant(row.expires_at))
    return _tell(session, row, now, f"awaited:{row.id}:{row.expires_at}", "remit.approval_awaited", event)


def _place(row: Any) -> Place:
    return Place(
        installation_id=InstallationId(row.installation_id),
        repository_id=RepositoryId(row.repository_id),
        full_name=row.repository,
    )


def _tell(session: Session, row: Any, now: Instant, guid: str, name: str, event: Event) -> bool:
    delivery = NewDelivery(
        guid=guid,
        event=name,
        source="internal",
        installation_id=InstallationId(row.installation_id),
        repository_id=RepositoryId(row.repository_id),
        number=row.issue_number,
        body=event_body(event),
        received_at=now,
    )
    return record(session, delivery) is Recorded.NEW
