"""`remit task audit`: a task's trail, exported or shown, and the check of an export that needs no database."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from github_app.cli.tables import day_and_time, print_line, print_rows
from github_app.core.audit import Start, find_fault, starts
from github_app.core.names import TaskId
from github_app.errors import RemitError, UsageError
from github_app.store.audit import export
from github_app.store.session import Database

LARGEST = 256 * 1024 * 1024  # bytes of an export that is still read


def audit_task(db: Database, task_id: int, *, as_json: bool, head: str | None) -> None:
    """Print a task's trail; with JSON, as a document to keep. Raises RemitError when it does not fit together."""
    document = export(db, TaskId(task_id))
    if document is None:
        raise UsageError(f"There is no task {task_id}.", hint="remit task list")
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _print(document)
    _judge(document, head, f"task {task_id}", quiet=as_json)


def verify_file(path: Path, *, head: str | None) -> None:
    """Check an exported trail, offline. Raises RemitError naming the first line that does not fit."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if len(raw) > LARGEST:
        raise UsageError(f"{path} is larger than any export Remit writes.")
    try:
        document = json.loads(raw, object_pairs_hook=_no_key_twice, parse_constant=_not_a_number)
    except (ValueError, RecursionError) as error:
        raise RemitError(f"{path} is not an export: {error}.", hint="remit task audit TASK --json > FILE") from error
    _judge(document, head, str(path), quiet=False)


def _judge(document: Any, head: str | None, name: str, *, quiet: bool) -> None:
    fault = find_fault(document, head=head)
    if fault is not None:
        where = "" if fault.line is None else f"line {fault.line}: "
        raise RemitError(
            f"The audit trail of {name} does not fit: {where}{fault.sentence}.",
            hint="compare it with an export or a head that was kept elsewhere",
        )
    if not quiet:
        last = document["head"]
        sys.stdout.write(f"All {last['seq']} lines fit. Head: {last['digest']}\n")


def _print(document: Mapping[str, Any]) -> None:
    rows = []
    for line in document["lines"]:
        who = line["actor"] if line["actor_id"] is None else f"{line['actor']} ({line['actor_id']})"
        told = (line["move"], line["to_state"], line["text_digest"] or "unknown", line["policy_version"], line["code"])
        rows.append((line["seq"], day_and_time(line["at"]), who, *told, line["digest"][:12]))
    print_rows(("line", "when (UTC)", "who", "what", "to", "text", "policy", "code", "digest"), rows)
    for start in starts(document["lines"]):
        print_line(_said(start))


def _said(start: Start) -> str:
    people = ", ".join(
        f"{who.login} ({who.id})" + ("" if who.comment_id is None else f" in comment {who.comment_id}")
        for who in start.people
    )
    by = {"label": f"the label by {people}", "approval": f"approval by {people}", "nobody": "nobody: looked at again"}
    return (
        f"Started in line {start.line} on {by[start.by]}; {start.tier or 'unknown tier'}, text "
        f"{start.text_digest or 'unknown'}, policy {start.policy_version}, base {(start.base or 'unknown')[:12]}."
    )


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it has a key twice")
    return found


def _not_a_number(word: str) -> NoReturn:
    raise ValueError(f"it has {word} in it")
