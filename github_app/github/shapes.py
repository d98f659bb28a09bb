"""The parts of GitHub's answers that Remit reads, as small tolerant structs: unknown keys are ignored, ids are strict.

`read` is the only way in; an answer that does not fit is GitHub not being able to answer, never an empty value.
"""

from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

from github_app.core.names import Instant
from github_app.errors import GitHubUnreachableError

T = TypeVar("T")
Id = Annotated[int, msgspec.Meta(gt=0, le=(1 << 63) - 1)]


def read(kind: type[T], value: Any, what: str) -> T:
    """Return a value of GitHub's as one of these. Raises GitHubUnreachableError when it does not fit."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise GitHubUnreachableError(f"GitHub's answer to {what} does not have its documented shape: {error}") from None


def instant(text: str) -> Instant:
    """Return GitHub's time as an instant. Raises GitHubUnreachableError when it cannot be read."""
    try:
        return Instant(int(datetime.fromisoformat(text).timestamp()) * 1000)
    except ValueError:
        raise GitHubUnreachableError("GitHub's answer holds an unreadable time") from None


class Account(msgspec.Struct, frozen=True):
    """A REST account; an enterprise has no login."""

    id: Id
    login: str = ""
    type: str = ""


class Label(msgspec.Struct, frozen=True):
    """A REST label."""

    name: str


class Comment(msgspec.Struct, frozen=True):
    """A REST issue comment or review comment; reviews have no `updated_at`."""

    id: Id
    user: Account | None = None
    body: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    submitted_at: str | None = None
    state: str = ""
    performed_via_github_app: Any = None


class Source(msgspec.Struct, frozen=True):
    """A repository named inside something else."""

    id: Id
    full_name: str


class End(msgspec.Struct, frozen=True):
    """The head or base of a pull request; `repo` is None when that repository was deleted."""

    ref: str
    sha: str
    repo: Source | None = None


class Pull(msgspec.Struct, frozen=True):
    """A REST pull request, from a list or alone."""

    number: Id
    html_url: str
    title: str
    state: str
    head: End
    base: End
    user: Account | None = None
    body: str | None = None
    draft: bool = False
    merged: bool | None = None
    merged_at: str | None = None
    merge_commit_sha: str | None = None
    mergeable: bool | None = None


class Repository(msgspec.Struct, frozen=True):
    """A REST repository."""

    id: Id
    full_name: str
    private: bool
    default_branch: str = ""
    archived: bool = False


class Commit(msgspec.Struct, frozen=True):
    """A commit by name."""

    sha: str


class Branch(msgspec.Struct, frozen=True):
    """A REST branch."""

    name: str
    commit: Commit


class Installation(msgspec.Struct, frozen=True):
    """An installation of the App; `suspended_at` is None while it is live."""

    id: Id
    account: Account
    permissions: dict[str, str] = {}
    events: tuple[str, ...] = ()
    repository_selection: str = ""
    suspended_at: str | None = None


class App(msgspec.Struct, frozen=True):
    """The App as GitHub registered it."""

    id: Id
    slug: str
    name: str = ""
    html_url: str = ""
    permissions: dict[str, str] = {}
    events: tuple[str, ...] = ()


class Delivery(msgspec.Struct, frozen=True):
    """One line of the App's delivery log. `guid` is what the webhook called the delivery."""

    id: Id
    guid: str
    event: str
    delivered_at: str
    status_code: int | None = None
    status: str = ""
    redelivery: bool = False
    action: str | None = None
    installation_id: int | None = None
    repository_id: int | None = None


class _Graph(msgspec.Struct, frozen=True, rename="camel"):
    pass


class Who(_Graph, frozen=True):
    """A GraphQL actor."""

    login: str
    typename: str = msgspec.field(name="__typename", default="")
    database_id: Id | None = None


class Page(_Graph, frozen=True):
    """Where a GraphQL list goes on."""

    has_next_page: bool = False
    has_previous_page: bool = False
    start_cursor: str | None = None


class Happening(_Graph, frozen=True):
    """One event of an issue's timeline."""

    created_at: str
    typename: str = msgspec.field(name="__typename")
    label: Label | None = None
    actor: Who | None = None


class Timeline(_Graph, frozen=True):
    """The end of an issue's timeline, oldest first."""

    page_info: Page
    nodes: tuple[Happening | None, ...]


class Labels(_Graph, frozen=True):
    """An issue's labels."""

    page_info: Page
    nodes: tuple[Label, ...]


class Login(_Graph, frozen=True):
    """An assignee."""

    login: str


class Logins(_Graph, frozen=True):
    """An issue's assignees."""

    nodes: tuple[Login, ...]


class Linked(_Graph, frozen=True):
    """A pull request that will close the issue."""

    number: Id
    state: str
    author: Who | None = None


class LinkedPulls(_Graph, frozen=True):
    """All of them that GitHub showed; None stands for one we may not see."""

    nodes: tuple[Linked | None, ...]


class IssueOrPull(_Graph, frozen=True):
    """An issue; a pull request has only the first lines."""

    number: Id
    title: str
    body: str
    url: str
    closed: bool
    locked: bool
    typename: str = msgspec.field(name="__typename")
    author: Who | None = None
    editor: Who | None = None
    last_edited_at: str | None = None
    assignees: Logins | None = None
    labels: Labels | None = None
    timeline_items: Timeline | None = None
    closed_by_pull_requests_references: LinkedPulls | None = None


class Object(_Graph, frozen=True):
    """What stands at the policy's path."""

    oid: str
    typename: str = msgspec.field(name="__typename")
    text: str | None = None
    byte_size: int = 0
    is_truncated: bool = False
    is_binary: bool | None = None


class Target(_Graph, frozen=True):
    """The commit a branch points to."""

    oid: str


class Reference(_Graph, frozen=True):
    """A branch."""

    name: str
    target: Target | None = None


class IssueFacts(_Graph, frozen=True):
    """The answer to `queries.ISSUE_FACTS`."""

    database_id: Id
    name_with_owner: str
    is_private: bool
    is_archived: bool
    is_disabled: bool
    default_branch_ref: Reference | None = None
    policy: Object | None = None
    issue_or_pull_request: IssueOrPull | None = None


class PolicyFacts(_Graph, frozen=True):
    """The answer to `queries.POLICY_FILE`."""

    database_id: Id
    name_with_owner: str
    policy: Object | None = None


class _TimelineOnly(_Graph, frozen=True):
    timeline_items: Timeline | None = None


class IssueTimeline(_Graph, frozen=True):
    """The answer to `queries.ISSUE_TIMELINE`."""

    database_id: Id
    issue_or_pull_request: _TimelineOnly | None = None
