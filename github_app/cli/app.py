"""The tree of commands. Each command is a few lines here; what it does is elsewhere."""

import contextlib
import json
import signal
import socket
import sys
import threading
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from github_app import __version__
from github_app.cli.oversight import add_oversight
from github_app.cli.policy import policy_app
from github_app.cli.simulate import add_simulation
from github_app.cli.tables import print_decision, print_task, print_tasks
from github_app.core.names import State, TaskId
from github_app.core.task import Task
from github_app.errors import NotConfiguredError, RemitError, UsageError
from github_app.log import configure_log, get_log
from github_app.policies import Policies
from github_app.settings import Settings, read_settings
from github_app.store import view
from github_app.store.session import Database
from github_app.web.server import address_of, listening, serving
from github_app.wiring import (
    Parts,
    all_secrets,
    database_file,
    known_secrets,
    make_github,
    make_site,
    make_worker,
    make_workshop,
    open_database,
)
from github_app.worker.loop import Worker

log = get_log("cli")
app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="Labelled issues become governed work.",
)
db_app = typer.Typer(no_args_is_help=True, help="The database's schema.")
task_app = typer.Typer(no_args_is_help=True, help="Look at tasks.")
app.add_typer(db_app, name="db")
app.add_typer(task_app, name="task")
app.add_typer(policy_app, name="policy")
add_simulation(policy_app)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _version(wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        typer.echo(f"remit {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,  # noqa: FBT002
) -> None:
    """Labelled issues become governed work."""


@app.command()
def demo(
    *,
    headless: Annotated[bool, typer.Option("--headless", help="End when the scenario ends.")] = False,
    as_json: AsJson = False,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.")] = 0,
    data_dir: Annotated[Path, typer.Option(help="Where the demo keeps its things.")] = Path("data/demo"),
    seconds: Annotated[
        float, typer.Option(min=0, max=60, help="How long the scripted agent takes for each issue.")
    ] = 0.3,
    browser: Annotated[bool, typer.Option(help="Open the page when this machine has a screen.")] = True,
) -> None:
    """Show everything on this machine, with a local GitHub and a scripted agent: no account, no key, no network."""
    from github_app.cli.demo import show_demo  # noqa: PLC0415 - the local GitHub, which no other command needs

    code = show_demo(data_dir, headless=headless, as_json=as_json, port=port, seconds=seconds, browser=browser)
    raise typer.Exit(code)


@app.command()
def run(
    *,
    repo: Annotated[Path, typer.Option(help="A local clone; its files are never touched.")],
    issue: Annotated[Path, typer.Option(help="A Markdown file: first line the title, the rest the description.")],
    label: Annotated[list[str], typer.Option(help="A label of the issue; repeatable.")],
    agent_cmd: Annotated[str, typer.Option(help="The agent: a program that reads the brief on standard input.")],
    review_cmd: Annotated[str, typer.Option(help="The reviewer, likewise.")] = "",
    policy: Annotated[Path | None, typer.Option(help="A policy file over the shipped default.")] = None,
    report: Annotated[Path | None, typer.Option(help="Where to write the report; default: printed.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="You approve what the policy would hold.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the same decision, worktree, proof and review on a local clone, without GitHub."""
    from github_app.cli.local import run_local  # noqa: PLC0415 - as above

    settings = read_settings()
    level = settings.log_level if "log_level" in settings.model_fields_set else "warning"
    configure_log(level, lambda: known_secrets(settings))
    code = run_local(
        settings=settings,
        repo=repo,
        issue=issue,
        labels=tuple(label),
        agent_cmd=agent_cmd,
        review_cmd=review_cmd,
        policy_file=policy,
        report_file=report,
        approved=approve,
        as_json=as_json,
    )
    raise typer.Exit(code)


@app.command()
def up() -> None:
    """Migrate, then run web and worker in this one process."""
    settings = _settings()
    settings.require("app_id", "private_key", "webhook_secret")
    with _listening(settings) as listener, _database(settings, migrate=True) as db, _working(settings, db) as working:
        _serve(make_site(settings, db, Parts(), worker=working), listener)


@app.command()
def web() -> None:
    """Run the web process: receive deliveries, show pages."""
    settings = _settings()
    settings.require("webhook_secret")
    with _listening(settings) as listener, _database(settings) as db:
        _serve(make_site(settings, db, Parts()), listener)


@app.command()
def worker() -> None:
    """Run a worker process: decide, run agents, report."""
    settings = _settings()
    settings.require("app_id", "private_key")
    with _database(settings) as db, _working(settings, db):
        _until_told()


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema to this version."""
    with _database(_settings(), migrate=True):
        typer.echo("The database is at this version's schema.")


@db_app.command("check")
def db_check() -> None:
    """Say whether the schema fits this version; nothing is changed."""
    with _existing_database():
        typer.echo("The database fits.")


@task_app.command("list")
def task_list(
    *,
    as_json: AsJson = False,
    state: Annotated[State | None, typer.Option(help="Only tasks in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
) -> None:
    """List the newest tasks."""
    with _existing_database() as db:
        tasks = view.page(db, state=state, limit=limit)
    if as_json:
        _print_json([_as_data(task) for task in tasks])
    elif not tasks:
        typer.echo("There are no tasks" + (f" in state {state}." if state else " yet."))
    else:
        print_tasks(tasks)


TaskNumber = Annotated[int, typer.Argument(metavar="TASK", help="The task's number, as `remit task list` shows it.")]


@task_app.command("show")
def task_show(task_id: TaskNumber, *, as_json: AsJson = False) -> None:
    """Show one task and its history."""
    detail = _detail(task_id)
    if as_json:
        _print_json({**asdict(detail), "task": _as_data(detail.task)})
    else:
        print_task(detail)


@task_app.command("why")
def task_why(task_id: TaskNumber, *, as_json: AsJson = False) -> None:
    """Explain the decision that made a task, step by step."""
    detail = _detail(task_id)
    if not detail.decisions:
        raise UsageError(f"There is no decision for task {task_id}.", hint="remit task list")
    document = detail.decisions[0].document
    if as_json:
        _print_json(document)
    else:
        print_decision(document)


add_oversight(app, task_app, lambda: _database(_settings()))


def _settings() -> Settings:
    settings = read_settings()
    configure_log(settings.log_level, lambda: known_secrets(settings))
    return settings


@contextlib.contextmanager
def _database(settings: Settings, *, migrate: bool = False) -> Generator[Database]:
    db = open_database(settings, Parts())
    try:
        if migrate:
            db.upgrade()
        db.check()
        yield db
    finally:
        db.close()


@contextlib.contextmanager
def _existing_database() -> Generator[Database]:
    """Open the database to look at it; looking makes none."""
    settings = _settings()
    file = database_file(settings)
    if file is not None and not file.exists():
        raise NotConfiguredError(
            f"There is no database at {file} yet.",
            hint="`remit up` or `remit db upgrade` makes one; REMIT_DATA_DIR or REMIT_DATABASE_URL says where",
        )
    with _database(settings) as db:
        yield db


def _detail(task_id: int) -> view.TaskDetail:
    with _existing_database() as db:
        detail = view.detail(db, TaskId(task_id))
    if detail is None:
        raise UsageError(f"There is no task {task_id}.", hint="remit task list")
    return detail


@contextlib.contextmanager
def _working(settings: Settings, db: Database) -> Generator[Worker]:
    """Run a worker until the block ends; what it runs then is given back."""
    policies = Policies(settings.policy_file)
    github = make_github(settings, Parts())
    secrets = all_secrets(settings, github)
    configure_log(settings.log_level, secrets)
    worker = make_worker(settings, db, github, policies, make_workshop(settings, secrets))
    worker.begin()
    log.info("worker.begun", runners=settings.runners)
    try:
        yield worker
    finally:
        worker.stop()
        github.close()
        log.info("worker.ended")


def _listening(settings: Settings) -> contextlib.AbstractContextManager[socket.socket]:
    return listening(settings.host, settings.port, hint="set REMIT_PORT, or end what listens there")


def _serve(site: Any, listener: socket.socket) -> None:
    with serving(site, listener) as thread:
        log.info("web.listening", url=address_of(listener))
        _until_told(thread)
        log.info("web.ending")


def _until_told(thread: threading.Thread | None = None) -> None:
    """Wait for SIGTERM or Ctrl-C, or for the end of a thread that should have none."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    while not over.wait(1):
        if thread is not None and not thread.is_alive():
            raise RemitError("The web process ended by itself.", hint="see the log")


def _as_data(task: Task) -> dict[str, Any]:
    return {**asdict(task), "tier": str(task.tier)}


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
