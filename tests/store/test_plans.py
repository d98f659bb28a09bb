"""With a long past, everything from a delivery to its decision finds its rows by an index, and reads no whole table."""

import re
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, text

from github_app.core.names import Instant, RepositoryId
from github_app.store import view
from github_app.store.recorded import recordings
from github_app.store.waiting import wake_all

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from past import decided, fill

PAST = 20_000
WHOLE = {
    True: re.compile(r"SCAN (task|delivery|decision|outbox|history)(?! USING)"),
    False: re.compile(r"Seq Scan on (task|delivery|decision)"),
}


@contextmanager
def listened(db):
    """Collect what is asked of the database."""
    asked = []

    def hear(_connection, _cursor, statement, parameters, _context, many):
        if statement.startswith(("SELECT", "UPDATE", "INSERT", "DELETE")) and not many:
            asked.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", hear)
    try:
        yield asked
    finally:
        event.remove(db.engine, "before_cursor_execute", hear)


def plan(db, statement, parameters):
    word = "EXPLAIN QUERY PLAN" if db.sqlite else "EXPLAIN"
    with db.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"{word} {statement}", parameters).all()
    return "\n".join(str(row[-1]) for row in rows)


@pytest.fixture
def old_db(real_db):
    fill(real_db, PAST)
    with real_db.read() as session:
        assert session.execute(text("SELECT count(*) FROM task")).scalar_one() > PAST
    return real_db


def test_no_statement_between_a_delivery_and_its_decision_reads_a_whole_table(old_db):
    decided(old_db, 5)
    with listened(old_db) as asked:
        applied = decided(old_db, 6)
        decided(old_db, 7, repository=3, installation=2)
        wake_all(old_db)
        view.latest_decision(old_db, RepositoryId(1), 6)
        view.open_for(old_db, RepositoryId(1), 6)
        view.detail(old_db, applied.task.id)
    plans = {statement: plan(old_db, statement, parameters) for statement, parameters in asked}
    assert len(plans) > 20
    assert {s: p for s, p in plans.items() if WHOLE[old_db.sqlite].search(p)} == {}


def test_the_newest_decisions_are_found_without_reading_the_old_ones(old_db):
    decided(old_db, 5)
    with listened(old_db) as asked:
        found = list(recordings(old_db, since=Instant(old_db.now() - 3_600_000)))
    assert [one.event.number for one in found if one is not None] == [5]  # the first was made before the past was
    assert len(asked) <= 2
