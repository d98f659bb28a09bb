"""The door every input enters by: recorded once under its guid, acknowledged only after the commit.

`InboxWriter` is one thread that commits whatever is waiting as one batch, without lingering; `record` is for our own
events inside another transaction. A quarantined delivery that is sent again becomes pending again; any other repetition
is a duplicate. Nothing here knows an ORM: this is the hot path of the web process.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import astuple, dataclass
from enum import StrEnum
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from github_app.core.names import InstallationId, Instant, RepositoryId, UserId
from github_app.errors import RemitError
from github_app.store.session import BusyError, Database, repeatable

BATCH = 256
TRIES = 4
COLUMNS = (
    "guid", "event", "action", "source", "installation_id", "repository_id", "number", "sender_id", "body",
    "received_at", "due_at",
)  # fmt: skip
REVIVE = (
    "ON CONFLICT (guid) DO UPDATE SET state = 'pending', strikes = 0, taken_until = NULL, due_at = excluded.due_at, "
    "body = excluded.body WHERE delivery.state = 'quarantined'"
)
ONE = f"INSERT INTO delivery ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{c}' for c in COLUMNS)}) {REVIVE}"  # noqa: S608
MANY_SQLITE = f"INSERT INTO delivery ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) {REVIVE}"  # noqa: S608
KINDS = ("text", "text", "text", "text", "bigint", "bigint", "bigint", "bigint", "bytea", "bigint", "bigint")
UNNEST = ", ".join(f"%s::{kind}[]" for kind in KINDS)
MANY_POSTGRES = f"INSERT INTO delivery ({', '.join(COLUMNS)}) SELECT * FROM unnest({UNNEST}) {REVIVE} RETURNING guid"  # noqa: S608 - our words


class Recorded(StrEnum):
    """What became of a delivery that was handed in; both mean that it is kept."""

    NEW = "new"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """Something that arrived: the head that routes it and the body as it came. Field order is the table's."""

    guid: str
    event: str
    action: str = ""
    source: str = "webhook"
    installation_id: InstallationId | None = None
    repository_id: RepositoryId | None = None
    number: int | None = None
    sender_id: UserId | None = None
    body: bytes
    received_at: Instant
    due_at: Instant | None = None


def record(session: Session, delivery: NewDelivery) -> Recorded:
    """Record one delivery inside a transaction of the caller's."""
    result: Any = session.execute(text(ONE), dict(zip(COLUMNS, _values(delivery), strict=True)))
    return Recorded.NEW if result.rowcount == 1 else Recorded.DUPLICATE


class InboxWriter:
    """One writer thread for a web process. `submit` from any thread; the future resolves after the commit.

    A future fails with BusyError or the database's error when nothing was stored: answer 503, never 2xx. `waiting`
    bounds how many may queue up.
    """

    def __init__(self, db: Database, *, waiting: int = 10_000) -> None:
        self._db = db
        self._queue: Queue[tuple[NewDelivery, Future[Recorded]] | None] = Queue(maxsize=waiting)
        self._thread: Thread | None = None
        self._gate = Lock()
        self.commits = 0

    def start(self) -> None:
        """Start the thread; submitting before is an error."""
        with self._gate:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="remit-inbox", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Commit what was submitted before, then end; what is submitted afterwards fails."""
        with self._gate:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._queue.put(None)
        if thread is not None:
            thread.join()

    def submit(self, delivery: NewDelivery) -> Future[Recorded]:
        """Hand in a delivery; never blocks."""
        future: Future[Recorded] = Future()
        with self._gate:
            if self._thread is None:
                future.set_exception(BusyError("the inbox is stopped", hint="the process is ending; send it again"))
                return future
            try:
                self._queue.put_nowait((delivery, future))
            except Full:
                future.set_exception(BusyError("too many deliveries are waiting", hint="send it again later"))
        return future

    def _run(self) -> None:
        open_ = True
        while open_:
            taken = [self._queue.get()]
            while len(taken) < BATCH and taken[-1] is not None:
                try:
                    taken.append(self._queue.get_nowait())
                except Empty:
                    break
            open_ = taken[-1] is not None
            batch = [item for item in taken if item is not None and item[1].set_running_or_notify_cancel()]
            if batch:
                self._commit(batch)

    def _commit(self, batch: Sequence[tuple[NewDelivery, Future[Recorded]]]) -> None:
        try:
            fresh = self._store([delivery for delivery, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to every caller of the batch, who answers for it
            for _, future in batch:
                future.set_exception(error)
            return
        for delivery, future in batch:
            new = delivery.guid in fresh
            fresh.discard(delivery.guid)  # the same guid twice in one batch is new once
            future.set_result(Recorded.NEW if new else Recorded.DUPLICATE)

    def _store(self, deliveries: Sequence[NewDelivery]) -> set[str]:
        """Store a batch in one commit and return the guids that were new or came out of quarantine."""
        rows = {delivery.guid: _values(delivery) for delivery in reversed(deliveries)}
        for attempt in range(TRIES):
            try:
                with self._db.raw() as connection:
                    fresh = _insert(connection, rows, sqlite=self._db.sqlite)
            except RemitError:
                raise
            except Exception as error:
                if attempt + 1 == TRIES or not repeatable(error):
                    raise
                time.sleep(0.02 * 2**attempt)
            else:
                self.commits += 1
                return fresh
        raise AssertionError("the loop returns or raises")


def _insert(connection: Any, rows: dict[str, tuple[Any, ...]], *, sqlite: bool) -> set[str]:
    cursor = connection.cursor()
    try:
        if not sqlite:
            cursor.execute(MANY_POSTGRES, [list(column) for column in zip(*rows.values(), strict=True)])
            return {guid for (guid,) in cursor.fetchall()}
        marks = ", ".join("?" * len(rows))
        known = f"SELECT guid FROM delivery WHERE guid IN ({marks}) AND state <> 'quarantined'"  # noqa: S608 - only ?
        seen = {guid for (guid,) in cursor.execute(known, list(rows))}
        cursor.executemany(MANY_SQLITE, [row for guid, row in rows.items() if guid not in seen])
        return set(rows) - seen
    finally:
        cursor.close()


def _values(delivery: NewDelivery) -> tuple[Any, ...]:
    *head, due_at = astuple(delivery)
    return (*head, delivery.received_at if due_at is None else due_at)
