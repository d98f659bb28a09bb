"""What pages and the command line show: read-only, as plain frozen dataclasses; lists by keyset, never by offset."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from github_app.core.names import Instant, RepositoryId, State, TaskId
from github_app.core.pause import WAITING, Pause
from github_app.core.proof import AttemptReport
from github_app.core.task import ENDED, Task
from github_app.store.codec import report_from
from github_app.store.ledger import with_positions
from github_app.store.pauses import pauses_over
from github_app.store.session import Database
from github_app.store.tables import IS_OPEN, ApprovalRow, DecisionRow, DeliveryRow, OutboxRow, PolicyRow
from github_app.store.tasks import ATTEMPT, HISTORY, TASK, table_of

DECISION, APPROVAL, DELIVERY, OUTBOX = (table_of(row) for row in (DecisionRow, ApprovalRow, DeliveryRow, OutboxRow))
POLICY = table_of(PolicyRow)
PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One line of a task's life."""

    seq: int
    version: int
    at: Instant
    from_state: str | None
    to_state: str
    move: str
    actor: str
    actor_id: int | None
    delivery_id: int | None
    decision: str | None
    policy_version: str
    text_digest: str | None
    base: str | None
    code: str
    sentence: str
    data: dict[str, Any]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLine:
    """One attempt; `ended_at` None: it runs, or its worker was lost and nobody noticed yet."""

    fence: int
    number: int
    started_at: Instant
    ended_at: Instant | None
    outcome: str
    sentence: str
    base: str | None
    head: str | None
    steps: dict[str, Any]
    report: AttemptReport | None
    wall: str
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalLine:
    """Who approved which text, and whether it still counts."""

    comment_id: int
    user_id: int
    login: str
    digest: str
    subject: str
    at: Instant
    withdrawn_at: Instant | None
    withdrawn_why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """A decision as it was stored; `document` is `Decision.as_json()` with the facts under `facts`."""

    id: int
    delivery_id: int
    repository_id: int | None
    issue_number: int | None
    task_id: int | None
    at: Instant
    verdict: str
    category: str | None
    tier: str | None
    document: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectLine:
    """One effect in the outbox, without its payload."""

    id: int
    key: str
    task_id: int | None
    repository_id: int
    number: int
    kind: str
    state: str
    tries: int
    due_at: Instant
    last_error: str
    created_at: Instant
    done_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLine:
    """One delivery, without its body."""

    id: int
    guid: str
    event: str
    action: str
    source: str
    repository_id: int | None
    number: int | None
    received_at: Instant
    state: str
    tries: int
    note: str
    handled_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDetail:
    """Everything about one task."""

    task: Task
    history: tuple[HistoryLine, ...]
    attempts: tuple[AttemptLine, ...]
    approvals: tuple[ApprovalLine, ...]
    decisions: tuple[StoredDecision, ...]
    effects: tuple[EffectLine, ...]
    pauses: tuple[Pause, ...]  # in force over a task whose start is still to come


def get(db: Database, task_id: TaskId) -> Task | None:
    """Return a task, with its place in line when it is deferred."""
    with db.read() as session:
        return _one(db, session, TASK.c.id == task_id)


def open_for(db: Database, repository_id: RepositoryId, issue_number: int) -> Task | None:
    """Return the open task of an issue."""
    with db.read() as session:
        here = (TASK.c.repository_id == repository_id, TASK.c.issue_number == issue_number)
        return _one(db, session, text(IS_OPEN), *here)


def task_by_pull(db: Database, repository_id: RepositoryId, pull_number: int) -> Task | None:
    """Return the open task whose pull request has this number."""
    with db.read() as session:
        here = (TASK.c.repository_id == repository_id, TASK.c.pull_number == pull_number)
        return _one(db, session, text(IS_OPEN), *here)


def last_report(db: Database, task_id: TaskId) -> AttemptReport | None:
    """Return what the newest attempt that reported anything said."""
    reported = select(ATTEMPT.c.report).where(ATTEMPT.c.task_id == task_id, ATTEMPT.c.report.is_not(None))
    with db.read() as session:
        found = session.execute(reported.order_by(ATTEMPT.c.fence.desc()).limit(1)).scalar_one_or_none()
    return None if found is None else report_from(found)


def page(
    db: Database,
    *,
    before: int | None = None,
    state: State | None = None,
    repository_id: RepositoryId | None = None,
    limit: int = PAGE,
) -> list[Task]:
    """Return tasks, newest first; `before` is the last id of the page before."""
    statement = select(TASK).order_by(TASK.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(TASK.c.id < before)
    if state is not None:
        statement = statement.where(TASK.c.state == state)
    if repository_id is not None:
        statement = statement.where(TASK.c.repository_id == repository_id)
    with db.read() as session:
        now = db.now(session)
        return with_positions(session, session.execute(statement).mappings().all(), now)


def open_counts(db: Database, repository_id: RepositoryId | None = None) -> dict[State, int]:
    """Count open tasks by state; ended ones are never counted, they only grow."""
    statement = select(TASK.c.state, func.count()).where(text(IS_OPEN)).group_by(TASK.c.state)
    if repository_id is not None:
        statement = statement.where(TASK.c.repository_id == repository_id)
    with db.read() as session:
        found = {State(state): count for state, count in session.execute(statement).all()}
    return {state: found.get(state, 0) for state in State if state not in ENDED}


def history(db: Database, task_id: TaskId) -> tuple[HistoryLine, ...]:
    """Return a task's life, oldest first."""
    with db.read() as session:
        return _lines(session, HISTORY, HistoryLine, HISTORY.c.task_id == task_id, order=HISTORY.c.seq)


def attempts(db: Database, task_id: TaskId) -> tuple[AttemptLine, ...]:
    """Return a task's attempts, oldest first."""
    with db.read() as session:
        return _attempts(session, task_id)


def latest_decision(db: Database, repository_id: RepositoryId, issue_number: int) -> StoredDecision | None:
    """Return the newest stored decision about an issue."""
    here = (DECISION.c.repository_id == repository_id, DECISION.c.issue_number == issue_number)
    with db.read() as session:
        found = _lines(session, DECISION, StoredDecision, *here, order=DECISION.c.id.desc(), limit=1)
    return found[0] if found else None


def detail(db: Database, task_id: TaskId) -> TaskDetail | None:
    """Return everything about one task, as of one moment."""
    with db.read() as session:
        task = _one(db, session, TASK.c.id == task_id)
        if task is None:
            return None
        return TaskDetail(
            task=task,
            history=_lines(session, HISTORY, HistoryLine, HISTORY.c.task_id == task_id, order=HISTORY.c.seq),
            attempts=_attempts(session, task_id),
            approvals=_lines(session, APPROVAL, ApprovalLine, APPROVAL.c.task_id == task_id, order=APPROVAL.c.id),
            decisions=_lines(session, DECISION, StoredDecision, DECISION.c.task_id == task_id, order=DECISION.c.id),
            effects=_lines(session, OUTBOX, EffectLine, OUTBOX.c.task_id == task_id, order=OUTBOX.c.id),
            pauses=pauses_over(session, task.installation_id, task.repository_id, db.now(session))
            if task.state in WAITING
            else (),
        )


def policy_sources(db: Database, version: str) -> dict[str, str] | None:
    """Return the texts a policy version was read from, by file; None when nothing was decided under it."""
    with db.read() as session:
        return session.execute(select(POLICY.c.sources).where(POLICY.c.version == version)).scalar_one_or_none()


def last_policy(db: Database, repository_id: RepositoryId) -> dict[str, str] | None:
    """Return the texts of the policy that the repository's newest task was last counted under."""
    newest = select(TASK.c.limits_from).where(TASK.c.repository_id == repository_id).order_by(TASK.c.id.desc()).limit(1)
    with db.read() as session:
        version = session.execute(newest).scalar_one_or_none()
    return None if version is None else policy_sources(db, version)


def deliveries(
    db: Database, *, before: int | None = None, state: str | None = None, limit: int = PAGE
) -> list[DeliveryLine]:
    """Return deliveries, newest first; `before` is the last id of the page before."""
    wanted = [DELIVERY.c.id < before] if before is not None else []
    if state is not None:
        wanted.append(DELIVERY.c.state == state)
    with db.read() as session:
        return list(_lines(session, DELIVERY, DeliveryLine, *wanted, order=DELIVERY.c.id.desc(), limit=limit))


def quarantined_effects(db: Database, *, limit: int = PAGE) -> list[EffectLine]:
    """Return effects that were put aside for a person to look at, newest first."""
    with db.read() as session:
        wanted: Any = text("state = 'quarantined'")
        return list(_lines(session, OUTBOX, EffectLine, wanted, order=OUTBOX.c.id.desc(), limit=limit))


def _one(db: Database, session: Session, *wanted: Any) -> Task | None:
    rows = session.execute(select(TASK).where(*wanted).order_by(TASK.c.id.desc()).limit(1)).mappings().all()
    return next(iter(with_positions(session, rows, db.now(session))), None)


def _attempts(session: Session, task_id: TaskId) -> tuple[AttemptLine, ...]:
    rows = session.execute(select(ATTEMPT).where(ATTEMPT.c.task_id == task_id).order_by(ATTEMPT.c.fence)).mappings()
    names = AttemptLine.__dataclass_fields__.keys() - {"report"}
    return tuple(
        AttemptLine(
            **{name: row[name] for name in names},
            report=None if row["report"] is None else report_from(row["report"]),
        )
        for row in rows
    )


def _lines(session: Session, table: Any, kind: Any, *wanted: ColumnElement[bool], order: Any, limit: int = 1000) -> Any:
    columns = [table.c[name] for name in kind.__dataclass_fields__]
    rows = session.execute(select(*columns).where(*wanted).order_by(order).limit(limit)).mappings()
    return tuple(kind(**row) for row in rows)
