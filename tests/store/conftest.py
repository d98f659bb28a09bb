"""Databases for the store's tests: every test that asks for `db` runs on SQLite and on PostgreSQL."""

import shutil
import sys
from pathlib import Path

import psycopg
import pytest

from github_app.core.names import Instant
from github_app.store.schema import TABLES
from github_app.store.session import Database

sys.path.insert(0, str(Path(__file__).parents[1]))

from postgres import server

ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self):
        self.now = 1_800_000_000_000

    def __call__(self):
        return Instant(self.now)

    def advance(self, milliseconds):
        self.now += milliseconds


@pytest.fixture(scope="session")
def postgres(tmp_path_factory, worker_id):
    base = tmp_path_factory.getbasetemp()
    with server(base if worker_id == "master" else base.parent) as running:
        yield running


@pytest.fixture(scope="session")
def worker_id(request):
    return getattr(request.config, "workerinput", {}).get("workerid", "master")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "remit.sqlite"
    db = Database(f"sqlite:///{path}")
    db.upgrade()
    db.close()
    return path


@pytest.fixture(scope="session")
def postgres_url(postgres):
    """One migrated database for the whole session: emptied after each test, which is quicker than a new one."""
    url = postgres.url(postgres.create())
    db = Database(url)
    db.upgrade()
    db.close()
    return url


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def empty_url(engine, request, tmp_path):
    """The URL of a database without any table."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'remit.sqlite'}"
        return
    running = request.getfixturevalue("postgres")
    name = running.create()
    yield running.url(name)
    running.drop(name)


@pytest.fixture
def url(engine, request, tmp_path):
    """The URL of an empty database with the schema in it."""
    if engine == "sqlite":
        path = tmp_path / "remit.sqlite"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    running = request.getfixturevalue("postgres_url")
    yield running
    with psycopg.connect(running) as connection:
        connection.execute("SET session_replication_role = replica")  # the history's triggers would refuse
        for table in TABLES:
            connection.execute(f"DELETE FROM {table.name}")  # noqa: S608
        for (name,) in connection.execute("SELECT sequencename FROM pg_sequences").fetchall():
            connection.execute(f"ALTER SEQUENCE {name} RESTART")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def db(url, clock):
    database = Database(url, clock=clock)
    yield database
    database.close()


@pytest.fixture
def real_db(url):
    """A database on its own clock."""
    database = Database(url)
    yield database
    database.close()
