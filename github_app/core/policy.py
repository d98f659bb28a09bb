"""What is allowed, as data. Read from YAML by `policy/`, never built from anything else outside tests.

Every value that can be the reason for a decision has an origin (`file:line@version`), found by its dotted key in
`Policy.origins`. Durations are milliseconds where the name does not say otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from github_app.core.names import Category, Mode, Permission, Tier, fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the label map: any of `labels` and none of `none_of` gives this category and tier."""

    labels: tuple[str, ...]
    category: Category
    tier: Tier
    none_of: tuple[str, ...] = ()
    origin: str = ""

    def matches(self, folded: frozenset[str]) -> str | None:
        """Return the first of the rule's labels that the issue carries, or None when the rule does not apply."""
        if any(fold(label) in folded for label in self.none_of):
            return None
        return next((label for label in self.labels if fold(label) in folded), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """What Remit leaves alone. Each has its own reason code; lengths are in characters after sanitising."""

    labels: tuple[str, ...] = ("remit:skip", "wontfix", "epic", "roadmap", "wishlist", "blocked", "in-progress")
    assigned: bool = True
    linked_pull_request: bool = True
    body_shorter_than: int = 20
    body_shorter_than_for_auto_safe: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who may do what. A bot starts nothing unless named here, and then gets at most a proposal."""

    label: Permission = Permission.WRITE
    propose: Permission = Permission.TRIAGE
    command: Permission = Permission.WRITE
    bots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What turns a held task into a queued one."""

    permission: Permission = Permission.WRITE
    count: int = 1
    users: tuple[str, ...] = ()
    author_may_approve: bool = True
    labeller_may_approve: bool = True
    expires_days: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much at once. None switches a cap off."""

    pending_per_repository: int = 5
    pending_per_installation: int = 20
    new_per_requester_per_hour: int | None = 3
    running_per_repository: int = 1
    running_per_installation: int = 4
    open_pull_requests_per_repository: int | None = 5
    created_per_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one attempt may use."""

    turns: int = 25
    minutes: float = 25
    silence_minutes: float = 5
    usd: float = 5
    output_bytes: int = 1_000_000
    memory_megabytes: int = 4096
    processes: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a change may be."""

    files: int = 100
    bytes: int = 4_000_000
    file_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Who does the work: an adapter's name and, for the command adapter, the program and its arguments."""

    adapter: str = "command"
    command: tuple[str, ...] = ()
    review: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """Commands of the repository, run without a shell, in a sandbox of their own; `name` -> argv."""

    prepare: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    check: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    minutes: float = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequests:
    """How a pull request is opened."""

    draft: str = "when_unproven"  # or "always"
    close_issue: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All of it. `version` is the first 12 characters of the SHA-256 over the texts it was read from."""

    version: str
    mode: Mode = Mode.PROPOSE
    trigger: str | None = "remit"
    blocked: tuple[str, ...] = ("security", "deploy", "secrets", "billing", "infrastructure")
    ceiling: Tier = Tier.AUTO_SAFE  # no task is looser than this
    public_ceiling: Tier = Tier.PROPOSED  # nor, in a public repository, than this
    rules: tuple[Rule, ...] = ()
    skip: Skip = field(default_factory=Skip)
    people: People = field(default_factory=People)
    approval: Approval = field(default_factory=Approval)
    caps: Caps = field(default_factory=Caps)
    limits: Limits = field(default_factory=Limits)
    size: Size = field(default_factory=Size)
    retries: int = 2
    retry_after_seconds: float = 30  # before the first retry; each further one waits four times as long
    scopes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # category -> globs (gitwildmatch)
    protected: tuple[str, ...] = ()  # globs (gitwildmatch, ASCII case folded)
    agent: Agent = field(default_factory=Agent)
    agents: Mapping[str, Agent] = field(default_factory=dict)  # category -> agent
    checks: Checks = field(default_factory=Checks)
    weakest_wall: str = "landlock"
    pull_requests: PullRequests = field(default_factory=PullRequests)
    repositories: str = "tighten"  # what a repository's own file may do under an organisation's: none, tighten or any
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what was left out while reading, and why
    broken: str = ""  # why a policy of the repository or its organisation cannot be read: then nothing runs there

    def origin(self, key: str) -> str:
        """Return where a key's value was written, as `file:line@version`; "built in" when nobody wrote it."""
        return self.origins.get(key, "built in")

    def agent_for(self, category: Category) -> Agent:
        """Return who works on a category."""
        return self.agents.get(category, self.agent)
