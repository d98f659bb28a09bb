"""JSON for what is stored of the core's dataclasses: actions, reports and our own events. No pickle, ever.

Text from outside may carry what PostgreSQL cannot store (NUL) or what is no text at all (lone surrogates); both are
replaced here, at the last door before the database. Reading ignores keys it does not know, so that two versions of
Remit can share a database while one replaces the other.
"""

import json
from typing import Any

import msgspec

from github_app.core.decision import Action, Propose, React, Refresh, Reply
from github_app.core.events import (
    AccessLost,
    ApprovalAwaited,
    ApprovalExpired,
    AttemptFinished,
    CommentCreated,
    Event,
    IssueChanged,
    StartRefused,
)
from github_app.core.proof import AttemptReport
from github_app.errors import PayloadError

ACTIONS: dict[str, type] = {kind.__name__: kind for kind in (React, Refresh, Propose, Reply)}
INTERNAL: dict[str, type] = {
    "remit.attempt_finished": AttemptFinished,
    "remit.start_refused": StartRefused,
    "remit.approval_expired": ApprovalExpired,
    "remit.approval_awaited": ApprovalAwaited,
    "remit.room": IssueChanged,
    "remit.reconciled": IssueChanged,
    "remit.command": CommentCreated,
    "remit.access_lost": AccessLost,
}


def clean(text: str) -> str:
    """Return text as every database can store it: NUL and lone surrogates become U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def plain(value: Any) -> Any:
    """Return a value as plain, storable JSON values; raises TypeError for what has no JSON form."""
    return _clean_all(msgspec.to_builtins(value, str_keys=True))


def as_text(value: Any) -> str:
    """Return the JSON text of a value, compact."""
    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False)


def action_from(kind: str, payload: dict[str, Any]) -> Action:
    """Return the action that was stored. Raises PayloadError when this version cannot read it."""
    return _read(payload, ACTIONS.get(kind), f"action {kind}")


def report_from(payload: dict[str, Any]) -> AttemptReport:
    """Return the report that was stored. Raises PayloadError when this version cannot read it."""
    return _read(payload, AttemptReport, "attempt report")


def event_body(event: Event) -> bytes:
    """Return one of our own events as the body of an internal delivery."""
    return as_text(event).encode()


def event_from(name: str, body: bytes) -> Event:
    """Return the event of an internal delivery. Raises PayloadError when name or body cannot be read."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"the body of {name} is not JSON") from error
    return _read(document, INTERNAL.get(name), name)


def _read(document: Any, kind: type | None, what: str) -> Any:
    if kind is None:
        raise PayloadError(f"{what} is not known to this version", hint="was it stored by a newer Remit?")
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise PayloadError(f"{what} cannot be read: {error}") from error


def _clean_all(value: Any) -> Any:
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(key): _clean_all(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_clean_all(inner) for inner in value]
        case _:
            return value
