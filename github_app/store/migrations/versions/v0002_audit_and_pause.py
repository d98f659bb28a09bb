"""The history becomes a chain, approvals become lines of it, and there are pauses.

Lines written under schema 0001 get their digests here. Where those lines do not tell what the text or the base was, it
stays unknown; a last line, `laid`, says for each task what was known when the chain was laid, its approvals included.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from github_app.core.audit import BEGINNING, LAID, chained

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TASKS = 500  # at once
HISTORY = sa.table(
    "history",
    *(sa.column(name) for name in ("task_id", "seq", "version", "at", "from_state", "to_state", "move", "actor")),
    *(sa.column(name) for name in ("actor_id", "delivery_id", "decision", "policy_version", "text_digest", "base")),
    *(sa.column(name) for name in ("code", "sentence", "digest")),
    sa.column("data", JSON),
)
TASK = sa.table(
    "task",
    *(sa.column(name) for name in ("id", "version", "state", "digest", "base", "policy_version", "subject", "tier")),
    *(sa.column(name) for name in ("category", "requester_id", "requester", "updated_at")),
)
GIVEN = ("comment_id", "user_id", "login", "digest", "subject", "at", "withdrawn_at")
APPROVAL = sa.table("approval", sa.column("id"), sa.column("task_id"), *(sa.column(name) for name in GIVEN))


def upgrade() -> None:
    """Lay the chain over what is there, and make the table of pauses."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    _let_go(sqlite=sqlite)
    op.add_column("history", sa.Column("version", sa.Integer(), nullable=True))
    op.add_column("history", sa.Column("actor_id", sa.BigInteger(), nullable=True))
    op.add_column("history", sa.Column("decision", sa.Text(), nullable=True))
    op.add_column("history", sa.Column("text_digest", sa.Text(), nullable=True))
    op.add_column("history", sa.Column("base", sa.Text(), nullable=True))
    op.add_column("history", sa.Column("digest", sa.Text(), nullable=True))
    _lay_chains(op.get_bind())
    with op.batch_alter_table("history") as history:
        history.alter_column("version", existing_type=sa.Integer(), nullable=False)
        history.alter_column("digest", existing_type=sa.Text(), nullable=False)
    _hold_fast(sqlite=sqlite)
    op.create_table(
        "pause",
        sa.Column("id", BIG, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.Column("lifted_by", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint("scope IN ('installation', 'repository', 'server')", name="pause_scope"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "pause_one_each",
        "pause",
        ["scope", "target"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )


def _let_go(*, sqlite: bool) -> None:
    if not sqlite:
        op.execute("ALTER TABLE history DISABLE TRIGGER history_append_only")
        return
    for verb in ("update", "delete"):
        op.execute(f"DROP TRIGGER history_no_{verb}")


def _hold_fast(*, sqlite: bool) -> None:
    if not sqlite:
        op.execute("ALTER TABLE history ENABLE TRIGGER history_append_only")
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER history_no_{verb.lower()} BEFORE {verb} ON history "
            "BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"
        )


def _lay_chains(connection: sa.Connection) -> None:
    last = 0
    while True:
        wanted = sa.select(TASK).where(TASK.c.id > last).order_by(TASK.c.id).limit(TASKS)
        tasks = connection.execute(wanted).mappings().all()
        if not tasks:
            return
        first, last = tasks[0]["id"], tasks[-1]["id"]
        lines = _by_task(connection, HISTORY, HISTORY.c.seq, first, last)
        given = _by_task(connection, APPROVAL, APPROVAL.c.id, first, last)
        for task in tasks:
            _lay(connection, task, lines.get(task["id"], []), given.get(task["id"], []))


def _by_task(connection: sa.Connection, table: Any, order: Any, first: int, last: int) -> dict[int, list[Any]]:
    wanted = sa.select(table).where(table.c.task_id.between(first, last)).order_by(table.c.task_id, order)
    found: dict[int, list[Any]] = {}
    for row in connection.execute(wanted).mappings():
        found.setdefault(row["task_id"], []).append(row)
    return found


def _lay(connection: sa.Connection, task: Mapping[str, Any], lines: list[Any], given: list[Any]) -> None:
    previous = BEGINNING
    for line in _completed(task, lines):
        previous = chained(line, previous)
        kept = {"digest": previous, **{name: line[name] for name in ("version", "text_digest", "base")}}
        here = (HISTORY.c.task_id == line["task_id"], HISTORY.c.seq == line["seq"])
        connection.execute(sa.update(HISTORY).where(*here).values(kept))
    line = {
        "task_id": task["id"],
        "seq": len(lines) + 1,
        "version": task["version"],
        "at": task["updated_at"],
        "from_state": task["state"],
        "to_state": task["state"],
        "move": LAID,
        "actor": "remit",
        "actor_id": None,
        "delivery_id": None,
        "decision": None,
        "policy_version": task["policy_version"],
        "text_digest": task["digest"],
        "base": task["base"],
        "code": "audit.laid",
        "sentence": "The chain was laid over the lines before this one by the upgrade to schema 0002.",
        "data": {
            **{name: task[name] for name in ("category", "tier", "subject", "requester_id", "requester")},
            "approvals": [{name: one[name] for name in GIVEN} for one in given],
        },
    }
    connection.execute(sa.insert(HISTORY).values({**line, "digest": chained(line, previous)}))


def _completed(task: Mapping[str, Any], lines: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield old lines with what they say of text and base: known from the first line that named it, or unchanged."""
    renamed = any("digest" in line["data"] for line in lines)
    rebased = any("base" in line["data"] for line in lines)
    text, base = None if renamed else task["digest"], None if rebased else task["base"]
    for line in lines:
        text, base = line["data"].get("digest", text), line["data"].get("base", base)
        yield {**line, "version": line["seq"], "text_digest": text, "base": base}
