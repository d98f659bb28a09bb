"""A pause: nothing new starts on this server, in an installation or in a repository. Decisions go on, and say so.

What runs when a pause begins runs to its end; `/remit stop` ends it. A pause with an end lifts by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from github_app.core.decision import CreateTask, Decision, MoveTask, Reason, Step
from github_app.core.names import Instant, State
from github_app.core.task import Move, Origin

QUEUEING = frozenset({Move.ADMIT, Move.APPROVE, Move.RELEASE, Move.RETRY, Move.REVISE})
WAITING = frozenset({State.DEFERRED, State.HELD, State.QUEUED, State.RETRYABLE})  # a start is still to come


class Scope(StrEnum):
    """How far a pause reaches."""

    SERVER = "server"
    INSTALLATION = "installation"
    REPOSITORY = "repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One pause in force. `target` is the installation's or repository's id, 0 for the server; `name` is for people."""

    scope: Scope
    target: int
    name: str
    reason: str
    by: str
    at: Instant
    until: Instant | None = None


def why_paused(pause: Pause) -> Reason:
    """Return a pause as the reason why nothing starts."""
    where = {Scope.SERVER: "this server", Scope.INSTALLATION: "this installation", Scope.REPOSITORY: "this repository"}
    until = "until somebody resumes it" if pause.until is None else f"until {_minute(pause.until)}"
    sentence = f"Nothing starts on {where[pause.scope]} {until}: {pause.by} paused it ({pause.reason})."
    return Reason(code=f"paused.{pause.scope}", sentence=sentence)


def steps_of(pauses: Iterable[Pause]) -> tuple[Step, ...]:
    """Return pauses as lines of an explanation."""
    reasons = [why_paused(pause) for pause in pauses]
    return tuple(Step(check="pause", outcome="stop", found=reason.sentence, code=reason.code) for reason in reasons)


def with_pauses(decision: Decision, pauses: tuple[Pause, ...]) -> Decision:
    """Return a decision that, where it queues a task, says that the task will wait; nothing else about it changes."""
    if not pauses or not any(_queues(change) for change in decision.changes):
        return decision
    reasons = (*decision.reasons, *(why_paused(pause) for pause in pauses))
    return replace(decision, reasons=reasons, steps=(*decision.steps, *steps_of(pauses)))


def _queues(change: object) -> bool:
    match change:
        case CreateTask(origin=origin):
            return origin is Origin.QUEUED
        case MoveTask(move=move):
            return move in QUEUEING
        case _:
            return False


def _minute(at: Instant) -> str:
    return datetime.fromtimestamp(at / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
