"""What is known when deciding: read once from GitHub and once from the ledger, then frozen.

A person who cannot be identified (a deleted account, an unreadable permission) is `NOBODY`: no permission, not human.
"""

from dataclasses import dataclass, replace

from github_app.core.names import InstallationId, Instant, Permission, RepositoryId, Sha, UserId
from github_app.core.pause import Pause
from github_app.core.reading import Reading, read
from github_app.core.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An account and what it may do in the repository now."""

    id: UserId
    login: str
    human: bool
    permission: Permission


def has(person: Person) -> str:
    """Return a person's permission as a sentence says it."""
    return f"{'no' if person.permission is Permission.NONE else person.permission} permission"


NOBODY = Person(id=UserId(0), login="ghost", human=False, permission=Permission.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label on the issue and who put it there last."""

    name: str
    by: Person
    at: Instant | None = None  # when it was set last, in whole seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An issue as GitHub shows it now. `editor` is who last changed title or body, None when nobody ever did."""

    number: int
    title: str
    body: str
    url: str
    open: bool
    locked: bool
    is_pull: bool
    transferred: bool
    labels: tuple[Label, ...]
    author: Person
    editor: Person | None
    edited_at: Instant | None
    assignees: tuple[str, ...]
    linked_pulls: tuple[int, ...]  # open ones that are not ours
    reading: Reading | None = None  # what was read in title and body, where the words themselves are not kept


def reading_of(issue: Issue) -> Reading:
    """Return what is read in an issue's title and description."""
    return issue.reading or read(issue.title, issue.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository as GitHub shows it now."""

    id: RepositoryId
    installation_id: InstallationId
    full_name: str
    private: bool
    archived: bool
    default_branch: str
    head: Sha


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An approval given earlier: who may still approve, and whether the comment still stands as it was written."""

    comment_id: int
    by: Person
    digest: str
    at: Instant
    stands: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What our own database says, read in the transaction that writes the decision."""

    task: Task | None = None  # the issue's open task
    last: Task | None = None  # the issue's newest ended task
    same_title: Task | None = None  # an open task of the repository with the same normalised title
    affected: tuple[Task, ...] = ()  # open tasks that lost access with this event
    proposal_waits: bool = False  # the open task's proposal has not been posted yet
    approvals: tuple[Approval, ...] = ()  # standing ones of the open task, without network facts
    pending_repository: int = 0  # these two without the open task itself
    pending_installation: int = 0
    requester_last_hour: int = 0
    open_pulls: int = 0
    created_today: int = 0
    deferred_before: int = 0  # deferred tasks of the repository that were there first
    pauses: tuple[Pause, ...] = ()  # in force over the repository: they stop no decision, only starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a decision may look at, apart from the policy. `now` is the only clock it has."""

    now: Instant
    own_user_id: UserId
    repository: Repository | None = None
    issue: Issue | None = None
    sender: Person = NOBODY
    comment_at: Instant | None = None
    approvals: tuple[Approval, ...] = ()  # as GitHub shows them now; only read when something is about to start
    ledger: Ledger = Ledger()

    def with_ledger(self, ledger: Ledger) -> "Facts":
        """Return the same facts with what our database says."""
        return replace(self, ledger=ledger)
