import multiprocessing
import re
import sqlite3
import threading

import pytest
from crafted import add_task
from sqlalchemy import text

from github_app.store import backlog, outbox, waiting
from github_app.store.lease import CLAIMABLE
from github_app.store.ledger import IS_PENDING
from github_app.store.session import Database, Guarded, repeatable


def test_sqlite_keeps_what_it_acknowledged(tmp_path):
    db = Database(f"sqlite:///{tmp_path / 'deep' / 'remit.sqlite'}")
    with db.read() as session:
        found = [session.execute(text(f"PRAGMA {p}")).scalar() for p in ("journal_mode", "synchronous", "foreign_keys")]
    assert found == ["wal", 2, 1]
    db.close()


def test_the_clock_is_the_databases_unless_one_is_given(real_db, url, clock):
    own = Database(url, clock=clock)
    assert own.now() == clock.now
    own.close()
    with real_db.read() as session:
        assert abs(real_db.now(session) - real_db.now()) < 60_000


def test_what_raises_is_rolled_back(db):
    def work(session):
        session.execute(text("INSERT INTO policy (version, sources, first_seen_at) VALUES ('v', '{}', 1)"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        db.transaction(work)
    with db.read() as session:
        assert session.execute(text("SELECT count(*) FROM policy")).scalar() == 0


def test_a_busy_sqlite_only_asks_for_the_same_again(tmp_path):
    path = tmp_path / "x.sqlite"
    one, two = sqlite3.connect(path, isolation_level=None), sqlite3.connect(path, isolation_level=None, timeout=0)
    one.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError) as caught:
        two.execute("BEGIN IMMEDIATE")
    assert repeatable(caught.value)
    with pytest.raises(sqlite3.OperationalError) as caught:
        one.execute("SELECT * FROM nowhere")
    assert not repeatable(caught.value)
    one.close()
    two.close()


@pytest.mark.parametrize("engine", [pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_deadlock_is_tried_again(real_db):
    one, two = add_task(real_db, 1), add_task(real_db, 2)
    barrier, tries = threading.Barrier(2), []

    def touch(*ids):
        def work(session):
            tries.append(ids)
            for index, task_id in enumerate(ids):
                session.execute(text("UPDATE task SET priority = priority + 1 WHERE id = :id"), {"id": task_id})
                if index == 0 and len(tries) <= 2:
                    barrier.wait(10)

        real_db.transaction(work)

    threads = [threading.Thread(target=touch, args=ids) for ids in ((one.id, two.id), (two.id, one.id))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with real_db.read() as session:
        assert session.execute(text("SELECT priority FROM task")).scalars().all() == [2, 2]
    assert len(tries) > 2


@pytest.mark.parametrize("engine", ["sqlite"])
def test_processes_that_start_together_upgrade_once(empty_url):
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        assert pool.map(_upgrade, [empty_url] * 2, chunksize=1) == ["ok"] * 2
        pool.close()
        pool.join()


def _upgrade(url):
    db = Database(url)
    db.upgrade()
    db.check()
    db.close()
    return "ok"


# columns that look like index names in a plan
OUTSIDE = ("task_id",)


def plan(db, statement, **values):
    with db.read() as session:
        if db.sqlite:
            rows = session.execute(text(f"EXPLAIN QUERY PLAN {statement}"), values).all()
        else:
            session.execute(text("SET LOCAL enable_seqscan = off"))  # tables are small here: ask what could be used
            rows = session.execute(text(f"EXPLAIN {statement}"), values).all()
    return "\n".join(str(row[-1]) for row in rows)


SMALL = {"task_startable", "task_running", "task_by_state", "task_pending", "task_in_review", "task_deferred"}
SMALL |= {"task_expiring", "delivery_lane", "delivery_due", "outbox_due", "outbox_lane", "outbox_taken"}


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (CLAIMABLE, {"now": 1, "total": 9}),
        (backlog.LEADERS, {"now": 1, "limit": 9}),
        (backlog.FOLLOWERS, {"repository": 1, "number": 1, "leader": 1, "now": 1, "limit": 9}),
        (outbox.DUE, {"now": 1, "limit": 9}),
        (waiting.DEFERRED, {"installation": 1}),
        (f"SELECT count(*) FROM task WHERE installation_id = 1 AND {IS_PENDING}", {}),  # noqa: S608
        ("SELECT count(*) FROM task WHERE state = 'in_review' AND installation_id = 1", {}),
        ("SELECT * FROM task WHERE state = 'held' AND expires_at <= 5", {}),
    ],
)
def test_hot_queries_read_only_what_is_open_however_much_has_ended(db, statement, values):
    found = plan(db, statement, **values)
    used = set(re.findall(r"\b(?:task|delivery|outbox)_[a-z_]+", found)) - set(OUTSIDE)
    assert used, found
    assert used <= SMALL, found
    assert re.findall(r"SCAN (?:task|t|delivery|d|o|outbox|b)$", found, re.MULTILINE) == [], found
    assert "Seq Scan" not in found, found


def test_locks_are_let_go_with_the_transaction(db):
    for _ in range(2):
        with db.write() as session:
            for guarded in Guarded:
                db.lock(session, guarded)
