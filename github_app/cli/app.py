"""The tree of commands. Each command is a few lines here; what it does is elsewhere."""

import asyncio
import json
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from rich.console import Console
from rich.table import Table

from github_app import __version__
from github_app.cli.demo import show_demo
from github_app.cli.local import run_local
from github_app.core.names import TaskId
from github_app.errors import UsageError
from github_app.log import configure_log
from github_app.policies import Policies
from github_app.policy.layers import Layer, Source
from github_app.policy.problems import UnreadablePolicyError
from github_app.policy.read import read_policy
from github_app.settings import Settings, read_settings
from github_app.store import view
from github_app.wiring import (
    Parts,
    all_secrets,
    known_secrets,
    make_github,
    make_site,
    make_worker,
    make_workshop,
    open_database,
)
from github_app.worker.loop import Worker

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="Labelled issues become governed work.",
)
db_app = typer.Typer(no_args_is_help=True, help="The database's schema.")
task_app = typer.Typer(no_args_is_help=True, help="Look at tasks.")
policy_app = typer.Typer(no_args_is_help=True, help="Look at policies.")
app.add_typer(db_app, name="db")
app.add_typer(task_app, name="task")
app.add_typer(policy_app, name="policy")
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
    seconds: Annotated[float, typer.Option(help="How long the scripted agent takes for each issue.")] = 0.3,
) -> None:
    """Show everything on this machine, with a local GitHub and a scripted agent: no account, no key, no network."""
    raise typer.Exit(show_demo(data_dir, headless=headless, as_json=as_json, port=port, seconds=seconds))


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
    code = run_local(
        settings=_settings(),
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
    db = open_database(settings, Parts())
    db.upgrade()
    worker = _worker(settings, db)
    _serve(settings, make_site(settings, db, Parts(), start=(worker.begin,), stop=(worker.stop,)))


@app.command()
def web() -> None:
    """Run the web process: receive deliveries, show pages."""
    settings = _settings()
    settings.require("webhook_secret")
    db = open_database(settings, Parts())
    db.check()
    _serve(settings, make_site(settings, db, Parts()))


@app.command()
def worker() -> None:
    """Run a worker process: decide, run agents, report."""
    settings = _settings()
    settings.require("app_id", "private_key")
    db = open_database(settings, Parts())
    db.check()
    working = _worker(settings, db)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    working.begin()
    over.wait()
    working.stop()


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema to this version."""
    db = open_database(_settings(), Parts())
    db.upgrade()
    db.check()
    typer.echo("The database is at this version's schema.")


@db_app.command("check")
def db_check() -> None:
    """Say whether the schema fits this version."""
    open_database(_settings(), Parts()).check()
    typer.echo("The database fits.")


@task_app.command("list")
def task_list(*, as_json: AsJson = False, limit: Annotated[int, typer.Option(min=1, max=500)] = 50) -> None:
    """List the newest tasks."""
    tasks = view.page(_database(), limit=limit)
    if as_json:
        _print_json([{**asdict(task), "tier": str(task.tier)} for task in tasks])
        return
    table = Table("task", "issue", "category", "tier", "state", "why", "pull")
    for task in tasks:
        pull = f"#{task.pull_number}" if task.pull_number else ""
        where = f"{task.repository}#{task.issue_number}"
        table.add_row(str(task.id), where, task.category, str(task.tier), str(task.state), task.reason, pull)
    Console().print(table)


@task_app.command("show")
def task_show(task_id: int, *, as_json: AsJson = False) -> None:
    """Show one task and its history."""
    detail = view.detail(_database(), TaskId(task_id))
    if detail is None:
        raise UsageError(f"There is no task {task_id}.", hint="remit task list")
    if as_json:
        _print_json({**asdict(detail), "task": {**asdict(detail.task), "tier": str(detail.task.tier)}})
        return
    typer.echo(f"Task {task_id}: {detail.task.title}\n{detail.task.state}: {detail.task.reason}")
    table = Table("who", "what", "to", "why", "code")
    for line in detail.history:
        table.add_row(line.actor, line.move, line.to_state, line.sentence, line.code)
    Console().print(table)


@task_app.command("why")
def task_why(task_id: int, *, as_json: AsJson = False) -> None:
    """Explain the decision that made a task, step by step."""
    detail = view.detail(_database(), TaskId(task_id))
    if detail is None or not detail.decisions:
        raise UsageError(f"There is no decision for a task {task_id}.", hint="remit task list")
    document = detail.decisions[0].document
    if as_json:
        _print_json(document)
        return
    table = Table("", "looked at", "found", "code", "rule")
    for step in document["steps"]:
        sign = {"pass": "ok", "stricter": "stricter", "stop": "stop"}[step["outcome"]]
        table.add_row(sign, step["check"], step["found"], step["code"], step["origin"])
    Console().print(table)


@policy_app.command("check")
def policy_check(
    path: Annotated[Path | None, typer.Argument(help="A repository's policy file; default: the server's.")] = None,
) -> None:
    """Read a policy and say where it is wrong."""
    if path is None:
        policy = Policies(_settings().policy_file).base
    else:
        try:
            policy = read_policy([Source.of(str(path), path.read_bytes(), "file", Layer.SERVER)])
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
        except UnreadablePolicyError as error:
            for problem in error.problems[1:]:
                typer.echo(problem.sentence, err=True)
            raise
    typer.echo(f"Policy {policy.version} is valid: {len(policy.rules)} rules, mode {policy.mode}.")


def _settings() -> Settings:
    settings = read_settings()
    configure_log(settings.log_level, lambda: known_secrets(settings))
    return settings


def _database() -> Any:
    db = open_database(_settings(), Parts())
    db.check()
    return db


def _worker(settings: Settings, db: Any) -> Worker:
    github = make_github(settings, Parts())
    secrets = all_secrets(settings, github)
    configure_log(settings.log_level, secrets)
    return make_worker(settings, db, github, Policies(settings.policy_file), make_workshop(settings, secrets))


def _serve(settings: Settings, site: Any) -> None:
    config = uvicorn.Config(
        site,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    asyncio.run(uvicorn.Server(config).serve())


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
