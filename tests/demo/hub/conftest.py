import base64
import http.server
import json
import os
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass, field

import httpx
import jwt
import pytest

from github_app.demo.hub import Hub

PERMISSIONS = {"contents": "write", "issues": "write", "pull_requests": "write", "checks": "write"}
EVENTS = [
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "repository",
    "label",
    "check_run",
    "check_suite",
]
FILES = {"README.md": "one\ntwo\nthree\n", ".github/remit.yml": "version: 1\n", "src/app.py": "print('hello')\n"}


@dataclass
class Received:
    headers: dict
    body: bytes

    @property
    def event(self):
        return self.headers["X-GitHub-Event"]

    @property
    def said(self):
        return json.loads(self.body)

    @property
    def name(self):
        action = self.said.get("action")
        return f"{self.event}.{action}" if action else self.event


@dataclass
class Receiver:
    """A webhook endpoint that keeps what it got and answers `status`."""

    url: str = ""
    status: int = 202
    got: list = field(default_factory=list)

    def names(self):
        return [one.name for one in self.got]

    def take(self):
        taken, self.got = self.got, []
        return taken


@pytest.fixture
def receiver():
    box = Receiver()

    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            box.got.append(Received(dict(self.headers), body))
            self.send_response(box.status)
            self.end_headers()

        def log_message(self, format, *args):  # noqa: A002 - the name it has above
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    box.url = f"http://127.0.0.1:{server.server_port}/webhook"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield box
    server.shutdown()
    server.server_close()
    thread.join()


class Clock:
    """The hub's clock: stands still until it is moved."""

    def __init__(self):
        self.now = float(int(time.time()))

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hub(tmp_path, clock):
    hub = Hub(tmp_path / "hub", clock=clock)
    with hub.serve():
        yield hub


@pytest.fixture
def app(hub, receiver):
    return hub.create_app("remit", receiver.url, "webhook-secret", PERMISSIONS, EVENTS)


@pytest.fixture
def widgets(hub, app):
    """acme/widgets with ada (admin), wren (write), tess (triage) and rob (read)."""
    hub.create_organization("acme")
    repository = hub.create_repository("acme", "widgets", FILES)
    for login, role in (("ada", "admin"), ("wren", "write"), ("tess", "triage"), ("rob", "read")):
        hub.create_user(login)
        hub.set_permission(repository, login, role)
    return repository


@pytest.fixture
def installation(hub, app, widgets, receiver):
    made = hub.install(app, "acme", by="ada")
    hub.settle()
    receiver.take()
    return made


def client(hub, token):
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "tests"}
    # An empty TLS context: loading the certificates costs more than a whole test.
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.Client(base_url=hub.api_url, headers=headers, trust_env=False, verify=tls)


@pytest.fixture
def api(hub, installation):
    with client(hub, hub.token(installation)) as api:
        yield api


@pytest.fixture
def as_app(hub, app, clock):
    now = int(clock())
    token = jwt.encode({"iss": str(app.app_id), "iat": now - 60, "exp": now + 540}, app.private_key_pem, "RS256")
    with client(hub, token) as api:
        yield api


@pytest.fixture
def git(tmp_path):
    """Run git as a client of the hub; returns the finished process."""

    def run(*arguments, token=None, cwd=None):
        settings = {"user.name": "t", "user.email": "t@example.org", "init.defaultBranch": "main"}
        if token:
            basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
            settings["http.extraHeader"] = f"Authorization: Basic {basic}"
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        for index, (key, value) in enumerate(settings.items()):
            env |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
        return subprocess.run(
            ["git", *arguments], env=env, cwd=cwd or tmp_path, capture_output=True, text=True, check=False
        )

    return run
