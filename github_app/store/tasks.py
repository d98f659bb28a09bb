"""The one writer of a task's state. Every change is compare-and-set on the version and leaves one line of history.

Lines are chained (`core.audit`): each carries the digest of itself and of the line before. Approvals are lines too.

Nothing else in Remit writes `task.state`; the lease (who runs it, until when) is renewed without a new version, because
it is no decision. Whoever counts (caps, limits) takes `Database.lock` first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import Table, insert, literal_column, select, update
from sqlalchemy.orm import Session

from github_app.core import audit
from github_app.core.decision import CreateTask, Reason, RecordApproval
from github_app.core.events import Place
from github_app.core.names import (
    Category,
    DeliveryId,
    InstallationId,
    Instant,
    RepositoryId,
    Sha,
    State,
    TaskId,
    Tier,
    UserId,
    same_title,
)
from github_app.core.policy import Policy
from github_app.core.task import ENDED, Move, Task, next_state
from github_app.errors import StaleError
from github_app.store.codec import clean, plain
from github_app.store.tables import ApprovalRow, AttemptRow, HistoryRow, TaskRow


def table_of(row: type) -> Table:
    """Return the table behind a row class, as Core statements want it."""
    return cast("Any", row).__table__


TASK, HISTORY, ATTEMPT, APPROVAL = (table_of(row) for row in (TaskRow, HistoryRow, AttemptRow, ApprovalRow))
SETTABLE = frozenset(
    {
        "title", "category", "tier", "digest", "subject", "policy_version", "base", "requester_id", "requester",
        "attempts", "priority", "run_after", "proposed_at", "expires_at", "branch", "head", "pull_number", "pull_url",
        "status_comment_id", "last_failure", "repository",
    }
)  # fmt: skip
NO_LEASE = dict.fromkeys(("lease_until", "worker", "worker_host", "worker_pid", "worker_start"))
UNTOLD = frozenset({"title", "started_at", *NO_LEASE})  # not repeated in the history: text of the issue, and the lease
BORN_WITH = ("category", "tier", "subject", "requester_id", "requester", "expires_at")  # what the first line tells
UNSPENT = frozenset({Move.RELEASE, Move.HOLD})  # out of running: the attempt never really began


class Written(StrEnum):
    """What the history says for a change that is no move."""

    CREATE = audit.CREATE
    REWORD = audit.REWORD
    APPROVAL = audit.APPROVAL
    WITHDRAWAL = audit.WITHDRAWAL


NOTED = frozenset({Written.APPROVAL, Written.WITHDRAWAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who or what brings a change about, and when; every line of history names it."""

    actor: str
    at: Instant
    actor_id: UserId | None = None
    delivery_id: DeliveryId | None = None
    decision: str | None = None  # the seal of the decision's document
    policy_version: str | None = None  # None: the one the task was decided under
    evidence: Mapping[str, Any] | None = None  # what a run reported, for the lines that follow from it


def create(session: Session, place: Place, wanted: CreateTask, policy: Policy, cause: Cause) -> Task:
    """Insert a new task in its state of birth. The unique index refuses a second open one for the issue."""
    state = State(wanted.origin)
    admitted = None if state is State.DEFERRED else cause.at
    values = {
        "version": 1,
        "state": state,
        "installation_id": place.installation_id,
        "repository_id": place.repository_id,
        "repository": place.full_name,
        "issue_number": wanted.issue_number,
        "title_key": same_title(wanted.title),
        "reason_code": wanted.reason.code,
        "reason": wanted.reason.sentence,
        "policy_version": policy.version,
        "created_at": cause.at,
        "updated_at": cause.at,
        "run_after": cause.at,
        "admitted_at": admitted,
        "proposed_at": cause.at if state is State.HELD else None,
        "expires_at": wanted.expires_at,
        **{
            name: getattr(wanted, name)
            for name in ("title", "category", "tier", "digest", "subject", "base", "requester_id", "requester")
        },
        **limits_of(policy),
    }
    row = session.execute(insert(TASK).values(_storable(values)).returning(TASK)).mappings().one()
    _append(session, row, None, Written.CREATE, wanted.reason, cause, {name: row[name] for name in BORN_WITH})
    return task_of(row)


def move(
    session: Session,
    task_id: TaskId,
    version: int,
    move: Move,
    reason: Reason,
    cause: Cause,
    changes: Mapping[str, Any] | None = None,
) -> Task:
    """Move a task from exactly `version` along the table, and say so in its history.

    `changes` are columns that change with it. Raises IllegalMoveError when the table does not know the move, StaleError
    when the task is not at that version any more; nothing happened then.
    """
    row = _at_version(session, task_id, version)
    target = next_state(State(row["state"]), move)
    values = _allowed(changes) | _with_move(row, move, target, cause.at, changes or {})
    return _write(session, row, target, move, reason, cause, values)


def claim_row(
    session: Session, task_id: TaskId, version: int, reason: Reason, cause: Cause, lease: dict[str, Any]
) -> Task:
    """Move a startable task to running under a new lease (`store.lease.claim` is the caller)."""
    row = _at_version(session, task_id, version)
    target = next_state(State(row["state"]), Move.CLAIM)
    values = {**lease, "fence": row["fence"] + 1, "attempts": row["attempts"] + 1, "started_at": cause.at}
    return _write(session, row, target, Move.CLAIM, reason, cause, values)


def reword(
    session: Session, task_id: TaskId, version: int, reason: Reason, cause: Cause, changes: Mapping[str, Any]
) -> Task:
    """Change columns of a task, not its state. Raises StaleError as `move` does."""
    row = _at_version(session, task_id, version)
    return _write(session, row, State(row["state"]), Written.REWORD, reason, cause, _allowed(changes))


def annotate(session: Session, task_id: TaskId, **changes: Any) -> None:
    """Note where something of the task is found (`status_comment_id`, ...): no decision, so no new version."""
    session.execute(update(TASK).where(TASK.c.id == task_id).values(_allowed(changes)))


def shown(session: Session, task_id: TaskId, digest: str, at: Instant) -> None:
    """Note when a held task's proposal was posted, by GitHub's clock: only a comment after that can approve it."""
    here = (TASK.c.id == task_id, TASK.c.state == literal_column("'held'"), TASK.c.digest == digest)
    session.execute(update(TASK).where(*here).values(proposed_at=at))


def count_interruption(session: Session, task_id: TaskId) -> None:
    """Count that a worker died under a task; such an attempt is not held against the task's retries."""
    values = {"interruptions": TASK.c.interruptions + 1, "attempts": TASK.c.attempts - 1}
    session.execute(update(TASK).where(TASK.c.id == task_id).values(values))


def approve(session: Session, given: RecordApproval, cause: Cause) -> None:
    """Record an approval with the text it is for, in a line of its own; the same one again changes nothing."""
    row = _locked(session, given.task_id)
    same = [APPROVAL.c[name] == getattr(given, name) for name in ("task_id", "comment_id", "user_id", "digest")]
    if session.execute(select(APPROVAL.c.id).where(*same)).first() is not None:
        return
    values = {field.name: getattr(given, field.name) for field in fields(given)}
    stored = _storable({**values, "subject": row["subject"], "withdrawn_why": ""})
    session.execute(insert(APPROVAL).values(stored))
    reason = Reason(code="approval.recorded", sentence=f"{given.login} approved the text {given.digest}.")
    _append(session, row, row["state"], Written.APPROVAL, reason, cause, _approval(stored))


def withdraw(session: Session, task_id: TaskId, comment_id: int | None, reason: Reason, cause: Cause) -> None:
    """Let a task's approvals stop counting: all, or those of one comment; each in a line of its own.

    What was approved stays on record.
    """
    row = _locked(session, task_id)
    wanted = select(APPROVAL).where(APPROVAL.c.task_id == task_id, APPROVAL.c.withdrawn_at.is_(None))
    if comment_id is not None:
        wanted = wanted.where(APPROVAL.c.comment_id == comment_id)
    for given in session.execute(wanted.order_by(APPROVAL.c.id)).mappings().all():
        values = {"withdrawn_at": cause.at, "withdrawn_why": clean(reason.sentence)}
        session.execute(update(APPROVAL).where(APPROVAL.c.id == given["id"]).values(values))
        _append(session, row, row["state"], Written.WITHDRAWAL, reason, cause, _approval(given))


def limits_of(policy: Policy) -> dict[str, Any]:
    """Return what a task's row keeps of the policy in force, so that claims and sweeps need no policy file."""
    caps = policy.caps
    return {
        "running_cap": caps.running_per_repository,
        "running_cap_installation": caps.running_per_installation,
        "pending_cap": caps.pending_per_repository,
        "pending_cap_installation": caps.pending_per_installation,
        "requester_cap": caps.new_per_requester_per_hour,
        "pulls_cap": caps.open_pull_requests_per_repository,
        "retries": policy.retries,
        "limits_from": policy.version,
    }


def task_of(row: Any, position: int | None = None) -> Task:
    """Return a row as everybody outside the store sees it."""
    copied = (
        "version", "repository", "issue_number", "title", "digest", "subject", "policy_version", "requester",
        "reason_code", "reason", "attempts", "fence", "branch", "pull_number", "pull_url", "status_comment_id",
        "last_failure", "created_at", "updated_at", "run_after", "proposed_at", "expires_at", "started_at",
    )  # fmt: skip
    return Task(
        **{name: row[name] for name in copied},
        id=TaskId(row["id"]),
        state=State(row["state"]),
        installation_id=InstallationId(row["installation_id"]),
        repository_id=RepositoryId(row["repository_id"]),
        category=Category(row["category"]),
        tier=Tier.named(row["tier"]),
        base=None if row["base"] is None else Sha(row["base"]),
        head=None if row["head"] is None else Sha(row["head"]),
        requester_id=UserId(row["requester_id"]),
        position=position,
    )


def _at_version(session: Session, task_id: TaskId, version: int) -> Any:
    row = session.execute(select(TASK).where(TASK.c.id == task_id)).mappings().one_or_none()
    if row is None or row["version"] != version:
        at = "gone" if row is None else f"at version {row['version']}"
        raise StaleError(f"task {task_id} is {at}, not at version {version}")
    return row


def _with_move(row: Any, move: Move, target: State, now: Instant, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that follow from a move alone."""
    values: dict[str, Any] = {}
    state = State(row["state"])
    if state is State.RUNNING:
        values |= NO_LEASE
        if move in UNSPENT:
            values["attempts"] = max(0, row["attempts"] - 1)
    if state is State.DEFERRED and target not in ENDED:
        values["admitted_at"] = now
        values["run_after"] = now
    if target is State.HELD and "proposed_at" not in given:
        values["proposed_at"] = now
    if target is State.QUEUED and "expires_at" not in given:
        values["expires_at"] = None
    if target in ENDED:
        values["ended_at"] = now
    return values


def _write(
    session: Session,
    row: Any,
    target: State,
    label: Move | Written,
    reason: Reason,
    cause: Cause,
    values: dict[str, Any],
) -> Task:
    changed = {**values, "state": target, "version": row["version"] + 1, "updated_at": cause.at}
    changed |= {"reason_code": reason.code, "reason": reason.sentence}
    if "title" in values:
        changed["title_key"] = same_title(values["title"])
    # The state is written out: partial indexes match literal predicates only.
    here = (
        TASK.c.id == row["id"],
        TASK.c.version == row["version"],
        TASK.c.state == literal_column(f"'{row['state']}'"),
    )
    statement = update(TASK).where(*here).values(_storable(changed)).returning(TASK)
    after = session.execute(statement).mappings().one_or_none()
    if after is None:
        raise StaleError(f"task {row['id']} is not at version {row['version']} any more")
    if row["state"] == State.RUNNING:
        mine = (ATTEMPT.c.task_id == row["id"], ATTEMPT.c.fence == row["fence"], ATTEMPT.c.ended_at.is_(None))
        if target is not State.RUNNING:
            ended = {"ended_at": cause.at, "outcome": str(label), "sentence": clean(reason.sentence)}
            session.execute(update(ATTEMPT).where(*mine).values(ended))
    _append(session, after, row["state"], label, reason, cause, values)
    return task_of(after)


def _append(
    session: Session,
    row: Any,
    before: str | None,
    label: Move | Written,
    reason: Reason,
    cause: Cause,
    values: Mapping[str, Any],
) -> None:
    told = {name: str(value) if name == "tier" else value for name, value in values.items() if name not in UNTOLD}
    if cause.evidence is not None and label not in NOTED:
        told["run"] = cause.evidence
    newest = select(HISTORY.c.seq, HISTORY.c.digest).where(HISTORY.c.task_id == row["id"])
    last = session.execute(newest.order_by(HISTORY.c.seq.desc()).limit(1)).first()
    line = {
        "task_id": row["id"],
        "seq": 1 if last is None else last.seq + 1,
        "version": row["version"],
        "at": cause.at,
        "from_state": before,
        "to_state": row["state"],
        "move": str(label),
        "actor": cause.actor,
        "actor_id": cause.actor_id,
        "delivery_id": cause.delivery_id,
        "decision": cause.decision,
        "policy_version": cause.policy_version or row["policy_version"],
        "text_digest": row["digest"],
        "base": row["base"],
        "code": reason.code,
        "sentence": reason.sentence,
    }
    kept = {**_storable(line), "data": _whole(plain(told))}
    digest = audit.chained(kept, audit.BEGINNING if last is None else last.digest)
    session.execute(insert(HISTORY).values({**kept, "digest": digest}))


def _locked(session: Session, task_id: TaskId) -> Any:
    """Return a task's row, locked: the lines of one task are appended one after another."""
    return session.execute(select(TASK).where(TASK.c.id == task_id).with_for_update()).mappings().one()


def _approval(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("comment_id", "user_id", "login", "digest", "subject")}


def _whole(value: Any) -> Any:
    """Return JSON without fractions: each database writes them in its own way, and a chain must read back the same."""
    match value:
        case float():
            return repr(value)
        case dict():
            return {key: _whole(inner) for key, inner in value.items()}
        case list():
            return [_whole(inner) for inner in value]
        case _:
            return value


def _allowed(changes: Mapping[str, Any] | None) -> dict[str, Any]:
    wanted = dict(changes or {})
    unknown = wanted.keys() - SETTABLE
    if unknown:
        raise ValueError(f"not columns that a decision may set: {', '.join(sorted(unknown))}")
    return _storable(wanted)


def _storable(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Tier) else clean(str(value)) if isinstance(value, str) else value
        for name, value in values.items()
    }
