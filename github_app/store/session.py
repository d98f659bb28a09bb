"""The door to the database: engines, transactions, its clock and the one lock for counted limits.

SQLite: WAL, `synchronous=FULL` (NORMAL may lose what was acknowledged at a power loss), foreign keys on, and every
writer says BEGIN IMMEDIATE, one at a time. PostgreSQL: READ COMMITTED through psycopg 3. Sessions are short and never
cross threads; a `Database` may be shared by any number of threads. SQLModel is not imported here: the web process,
which only records deliveries, has no use for it.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from github_app.core.names import Instant
from github_app.errors import NotConfiguredError, RemitError
from github_app.store.codec import as_text

BUSY_SECONDS = 10
TRIES = 6
# serialization_failure, deadlock_detected: https://www.postgresql.org/docs/current/errcodes-appendix.html
REPEATABLE = frozenset({"40001", "40P01"})

T = TypeVar("T")


class BusyError(RemitError):
    """The database had other writers for too long; nothing was written, trying again later is right."""


class Guarded(IntEnum):
    """What only one transaction at a time may count; the numbers are PostgreSQL advisory lock keys (second half)."""

    LIMITS = 1
    INBOX = 2
    OUTBOX = 3
    SCHEMA = 4


LOCK_SPACE = 0x52656D69  # "Remi": the first half of our advisory lock keys


class Database:
    """One database by URL (`sqlite:///path` or `postgresql://...`).

    `clock` replaces the database's clock everywhere (tests). Raises NotConfiguredError for a URL that cannot be used.
    """

    def __init__(self, url: str, *, clock: Callable[[], Instant] | None = None, pool: int = 10) -> None:
        self._clock = clock
        self.engine = _engine(_url(url), pool)
        self.sqlite = self.engine.dialect.name == "sqlite"
        self._writer = self.engine.execution_options(remit_writes=True)
        self._turn = Lock()

    def __repr__(self) -> str:
        return f"Database({self.engine.url.render_as_string(hide_password=True)!r})"

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    def now(self, session: Session | Connection | None = None) -> Instant:
        """Return the database's clock (SQLite: this machine's) in milliseconds, or the given clock's answer."""
        if self._clock is not None:
            return self._clock()
        if self.sqlite:
            return Instant(time.time_ns() // 1_000_000)
        if session is None:
            with self.read() as own:
                return self.now(own)
        asked = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        return Instant(session.execute(asked).scalar_one())

    @contextmanager
    def read(self) -> Generator[Session]:
        """Give a session that reads one consistent moment (SQLite) and writes nothing."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Generator[Session]:
        """Give a session that is one transaction: committed at the end, rolled back by any exception."""
        with self._my_turn(), Session(self._writer) as session, session.begin():
            yield session

    @contextmanager
    def connect(self) -> Generator[Connection]:
        """Give a connection in one write transaction, for schema changes and batches."""
        with self._my_turn(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def raw(self) -> Generator[Any]:
        """Give the driver's own connection in one write transaction, for the hot path of the inbox."""
        with self._my_turn():
            pooled = self.engine.raw_connection()
            try:
                if self.sqlite:
                    pooled.cursor().execute("BEGIN IMMEDIATE")
                yield pooled
                pooled.commit()
            except BaseException:
                pooled.rollback()
                raise
            finally:
                pooled.close()

    def transaction(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one write transaction and return what it returns.

        Repeated a few times when the database could not serialise it; `work` must therefore do nothing but SQL.
        """
        for attempt in range(1, TRIES):
            try:
                with self.write() as session:
                    return work(session)
            except DBAPIError as error:
                if not repeatable(error):
                    raise
            time.sleep(random.uniform(0.5, 1) * 0.01 * 2**attempt)  # noqa: S311 - spreading, not secrecy
        with self.write() as session:
            return work(session)

    def lock(self, session: Session | Connection, guarded: Guarded = Guarded.LIMITS) -> None:
        """Wait until this transaction is the only one that counts what is `guarded`; held until it ends.

        A statement of its own, so that the next one sees what the previous holder committed (READ COMMITTED). On
        SQLite, BEGIN IMMEDIATE already says so.
        """
        if not self.sqlite:
            session.execute(
                text("SELECT pg_advisory_xact_lock(:space, :key)"), {"space": LOCK_SPACE, "key": int(guarded)}
            )

    def upgrade(self) -> None:
        """Bring the schema to this code's version, in one transaction; nothing happens when it is there already."""
        from github_app.store.schema import upgrade  # noqa: PLC0415 - keeps SQLModel and Alembic out of the web process

        upgrade(self)

    def check(self) -> None:
        """Raise SchemaMismatchError unless the schema is exactly what this code expects; both versions are named."""
        from github_app.store.schema import check  # noqa: PLC0415 - as above

        check(self)

    @contextmanager
    def _my_turn(self) -> Generator[None]:
        # SQLite's own waiting polls and is unfair between threads; between processes it is all there is.
        if not self.sqlite:
            yield
            return
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise BusyError("the database was busy with other writers for 10 s", hint="try again")
        try:
            yield
        finally:
            self._turn.release()


def repeatable(error: Exception) -> bool:
    """Say whether the database only asks for the same transaction again."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    return getattr(cause, "sqlstate", None) in REPEATABLE


def _url(given: str) -> URL:
    try:
        url = make_url(given)
    except ArgumentError as error:
        raise NotConfiguredError(
            "the database URL cannot be read", hint="sqlite:///path or postgresql://..."
        ) from error
    match url.drivername:
        case "sqlite" | "sqlite+pysqlite":
            if url.database in {None, "", ":memory:"}:
                raise NotConfiguredError("an SQLite database needs a file", hint="sqlite:///data/remit.sqlite")
            return url.set(drivername="sqlite+pysqlite")
        case "postgres" | "postgresql" | "postgresql+psycopg":
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise NotConfiguredError(
                f"{other} is not a database Remit knows", hint="sqlite:///path or postgresql://..."
            )


def _engine(url: URL, pool: int) -> Engine:
    if url.drivername.startswith("sqlite"):
        if url.database is not None:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            url,
            pool_size=pool,
            max_overflow=pool,
            json_serializer=as_text,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return create_engine(
            url,
            pool_size=pool,
            max_overflow=pool,
            pool_pre_ping=True,
            json_serializer=as_text,
            isolation_level="READ COMMITTED",
        )
    except ModuleNotFoundError as error:
        raise NotConfiguredError("PostgreSQL needs psycopg", hint='install "remit[postgres]"') from error


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("remit_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
