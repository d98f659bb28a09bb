"""The composition root: the only module that knows every other.

Tests replace the transport, the database's URL and the clock, and nothing else.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
from starlette.applications import Starlette

from github_app.agents.registry import ADAPTERS
from github_app.core.confinement import Confinement, Ended
from github_app.core.names import Instant
from github_app.errors import NotConfiguredError, UsageError
from github_app.git.command import run_git
from github_app.git.mirror import Mirror
from github_app.git.place import lay_out
from github_app.git.sweep import sweep
from github_app.git.worktree import Confiner
from github_app.github.auth import AppAuth
from github_app.github.client import GitHub
from github_app.log import get_log
from github_app.policies import Policies
from github_app.policy.shipped import brief
from github_app.sandbox.guarded import GuardedSandbox
from github_app.sandbox.registry import choose
from github_app.settings import Settings
from github_app.store.inbox import InboxWriter
from github_app.store.presence import this_process
from github_app.store.session import Database
from github_app.web.app import Site, make_app
from github_app.web.receive import Receiver
from github_app.worker.attempt import Attempts
from github_app.worker.handle import Handler
from github_app.worker.loop import Pace, Worker
from github_app.worker.perform import Performer
from github_app.worker.workshop import Workshop

log = get_log("wiring")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What tests may replace."""

    transport: httpx.BaseTransport | None = None
    clock: Callable[[], Instant] | None = None


def open_database(settings: Settings, parts: Parts) -> Database:
    """Open the database. Raises SchemaMismatchError when it does not fit this code."""
    file = database_file(settings)
    if file is not None:
        make_directory(settings.data_dir, mode=0o711)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
        except OSError as error:
            raise NotConfiguredError(
                f"The database {file} cannot be made: {error.strerror}.", hint="set REMIT_DATA_DIR to a place that can"
            ) from error
    return Database(settings.database, clock=parts.clock)


def database_file(settings: Settings) -> Path | None:
    """Return the file of an SQLite database, None for a server."""
    url = settings.database
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def make_github(settings: Settings, parts: Parts) -> GitHub:
    """Return the client of GitHub. Raises NotConfiguredError naming what is missing."""
    settings.require("app_id", "private_key")
    clock = parts.clock
    seconds = time.time if clock is None else lambda: clock() / 1000
    return GitHub(
        AppAuth(settings.app_id or 0, settings.private_keys, settings.api_url, transport=parts.transport, clock=seconds)
    )


def make_workshop(
    settings: Settings, secrets: Callable[[], tuple[str, ...]], environment: Mapping[str, str] | None = None
) -> Workshop:
    """Return what this machine builds with; agents get `environment` besides their own variables.

    Raises SandboxError or NotConfiguredError with what to do.
    """
    require_git()
    sandbox, probe = choose(settings.sandbox, agent_user=settings.agent_user)
    log.info("sandbox.chosen", wall=str(sandbox.wall), found=probe.sentence)
    make_directory(settings.data_dir, mode=0o711)  # with a database server nobody has made it yet
    work_dir = reachable_work_dir(settings, sandbox)
    return Workshop(
        sandbox=sandbox,
        search_path=sandbox.search_path,
        work_dir=work_dir,
        logs=settings.data_dir.absolute() / "logs",
        patches=settings.data_dir.absolute() / "patches",
        adapters={name: adapter() for name, adapter in ADAPTERS.items()},
        author_name="Remit",
        author_email="remit@users.noreply.github.com",
        secrets=secrets,
        environment=dict(environment or {}),
    )


def require_git() -> None:
    """Raise NotConfiguredError when there is no git, or one that is too old."""
    run_git(("version",), git_dir=None)


def make_worker(settings: Settings, db: Database, github: GitHub, policies: Policies, shop: Workshop) -> Worker:
    """Return a worker that is ready to begin."""
    return Worker(
        db=db,
        identity=this_process(),
        handler=Handler(db=db, github=github, policies=policies),
        performer=Performer(db=db, github=github, public_url=settings.public_url),
        attempts=Attempts(
            db=db,
            github=github,
            shop=shop,
            policy_for=policies.policy_for,
            brief_of=brief_of,
            github_url=settings.github_url,
        ),
        sweep=lambda: sweep_all(shop),
        pace=Pace(runners=settings.runners, lease=int(settings.lease_seconds * 1000)),
    )


def wall_clock() -> Instant:
    """Return this machine's time."""
    return Instant(time.time_ns() // 1_000_000)


def all_secrets(settings: Settings, github: GitHub) -> Callable[[], tuple[str, ...]]:
    """Return what lists every secret that is live now: the server's own and the tokens minted for it."""

    def secrets() -> tuple[str, ...]:
        return (*known_secrets(settings), *github.auth.secrets())

    return secrets


def make_site(settings: Settings, db: Database, parts: Parts, *, worker: Worker | None = None) -> Starlette:
    """Return the web application; a `worker` of the same process hears of every delivery at once.

    Raises NotConfiguredError when there is no webhook secret.
    """
    settings.require("webhook_secret")
    inbox = InboxWriter(db)
    receiver = Receiver(
        inbox,
        settings.webhook_secrets,
        now=parts.clock or wall_clock,
        burst_milliseconds=settings.burst_milliseconds,
        recorded=None if worker is None else worker.nudge,
    )
    local = settings.host in {"127.0.0.1", "localhost", "::1"}
    return make_app(
        Site(
            db=db,
            inbox=inbox,
            receiver=receiver,
            local_pages=local,
            github_url=settings.github_url,
            policy=Policies(settings.policy_file).server,
        )
    )


def known_secrets(settings: Settings) -> tuple[str, ...]:
    """Return every secret of this server by value: what must never be seen outside."""
    texts = [*settings.private_keys, *(secret.decode() for secret in settings.webhook_secrets)]
    lines = [line for key in settings.private_keys for line in key.splitlines() if len(line) >= 40]
    if settings.database_url and "@" in settings.database_url:
        texts.append(settings.database_url)
        password = urlsplit(settings.database_url).password
        texts += [password, unquote(password)] if password else []
    return tuple(dict.fromkeys([*texts, *lines]))


def brief_of(category: str) -> str:
    """Return how to ask for a category; one without a brief of its own is asked for in general words."""
    try:
        return brief(category)
    except UsageError:
        return "Do what the issue describes, completely and with as small a change as does it well."


def sweep_all(shop: Workshop) -> None:
    """Remove what crashes left in the work directory."""
    roots = shop.work_dir / "mirrors"
    names = [path.name.removesuffix(".git") for path in roots.glob("*.git")] if roots.is_dir() else []
    mirrors = [Mirror.open(roots, name) for name in names]
    confiner = Confiner(run=_nothing_to_run, adopt=shop.sandbox.adopt, reclaim=shop.sandbox.reclaim)
    swept = sweep(shop.work_dir, mirrors, confiner)
    log.info("sweep.done", **asdict(swept))


def _nothing_to_run(_: Confinement) -> Ended:
    raise AssertionError("sweeping runs nothing")


def reachable_work_dir(settings: Settings, sandbox: GuardedSandbox) -> Path:
    """Return the directory of mirrors and worktrees; one that the agents' account can get to.

    Without a setting and with a data directory that account may not enter, a directory under /var/tmp that belongs to
    this data directory is taken instead, and said.
    """
    chosen = settings.work_dir
    wanted = (chosen or settings.data_dir / "work").absolute()
    if sandbox.account.blocked_at(wanted) is None:
        make_directory(wanted, mode=0o711)
    elif chosen is not None:
        sandbox.account.require_way_to(wanted)
    else:
        elsewhere = elsewhere_for(wanted)
        make_directory(elsewhere, mode=0o711)
        log.info("work_dir.moved", wanted=str(wanted), taken=str(elsewhere))
        wanted = elsewhere
    lay_out(wanted)
    return wanted


def elsewhere_for(work_dir: Path) -> Path:
    """Return the directory taken instead of a work directory that the agents' account cannot get to."""
    name = f"remit-{os.geteuid()}-{sha256(str(work_dir).encode()).hexdigest()[:12]}"
    return Path("/var/tmp", name)  # noqa: S108 - made by us alone: `make_directory` refuses anybody else's


def make_directory(path: Path, *, mode: int = 0o700) -> None:
    """Make a directory of our own. Raises NotConfiguredError when it cannot be, or belongs to somebody else."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=mode)
        found = path.lstat()
    except OSError as error:
        raise NotConfiguredError(
            f"The directory {path} cannot be made: {error.strerror}.", hint="set REMIT_DATA_DIR to one that can"
        ) from error
    if path.is_symlink() or found.st_uid != os.geteuid():
        raise NotConfiguredError(f"The directory {path} belongs to somebody else.", hint="remove it or choose another")
