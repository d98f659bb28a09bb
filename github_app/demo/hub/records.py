"""What the small GitHub remembers: plain mutable records, ids as identity, instants as GitHub's whole-second strings.

These are the one place of this package that is changed in place, always under the world's lock and through the
operation modules; everything handed out is a copy (`views`) or JSON (`shapes`). The journal writes exactly these.
"""

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Account:
    """A person, an organisation or an app's bot; `kind` is GitHub's account type."""

    id: int
    login: str
    kind: str
    deleted: bool = False
    app_id: int | None = None


@dataclass(slots=True, kw_only=True)
class App:
    """A registered GitHub App."""

    id: int
    slug: str
    name: str
    owner_id: int
    bot_id: int
    client_id: str
    client_secret: str
    private_key_pem: str
    webhook_url: str
    webhook_secret: str
    permissions: dict[str, str]
    events: list[str]
    created_at: str


@dataclass(slots=True, kw_only=True)
class Installation:
    """An app on an account; `repository_ids` is None when all repositories are meant."""

    id: int
    app_id: int
    account_id: int
    repository_ids: list[int] | None
    permissions: dict[str, str]
    events: list[str]
    created_at: str
    suspended_at: str | None = None
    suspended_by: int | None = None


@dataclass(slots=True, kw_only=True)
class Token:
    """An installation token; `repository_ids` None means whatever the installation reaches now."""

    installation_id: int
    repository_ids: list[int] | None
    permissions: dict[str, str]
    expires: float


@dataclass(slots=True, kw_only=True)
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str
    description: str | None


@dataclass(slots=True, kw_only=True)
class Reaction:
    """One reaction of one account."""

    id: int
    content: str
    author_id: int
    created_at: str


@dataclass(slots=True, kw_only=True)
class Comment:
    """A comment in the conversation of an issue or pull request."""

    id: int
    author_id: int
    body: str
    created_at: str
    updated_at: str
    app_id: int | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class TimelineItem:
    """One line of an issue's timeline; `event` is the REST word (`labeled`, `renamed`, `transferred`...)."""

    id: int
    event: str
    actor_id: int
    created_at: str
    label: str = ""
    old: str = ""
    new: str = ""
    number: int = 0
    app_id: int | None = None


@dataclass(slots=True, kw_only=True)
class Review:
    """A submitted review."""

    id: int
    author_id: int
    body: str
    state: str
    commit_id: str
    submitted_at: str
    app_id: int | None = None


@dataclass(slots=True, kw_only=True)
class ReviewComment:
    """A comment on a line of the diff."""

    id: int
    review_id: int
    author_id: int
    body: str
    path: str
    line: int
    side: str
    start_line: int | None
    commit_id: str
    diff_hunk: str
    created_at: str
    updated_at: str
    in_reply_to: int | None = None
    app_id: int | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Pull:
    """What a pull request has beyond an issue; `base_sha` is the base branch's tip when last synchronised."""

    id: int
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool
    merged_at: str | None = None
    merged_by: int | None = None
    merge_commit_sha: str | None = None
    requested_reviewers: list[int] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    review_comments: list[ReviewComment] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Issue:
    """An issue, or a pull request when `pull` is there: they share numbers, labels and comments."""

    id: int
    number: int
    title: str
    body: str | None
    author_id: int
    created_at: str
    updated_at: str
    state: str = "open"
    state_reason: str | None = None
    locked: bool = False
    lock_reason: str | None = None
    labels: list[str] = field(default_factory=list)
    assignees: list[int] = field(default_factory=list)
    closed_at: str | None = None
    closed_by: int | None = None
    body_edited_at: str | None = None
    body_editor_id: int | None = None
    app_id: int | None = None
    comments: list[Comment] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    timeline: list[TimelineItem] = field(default_factory=list)
    pull: Pull | None = None


@dataclass(slots=True, kw_only=True)
class CheckRun:
    """A check run; what GitHub only stores and shows is kept as JSON text."""

    id: int
    app_id: int
    name: str
    head_sha: str
    status: str
    conclusion: str | None
    started_at: str | None
    completed_at: str | None
    details_url: str | None
    external_id: str
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, str | int]] = field(default_factory=list)
    actions: list[dict[str, str]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Protection:
    """A branch nobody pushes to: `lines` go to the pusher as `remote:`, `reason` stands behind the refused ref."""

    branch: str
    lines: list[str]
    reason: str


@dataclass(slots=True, kw_only=True)
class Repository:
    """A repository; `roles` maps account ids to GitHub's role names."""

    id: int
    owner_id: int
    name: str
    default_branch: str
    created_at: str
    pushed_at: str
    updated_at: str
    private: bool = True
    archived: bool = False
    fork: bool = False
    has_issues: bool = True
    description: str | None = None
    next_number: int = 1
    roles: dict[int, str] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)
    issues: dict[int, Issue] = field(default_factory=dict)
    deleted_issues: list[int] = field(default_factory=list)
    moved_issues: dict[int, tuple[int, int]] = field(default_factory=dict)
    check_runs: list[CheckRun] = field(default_factory=list)
    protections: list[Protection] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class State:
    """Everything but the git objects and the delivery log."""

    accounts: dict[int, Account] = field(default_factory=dict)
    apps: dict[int, App] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    repositories: dict[int, Repository] = field(default_factory=dict)
    former_names: dict[str, int] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
