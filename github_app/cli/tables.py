"""Tasks and decisions as tables for people at a terminal. Text from outside cannot move their cursor."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from github_app.core.names import Instant
from github_app.core.neutral import plain
from github_app.core.pause import why_paused
from github_app.core.replay import Replayed
from github_app.core.task import Task
from github_app.store.view import TaskDetail

PIPED_WIDTH = 200


def print_tasks(tasks: Iterable[Task]) -> None:
    """Print a list of tasks."""
    table = _table("task", "issue", "category", "tier", "state", "why", "pull")
    for task in tasks:
        pull = f"#{task.pull_number}" if task.pull_number else ""
        where = f"{task.repository}#{task.issue_number}"
        table.add_row(*_cells(task.id, where, task.category, task.tier, task.state, task.reason, pull))
    _console().print(table)


def print_task(detail: TaskDetail) -> None:
    """Print everything about one task, its history last."""
    task, console = detail.task, _console()
    console.print(Text(_shown(f"Task {task.id}: {task.title}"), style="bold"))
    console.print(Text(_shown(f"{task.state}: {task.reason}")))
    for pause in detail.pauses:
        console.print(Text(_shown(why_paused(pause).sentence)), soft_wrap=True)
    facts = {
        "issue": f"{task.repository}#{task.issue_number}",
        "asked by": task.requester,
        "tier": f"{task.category}, {task.tier}",
        "digest": task.digest,
        "branch": task.branch,
        "pull": task.pull_url,
    }
    for name, value in facts.items():
        if value:
            console.print(Text(f"  {name:9} {_shown(value)}"), soft_wrap=True)
    table = _table("when (UTC)", "who", "what", "to", "why", "code")
    for line in detail.history:
        table.add_row(*_cells(_when(line.at), line.actor, line.move, line.to_state, line.sentence, line.code))
    console.print(table)


def print_decision(document: Mapping[str, Any]) -> None:
    """Print a stored decision: its reasons, then each thing that was looked at."""
    console = _console()
    console.print(Text(_shown(f"{document['verdict']}: {document['category']}, {document['tier']}"), style="bold"))
    for reason in document["reasons"]:
        console.print(Text(_shown(f"  {reason['sentence']} ({reason['code']})")))
    table = _table("", "looked at", "found", "code", "rule")
    for step in document["steps"]:
        sign = {"pass": "ok"}.get(step["outcome"], step["outcome"])
        table.add_row(*_cells(sign, step["check"], step["found"], step["code"], step["origin"]))
    console.print(table)
    found = document.get("remedies", ())
    if found:
        console.print(Text("What would change it:", style="bold"))
    for before, remedy in zip([None, *found], found, strict=False):
        again = before is not None and before["step"] == remedy["step"] > 0
        sign = "or" if again else f"{remedy['step']}." if remedy["step"] else "-"
        where = f" [{remedy['origin']}]" if remedy["origin"] not in {"", "built in"} else ""
        console.print(Text(_shown(f"  {sign:>2} {remedy['sentence']}{where}")), soft_wrap=True)


def print_rows(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a plain table."""
    table = _table(*names)
    for row in rows:
        table.add_row(*_cells(*row))
    _console().print(table)


def print_line(said: str) -> None:
    """Print one line of text, however long."""
    _console().print(Text(_shown(said)), soft_wrap=True)


def day_and_time(at: Instant | None) -> str:
    """Return an instant in UTC with its year; nothing for none."""
    return "" if at is None else datetime.fromtimestamp(at / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def print_replayed(found: Replayed, limit: int) -> None:
    """Print what a replay came to: how many of each verdict became which, then at most `limit` that changed."""
    console = _console()
    told = f"{found.total} recorded decisions made again, {len(found.rows)} come out otherwise"
    console.print(Text(f"{told}; {found.skipped} are no questions about an issue.", style="bold"), soft_wrap=True)
    before = sorted({pair[0] for pair in found.counts})
    after = sorted({pair[1] for pair in found.counts})
    table = _table("before \\ after", *after)
    for was in before:
        table.add_row(*_cells(was, *(found.counts[was, now] or "" for now in after)))
    if found.counts:
        console.print(table)
    if not found.rows:
        return
    changed = _table("when (UTC)", "issue", "before", "after", "why", "rule")
    for row in found.rows[:limit]:
        first = row.reasons[0] if row.reasons else {"sentence": "", "origin": ""}
        was, now = (", ".join(str(part) for part in side if part) for side in (row.before, row.after))
        changed.add_row(*_cells(_when(row.at), row.where, was, now, first["sentence"], first["origin"]))
    console.print(changed)
    if len(found.rows) > limit:
        console.print(Text(f"{len(found.rows) - limit} more; --json lists all."))


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PIPED_WIDTH)


def _table(*names: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name in {"task", "state", "tier", "pull", "when (UTC)", "to"})
    return table


def _cells(*values: Any) -> tuple[Text, ...]:
    return tuple(Text(_shown(value)) for value in values)


def _shown(value: Any) -> str:
    return plain(str(value)).replace("\n", " ")


def _when(at: Instant) -> str:
    return datetime.fromtimestamp(at / 1000, tz=UTC).strftime("%m-%d %H:%M:%S")
