"""A door to send deliveries to, and what is sent."""

import contextlib
import hmac
import http.client
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from github_app.store.session import Database
from github_app.web.app import HOOK
from github_app.web.receive import Receiver

SECRET, OLD_SECRET = b"the-secret-that-is-live-now", b"the-secret-that-is-going-away"


LIMIT_SECONDS = 0.6


def labelled(number=7, **more):
    """A delivery that matters."""
    return {
        "action": "labeled",
        "installation": {"id": 1},
        "repository": {"id": 42, "full_name": "acme/widgets", "private": True, "owner": {"login": "acme"}},
        "sender": {"id": 5, "login": "maintainer", "type": "User"},
        "issue": {"number": number, "id": 70, "title": "x", "state": "open"},
        "label": {"name": "documentation"},
        **more,
    }


def sign(body, secret=SECRET, kind="sha256"):
    return f"{kind}=" + hmac.new(secret, body, kind).hexdigest()


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def said(self):
        return json.loads(self.body)


@dataclass
class Door:
    port: int
    db: Database
    receiver: Receiver
    nudged: list

    def post(self, payload, *, event="issues", guid="guid-1", signatures=None, drop=(), **more):
        """Send a delivery; `signatures` replaces the right one, `more` are further headers with _ for -."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-GitHub-Event", event),
            ("X-GitHub-Delivery", guid),
            *(("X-Hub-Signature-256", each) for each in ([sign(body)] if signatures is None else signatures)),
        ]
        given = {name.replace("_", "-").lower(): value for name, value in more.items()}
        gone = {name.lower() for name in drop} | set(given)
        headers = [each for each in headers if each[0].lower() not in gone] + list(given.items())
        return self.ask("POST", HOOK, body, headers)

    def ask(self, method, path, body=b"", headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host=any(n.lower() == "host" for n, _ in headers))
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.send(body)  # refused before everything was read: the answer is there
            got = connection.getresponse()
            return Answer(got.status, {n.lower(): v for n, v in got.getheaders()}, got.read())
        finally:
            connection.close()

    def talk(self, *parts, end=False):
        """Send bytes as they are and return everything that comes back until the door closes or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as line:
            for part in parts:
                line.sendall(part)
            if end:
                line.shutdown(socket.SHUT_WR)
            line.settimeout(LIMIT_SECONDS * 4)
            got = b""
            try:
                while chunk := line.recv(65536):
                    got += chunk
            except (TimeoutError, ConnectionResetError):
                pass
            return got

    def rows(self):
        with self.db.engine.connect() as connection:
            return connection.exec_driver_sql("SELECT guid, event, action, number, body FROM delivery").all()

    def count(self, what):
        return self.receiver.counts[what]


def eventually(seen: Callable[[], object], seconds: float = 5.0) -> object:
    """Return what `seen` returns once it is true."""
    until = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.005)
    return found
