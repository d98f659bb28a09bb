"""The world of a story: web process, worker, database, sandbox and git, all real, and the local GitHub, by one clock.

Nothing of Remit is replaced but what production wiring lets be replaced: the database's URL and the clock. People act
on the local GitHub; `run` lets everything settle; then the story looks at GitHub and at the database.
"""

import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from sqlalchemy import text

from github_app.core.audit import NOTES
from github_app.core.names import Instant, RepositoryId, TaskId
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
from github_app.worker.live import Stop
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
    "tests/__init__.py": "",
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


@dataclass(frozen=True)
class LiveAttempt:
    """An attempt that runs in a thread."""

    thread: threading.Thread


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
    place: str = REPOSITORY
    client: httpx.Client = field(default_factory=httpx.Client)

    def __getattr__(self, name: str) -> Any:
        """Act as a person on the story's repository: `world.label(3, "bug", by="maintainer")`."""
        act = getattr(self.hub, name)

        def acting(*args: Any, **named: Any) -> Any:
            self.clock.advance()
            return act(self.place, *args, **named)

        return acting

    def open(self, title: str = "Say what happens to an order paid twice", body: str = BODY, **given: Any) -> int:
        """Open an issue; `labels`, `by` and `form` as on GitHub."""
        self.clock.advance()
        by = given.pop("by", "maintainer")
        return self.hub.open_issue(self.place, title, body, by, **given)

    def run(self) -> None:
        """Let everything settle: webhooks, decisions, effects, runs, and what they cause."""
        for _ in range(50):
            self.hub.settle()
            before = len(self.hub.deliveries)
            self.worker.run_until_idle()
            self.hub.settle()
            if len(self.hub.deliveries) == before:
                if not self.refreshing():
                    return
                self.clock.advance(1)
        raise AssertionError("the world does not come to rest")

    def refreshing(self) -> bool:
        """Whether a status comment waits for its moment to settle."""
        soon = text("SELECT 1 FROM outbox WHERE state = 'pending' AND kind = 'Refresh' AND due_at <= :soon LIMIT 1")
        with self.db.read() as session:
            return session.execute(soon, {"soon": self.clock.instant() + 1000}).first() is not None

    def decide(self) -> None:
        """Let decisions and effects settle, but start no run."""
        self.worker.pause()
        try:
            self.run()
        finally:
            self.worker.resume()

    @contextlib.contextmanager
    def under_way(self) -> Generator[LiveAttempt]:
        """Start one attempt in a thread and go on when its agent has printed something; it is over at the end."""
        self.decide()
        attempt = self.worker.start()
        assert attempt is not None, "nothing may start"
        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        try:
            self.until(lambda: any(path.stat().st_size for path in self.shop.logs.glob("*/work.out")))
            yield LiveAttempt(thread=thread)
            self.decide()
            self.until(lambda: not thread.is_alive())
        finally:
            for run in list(self.worker._live.values()):
                run.stop(Stop(why="the story is over", lost=True))
            thread.join(20)
        self.run()

    def until(self, seen: Callable[[], object], seconds: float = 20) -> None:
        """Let the worker's clock tick until something is seen."""
        end = time.monotonic() + seconds
        while not seen():
            assert time.monotonic() < end, f"waited {seconds} s in vain"
            self.worker.tick()
            time.sleep(0.02)

    def much_later(self, seconds: float) -> None:
        """Let time pass that the worker notices only now and then."""
        self.clock.advance(seconds)
        self.worker._slow_due = 0.0
        self.run()

    def as_bot(self, number: int, what: str, **body: Any) -> Any:
        """Let another app do something to an issue: `comments` with a body, `labels` with labels."""
        self.clock.advance()
        other = self.hub.create_app("robot", "http://127.0.0.1:9/nowhere", SECRET, PERMISSIONS, (), owner="acme")
        token = self.hub.token(self.hub.install(other, "acme", by="maintainer"))
        url = f"{self.hub.api_url}/repos/{self.place}/issues/{number}/{what}"
        answer = self.client.post(url, json=body, headers={"Authorization": f"token {token}"})
        assert answer.is_success, answer.text
        return answer.json()

    def issue(self, number: int) -> SeenIssue:
        return self.hub.repository(self.place).issue(number)

    @property
    def pulls(self) -> tuple[SeenIssue, ...]:
        return self.hub.repository(self.place).pulls

    def tasks(self, number: int | None = None) -> list[Task]:
        """Every task, oldest first; of one issue when given."""
        found = view.page(self.db, repository_id=RepositoryId(self.hub.repository(self.place).id), limit=500)
        return [task for task in reversed(found) if number is None or task.issue_number == number]

    def task(self, number: int) -> Task:
        """The newest task of an issue."""
        return self.tasks(number)[-1]

    def states(self, number: int) -> list[str]:
        """What the newest task of an issue went through; approvals are told between, and move nothing."""
        return [line.to_state for line in view.history(self.db, self.task(number).id) if line.move not in NOTES]

    def decision(self, number: int) -> Any:
        """The newest stored decision about an issue."""
        return view.latest_decision(self.db, RepositoryId(self.hub.repository(self.place).id), number)

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

    def server_says(self, more: str) -> None:
        """Change the server's policy, as its owner would with a restart."""
        path = self.settings.data_dir.parent / "server.yml"
        kept = [line for line in path.read_text().splitlines() if not line.startswith(more.partition(":")[0])]
        path.write_text("\n".join([*kept, more]))
        policies = Policies(path)
        self.worker = make_worker(self.settings, self.db, self.github, policies, self.shop)

    def set_policy(self, text: str) -> None:
        """Change the repository's policy on its default branch."""
        self.clock.advance()
        self.hub.push(self.place, "main", {".github/remit.yml": text}, "policy", "maintainer")

    def moved_to(self, name: str) -> None:
        """Look for the repository under another name from now on."""
        self.place = name

    def changed(self, branch: str) -> list[str]:
        """The paths that the newest commit of a branch changes."""
        path = self.hub.repository(self.place).path
        argv = ("git", "-C", str(path), "diff", "--name-only", f"{branch}~1", branch)
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()

    def hold_deliveries(self) -> None:
        """Let everything that was sent arrive, then keep webhooks back until `release`."""
        self.hub.settle()
        self.hub.hold_deliveries()

    def release(self, order: Any = list) -> None:
        """Send what was held; `order` may change, lose or repeat."""
        self.hub.release(order)

    def started(self, task_id: TaskId) -> int:
        """When a task was first claimed, as a place in the order of everything."""
        return next(line.at for line in view.history(self.db, task_id) if line.move == "claim")

    def decisions(self, number: int) -> int:
        """How many decisions about an issue were stored."""
        with self.db.read() as session:
            sql = "SELECT count(*) FROM decision WHERE issue_number = :number"
            return session.execute(text(sql), {"number": number}).scalar_one()

    def problems(self) -> list[str]:
        """Deliveries and effects that were given up."""
        with self.db.read() as session:
            lost = session.execute(
                text(
                    "SELECT event || ': ' || note FROM delivery WHERE state = 'quarantined' "
                    "UNION ALL SELECT kind || ': ' || last_error FROM outbox WHERE state = 'quarantined'"
                )
            )
            return [line for (line,) in lost]

    def touch(self, path: str) -> None:
        """Put a file into the tree of the one run that is under way."""
        (tree,) = [found for found in self.shop.work_dir.glob("runs/*/tree") if found.is_dir()]
        (tree / path).touch()

    def agent_runs(self) -> list[str]:
        """What agents printed, one text for each time one was started to work."""
        return [path.read_text() for path in sorted(self.shop.logs.glob("*/work.out"))]

    def labels(self, number: int) -> list[str]:
        """The state labels an issue carries; our review labels on a pull request are not among them."""
        return [label for label in self.issue(number).labels if label.startswith("remit:")]

    def reasons(self, number: int) -> list[str]:
        """Why the newest task of an issue moved, oldest first."""
        return [line.code for line in view.history(self.db, self.task(number).id)]

    def reacted(self, number: int, comment: int) -> list[str]:
        """What our app reacted to a comment with."""
        (found,) = [c for c in self.issue(number).comments if c.id == comment]
        return [r.content for r in found.reactions if r.by == self.app.bot_login]

    def report(self, number: int) -> Any:
        """What the newest attempt of an issue's newest task reported."""
        return view.last_report(self.db, self.task(number).id)

    def branches(self) -> list[str]:
        """The branches we have pushed."""
        return sorted(name for name in self.hub.repository(self.place).branches() if name.startswith("remit/"))

    def patches(self) -> str:
        """Everything that was saved as a patch."""
        return "".join(path.read_text() for path in sorted(self.shop.patches.glob("*.patch")))

    def writes(self) -> list[tuple[str, str]]:
        """Every call of ours that changed something on GitHub and succeeded, tokens aside."""
        return [
            (call.method, call.path)
            for call in self.hub.calls
            if call.app_id == self.app.app_id
            and call.door != "graphql"
            and call.status < 300
            and (call.method != "GET" if call.door == "rest" else call.path.endswith("git-receive-pack"))
            and "access_tokens" not in call.path
            and call.path != "/installation/token"
        ]

    def clean(self) -> list[str]:
        """What runs have left behind on disk; empty when all is well."""
        work = self.shop.work_dir
        left = [*(work / "runs").glob("*"), *(work / "trash").glob("*"), *work.glob("mirrors/*.git/worktrees/*")]
        refs = [p for p in work.glob("mirrors/*.git/refs/heads/**/*") if p.is_file()]
        return sorted(str(path.relative_to(work)) for path in (*left, *refs))


PRELUDE = """
import json, os, sys, time
from pathlib import Path
brief = sys.stdin.read()
purpose = os.environ["REMIT_PURPOSE"]
def leave(text):
    Path(os.environ["REMIT_SUMMARY"]).write_text(text)
def review(findings, summary="Read it."):
    Path(os.environ["REMIT_REVIEW"]).write_text(json.dumps({"findings": findings, "summary": summary}))
    sys.exit(0)
"""
WRITES_A_PAGE = """
if purpose == "review":
    review([{"severity": "minor", "path": "docs/twice.md", "line": 1, "sentence": "A heading would help."}])
Path("docs/twice.md").write_text(brief.splitlines()[0] + "\\n\\nPaid twice, sent once.\\n")
leave("Added a page.")
"""


@contextlib.contextmanager
def make_world(
    folder: Path, database_url: str | None = None, *, policy: str = POLICY, **settings: Any
) -> Generator[World]:
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
        "version: 1\nretry_after_seconds: 10\nweakest_wall: none\n"
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
        assert thread.is_alive(), "the web process ended"
        assert time.monotonic() < until, "the web process did not start"
        time.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)
