"""`remit demo`: the whole product on loopback, against the small local GitHub, with a scripted agent.

Everything is real but GitHub and the agent: HTTP, signatures, tokens, git, worktrees, the sandbox, the database, the
web process and the worker. A demo that was killed goes on where it was; a finished one is cleared away by the next.
"""

import contextlib
import fcntl
import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from github_app import __version__
from github_app.core.names import RepositoryId
from github_app.demo.hub import Hub, RegisteredApp
from github_app.demo.scenario import Diary, Scenario, newest_task
from github_app.demo.seed import FILES, MAINTAINER, NAME, OWNER, PEOPLE, REPOSITORY, SEEDS
from github_app.errors import NotConfiguredError, SandboxError, UsageError
from github_app.git.removal import remove
from github_app.log import configure_log, get_log
from github_app.policies import Policies
from github_app.sandbox.account import find_account
from github_app.sandbox.system import interpreter
from github_app.settings import Settings, read_settings
from github_app.store import view
from github_app.store.session import Database
from github_app.web.server import address_of, listening, serving
from github_app.wiring import (
    Parts,
    all_secrets,
    elsewhere_for,
    make_directory,
    make_github,
    make_site,
    make_worker,
    make_workshop,
    open_database,
    require_git,
)
from github_app.worker.loop import Worker
from github_app.worker.workshop import Workshop

log = get_log("demo")
OURS = frozenset({"lock", "diary.json", "diary.new", "policy.yml", "remit.log", "github", "remit"})
AGENT = Path(__file__).with_name("agent.py")
PERMISSIONS = {"contents": "write", "issues": "write", "pull_requests": "write", "metadata": "read"}
EVENTS = (
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "repository",
)
SECRET = "the-demo-signs-with-this-on-loopback"  # noqa: S105 - on loopback, between two threads of one process


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """A demo that runs."""

    hub: Hub
    db: Database
    worker: Worker
    shop: Workshop
    scenario: Scenario
    url: str
    folder: Path
    resumed: bool
    notes: tuple[str, ...]


@contextlib.contextmanager
def demo(folder: Path, *, port: int, seconds: float, say: Callable[[str], None]) -> Generator[Show]:
    """Set the demo up in a folder of its own and run everything until the block ends.

    `seconds` is how long the scripted agent takes. Raises NotConfiguredError when another demo runs there, UsageError
    when the folder holds anything else.
    """
    folder = folder.absolute()
    require_git()
    with contextlib.ExitStack() as ending:
        ending.enter_context(_alone(folder))
        diary, resumed = _open_diary(folder)
        log_file = folder / "remit.log"
        configure_log("info", tuple, file=log_file)
        # Where it was before: what was sent to the old addresses, and links to them, still arrive.
        listener = ending.enter_context(_listening(port or _free_again(diary.ports[0]), wanted=bool(port)))
        hub = Hub(folder / "github", journal=True)
        ending.enter_context(hub.serve(_free_again(diary.ports[1])))
        url = address_of(listener)
        diary.ports = [listener.getsockname()[1], int(hub.url.rpartition(":")[2])]
        diary.save()
        app = _seed(hub, f"{url}/api/github/webhooks")
        diary.seeded = True
        diary.save()
        settings = _settings(folder, hub, app, url)
        db = open_database(settings, Parts())
        ending.callback(db.close)
        db.upgrade()
        db.check()
        github = make_github(settings, Parts())
        ending.callback(github.close)
        secrets = all_secrets(settings, github)
        configure_log("info", secrets, file=log_file)
        shop, notes = _workshop(settings, secrets, seconds)
        if not shop.work_dir.is_relative_to(folder):
            notes = (*notes, f"Agents cannot get to {folder}; worktrees are made in {shop.work_dir} instead.")
            ending.callback(lambda: remove(shop.work_dir) if diary.finished else None)
        worker = make_worker(settings, db, github, Policies(_policy(folder, shop, settings.agent_user)), shop)
        over = threading.Event()
        scenario = Scenario(hub=hub, db=db, diary=diary, pause=worker.pause, resume=worker.resume, say=say, over=over)
        ending.enter_context(serving(make_site(settings, db, Parts(), worker=worker), listener))
        if resumed:
            _redeliver(hub)
            if scenario.starts_are_held:
                worker.pause()
        ending.callback(worker.stop)
        worker.begin()
        ending.callback(over.set)
        yield Show(
            hub=hub,
            db=db,
            worker=worker,
            shop=shop,
            scenario=scenario,
            url=url,
            folder=folder,
            resumed=resumed,
            notes=notes,
        )


def results(show: Show) -> list[dict[str, Any]]:
    """Return what became of every issue of the demo, from the database and the local GitHub."""
    repository = show.hub.repository(REPOSITORY)
    found = []
    for seed in SEEDS:
        number = show.scenario.diary.issues.get(seed.story)
        if number is None:
            continue
        decision = view.latest_decision(show.db, RepositoryId(repository.id), number)
        task = newest_task(show.db, RepositoryId(repository.id), number)
        detail = None if task is None else view.detail(show.db, task.id)
        first = detail.decisions[0] if detail is not None and detail.decisions else decision
        codes = [reason["code"] for reason in first.document["reasons"]] if first else []
        attempts = view.attempts(show.db, task.id) if task else ()
        report = attempts[-1].report if attempts else None
        found.append(
            {
                "issue": number,
                "story": seed.story,
                "title": seed.title,
                "labels": list(seed.labels),
                "shows": seed.shows,
                "decision": first.verdict if first else None,
                "category": first.category if first else None,
                "tier": first.tier if first else None,
                "reasons": codes,
                "state": str(task.state) if task else None,
                "why": task.reason if task else (first.document["reasons"][0]["sentence"] if first else None),
                "attempts": len(attempts),
                "branch": task.branch if task else None,
                "pull": task.pull_number if task else None,
                "pull_url": task.pull_url if task else None,
                "draft": report.draft if report and task and task.pull_number else None,
                "proof": {check.name: str(check.verdict) for check in report.proof.checks} if report else {},
                "comments": len(repository.issue(number).comments),
            }
        )
    return found


def label_to_start(show: Show) -> int | None:
    """Return the milliseconds from the last webhook about the first issue's labels to its agent's start."""
    number, task = show.scenario.diary.issues.get("docs"), show.scenario.task("docs")
    if number is None or task is None:
        return None
    labelled = [d for d in show.hub.deliveries if (d.event, d.action) == ("issues", "labeled")]
    payloads = [(delivery.delivered, json.loads(delivery.payload)) for delivery in labelled]
    sent = [at for at, said in payloads if said["issue"]["number"] == number and said["sender"]["login"] == MAINTAINER]
    attempts = view.attempts(show.db, task.id)
    started = attempts[0].steps.get("phase.agent", {}).get("at") if attempts else None
    return None if not sent or started is None else int(started - 1000 * max(sent))


def leftovers(show: Show) -> dict[str, list[str]]:
    """Return what a finished demo must not leave behind: worktrees, branches of ours in mirrors, run directories."""
    work = show.shop.work_dir
    mirrors = sorted((work / "mirrors").glob("*.git"))
    return {
        "worktrees": [str(path) for mirror in mirrors for path in (mirror / "worktrees").glob("*")],
        "branches": [
            str(path.relative_to(mirror))
            for mirror in mirrors
            for path in (mirror / "refs" / "heads").rglob("*")
            if path.is_file()
        ],
        "runs": [path.name for path in (work / "runs").glob("*")],
    }


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Hold the folder for this process. Raises UsageError when it holds what no demo has put there."""
    make_directory(folder, mode=0o711)
    strange = sorted(path.name for path in folder.iterdir() if path.name not in OURS)
    if strange:
        raise UsageError(
            f"{folder} holds other things ({', '.join(strange[:3])}); the demo clears its directory.",
            hint="give an empty or new directory with --data-dir",
        )
    with (folder / "lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotConfiguredError(
                f"Another demo is running in {folder}.", hint="end it with Ctrl-C, or give --data-dir another directory"
            ) from None
        yield


def _open_diary(folder: Path) -> tuple[Diary, bool]:
    """Return the diary of an interrupted demo and True, or clear the folder for a new one."""
    path = folder / "diary.json"
    known = Diary.at(path)
    if known is not None and known.version == __version__ and known.seeded and not known.finished:
        return known, True
    if not path.exists() and any(each.name != "lock" for each in folder.iterdir()):
        raise UsageError(
            f"{folder} is not the directory of a demo.", hint="give an empty or new directory with --data-dir"
        )
    for each in OURS - {"lock", path.name}:
        remove(folder / each)
    elsewhere = elsewhere_for(folder / "remit" / "work")
    if elsewhere.exists() and not elsewhere.is_symlink() and elsewhere.lstat().st_uid == os.geteuid():
        remove(elsewhere)
    fresh = Diary(path=path, version=__version__)
    fresh.save()
    return fresh, False


def _free_again(port: int) -> int:
    """Return the port that an interrupted demo had when nobody has taken it since, else 0 for any."""
    if port == 0:
        return 0
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


def _listening(port: int, *, wanted: bool) -> contextlib.AbstractContextManager[socket.socket]:
    hint = "give another with --port, or 0 for a free one" if wanted else "try again"
    return listening("127.0.0.1", port, hint=hint)


def _seed(hub: Hub, webhook_url: str) -> RegisteredApp:
    """Make the organisation, its people, the repository and the installed app, unless they are there already."""
    known = next(iter(hub.world.state.apps), None)
    if known is not None:
        app = hub.registered(known)
        hub.set_webhook(app, url=webhook_url)
        return app
    hub.create_organization(OWNER)
    for login in PEOPLE:
        hub.create_user(login)
    hub.create_repository(OWNER, NAME, FILES)
    for login, role in PEOPLE.items():
        hub.set_permission(REPOSITORY, login, role)
    app = hub.create_app("remit", webhook_url, SECRET, PERMISSIONS, EVENTS, owner=OWNER)
    hub.install(app, OWNER, by=MAINTAINER)
    return app


def _settings(folder: Path, hub: Hub, app: RegisteredApp, url: str) -> Settings:
    return read_settings(
        _env_file=None,
        data_dir=folder / "remit",
        database_url=f"sqlite:///{folder / 'remit' / 'remit.db'}",
        github_url=hub.url,
        app_id=app.app_id,
        private_key=app.private_key_pem,
        webhook_secret=app.webhook_secret,
        host="127.0.0.1",
        public_url=url,
        runners=2,
    )


def _workshop(
    settings: Settings, secrets: Callable[[], tuple[str, ...]], seconds: float
) -> tuple[Workshop, tuple[str, ...]]:
    """Return what the demo builds with: the strongest wall there is; for its own scripted agent none will do."""
    environment = {"REMIT_DEMO_SECONDS": str(seconds)}
    try:
        return make_workshop(settings, secrets, environment), ()
    except SandboxError as error:
        note = f"No isolation works on this machine ({error.sentence}); the demo runs its own scripted agent without."
        log.warning("demo.unconfined", why=error.sentence)
        without = settings.model_copy(update={"sandbox": "none"})
        return make_workshop(without, secrets, environment), (note,)


def _policy(folder: Path, shop: Workshop, agent_user: str | None) -> Path:
    """Write the demo server's policy: who works. The agent is put where its account can read it."""
    tools = shop.work_dir / "tools"
    tools.mkdir(mode=0o755, exist_ok=True)
    script = tools / AGENT.name
    shutil.copyfile(AGENT, script)
    script.chmod(0o644)
    python = interpreter(find_account(agent_user))
    path = folder / "policy.yml"
    path.write_text(
        "version: 1\n"
        f"weakest_wall: {shop.sandbox.wall}\n"
        "retry_after_seconds: 0.5\n"
        "agent:\n"
        "  adapter: command\n"
        f"  command: ['{python}', '{script}']\n"
        f"  review: ['{python}', '{script}']\n"
    )
    return path


def _redeliver(hub: Hub) -> None:
    """Do what a sweep of the delivery log does: ask again for what was not acknowledged before the kill."""
    hub.settle()
    answered = {delivery.guid for delivery in hub.deliveries if 200 <= delivery.status_code < 300}
    for delivery in hub.deliveries:
        if delivery.guid not in answered:
            answered.add(delivery.guid)
            hub.redeliver(delivery.id)
