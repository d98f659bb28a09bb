"""A task and the one table of its life.

`MOVES` is the only place that says which state follows which; `next_state` is the only reader; `store/tasks.py` has the
only writer. The diagram in ARCHITECTURE.md is printed from this table by `diagram()`.
"""

from dataclasses import dataclass
from enum import StrEnum

from github_app.core.names import Category, InstallationId, Instant, RepositoryId, Sha, State, TaskId, Tier, UserId
from github_app.errors import IllegalMoveError


class Move(StrEnum):
    """Why a task changes state; each is said by somebody who is named in the history."""

    ADMIT = "admit"  # room under the caps: a deferred task runs
    PROPOSE = "propose"  # room under the caps: a deferred task is held for approval
    APPROVE = "approve"  # the last missing approval
    HOLD = "hold"  # approval void or withdrawn, tier stricter
    CLAIM = "claim"  # a worker leased it
    RELEASE = "release"  # a worker gave it back unharmed
    RETRY = "retry"  # failed, may be tried again
    SUBMIT = "submit"  # a pull request is open
    REVISE = "revise"  # asked to work on the same branch again
    COMPLETE = "complete"  # merged
    REJECT = "reject"  # a person said no
    EXPIRE = "expire"  # nobody answered in time
    CANCEL = "cancel"  # stop condition
    FAIL = "fail"  # cannot go on


class Origin(StrEnum):
    """The states a task may be born in."""

    DEFERRED = State.DEFERRED.value
    HELD = State.HELD.value
    QUEUED = State.QUEUED.value


MOVES: dict[State, dict[Move, State]] = {
    State.DEFERRED: {
        Move.ADMIT: State.QUEUED,
        Move.PROPOSE: State.HELD,
        Move.REJECT: State.REJECTED,
        Move.CANCEL: State.CANCELLED,
    },
    State.HELD: {
        Move.APPROVE: State.QUEUED,
        Move.REJECT: State.REJECTED,
        Move.EXPIRE: State.EXPIRED,
        Move.CANCEL: State.CANCELLED,
    },
    State.QUEUED: {
        Move.CLAIM: State.RUNNING,
        Move.HOLD: State.HELD,
        Move.REJECT: State.REJECTED,
        Move.CANCEL: State.CANCELLED,
        Move.FAIL: State.FAILED,
    },
    State.RUNNING: {
        Move.SUBMIT: State.IN_REVIEW,
        Move.RETRY: State.RETRYABLE,
        Move.RELEASE: State.QUEUED,
        Move.HOLD: State.HELD,
        Move.REJECT: State.REJECTED,
        Move.CANCEL: State.CANCELLED,
        Move.FAIL: State.FAILED,
    },
    State.RETRYABLE: {
        Move.CLAIM: State.RUNNING,
        Move.HOLD: State.HELD,
        Move.REJECT: State.REJECTED,
        Move.CANCEL: State.CANCELLED,
        Move.FAIL: State.FAILED,
    },
    State.IN_REVIEW: {
        Move.REVISE: State.QUEUED,
        Move.COMPLETE: State.COMPLETED,
        Move.REJECT: State.REJECTED,
        Move.CANCEL: State.CANCELLED,
    },
    State.COMPLETED: {},
    State.CANCELLED: {},
    State.REJECTED: {},
    State.EXPIRED: {},
    State.FAILED: {},
}

ENDED = frozenset(state for state, moves in MOVES.items() if not moves)
OPEN = frozenset(State) - ENDED
PENDING = frozenset({State.HELD, State.QUEUED, State.RUNNING, State.RETRYABLE})
STARTABLE = frozenset(state for state, moves in MOVES.items() if Move.CLAIM in moves)


def next_state(state: State, move: Move) -> State:
    """Return where a move leads. Raises IllegalMoveError when the table does not know it."""
    found = MOVES[state].get(move)
    if found is None:
        raise IllegalMoveError(f"a task that is {state} cannot {move}")
    return found


def diagram() -> str:
    """Return the whole table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {origin.value}" for origin in Origin]
    lines += [f"    {state} --> {target}: {move}" for state, moves in MOVES.items() for move, target in moves.items()]
    lines += [f"    {state} --> [*]" for state in State if state in ENDED]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task as everybody outside the store sees it: a frozen copy of its row at one version."""

    id: TaskId
    version: int
    state: State
    installation_id: InstallationId
    repository_id: RepositoryId
    repository: str
    issue_number: int
    title: str
    category: Category
    tier: Tier
    digest: str
    subject: str  # canonical JSON of what the digest is over; see core.digest
    policy_version: str
    base: Sha | None
    requester_id: UserId
    requester: str
    reason_code: str
    reason: str
    attempts: int = 0
    fence: int = 0
    created_at: Instant
    updated_at: Instant
    run_after: Instant
    proposed_at: Instant | None = None
    expires_at: Instant | None = None
    started_at: Instant | None = None
    branch: str | None = None
    head: Sha | None = None
    pull_number: int | None = None
    pull_url: str | None = None
    status_comment_id: int | None = None
    last_failure: str = ""
    position: int | None = None  # in the deferred queue, from 1

    @property
    def proposal(self) -> str:
        """Return what tells one proposal of a held task from the next: each has an end of its own."""
        return f"{self.id}:{self.expires_at}"
