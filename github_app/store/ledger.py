"""What our own database says about an event, read inside the transaction that will write the decision."""

from collections.abc import Iterable
from typing import Any, assert_never

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from github_app.core.assess import assess
from github_app.core.events import (
    AccessLost,
    ApprovalAwaited,
    ApprovalExpired,
    AttemptFinished,
    CommentCreated,
    CommentWithdrawn,
    Event,
    IssueChanged,
    PullClosed,
    StartRefused,
)
from github_app.core.facts import Approval, Facts, Ledger, Person
from github_app.core.names import Instant, Permission, RepositoryId, State, TaskId, UserId, same_title
from github_app.core.policy import Policy
from github_app.core.sanitize import sanitize_line
from github_app.core.task import ENDED, OPEN, PENDING, Task
from github_app.store.pauses import pauses_over
from github_app.store.tables import among
from github_app.store.tasks import APPROVAL, TASK, task_of
from github_app.store.waiting import HOUR, WITH_PULL, in_front, line

DAY = 24 * HOUR
IS_OPEN, IS_PENDING, IS_ENDED = (text(among("state", states)) for states in (OPEN, PENDING, ENDED))
MAKES_PULL = text(among("state", WITH_PULL))


def read_ledger(session: Session, event: Event, policy: Policy, facts: Facts) -> Ledger:
    """Return what is known of the event's task and of every counter; the caller holds `Database.lock`."""
    if isinstance(event, AccessLost):
        return Ledger(affected=_affected(session, event))
    repository_id, installation_id = event.place.repository_id, event.place.installation_id
    task = _task_of_event(session, event)
    number = task.issue_number if task is not None else _issue_number(event)
    own = -1 if task is None else task.id
    requester = assess(policy, facts).requester
    requester_id = 0 if requester is None else requester.id
    title = None if facts.issue is None else same_title(sanitize_line(facts.issue.title).text)
    others = (IS_PENDING, TASK.c.id != own, TASK.c.installation_id == installation_id)
    here = TASK.c.repository_id == repository_id
    day = facts.now - facts.now % DAY
    started = TASK.c.admitted_at
    return Ledger(
        task=task,
        last=None if number is None else _newest_ended(session, repository_id, number),
        same_title=None if title is None else _same_title(session, repository_id, title, number, own),
        proposal_waits=task is not None and _proposal_waits(session, task.id),
        approvals=() if task is None else standing_approvals(session, task.id),
        pending_repository=_count(session, *others, here),
        pending_installation=_count(session, *others),
        requester_last_hour=_count(
            session,
            TASK.c.requester_id == requester_id,
            started > facts.now - HOUR,
            TASK.c.installation_id == installation_id,
            TASK.c.id != own,
        ),
        open_pulls=_count(session, MAKES_PULL, TASK.c.id != own, TASK.c.installation_id == installation_id, here),
        created_today=_count(session, here, started >= day, TASK.c.id != own),
        deferred_before=in_front(
            session, installation_id, repository_id, None if task is None else task.id, requester_id, facts.now
        ),
        pauses=pauses_over(session, installation_id, repository_id, facts.now),
    )


def _proposal_waits(session: Session, task_id: TaskId) -> bool:
    waiting = "SELECT 1 FROM outbox WHERE task_id = :id AND kind = 'Propose' AND state = 'pending' LIMIT 1"
    return session.execute(text(waiting), {"id": task_id}).first() is not None


def standing_approvals(session: Session, task_id: TaskId) -> tuple[Approval, ...]:
    """Return the approvals of a task that were not withdrawn; what their authors may do now only GitHub knows."""
    wanted = select(APPROVAL).where(APPROVAL.c.task_id == task_id, APPROVAL.c.withdrawn_at.is_(None))
    return tuple(
        Approval(
            comment_id=row["comment_id"],
            by=Person(id=UserId(row["user_id"]), login=row["login"], human=True, permission=Permission.NONE),
            digest=row["digest"],
            at=Instant(row["at"]),
            stands=True,
        )
        for row in session.execute(wanted.order_by(APPROVAL.c.id)).mappings()
    )


def with_positions(session: Session, rows: Iterable[Any], now: Instant) -> list[Task]:
    """Return rows as tasks that know their place in the line when they are deferred."""
    lines: dict[tuple[int, int], dict[int, int]] = {}
    tasks = []
    for row in rows:
        where = (row["installation_id"], row["repository_id"])
        if row["state"] == State.DEFERRED and where not in lines:
            lines[where] = {task_id: place for place, task_id in enumerate(line(session, *where, now), start=1)}
        tasks.append(task_of(row, lines.get(where, {}).get(row["id"])))
    return tasks


def _task_of_event(session: Session, event: Event) -> Task | None:
    match event:
        case AttemptFinished() | StartRefused() | ApprovalExpired() | ApprovalAwaited():
            wanted = (TASK.c.id == event.task_id,)
        case IssueChanged():
            wanted = (TASK.c.issue_number == event.number,)
        case CommentCreated() | CommentWithdrawn():
            column = TASK.c.pull_number if event.on_pull else TASK.c.issue_number
            wanted = (column == event.number,)
        case PullClosed():
            found = _open(session, event.place.repository_id, TASK.c.pull_number == event.number)
            return found or _open(session, event.place.repository_id, TASK.c.branch == event.head_branch)
        case AccessLost():
            return None
        case _:
            assert_never(event)
    return _open(session, event.place.repository_id, *wanted)


def _issue_number(event: Event) -> int | None:
    match event:
        case IssueChanged() | StartRefused():
            return event.number
        case CommentCreated() | CommentWithdrawn():
            return None if event.on_pull else event.number
        case _:
            return None


def _open(session: Session, repository_id: RepositoryId, *wanted: Any) -> Task | None:
    statement = select(TASK).where(IS_OPEN, TASK.c.repository_id == repository_id, *wanted)
    row = session.execute(statement.order_by(TASK.c.id.desc()).limit(1)).mappings().first()
    return None if row is None else task_of(row)


def _newest_ended(session: Session, repository_id: RepositoryId, number: int) -> Task | None:
    here = (TASK.c.repository_id == repository_id, TASK.c.issue_number == number)
    row = session.execute(select(TASK).where(*here, IS_ENDED).order_by(TASK.c.id.desc()).limit(1)).mappings().first()
    return None if row is None else task_of(row)


def _same_title(session: Session, repository_id: RepositoryId, title: str, number: int | None, own: int) -> Task | None:
    same = (IS_OPEN, TASK.c.repository_id == repository_id, TASK.c.title_key == title)
    another = (TASK.c.id != own, TASK.c.issue_number != (0 if number is None else number))
    row = session.execute(select(TASK).where(*same, *another).order_by(TASK.c.id).limit(1)).mappings().first()
    return None if row is None else task_of(row)


def _affected(session: Session, event: AccessLost) -> tuple[Task, ...]:
    statement = select(TASK).where(IS_OPEN, TASK.c.installation_id == event.installation_id)
    if event.repository_ids is not None:
        statement = statement.where(TASK.c.repository_id.in_(event.repository_ids))
    return tuple(task_of(row) for row in session.execute(statement.order_by(TASK.c.id)).mappings())


def _count(session: Session, *conditions: Any) -> int:
    return session.execute(select(func.count()).select_from(TASK).where(*conditions)).scalar_one()
