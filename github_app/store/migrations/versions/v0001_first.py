"""The first schema: inbox, policies, decisions, tasks with history, approvals and attempts, outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Create every table, and the triggers that keep the history append-only."""
    op.create_table(
        "decision",
        sa.Column("id", BIG, nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("issue_number", sa.BigInteger(), nullable=True),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("document", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("decision_issue", "decision", ["repository_id", "issue_number", "id"], unique=False)
    op.create_index("decision_task", "decision", ["task_id", "id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", BIG, nullable=False),
        sa.Column("guid", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("installation_id", sa.BigInteger(), nullable=True),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("sender_id", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_until", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("strikes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("handled_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('handled', 'ignored', 'pending', 'quarantined', 'superseded')", name="delivery_state"
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("guid", name="delivery_guid"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "delivery_due",
        "delivery",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "delivery_lane",
        "delivery",
        ["repository_id", "number", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "delivery_quarantined",
        "delivery",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'quarantined'"),
        postgresql_where=sa.text("state = 'quarantined'"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("installation_id", sa.BigInteger(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("strikes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_until", sa.BigInteger(), nullable=True),
        sa.Column("result", JSON, nullable=True),
        sa.Column("last_error", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('done', 'pending', 'quarantined')", name="outbox_state"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name="outbox_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "outbox_due",
        "outbox",
        ["installation_id", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "outbox_lane",
        "outbox",
        ["repository_id", "number", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "outbox_taken",
        "outbox",
        ["installation_id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending' AND taken_until IS NOT NULL"),
        postgresql_where=sa.text("state = 'pending' AND taken_until IS NOT NULL"),
    )
    op.create_index(
        "outbox_one_refresh",
        "outbox",
        ["task_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'Refresh' AND state = 'pending' AND taken_until IS NULL"),
        postgresql_where=sa.text("kind = 'Refresh' AND state = 'pending' AND taken_until IS NULL"),
    )
    op.create_index(
        "outbox_quarantined",
        "outbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'quarantined'"),
        postgresql_where=sa.text("state = 'quarantined'"),
    )
    op.create_index("outbox_task", "outbox", ["task_id", "id"], unique=False)
    op.create_table(
        "policy",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("sources", JSON, nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "task",
        sa.Column("id", BIG, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("installation_id", sa.BigInteger(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("issue_number", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("title_key", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=True),
        sa.Column("requester_id", sa.BigInteger(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("interruptions", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("run_after", sa.BigInteger(), nullable=False),
        sa.Column("admitted_at", sa.BigInteger(), nullable=True),
        sa.Column("proposed_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("head", sa.Text(), nullable=True),
        sa.Column("pull_number", sa.BigInteger(), nullable=True),
        sa.Column("pull_url", sa.Text(), nullable=True),
        sa.Column("status_comment_id", sa.BigInteger(), nullable=True),
        sa.Column("last_failure", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("running_cap", sa.Integer(), nullable=False),
        sa.Column("running_cap_installation", sa.Integer(), nullable=False),
        sa.Column("pending_cap", sa.Integer(), nullable=False),
        sa.Column("pending_cap_installation", sa.Integer(), nullable=False),
        sa.Column("requester_cap", sa.Integer(), nullable=True),
        sa.Column("pulls_cap", sa.Integer(), nullable=True),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("limits_from", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("worker_host", sa.Text(), nullable=True),
        sa.Column("worker_pid", sa.Integer(), nullable=True),
        sa.Column("worker_start", sa.Text(), nullable=True),
        sa.CheckConstraint("(lease_until IS NULL) OR (state = 'running')", name="task_lease"),
        sa.CheckConstraint(
            "state IN ('cancelled', 'completed', 'deferred', 'expired', 'failed', 'held', 'in_review', 'queued', "
            "'rejected', 'retryable', 'running')",
            name="task_state",
        ),
        sa.CheckConstraint("tier IN ('auto_safe', 'blocked', 'operator', 'proposed')", name="task_tier"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("task_admitted", "task", ["repository_id", "admitted_at"], unique=False)
    op.create_index("task_by_repository", "task", ["repository_id", "id"], unique=False)
    op.create_index("task_by_repository_state", "task", ["repository_id", "state", "id"], unique=False)
    op.create_index("task_by_state", "task", ["state", "id"], unique=False)
    op.create_index(
        "task_deferred",
        "task",
        ["installation_id", "repository_id", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'deferred'"),
        postgresql_where=sa.text("state = 'deferred'"),
    )
    op.create_index(
        "task_expiring",
        "task",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index("task_issue", "task", ["repository_id", "issue_number", "id"], unique=False)
    op.create_index(
        "task_in_review",
        "task",
        ["installation_id", "repository_id"],
        unique=False,
        sqlite_where=sa.text("state = 'in_review'"),
        postgresql_where=sa.text("state = 'in_review'"),
    )
    op.create_index(
        "task_one_open",
        "task",
        ["repository_id", "issue_number"],
        unique=True,
        sqlite_where=sa.text("state IN ('deferred', 'held', 'in_review', 'queued', 'retryable', 'running')"),
        postgresql_where=sa.text("state IN ('deferred', 'held', 'in_review', 'queued', 'retryable', 'running')"),
    )
    op.create_index(
        "task_open",
        "task",
        ["installation_id", "repository_id", "state"],
        unique=False,
        sqlite_where=sa.text("state IN ('deferred', 'held', 'in_review', 'queued', 'retryable', 'running')"),
        postgresql_where=sa.text("state IN ('deferred', 'held', 'in_review', 'queued', 'retryable', 'running')"),
    )
    op.create_index(
        "task_open_title",
        "task",
        ["repository_id", "title_key"],
        unique=False,
        sqlite_where=sa.text("state IN ('deferred', 'held', 'in_review', 'queued', 'retryable', 'running')"),
        postgresql_where=sa.text("state IN ('deferred', 'held', 'in_review', 'queued', 'retryable', 'running')"),
    )
    op.create_index(
        "task_pending",
        "task",
        ["installation_id", "repository_id"],
        unique=False,
        sqlite_where=sa.text("state IN ('held', 'queued', 'retryable', 'running')"),
        postgresql_where=sa.text("state IN ('held', 'queued', 'retryable', 'running')"),
    )
    op.create_index(
        "task_pull",
        "task",
        ["repository_id", "pull_number"],
        unique=False,
        sqlite_where=sa.text("pull_number IS NOT NULL"),
        postgresql_where=sa.text("pull_number IS NOT NULL"),
    )
    op.create_index("task_requester", "task", ["requester_id", "admitted_at"], unique=False)
    op.create_index(
        "task_running",
        "task",
        ["installation_id", "repository_id"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "task_startable",
        "task",
        ["run_after", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'retryable')"),
        postgresql_where=sa.text("state IN ('queued', 'retryable')"),
    )
    op.create_table(
        "approval",
        sa.Column("id", BIG, nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("comment_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_why", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["task.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("task_id", "comment_id", "user_id", "digest", name="approval_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("approval_comment", "approval", ["comment_id"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("sentence", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("base", sa.Text(), nullable=True),
        sa.Column("head", sa.Text(), nullable=True),
        sa.Column("steps", JSON, nullable=False),
        sa.Column("report", JSON, nullable=True),
        sa.Column("wall", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["task.id"],
        ),
        sa.PrimaryKeyConstraint("task_id", "fence"),
    )
    op.create_table(
        "history",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("move", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["task.id"],
        ),
        sa.PrimaryKeyConstraint("task_id", "seq"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER history_no_{verb.lower()} BEFORE {verb} ON history "
                "BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'history is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER history_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history "
        "FOR EACH STATEMENT EXECUTE FUNCTION history_is_append_only()"
    )
