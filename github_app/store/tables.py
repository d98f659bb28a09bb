"""What is remembered, as tables. Rows never leave this package.

Instants are milliseconds (BigInteger). States are plain text with CHECK constraints: SQLModel tables validate nothing.
Partial indexes name their states literally, and the queries that want them must say the very same words.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from github_app.core.names import State, Tier
from github_app.core.pause import Scope
from github_app.core.task import OPEN, PENDING, STARTABLE

Big = BigInteger().with_variant(Integer, "sqlite")  # an SQLite row id must be INTEGER
Json = JSON().with_variant(JSONB(), "postgresql")
JsonOrNull = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
NOTHING = text("''")
ZERO = text("0")


def among(column: str, words: Any) -> str:
    """Return `column IN ('a', 'b')` with the words written out, in a stable order, as partial indexes need it."""
    return f"{column} IN ({', '.join(sorted(repr(str(word)) for word in words))})"


IS_OPEN = among("state", OPEN)
IS_PENDING = among("state", PENDING)
IS_STARTABLE = among("state", STARTABLE)
IS_RUNNING = "state = 'running'"
IS_HELD = "state = 'held'"
IS_IN_REVIEW = "state = 'in_review'"
IS_DEFERRED = "state = 'deferred'"
IS_PAUSED = "lifted_at IS NULL"
IS_WAITING = "state = 'pending'"
IS_QUARANTINED = "state = 'quarantined'"
IS_TAKEN = "state = 'pending' AND taken_until IS NOT NULL"
IS_UNTAKEN_REFRESH = "kind = 'Refresh' AND state = 'pending' AND taken_until IS NULL"


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


class DeliveryRow(SQLModel, table=True):
    """One webhook call, or one internal event that entered by the same door."""

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint(
            among("state", ("pending", "handled", "superseded", "ignored", "quarantined")), name="delivery_state"
        ),
        UniqueConstraint("guid", name="delivery_guid"),
        _partial("delivery_due", "due_at", "id", where=IS_WAITING),
        _partial("delivery_lane", "repository_id", "number", "id", where=IS_WAITING),
        _partial("delivery_quarantined", "id", where=IS_QUARANTINED),
        {"sqlite_autoincrement": True},
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Big)
    guid: str = Field(sa_type=Text)
    event: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text, sa_column_kwargs={"server_default": NOTHING})
    source: str = Field(sa_type=Text)
    installation_id: int | None = Field(default=None, sa_type=BigInteger)
    repository_id: int | None = Field(default=None, sa_type=BigInteger)
    number: int | None = Field(default=None, sa_type=BigInteger)
    sender_id: int | None = Field(default=None, sa_type=BigInteger)
    body: bytes
    received_at: int = Field(sa_type=BigInteger)
    due_at: int = Field(sa_type=BigInteger)
    taken_until: int | None = Field(default=None, sa_type=BigInteger)
    taken_by: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": NOTHING})
    state: str = Field(default="pending", sa_type=Text, sa_column_kwargs={"server_default": text("'pending'")})
    tries: int = Field(default=0, sa_column_kwargs={"server_default": ZERO})
    strikes: int = Field(default=0, sa_column_kwargs={"server_default": ZERO})  # tries that count against it
    note: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": NOTHING})
    handled_at: int | None = Field(default=None, sa_type=BigInteger)


class PolicyRow(SQLModel, table=True):
    """A policy some decision was made under, with the texts it was read from."""

    __tablename__ = "policy"
    version: str = Field(primary_key=True, sa_type=Text)
    sources: dict[str, Any] = Field(sa_type=Json)
    first_seen_at: int = Field(sa_type=BigInteger)


class DecisionRow(SQLModel, table=True):
    """One decision, as it is rendered everywhere."""

    __tablename__ = "decision"
    __table_args__ = (
        Index("decision_issue", "repository_id", "issue_number", "id"),
        Index("decision_task", "task_id", "id"),
        {"sqlite_autoincrement": True},
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Big)
    delivery_id: int = Field(sa_type=BigInteger)
    repository_id: int | None = Field(default=None, sa_type=BigInteger)
    issue_number: int | None = Field(default=None, sa_type=BigInteger)
    task_id: int | None = Field(default=None, sa_type=BigInteger)
    at: int = Field(sa_type=BigInteger)
    fingerprint: str = Field(sa_type=Text)
    verdict: str = Field(sa_type=Text)
    category: str | None = Field(default=None, sa_type=Text)
    tier: str | None = Field(default=None, sa_type=Text)
    document: dict[str, Any] = Field(sa_type=Json)


class TaskRow(SQLModel, table=True):
    """A task; only `store/tasks.py` changes its state."""

    __tablename__ = "task"
    __table_args__ = (
        CheckConstraint(among("state", State), name="task_state"),
        CheckConstraint(among("tier", Tier), name="task_tier"),
        CheckConstraint(f"(lease_until IS NULL) OR ({IS_RUNNING})", name="task_lease"),
        _partial("task_one_open", "repository_id", "issue_number", where=IS_OPEN, unique=True),
        _partial("task_open_title", "repository_id", "title_key", where=IS_OPEN),
        _partial("task_open", "installation_id", "repository_id", "state", where=IS_OPEN),
        _partial("task_startable", "run_after", "id", where=IS_STARTABLE),
        _partial("task_running", "installation_id", "repository_id", where=IS_RUNNING),
        _partial("task_pending", "installation_id", "repository_id", where=IS_PENDING),
        _partial("task_in_review", "installation_id", "repository_id", where=IS_IN_REVIEW),
        _partial("task_deferred", "installation_id", "repository_id", "id", where=IS_DEFERRED),
        _partial("task_expiring", "expires_at", where=IS_HELD),
        _partial("task_pull", "repository_id", "pull_number", where="pull_number IS NOT NULL"),
        Index("task_issue", "repository_id", "issue_number", "id"),
        Index("task_requester", "requester_id", "admitted_at"),
        Index("task_admitted", "repository_id", "admitted_at"),
        Index("task_by_state", "state", "id"),
        Index("task_by_repository", "repository_id", "id"),
        Index("task_by_repository_state", "repository_id", "state", "id"),
        {"sqlite_autoincrement": True},
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Big)
    version: int
    state: str = Field(sa_type=Text)
    installation_id: int = Field(sa_type=BigInteger)
    repository_id: int = Field(sa_type=BigInteger)
    repository: str = Field(sa_type=Text)
    issue_number: int = Field(sa_type=BigInteger)
    title: str = Field(sa_type=Text)
    title_key: str = Field(sa_type=Text)
    category: str = Field(sa_type=Text)
    tier: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    policy_version: str = Field(sa_type=Text)
    base: str | None = Field(default=None, sa_type=Text)
    requester_id: int = Field(sa_type=BigInteger)
    requester: str = Field(sa_type=Text)
    reason_code: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": ZERO})
    interruptions: int = Field(default=0, sa_column_kwargs={"server_default": ZERO})
    fence: int = Field(default=0, sa_column_kwargs={"server_default": ZERO})
    priority: int = Field(default=0, sa_column_kwargs={"server_default": ZERO})
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    run_after: int = Field(sa_type=BigInteger)
    admitted_at: int | None = Field(default=None, sa_type=BigInteger)
    proposed_at: int | None = Field(default=None, sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    started_at: int | None = Field(default=None, sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    branch: str | None = Field(default=None, sa_type=Text)
    head: str | None = Field(default=None, sa_type=Text)
    pull_number: int | None = Field(default=None, sa_type=BigInteger)
    pull_url: str | None = Field(default=None, sa_type=Text)
    status_comment_id: int | None = Field(default=None, sa_type=BigInteger)
    last_failure: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": NOTHING})
    # what the policy in force allows, so that a claim or a sweep needs no policy file
    running_cap: int
    running_cap_installation: int
    pending_cap: int
    pending_cap_installation: int
    requester_cap: int | None = None
    pulls_cap: int | None = None
    retries: int
    limits_from: str = Field(sa_type=Text)
    # who runs it now
    lease_until: int | None = Field(default=None, sa_type=BigInteger)
    worker: str | None = Field(default=None, sa_type=Text)
    worker_host: str | None = Field(default=None, sa_type=Text)
    worker_pid: int | None = None
    worker_start: str | None = Field(default=None, sa_type=Text)


class HistoryRow(SQLModel, table=True):
    """One line of a task's life; triggers forbid changing or deleting it, and `digest` chains it to the one before.

    `version` is the task's after it: a line that only notes something (an approval) has that of the line before.
    """

    __tablename__ = "history"
    task_id: int = Field(primary_key=True, sa_type=BigInteger, foreign_key="task.id")
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    version: int
    at: int = Field(sa_type=BigInteger)
    from_state: str | None = Field(default=None, sa_type=Text)
    to_state: str = Field(sa_type=Text)
    move: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    actor_id: int | None = Field(default=None, sa_type=BigInteger)
    delivery_id: int | None = Field(default=None, sa_type=BigInteger)
    decision: str | None = Field(default=None, sa_type=Text)  # the seal of the decision's document
    policy_version: str = Field(sa_type=Text)
    text_digest: str | None = Field(default=None, sa_type=Text)  # these two are unknown for some lines of schema 0001
    base: str | None = Field(default=None, sa_type=Text)
    code: str = Field(sa_type=Text)
    sentence: str = Field(sa_type=Text)
    data: dict[str, Any] = Field(sa_type=Json)
    digest: str = Field(sa_type=Text)


class ApprovalRow(SQLModel, table=True):
    """Who approved which text, for ever; withdrawing adds when and why."""

    __tablename__ = "approval"
    __table_args__ = (
        UniqueConstraint("task_id", "comment_id", "user_id", "digest", name="approval_once"),
        Index("approval_comment", "comment_id"),
        {"sqlite_autoincrement": True},
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Big)
    task_id: int = Field(sa_type=BigInteger, foreign_key="task.id")
    comment_id: int = Field(sa_type=BigInteger)
    user_id: int = Field(sa_type=BigInteger)
    login: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    withdrawn_at: int | None = Field(default=None, sa_type=BigInteger)
    withdrawn_why: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": NOTHING})


class AttemptRow(SQLModel, table=True):
    """One lease of a task, by its fence; `number` is what people are told, and does not count what was given back."""

    __tablename__ = "attempt"
    task_id: int = Field(primary_key=True, sa_type=BigInteger, foreign_key="task.id")
    fence: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    number: int
    started_at: int = Field(sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    outcome: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": NOTHING})
    sentence: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": NOTHING})
    base: str | None = Field(default=None, sa_type=Text)
    head: str | None = Field(default=None, sa_type=Text)
    steps: dict[str, Any] = Field(sa_type=Json)
    report: dict[str, Any] | None = Field(default=None, sa_type=JsonOrNull)
    wall: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": NOTHING})
    worker: str = Field(sa_type=Text)


class OutboxRow(SQLModel, table=True):
    """One effect on the outside, performed at least once under its key."""

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint(among("state", ("pending", "done", "quarantined")), name="outbox_state"),
        UniqueConstraint("key", name="outbox_key"),
        _partial("outbox_due", "installation_id", "id", where=IS_WAITING),
        _partial("outbox_lane", "repository_id", "number", "id", where=IS_WAITING),
        _partial("outbox_taken", "installation_id", where=IS_TAKEN),
        _partial("outbox_one_refresh", "task_id", where=IS_UNTAKEN_REFRESH, unique=True),
        _partial("outbox_quarantined", "id", where=IS_QUARANTINED),
        Index("outbox_task", "task_id", "id"),
        {"sqlite_autoincrement": True},
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Big)
    key: str = Field(sa_type=Text)
    task_id: int | None = Field(default=None, sa_type=BigInteger)
    installation_id: int = Field(sa_type=BigInteger)
    repository_id: int = Field(sa_type=BigInteger)
    repository: str = Field(sa_type=Text)
    number: int = Field(sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    payload: dict[str, Any] = Field(sa_type=Json)
    state: str = Field(default="pending", sa_type=Text, sa_column_kwargs={"server_default": text("'pending'")})
    tries: int = Field(default=0, sa_column_kwargs={"server_default": ZERO})
    strikes: int = Field(default=0, sa_column_kwargs={"server_default": ZERO})  # tries that count against it
    due_at: int = Field(sa_type=BigInteger)
    taken_until: int | None = Field(default=None, sa_type=BigInteger)
    taken_by: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": NOTHING})
    result: dict[str, Any] | None = Field(default=None, sa_type=JsonOrNull)
    last_error: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": NOTHING})
    created_at: int = Field(sa_type=BigInteger)
    done_at: int | None = Field(default=None, sa_type=BigInteger)


class PauseRow(SQLModel, table=True):
    """Where nothing starts, who said so and until when; lifting adds when and by whom. `target` 0: the server."""

    __tablename__ = "pause"
    __table_args__ = (
        CheckConstraint(among("scope", Scope), name="pause_scope"),
        _partial("pause_one_each", "scope", "target", where=IS_PAUSED, unique=True),
        {"sqlite_autoincrement": True},
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Big)
    scope: str = Field(sa_type=Text)
    target: int = Field(sa_type=BigInteger)
    name: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    paused_by: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    until: int | None = Field(default=None, sa_type=BigInteger)
    lifted_at: int | None = Field(default=None, sa_type=BigInteger)
    lifted_by: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": NOTHING})
