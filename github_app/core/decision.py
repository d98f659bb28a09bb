"""What was decided, as data: the trace that explains it, what happens to tasks, and what is done about it.

A decision is stored once and rendered everywhere (comment, page, command line, API) from the same object.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from hashlib import sha256
from json import dumps
from typing import Any, Literal

from github_app.core.names import Category, Instant, Sha, TaskId, Tier, UserId
from github_app.core.proof import AttemptReport
from github_app.core.task import Move, Origin


class Verdict(StrEnum):
    """What an event came to."""

    RUN = "run"
    HOLD = "hold"
    DEFER = "defer"
    SKIP = "skip"  # somebody asked, and the answer is no for now
    BLOCK = "block"  # somebody asked, and the answer is never by itself
    IGNORE = "ignore"  # nobody with a say asked
    STOP = "stop"
    APPROVE = "approve"
    REJECT = "reject"
    ANSWER = "answer"  # a question was answered, nothing else happens
    ADVANCE = "advance"  # a running or finished task moved on


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was looked at: what, what was found, whether it let the work go on, and who wrote the rule."""

    check: str
    outcome: Literal["pass", "stricter", "stop"]
    found: str
    code: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why, in a stable code and a sentence."""

    code: str
    sentence: str
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One thing that would let the work go on, found by deciding again as if it were so.

    `step` 0 is enough by itself. Steps from 1 follow each other; those of one step are alternatives. `gives` is what
    is decided after it, when the first alternative of every earlier step was taken.
    """

    code: str
    sentence: str
    kind: Literal["approve", "label", "issue", "text", "wait", "policy"]
    gives: Verdict
    step: int
    labels: tuple[str, ...] = ()  # those to add, to remove, or to set again
    permission: str = ""  # what whoever does it must have
    origin: str = ""  # the policy key in the way, as `file:line@version`


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTask:
    """A new task for the event's issue."""

    origin: Origin
    issue_number: int
    title: str
    category: Category
    tier: Tier
    digest: str
    subject: str
    base: Sha
    requester_id: UserId
    requester: str
    reason: Reason
    expires_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveTask:
    """One move of one task, from exactly the version that was looked at; `set` are columns that change with it."""

    task_id: TaskId
    version: int
    move: Move
    reason: Reason
    set: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewordTask:
    """The same state, another text: the issue changed in a way that needs no other state."""

    task_id: TaskId
    version: int
    reason: Reason
    set: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordApproval:
    """Somebody entitled approved exactly the text of `digest`."""

    task_id: TaskId
    comment_id: int
    user_id: UserId
    login: str
    digest: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawApprovals:
    """Approvals of a task stop counting: all of them, or those given by one comment."""

    task_id: TaskId
    reason: Reason
    comment_id: int | None = None


Change = CreateTask | MoveTask | RewordTask | RecordApproval | WithdrawApprovals


@dataclass(frozen=True, slots=True, kw_only=True)
class React:
    """A reaction on an issue or a comment."""

    on: Literal["issue", "issue_comment", "review_comment"]
    number: int
    comment_id: int | None
    content: Literal["eyes", "+1", "-1", "confused", "rocket"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """Bring the task's status comment and state label to what the task is when this is performed."""

    task_id: TaskId | None  # None: the task created by the same decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Propose:
    """Ask for approval of exactly this text; one comment for each digest."""

    task_id: TaskId | None
    number: int
    digest: str
    title: str
    body: str
    removed: tuple[str, ...]
    changed: tuple[str, ...]  # what is different from the text that was approved or proposed before
    category: Category
    tier: Tier
    reasons: tuple[Reason, ...]
    expires_at: Instant
    approvals_needed: int
    may_approve: str
    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A comment of ours that answers somebody or tells of something a human must see; `once` makes it unrepeatable."""

    number: int
    kind: Literal["refused", "skipped", "why", "status", "help", "unknown", "failed", "stopped", "noted", "reminder"]
    to: str
    reasons: tuple[Reason, ...] = ()
    steps: tuple[Step, ...] = ()
    task_id: TaskId | None = None
    verb: str = ""
    once: str = ""
    remedies: tuple[Remedy, ...] = ()


Action = React | Refresh | Propose | Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """All of one decision. `changes` and `actions` are carried out together or not at all."""

    verdict: Verdict
    policy_version: str
    reasons: tuple[Reason, ...]
    steps: tuple[Step, ...] = ()
    category: Category | None = None
    tier: Tier | None = None
    digest: str | None = None
    changes: tuple[Change, ...] = ()
    actions: tuple[Action, ...] = ()
    report: AttemptReport | None = None
    remedies: tuple[Remedy, ...] = ()  # what would change it, where somebody asked or it is kept

    @property
    def fingerprint(self) -> str:
        """Return what two decisions share when the second says nothing new."""
        text = dumps([self.verdict, self.policy_version, self.tier, self.digest, [r.code for r in self.reasons]])
        return sha256(text.encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, Any]:
        """Return the decision as it is stored and shown; issue texts inside actions are left out."""
        return {
            "verdict": self.verdict,
            "policy_version": self.policy_version,
            "category": self.category,
            "tier": None if self.tier is None else str(self.tier),
            "digest": self.digest,
            "reasons": [asdict(reason) for reason in self.reasons],
            "steps": [asdict(step) for step in self.steps],
            "remedies": [asdict(remedy) for remedy in self.remedies],
            "actions": [type(action).__name__ for action in self.actions],
            "changes": [type(change).__name__ for change in self.changes],
        }
