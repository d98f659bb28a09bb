"""The world of a story: the real web process, worker, database, sandbox and git against the local GitHub, by one clock.

Nothing of Remit is replaced but what production wiring lets be replaced: the database's URL and the clock. People act on
the local GitHub; `run` lets everything settle; then the story looks at GitHub and at the database.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from github_app.core.names import Instant, RepositoryId
from github_app.core.task import Task
from github_app.demo.hub import Hub
from github_app.demo.hub.views import SeenIssue
from github_app.policies import Policies
from github_app.sandbox.account import find_account
from github_app.sandbox.system import interpreter
from github_app.settings import Settings, read_settings
from github_app.store import view
from github_app.store.session import Database
from github_app.wiring import Parts, all_secrets, make_github, make_site, make_worker, make_workshop, open_database
from github_app.worker.loop import Worker

REPOSITORY = "acme/widgets"
SECRET = "a-webhook-secret-for-tests"
PERMISSIONS = {"contents": "write", "issues": "write", "pull_requests": "write", "metadata": "read"}
EVENTS = (
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "repository",
)
BODY = "The manual should say what happens to an order that is paid twice, in one short paragraph near the end of it."
FILES = {
    "README.md": "# widgets\n",
    "docs/manual.md": "# Manual\n",
    "widgets/__init__.py": "",
    "widgets/prices.py": "def total(prices):\n    return 0\n",
    "tests/test_prices.py": "import unittest\n\n\nclass Prices(unittest.TestCase):\n    def test_it_imports(self):\n"
    "        import widgets.prices  # noqa: F401\n",
}
POLICY = """\
version: 1
mode: active
caps: {new_per_requester_per_hour: 1000, open_pull_requests_per_repository: 1000, running_per_repository: 2}
checks:
  check:
    test: [python3, -m, unittest, discover, -s, tests, -t, .]
"""


class Clock:
    """One clock for GitHub and for Remit; it only moves when the story moves it."""

    def __init__(self) -> None:
        self._now = float(int(time.time()))

    def seconds(self) -> float:
        return self._now

    def instant(self) -> Instant:
        return Instant(int(self._now * 1000))

    def advance(self, seconds: float = 1, **more: float) -> None:
        days, hours, minutes = (more.get(unit, 0) for unit in ("days", "hours", "minutes"))
        self._now += seconds + 60 * (minutes + 60 * (hours + 24 * days))


@dataclass
class World:
    """A story's world. Acts of people take a second each."""

    hub: Hub
    clock: Clock
    settings: Settings
    db: Database
    worker: Worker
    url: str
    installation: int
    agent: Path
    app: Any
    github: Any
    shop: Any
    client: httpx.Client = field(default_factory=httpx.Client)

    def __getattr__(self, name: str) -> Any:
        """Act as a person on the story's repository: `world.label(3, "bug", by="maintainer")`."""
        act = getattr(self.hub, name)

        def acting(*args: Any, **named: Any) -> Any:
            self.clock.advance()
            return act(REPOSITORY, *args, **named)

        return acting

    def open(self, title: str = "Say what happens to an order paid twice", body: str = BODY, **given: Any) -> int:
        """Open an issue; `labels`, `by` and `form` as on GitHub."""
        self.clock.advance()
        by = given.pop("by", "maintainer")
        return self.hub.open_issue(REPOSITORY, title, body, by, **given)

    def run(self) -> None:
        """Let everything settle: webhooks, decisions, effects, runs, and what they cause."""
        for _ in range(50):
            self.hub.settle()
            before = len(self.hub.deliveries)
            self.worker.run_until_idle()
            self.hub.settle()
            if len(self.hub.deliveries) == before:
                return
        raise AssertionError("the world does not come to rest")

    def decide(self) -> None:
        """Let decisions and effects settle, but start no run."""
        self.worker.pause()
        try:
            self.run()
        finally:
            self.worker.resume()

    def issue(self, number: int) -> SeenIssue:
        return self.hub.repository(REPOSITORY).issue(number)

    @property
    def pulls(self) -> tuple[SeenIssue, ...]:
        return self.hub.repository(REPOSITORY).pulls

    def tasks(self, number: int | None = None) -> list[Task]:
        """Every task, oldest first; of one issue when given."""
        found = view.page(self.db, repository_id=RepositoryId(self.hub.repository(REPOSITORY).id), limit=500)
        return [task for task in reversed(found) if number is None or task.issue_number == number]

    def task(self, number: int) -> Task:
        """The newest task of an issue."""
        return self.tasks(number)[-1]

    def states(self, number: int) -> list[str]:
        """What the newest task of an issue went through."""
        return [line.to_state for line in view.history(self.db, self.task(number).id)]

    def decision(self, number: int) -> Any:
        """The newest stored decision about an issue."""
        return view.latest_decision(self.db, RepositoryId(self.hub.repository(REPOSITORY).id), number)

    def codes(self, number: int) -> list[str]:
        """The reason codes of the newest stored decision."""
        return [reason["code"] for reason in self.decision(number).document["reasons"]]

    def said(self, number: int) -> list[str]:
        """What our app wrote under an issue or pull request, oldest first."""
        return [c.body for c in self.issue(number).comments if c.author == self.app.bot_login]

    def digest(self, number: int) -> str:
        """The digest that the newest proposal shows."""
        shown = [line for body in self.said(number) for line in body.splitlines() if line.startswith("/approve ")]
        return shown[-1].removeprefix("/approve ").strip()

    def program(self, text: str) -> None:
        """Give the agent another script; it starts with `brief`, `purpose`, `leave` and `review` defined."""
        self.agent.write_text(PRELUDE + text)
        self.agent.chmod(0o644)

    def set_policy(self, text: str) -> None:
        """Change the repository's policy on its default branch."""
        self.clock.advance()
        self.hub.push(REPOSITORY, "main", {".github/remit.yml": text}, "policy", "maintainer")

    def clean(self) -> list[str]:
        """What runs have left behind on disk; empty when all is well."""
        work = self.shop.work_dir
        left = [*(work / "runs").glob("*"), *(work / "trash").glob("*"), *work.glob("mirrors/*.git/worktrees/*")]
        refs = [p for p in work.glob("mirrors/*.git/refs/heads/**/*") if p.is_file()]
        return sorted(str(path.relative_to(work)) for path in (*left, *refs))


PRELUDE = '''
import json, os, sys, time
from pathlib import Path
brief = sys.stdin.read()
purpose = os.environ["REMIT_PURPOSE"]
def leave(text):
    Path(os.environ["REMIT_SUMMARY"]).write_text(text)
def review(findings, summary="Read it."):
    Path(os.environ["REMIT_REVIEW"]).write_text(json.dumps({"findings": findings, "summary": summary}))
    sys.exit(0)
'''
WRITES_A_PAGE = '''
if purpose == "review":
    review([{"severity": "minor", "path": "docs/twice.md", "line": 1, "sentence": "A heading would help."}])
Path("docs/twice.md").write_text("Paid twice, sent once.\\n")
leave("Added a page.")
'''


@contextlib.contextmanager
def make_world(folder: Path, database_url: str | None = None, *, policy: str = POLICY, **settings: Any) -> Generator[World]:
    """Make a world in a folder of its own."""
    clock = Clock()
    hub = Hub(folder / "github", clock=clock.seconds)
    hub.limits.writes_per_minute = hub.limits.writes_per_hour = 100_000
    with hub.serve(), socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app, installation = seed(hub, url, policy)
        chosen = {
            "data_dir": folder / "remit",
            "database_url": database_url or f"sqlite:///{folder / 'remit' / 'remit.db'}",
            "github_url": hub.url,
            "app_id": app.app_id,
            "private_key": app.private_key_pem,
            "webhook_secret": SECRET,
            "burst_milliseconds": 0,
            "public_url": url,
            **settings,
        }
        settings_ = read_settings(_env_file=None, **chosen)
        parts = Parts(clock=clock.instant)
        with contextlib.ExitStack() as ending:
            db = open_database(settings_, parts)
            ending.callback(db.close)
            db.upgrade()
            github = make_github(settings_, parts)
            ending.callback(github.close)
            shop = make_workshop(settings_, all_secrets(settings_, github))
            agent = shop.work_dir / "agent.py"
            worker = make_worker(settings_, db, github, Policies(server_policy(folder, agent, settings_)), shop)
            ending.enter_context(serving(make_site(settings_, db, parts), listener))
            world = World(
                hub=hub, clock=clock, settings=settings_, db=db, worker=worker, url=url, installation=installation,
                agent=agent, app=app, github=github, shop=shop,
            )  # fmt: skip
            ending.callback(world.client.close)
            world.program(WRITES_A_PAGE)
            yield world


def seed(hub: Hub, url: str, policy: str) -> tuple[Any, int]:
    """Make people, the repository and the installed app."""
    hub.create_organization("acme")
    roles = {"maintainer": "maintain", "reviewer": "write", "triager": "triage", "visitor": "read"}
    for login in (*roles, "stranger"):
        hub.create_user(login)
    hub.create_repository("acme", "widgets", {**FILES, ".github/remit.yml": policy})
    for login, role in roles.items():
        hub.set_permission(REPOSITORY, login, role)
    app = hub.create_app("remit", f"{url}/api/github/webhooks", SECRET, PERMISSIONS, EVENTS, owner="acme")
    return app, hub.install(app, "acme", by="maintainer")


def server_policy(folder: Path, agent: Path, settings: Settings) -> Path:
    """Write the server's policy: the agent is one script."""
    command = json.dumps([str(interpreter(find_account(settings.agent_user))), str(agent)])
    path = folder / "server.yml"
    path.write_text(
        "version: 1\nretry_after_seconds: 1\nweakest_wall: none\n"
        f"agent: {{adapter: command, command: {command}, review: {command}}}\n"
    )
    return path


@contextlib.contextmanager
def serving(site: Any, listener: socket.socket) -> Generator[None]:
    """Serve the web application on a socket from a thread."""
    config = uvicorn.Config(site, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < until, "the web process did not start"
        time.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)
