"""The door as GitHub finds it: the real application on a real socket, with a database of its own."""

import time

import pytest
from web_door import LIMIT_SECONDS, OLD_SECRET, SECRET, Door

from github_app.core.names import Instant
from github_app.store.inbox import InboxWriter
from github_app.store.session import Database
from github_app.web.app import Site, make_app
from github_app.web.receive import Receiver
from github_app.web.server import listening, serving


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "remit.db"
    db = Database(f"sqlite:///{path}")
    db.upgrade()
    db.close()
    return path


@pytest.fixture
def db(tmp_path, template):
    path = tmp_path / "remit.db"
    path.write_bytes(template.read_bytes())
    db = Database(f"sqlite:///{path}")
    yield db
    db.close()


@pytest.fixture
def site(db):
    """What the application is made of; a test may replace `local_pages`."""
    nudged = []
    inbox = InboxWriter(db)
    receiver = Receiver(
        inbox,
        (SECRET, OLD_SECRET),
        now=lambda: Instant(time.time_ns() // 1_000_000),
        burst_milliseconds=50,
        recorded=lambda: nudged.append(time.monotonic()),
        receipt_seconds=LIMIT_SECONDS,
    )
    made = Site(db=db, inbox=inbox, receiver=receiver, local_pages=True, github_url="https://github.com")
    return made, nudged


@pytest.fixture
def door(site, db):
    made, nudged = site
    with listening("127.0.0.1", 0, hint="") as listener, serving(make_app(made), listener):
        yield Door(listener.getsockname()[1], db, made.receiver, nudged)
