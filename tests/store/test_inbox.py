import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from crafted import arrived, delivered
from sqlalchemy import text

from github_app.store import view
from github_app.store.backlog import MAX_TRIES, TAKEN_FOR, counts, failed, ignore, quarantine, replay, settle, take
from github_app.store.inbox import InboxWriter, NewDelivery, Recorded
from github_app.store.session import BusyError, Database


@pytest.fixture
def inbox(real_db):
    writer = InboxWriter(real_db)
    writer.start()
    yield writer
    writer.stop()


def call(guid, **more):
    values = {"event": "issues", "action": "labeled", "installation_id": 1, "repository_id": 1, "number": 1}
    return NewDelivery(guid=guid, body=b'{"x": "\\u0000"}\xff', received_at=1, **(values | more))


def test_two_hundred_deliveries_at_once_are_few_commits_and_none_is_lost(inbox, real_db):
    with real_db.write():  # while somebody else writes, they gather
        first = [inbox.submit(call(f"g{number}")) for number in range(200)] if not real_db.sqlite else []
    with ThreadPoolExecutor(16) as pool:
        rest = list(pool.map(lambda n: inbox.submit(call(f"g{n}")), range(len(first), 200)))
    assert {Recorded.NEW} == {future.result(20) for future in first + rest}
    assert counts(real_db).pending == 200
    assert inbox.commits <= 100


def test_a_delivery_is_stored_before_it_is_acknowledged_with_its_body_as_it_came(inbox, real_db):
    assert Recorded.NEW is inbox.submit(call("g")).result(20)
    ((batch),) = take(real_db)
    assert (batch.deliveries[0].body, batch.deliveries[0].guid, batch.number) == (b'{"x": "\\u0000"}\xff', "g", 1)


def test_the_same_guid_counts_once_in_one_batch_and_later(inbox, real_db):
    with real_db.write():  # the writer waits on SQLite, so that both are in one batch
        futures = [inbox.submit(call("same")) for _ in range(100)]
    assert [future.result(20) for future in futures].count(Recorded.NEW) == 1
    assert Recorded.DUPLICATE is inbox.submit(call("same")).result(20)
    assert counts(real_db).pending == 1


def test_deliveries_without_a_place_are_kept_too(inbox, real_db):
    nowhere = {"installation_id": None, "repository_id": None, "number": None, "sender_id": None}
    futures = [inbox.submit(call(f"g{n}", **nowhere)) for n in range(3)]
    assert [future.result(20) for future in futures] == [Recorded.NEW] * 3
    assert [len(batch.deliveries) for batch in take(real_db)] == [1, 1, 1]


def test_a_stopped_inbox_kept_what_it_took_and_takes_nothing_more(real_db):
    inbox = InboxWriter(real_db)
    inbox.start()
    futures = [inbox.submit(call(f"g{number}")) for number in range(50)]
    inbox.stop()
    assert [future.result(0) for future in futures] == [Recorded.NEW] * 50
    with pytest.raises(BusyError, match="the inbox is stopped"):
        inbox.submit(call("late")).result(0)


def test_a_full_inbox_refuses_at_once(real_db):
    inbox = InboxWriter(real_db, waiting=1)
    gate = Event()
    inbox._commit = lambda batch: (gate.wait(20), [future.set_result(Recorded.NEW) for _, future in batch])
    inbox.start()
    futures = [inbox.submit(call(f"g{number}")) for number in range(20)]
    assert any(isinstance(future.exception(0), BusyError) for future in futures if future.done())
    gate.set()
    inbox.stop()


def test_when_the_database_fails_the_caller_is_told_and_the_next_one_works(inbox, real_db):
    with real_db.connect() as connection:
        connection.execute(text("ALTER TABLE delivery RENAME TO gone"))
    assert inbox.submit(call("lost")).exception(20) is not None
    with real_db.connect() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO delivery"))
    assert Recorded.NEW is inbox.submit(call("kept")).result(20)


def test_a_burst_on_one_issue_is_one_batch_in_order(db):
    for guid, event in (("a", "issues"), ("b", "issue_comment"), ("c", "issues"), ("d", "remit.room")):
        arrived(db, guid, event=event)
    arrived(db, "e", number=2)
    one, two = take(db)
    assert ([d.guid for d in one.deliveries], [d.guid for d in two.deliveries]) == (["a", "b", "c", "d"], ["e"])


def test_an_issue_is_in_one_pair_of_hands_at_a_time(db, clock):
    arrived(db, "a")
    (batch,) = take(db)
    arrived(db, "b")
    assert take(db) == []
    with db.write() as session:
        settle(session, [batch.deliveries[0].id], "handled", "", db.now(session))
    assert [[d.guid for d in batch.deliveries] for batch in take(db)] == [["b"]]
    clock.advance(TAKEN_FOR)
    assert [[d.guid for d in batch.deliveries] for batch in take(db)] == [["b"]]


def test_many_takers_take_nothing_twice(real_db):
    for number in range(40):
        arrived(real_db, f"g{number}", number=number % 20)
    with ThreadPoolExecutor(8) as pool:
        taken = [
            d.guid
            for batches in pool.map(lambda _: take(real_db, limit=3), range(16))
            for b in batches
            for d in b.deliveries
        ]
    assert (len(taken), len(set(taken))) == (40, 40)


def test_a_delivery_that_fails_waits_alone_and_is_quarantined_after_its_tries(db, clock):
    arrived(db, "poison")
    arrived(db, "other", number=2)
    outcomes = []
    for _ in range(MAX_TRIES):
        batches = take(db)
        poison = next(d for b in batches for d in b.deliveries if d.guid == "poison")
        outcomes.append(failed(db, poison.id, "it fell over", clock() + 10))
        assert all(d.guid != "poison" for b in take(db) for d in b.deliveries)
        clock.advance(TAKEN_FOR)
    assert outcomes == [False] * (MAX_TRIES - 1) + [True]
    assert (counts(db).pending, counts(db).quarantined) == (1, 1)
    (line,) = view.deliveries(db, state="quarantined")
    assert (line.guid, line.note) == ("poison", "it fell over")


def test_an_outage_is_not_held_against_a_delivery(db, clock):
    arrived(db, "a")
    for number in range(1, MAX_TRIES * 3):
        (batch,) = take(db)
        assert batch.deliveries[0].tries == number
        assert failed(db, batch.deliveries[0].id, "GitHub is away", clock() + 10, blame=False) is False
        clock.advance(10)


def test_what_was_taken_with_a_delivery_that_fails_waits_with_it_and_no_longer(db, clock):
    for guid in "abc":
        arrived(db, guid)
    (batch,) = take(db)
    failed(db, batch.deliveries[-1].id, "500", clock() + 10)
    assert take(db) == []
    clock.advance(10)
    assert [[d.guid for d in batch.deliveries] for batch in take(db)] == [["a", "b", "c"]]


def test_a_delivery_that_kills_its_process_runs_out_of_tries_too(db, clock):
    arrived(db, "killer")
    for _ in range(MAX_TRIES):
        assert len(take(db)) == 1
        clock.advance(TAKEN_FOR)
    assert take(db) == []
    assert counts(db).quarantined == 1


def test_what_fails_keeps_its_place_in_front_of_what_came_later_on_its_issue(db, clock):
    first = delivered(db, "a")
    arrived(db, "b")
    failed(db, first.id, "not now", clock() + 10)
    assert take(db) == []
    clock.advance(10)
    assert [[d.guid for d in batch.deliveries] for batch in take(db)] == [["a", "b"]]


def test_a_quarantined_delivery_that_is_sent_again_is_tried_again(db):
    quarantine(db, delivered(db, "a").id, "unreadable")
    assert Recorded.NEW is arrived(db, "a", body=b"better")
    (batch,) = take(db)
    assert (batch.deliveries[0].body, batch.deliveries[0].tries) == (b"better", 2)


def test_a_quarantined_delivery_comes_back_through_the_writer_too(inbox, real_db):
    inbox.submit(call("a")).result(20)
    quarantine(real_db, take(real_db)[0].deliveries[0].id, "unreadable")
    assert Recorded.NEW is inbox.submit(call("a")).result(20)
    assert (counts(real_db).pending, counts(real_db).quarantined) == (1, 0)


def test_a_settled_delivery_is_not_taken_until_it_is_replayed(db):
    delivery = delivered(db, "a")
    ignore(db, delivery.id, "nothing for us")
    assert take(db) == []
    assert [replay(db, delivery.id), replay(db, 999)] == [True, False]
    assert take(db)[0].deliveries[0].tries == 2


def test_recording_needs_no_orm_and_no_policy():
    code = (
        "import sys, github_app.store.inbox\n"
        "print(sorted({'sqlmodel', 'alembic', 'pydantic', 'githubkit', 'httpx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


ACKNOWLEDGE = """
import sys, time
from github_app.store.inbox import InboxWriter, NewDelivery
from github_app.store.session import Database

inbox = InboxWriter(Database(sys.argv[1]))
inbox.start()
for number in range(100_000):
    call = NewDelivery(guid=f"g{number}", event="issues", body=b"{}" * 5000, received_at=number)
    inbox.submit(call).result()
    print(call.guid, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(url):
    child = subprocess.Popen([sys.executable, "-c", ACKNOWLEDGE, url], stdout=subprocess.PIPE, text=True)
    acknowledged = [child.stdout.readline() for _ in range(50)]
    child.kill()
    acknowledged += child.communicate()[0].splitlines(keepends=True)
    db = Database(url)
    with db.read() as session:
        kept = set(session.execute(text("SELECT guid FROM delivery")).scalars())
    db.close()
    assert {line.strip() for line in acknowledged if line.endswith("\n")} - kept == set()
    assert len(kept) >= 50
