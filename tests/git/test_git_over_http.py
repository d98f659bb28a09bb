"""The same git over HTTP, as it is with GitHub: git's own server behind a small one that wants the token."""

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from git_workbench import ME, git

from github_app.core.names import Instant
from github_app.errors import GitError, GitHubRefusedError, GitHubUnreachableError, LostAccessError
from github_app.git.command import Token
from github_app.git.importer import seal
from github_app.git.publish import Pushed, Rejected, push
from github_app.git.remote import Protocol, Remote, remote_head

TOKEN = Token(value="ghs_secret.value-1")
WHO = {"author_name": "remit[bot]", "author_email": "remit@example.org", "date": Instant(1_795_000_000_000)}


class Gate(BaseHTTPRequestHandler):
    """Answers with a status where the path names one, asks for the token, and lets git answer the rest."""

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        path, _, query = self.path.partition("?")
        name = path.split("/")[1]
        if name.isdecimal():
            self.send_response(int(name))
            self.send_header("Location", self.path.replace(f"/{name}/", "/o/"))
            self.end_headers()
            return
        if self.headers["Authorization"] != TOKEN.header.partition(": ")[2]:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = {
            **os.environ,
            **ME,
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "remit",
            "PATH_INFO": path.removeprefix("/o"),
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        said = subprocess.run(["git", "http-backend"], input=body, env=asked, capture_output=True, check=True).stdout
        head, _, content = said.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the server's own names


@pytest.fixture
def address(upstream):
    with ThreadingHTTPServer(("127.0.0.1", 0), Gate) as server:
        server.root = upstream.parent
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def at(address, owner="o"):
    return Remote(url=f"{address}/{owner}/upstream.git", protocol=Protocol.HTTP)


def test_fetch_and_push_carry_the_token_and_nothing_keeps_it(bench, address, upstream):
    assert bench.mirror.fetch(at(address), "main", TOKEN) == bench.base
    with bench.open() as run:
        bench.agent(run, "echo x > a")
        sha = seal(bench.take(run), message="one", **WHO)
        said = push(
            mirror=bench.mirror, remote=at(address), sha=sha, branch="remit/docs/1-7", token=TOKEN, expected=None
        )
        assert said == Pushed(sha=sha)
        assert remote_head(at(address), "remit/docs/1-7", TOKEN) == sha
        stale = push(
            mirror=bench.mirror, remote=at(address), sha=bench.base, branch="remit/docs/1-7", token=TOKEN, expected=None
        )
        assert isinstance(stale, Rejected)
        assert stale.kind == "exists"
    assert git(upstream, "rev-parse", "remit/docs/1-7") == sha
    kept = [path for path in bench.place.rglob("*") if path.is_file() and TOKEN.value.encode() in path.read_bytes()]
    assert kept == []


def test_a_missing_token_is_not_asked_for(bench, address):
    with pytest.raises(GitHubRefusedError) as refusal:
        bench.mirror.fetch(at(address), "main", None)
    assert refusal.value.status == 401


@pytest.mark.parametrize(
    ("status", "meaning"), [(404, LostAccessError), (403, GitHubRefusedError), (503, GitHubUnreachableError)]
)
def test_an_answer_is_told_by_its_status(bench, address, status, meaning):
    with pytest.raises(meaning):
        bench.mirror.fetch(at(address, str(status)), "main", TOKEN)


def test_a_push_that_is_denied_is_a_refusal(bench, address):
    said = push(
        mirror=bench.mirror,
        remote=at(address, "403"),
        sha=bench.base,
        branch="remit/docs/1-7",
        token=TOKEN,
        expected=None,
    )
    assert isinstance(said, Rejected)
    assert said.kind == "permission"


def test_a_redirect_is_not_followed(bench, address):
    with pytest.raises(GitError):
        bench.mirror.fetch(at(address, "302"), "main", TOKEN)
