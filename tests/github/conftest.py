"""A scripted GitHub behind httpx's own seam, for what a strict server cannot be made to say."""

import json
import threading
from collections import defaultdict, deque

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from github_app.core.names import InstallationId, RepositoryId
from github_app.github.auth import AppAuth
from github_app.github.client import GitHub

API = "https://github.example/api/v3"
NOW = 1_795_000_000.0
OWN = 900


def pem():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


class Script:
    """Answers by method and path; a queue's last answer stays. Unknown paths are 404, as on GitHub."""

    def __init__(self):
        self.answers = defaultdict(deque)
        self.requests = []
        self.minted = 0
        self.revoked = set()
        self.lock = threading.Lock()
        self.on("GET /app", {"id": 1, "slug": "remit", "html_url": "https://github.example/apps/remit"})
        self.on("GET /users/remit[bot]", {"id": OWN, "login": "remit[bot]", "type": "Bot"})

    def on(self, line, body=None, status=200, **headers):
        method, path = line.split(" ", 1)
        answer = body if callable(body) else (status, {k.replace("_", "-"): v for k, v in headers.items()}, body)
        self.answers[method, path].append(answer)

    def __call__(self, request):
        with self.lock:
            path = request.url.path.removeprefix("/api/v3")
            self.requests.append(request)
            if path.endswith("/access_tokens") and ("POST", path) not in self.answers:
                self.minted += 1
                return httpx.Response(
                    201, json={"token": f"ghs_{self.minted:04}." + "a-b" * 170, "expires_at": "2026-11-20T06:00:00Z"}
                )
            if request.headers.get("authorization", "") in self.revoked:
                return httpx.Response(401, json={"message": "Bad credentials"})
            queue = self.answers.get((request.method, path))
            if not queue:
                return httpx.Response(404, json={"message": "Not Found"})
            answer = queue.popleft() if len(queue) > 1 else queue[0]
        if callable(answer):
            return answer(request)
        status, headers, body = answer
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.Response(status, headers=headers, content=content)

    def sent(self, line):
        method, path = line.split(" ", 1)
        return [
            json.loads(r.content) if r.content else None
            for r in self.requests
            if r.method == method and r.url.path.removeprefix("/api/v3") == path
        ]


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture(scope="session")
def keys():
    return pem(), pem()


@pytest.fixture
def script():
    return Script()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def slept():
    return []


@pytest.fixture
def auth(script, clock, slept, keys):
    return AppAuth(1, (keys[0],), API, transport=httpx.MockTransport(script), clock=clock, sleep=slept.append)


@pytest.fixture
def github(auth):
    return GitHub(auth)


@pytest.fixture
def repo(github):
    return github.repository(InstallationId(7), RepositoryId(42), "acme/widgets")
