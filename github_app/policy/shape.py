"""The shape of a policy file: which keys there are and which values they take.

A file may leave out every key: what it does not say is said by the file under it. Keys have the names of the fields of
`core.policy.Policy`. The descriptions here become `policies/schema.json`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from github_app.policy.values import (
    AdapterName,
    BotLogin,
    CategoryName,
    CheckName,
    Command,
    FreedomName,
    Glob,
    Globs,
    Label,
    Labels,
    Login,
    ModeName,
    Proposer,
    ShippedName,
    SomeCommand,
    TierName,
    WallName,
    Writer,
)


def absent(description: str) -> Any:
    """Return the default of a key that may be left out."""
    return Field(default=None, description=description)


class Shape(BaseModel):
    """A map with known keys only; nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RuleShape(Shape):
    """One line of the label map."""

    labels: Annotated[Labels, Field(min_length=1, description="the rule applies to an issue with any of these")]
    category: CategoryName = Field(description="what kind of work it is; must have an entry in `scopes`")
    tier: TierName = Field(description="what may happen without a human word")
    none_of: Labels = absent("the rule does not apply to an issue with any of these")


class SkipShape(Shape):
    """What Remit leaves alone."""

    labels: Labels = absent("issues with any of these")
    assigned: bool = absent("issues assigned to a person")
    linked_pull_request: bool = absent("issues with an open linked pull request")
    body_shorter_than: Annotated[int, Field(ge=0, le=65536)] = absent("characters, after cleaning")
    body_shorter_than_for_auto_safe: Annotated[int, Field(ge=0, le=65536)] = absent("characters, for tier auto_safe")


class PeopleShape(Shape):
    """Who may do what."""

    label: Writer = absent("permission by which a label starts work")
    propose: Proposer = absent("permission by which a label makes a proposal")
    command: Writer = absent("permission for /remit commands")
    bots: list[BotLogin] = absent("apps whose labels may make a proposal; not for a repository")


class ApprovalShape(Shape):
    """What turns a held task into a queued one."""

    permission: Writer = absent("permission an approver needs at that moment")
    count: Annotated[int, Field(ge=1, le=10)] = absent("how many people must approve")
    users: list[Login] = absent("only these may approve; an empty list: everybody with the permission")
    author_may_approve: bool = absent("whether the issue's author counts")
    labeller_may_approve: bool = absent("whether who set the labels counts")
    expires_days: Annotated[int, Field(ge=1, le=90)] = absent("days until a proposal expires")


class CapsShape(Shape):
    """How much at once."""

    pending_per_repository: Annotated[int, Field(ge=1, le=1000)] = absent("held, queued and running")
    pending_per_installation: Annotated[int, Field(ge=1, le=10_000)] = absent("held, queued and running")
    new_per_requester_per_hour: Annotated[int, Field(ge=1, le=1000)] | None = absent("null: no such cap")
    running_per_repository: Annotated[int, Field(ge=1, le=100)] = absent("running at the same time")
    running_per_installation: Annotated[int, Field(ge=1, le=1000)] = absent("running at the same time")
    open_pull_requests_per_repository: Annotated[int, Field(ge=1, le=1000)] | None = absent("null: no such cap")
    created_per_day: Annotated[int, Field(ge=1, le=10_000)] | None = absent("null: no such cap")


class LimitsShape(Shape):
    """How much one attempt may use."""

    turns: Annotated[int, Field(ge=1, le=1000)] = absent("turns of the agent")
    minutes: Annotated[float, Field(ge=0.1, le=1440)] = absent("minutes of wall clock")
    silence_minutes: Annotated[float, Field(ge=0.1, le=1440)] = absent("minutes without any output")
    usd: Annotated[float, Field(ge=0.01, le=1000)] = absent("US dollars for the model")
    output_bytes: Annotated[int, Field(ge=10_000, le=1_000_000_000)] = absent("bytes printed")
    memory_megabytes: Annotated[int, Field(ge=64, le=1_048_576)] = absent("megabytes of memory")
    processes: Annotated[int, Field(ge=8, le=65_536)] = absent("processes and threads")


class SizeShape(Shape):
    """How large a change may be."""

    files: Annotated[int, Field(ge=1, le=3000)] = absent("files changed")
    bytes: Annotated[int, Field(ge=1, le=100_000_000)] = absent("bytes of all changed files")
    file_bytes: Annotated[int, Field(ge=1, le=100_000_000)] = absent("bytes of one changed file")


class AgentShape(Shape):
    """Who does the work; server only."""

    adapter: AdapterName = absent("which adapter drives the agent")
    command: Command = absent("program and arguments, for the adapter `command`")
    review: Command = absent("program and arguments that review the change; empty: the same agent")


class ChecksShape(Shape):
    """The repository's own commands: a list, or one string that is split like a shell would; there is no shell."""

    prepare: dict[CheckName, SomeCommand] = absent("before the work, once: dependencies")
    check: dict[CheckName, SomeCommand] = absent("before and after the work: tests, linters")
    minutes: Annotated[float, Field(ge=0.1, le=240)] = absent("minutes for each command")


class PullRequestsShape(Shape):
    """How a pull request is opened."""

    draft: Literal["when_unproven", "always"] = absent("when it is opened as a draft")
    close_issue: bool = absent("whether merging it closes the issue")


class PolicyShape(Shape):
    """Remit's policy language, version 1."""

    version: Annotated[int, Field(ge=1, le=1)] = absent("of this language")
    extends: ShippedName = absent("the shipped policy that lies right under this file")
    mode: ModeName = absent("how far Remit may go")
    trigger: Label | None = absent("the opt-in label; null: none is needed")
    blocked: Labels = absent("labels that mean never autonomous; a repository only adds")
    ceiling: TierName = absent("no task is looser than this")
    public_ceiling: TierName = absent("nor, in a public repository, than this")
    rules: Annotated[list[RuleShape], Field(max_length=200)] = absent(
        "the label map; the first match names the category"
    )
    skip: SkipShape = absent("what is left alone")
    people: PeopleShape = absent("who may do what")
    approval: ApprovalShape = absent("what an approval is")
    caps: CapsShape = absent("how much at once")
    limits: LimitsShape = absent("how much one attempt may use")
    size: SizeShape = absent("how large a change may be")
    retries: Annotated[int, Field(ge=0, le=10)] = absent("attempts after the first")
    retry_after_seconds: Annotated[float, Field(ge=0, le=3600)] = absent(
        "seconds before the first retry; each further one waits four times as long"
    )
    scopes: dict[CategoryName, Annotated[list[Glob], Field(min_length=1, max_length=500)]] = absent(
        "category: paths it may change"
    )
    protected: Globs = absent("paths no task may change; a repository only adds")
    agent: AgentShape = absent("who does the work; server only")
    agents: dict[CategoryName, AgentShape] = absent("category: another agent; server only")
    checks: ChecksShape = absent("the repository's own commands")
    weakest_wall: WallName = absent("the weakest isolation that is accepted; a repository only strengthens")
    pull_requests: PullRequestsShape = absent("how a pull request is opened")
    repositories: FreedomName = absent(
        "what a repository's own file may do under an organisation's: be ignored, only tighten, or anything"
    )
