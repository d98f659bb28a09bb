"""What happened, in the past tense. Every input of Remit is one of these, whether GitHub, a timer or a run said it."""

from dataclasses import dataclass
from typing import Literal

from github_app.core.names import InstallationId, Instant, RepositoryId, Sha, TaskId, UserId
from github_app.core.proof import AttemptReport
from github_app.core.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An account as an event names it. Identity is `id`; `human` is false for bots and for apps acting for a user."""

    id: UserId
    login: str
    human: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something happened, by id; the name is only for display and for addressing GitHub."""

    installation_id: InstallationId
    repository_id: RepositoryId
    full_name: str


def place_of(task: Task) -> Place:
    """Return where a task is."""
    return Place(installation_id=task.installation_id, repository_id=task.repository_id, full_name=task.repository)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueChanged:
    """Something about an issue that can change a decision. `action` is GitHub's word, or `reconciled`."""

    place: Place
    number: int
    action: str
    sender: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentCreated:
    """A person wrote. `paragraphs` are the Markdown tree's top-level paragraphs; `alone`: one of them and nothing else.

    `on_pull` is true for comments, reviews and review comments on a pull request; `comment_kind` is where it lives.
    """

    place: Place
    number: int
    on_pull: bool
    comment_kind: Literal["issue_comment", "review", "review_comment"]
    comment_id: int
    author: Actor
    sender: Actor
    paragraphs: tuple[str, ...]
    alone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentWithdrawn:
    """A comment was edited or deleted: whatever it approved is no longer approved by it."""

    place: Place
    number: int
    on_pull: bool
    comment_id: int
    action: Literal["edited", "deleted"]
    sender: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class PullClosed:
    """A pull request of ours was closed; `merged_as` is the merge commit when it was merged."""

    place: Place
    number: int
    head_branch: str
    merged_as: Sha | None
    sender: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLost:
    """An installation was removed or suspended, or repositories left it. None means every repository of it."""

    installation_id: InstallationId
    repository_ids: tuple[RepositoryId, ...] | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFinished:
    """A run ended and says what came of it."""

    place: Place
    task_id: TaskId
    fence: int
    report: AttemptReport


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRefused:
    """A claimed task was looked at once more before its start and may not start."""

    place: Place
    task_id: TaskId
    fence: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalExpired:
    """A held task waited as long as policy allows."""

    place: Place
    task_id: TaskId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalAwaited:
    """A held task's proposal is about to expire: it is the proposal that ends at `expires_at`, and no later one."""

    place: Place
    task_id: TaskId
    expires_at: Instant


Event = (
    IssueChanged
    | CommentCreated
    | CommentWithdrawn
    | PullClosed
    | AccessLost
    | AttemptFinished
    | StartRefused
    | ApprovalExpired
    | ApprovalAwaited
)
