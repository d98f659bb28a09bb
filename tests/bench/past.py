"""A database with a past: any number of ended tasks, with a delivery and a decision each, made by SQL alone.

The rows are copies of one real task, spread over 20 repositories of 2 installations, 50 people and one year that ended
two days ago; what today's caps count is therefore the same however long the past is.
"""

import sys
from pathlib import Path

from sqlalchemy import text

from github_app.core.decide import decide
from github_app.core.policy import Caps
from github_app.core.task import Move
from github_app.store.apply import apply

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "store"))

from crafted import caps as with_caps
from crafted import changed, delivered, facts, step

WIDE = Caps(
    pending_per_repository=1_000_000,
    pending_per_installation=1_000_000,
    new_per_requester_per_hour=None,
    open_pull_requests_per_repository=1_000_000,
    created_per_day=1_000_000,
)
POLICY = with_caps(**{name: getattr(WIDE, name) for name in WIDE.__slots__})
YEAR, DAY = 365 * 86_400_000, 86_400_000
REPOSITORIES = 20
SERIES = {
    "sqlite": "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {count}) ",
    "postgresql": "WITH series AS (SELECT generate_series(1, {count}::bigint) AS n) ",
}


def decided(db, number, rules=POLICY, *, repository=1, installation=1):
    """Record a delivery about a new issue, take it, and decide it as a worker does; returns what was applied."""
    where = {"repository": repository, "installation": installation}
    delivery = delivered(db, f"d-{repository}-{number}", number, **where)
    known = facts(number, now=db.now(), title=f"A title of its own {number}", **where)
    sources = {".github/remit.yml": "version: 1\n", "blob": "0" * 40}
    return apply(db, delivery, changed(number, **where), rules, known, decide, sources=sources)


def fill(db, count):
    """Give a database a past of so many tasks."""
    made = decided(db, 1, repository=1, installation=1).task
    step(db, made, Move.CANCEL)
    start = db.now() - 2 * DAY - YEAR
    at = f"({start} + series.n * {YEAR // count})"
    number = "(1000000 + series.n)"
    where = {"repository_id": f"(1 + series.n % {REPOSITORIES})", "installation_id": "(1 + series.n % 2)"}
    moments = dict.fromkeys(("created_at", "updated_at", "run_after", "admitted_at", "started_at", "ended_at"), at)
    task = {
        **where,
        **moments,
        "id": "(1000 + series.n)",
        "issue_number": number,
        "requester_id": "(series.n % 50)",
        "title_key": "('past ' || series.n)",
        "state": "CASE WHEN series.n % 3 = 0 THEN 'failed' ELSE 'completed' END",
        "pull_number": "(5000000 + series.n)",
        "branch": "('remit/docs/' || series.n)",
    }
    decision = {
        "id": "(1000 + series.n)",
        "delivery_id": "(1000 + series.n)",
        "task_id": "(1000 + series.n)",
        "repository_id": where["repository_id"],
        "issue_number": number,
        "at": at,
        "document": "'{}'",
    }
    delivery = {
        **where,
        "id": "(1000 + series.n)",
        "guid": "('past-' || series.n)",
        "number": number,
        "received_at": at,
        "due_at": at,
    }
    with db.connect() as connection:
        for table, given in (("task", task), ("delivery", delivery), ("decision", decision)):
            _copy(db, connection, table, given, count)
        if not db.sqlite:
            for table in ("task", "delivery", "decision"):
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {count + 2000})"))
    with db.connect() as connection:
        connection.execute(text("ANALYZE"))


def _copy(db, connection, table, given, count):
    dialect = "sqlite" if db.sqlite else "postgresql"
    columns = list(connection.execute(text(f"SELECT * FROM {table} LIMIT 0")).keys())  # noqa: S608
    values = ", ".join(given.get(column, f"one.{column}") for column in columns)
    chosen = f"SELECT {values} FROM series, (SELECT * FROM {table} ORDER BY id LIMIT 1) AS one"  # noqa: S608
    series = SERIES[dialect].format(count=count)
    insert = f"INSERT INTO {table} ({', '.join(columns)})"
    document = "CAST('{}' AS jsonb)"
    statement = f"{insert} {series}{chosen}"
    if not db.sqlite:
        statement = statement.replace("'{}'", document).replace("%", "%%")
    connection.exec_driver_sql(statement)
