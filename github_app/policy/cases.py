"""Examples that must hold: `policies/cases/*.yml`, read as strictly as a policy.

A case says who labelled what and what Remit must make of it. What it leaves out is said by the file's `given`, and then
by the plain case: a private, active repository; a writer wrote the issue, 400 characters, and nobody edited it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from github_app.core.decision import Verdict
from github_app.core.names import Category, Permission, Tier
from github_app.core.policy import Policy
from github_app.policy.layers import Layer, Source, overlay
from github_app.policy.problems import refuse
from github_app.policy.read import Sheet, lay, shipped_sheet
from github_app.policy.shape import PolicyShape, Shape
from github_app.policy.tree import Entry, Items, Leaf, Map, read_tree
from github_app.policy.validate import validated
from github_app.policy.values import CategoryName, ModeName, ShippedName, TierName


class Actor(StrEnum):
    """Who did something, by what they may do in the repository."""

    ADMIN = "admin"
    MAINTAINER = "maintainer"
    WRITER = "writer"
    TRIAGER = "triager"
    READER = "reader"
    OUTSIDER = "outsider"  # no permission; what an issue form labels is labelled on their behalf
    BOT = "bot"  # an app with write permission, called helper[bot]
    OWN_APP = "own_app"  # Remit itself
    GHOST = "ghost"  # a deleted account

    @property
    def permission(self) -> Permission:
        """Return what this actor may do in the repository."""
        return _PERMISSIONS[self]

    @property
    def human(self) -> bool:
        """Say whether this is a person's account."""
        return self not in {Actor.BOT, Actor.OWN_APP, Actor.GHOST}

    @property
    def login(self) -> str:
        """Return the account's name."""
        return {Actor.BOT: "helper[bot]", Actor.OWN_APP: "remit[bot]"}.get(self, self.value)


_PERMISSIONS = {
    Actor.ADMIN: Permission.ADMIN,
    Actor.MAINTAINER: Permission.MAINTAIN,
    Actor.WRITER: Permission.WRITE,
    Actor.TRIAGER: Permission.TRIAGE,
    Actor.READER: Permission.READ,
    Actor.OUTSIDER: Permission.NONE,
    Actor.BOT: Permission.WRITE,
    Actor.OWN_APP: Permission.WRITE,
    Actor.GHOST: Permission.NONE,
}


class IssueState(StrEnum):
    """What kind of thing carries the labels, and how it stands."""

    OPEN = "open"
    CLOSED = "closed"
    LOCKED = "locked"
    TRANSFERRED = "transferred"
    PULL_REQUEST = "pull_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What is already there, in numbers of tasks and pull requests of ours."""

    pending_repository: int = 0
    pending_installation: int = 0
    requester_last_hour: int = 0
    open_pulls: int = 0
    created_today: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must come out; None is not looked at. `reason` must be among the decision's reasons."""

    verdict: Verdict
    reason: str | None = None
    tier: Tier | None = None
    category: Category | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One example. `policy` is complete; `labels` are in the order of the file, each with who put it there."""

    name: str
    origin: str  # file:line@version
    policy: Policy
    public: bool
    archived: bool
    labels: tuple[tuple[str, Actor], ...]
    author: Actor
    editor: Actor | None
    title: str
    issue: IssueState
    assigned: bool
    linked_pull: bool
    body_characters: int
    hidden: bool  # the text has characters that a reader does not see
    open_task: bool  # the issue has an open task, as it would be now
    same_title: bool  # another issue with this title has an open task
    counts: Counts
    expect: Expectation


_ActorName = Literal["admin", "maintainer", "writer", "triager", "reader", "outsider", "bot", "own_app", "ghost"]
_Count = Annotated[int, Field(ge=0, le=100_000)]


class _CountsShape(Shape):
    pending_repository: _Count = 0
    pending_installation: _Count = 0
    requester_last_hour: _Count = 0
    open_pulls: _Count = 0
    created_today: _Count = 0


class _GivenShape(Shape):
    policy: ShippedName = "default"
    settings: PolicyShape = PolicyShape()
    mode: ModeName = "active"
    repository: Literal["private", "public"] = "private"
    archived: bool = False
    labels: dict[str, _ActorName] = Field(default_factory=dict)
    author: _ActorName = "writer"
    editor: _ActorName | None = None
    title: str = "The example of this case"
    issue: Literal["open", "closed", "locked", "transferred", "pull_request"] = "open"
    assigned: bool = False
    linked_pull: bool = False
    body: Annotated[int, Field(ge=0, le=65_536)] = 400
    hidden: bool = False
    open_task: bool = False
    same_title: bool = False
    counts: _CountsShape = _CountsShape()


class _ExpectShape(Shape):
    verdict: Literal["run", "hold", "defer", "skip", "block", "ignore"]
    reason: Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z_]+$")] | None = None
    tier: TierName | None = None
    category: CategoryName | None = None


class _CaseShape(_GivenShape):
    name: Annotated[str, Field(min_length=10, max_length=120)]
    expect: _ExpectShape


class _FileShape(Shape):
    given: _GivenShape = _GivenShape()
    cases: Annotated[list[_CaseShape], Field(min_length=1)]


def read_cases(folder: Path) -> tuple[Case, ...]:
    """Return the cases of every `*.yml` in a folder, in order of file name and line.

    Raises UnreadablePolicyError with the problems of the first file that has any, equal names included.
    """
    shown = "/".join(folder.parts[-2:])
    return tuple(
        case
        for path in sorted(folder.glob("*.yml"))
        for case in cases_in(_source(f"{shown}/{path.name}", path.read_bytes()))
    )


def cases_in(source: Source) -> tuple[Case, ...]:
    """Return the cases of one file. Raises UnreadablePolicyError with every problem."""
    tree = read_tree(source.path, source.text, source.version)
    shape = validated(_FileShape, tree)
    given = _map(tree, "given")
    cases: list[Case] = []
    lines: dict[str, int] = {}
    problems = []
    listed = tree.entries["cases"].node
    for number, node in enumerate(listed.items if isinstance(listed, Items) else ()):
        if not isinstance(node, Map):
            continue
        whole = replace(node, entries={**given.entries, **node.entries})
        case = validated(_CaseShape, whole)
        if case.name in lines:
            sentence = f"a case called '{case.name}' is already in line {lines[case.name]}"
            problems.append(node.entries["name"].place.problem(sentence))
        lines[shape.cases[number].name] = node.place.line
        cases.append(_case(case, whole, source))
    refuse(problems)
    return tuple(cases)


def _source(path: str, raw: bytes) -> Source:
    return Source.of(path, raw, sha256(raw).hexdigest()[:12], Layer.SERVER)


def _case(shape: _CaseShape, tree: Map, source: Source) -> Case:
    return Case(
        name=shape.name,
        origin=str(tree.place),
        policy=_policy(shape, tree, source),
        public=shape.repository == "public",
        archived=shape.archived,
        labels=tuple((label, Actor(actor)) for label, actor in shape.labels.items()),
        author=Actor(shape.author),
        editor=None if shape.editor is None else Actor(shape.editor),
        title=shape.title,
        issue=IssueState(shape.issue),
        assigned=shape.assigned,
        linked_pull=shape.linked_pull,
        body_characters=shape.body,
        hidden=shape.hidden,
        open_task=shape.open_task,
        same_title=shape.same_title,
        counts=Counts(**shape.counts.model_dump()),
        expect=Expectation(
            verdict=Verdict(shape.expect.verdict),
            reason=shape.expect.reason,
            tier=None if shape.expect.tier is None else Tier.named(shape.expect.tier),
            category=None if shape.expect.category is None else Category(shape.expect.category),
        ),
    )


def _policy(shape: _CaseShape, tree: Map, source: Source) -> Policy:
    """Return the case's policy: a shipped one, its mode, and its settings as the server's file would say them."""
    mode = tree.entries.get("mode") or Entry(
        place=tree.place, node=Leaf(place=tree.place, value=shape.mode, text=shape.mode)
    )
    settings = overlay(Map(place=tree.place, entries={"mode": mode}), _map(tree, "settings"), Layer.SERVER)
    sheets = () if shape.policy == "default" else (shipped_sheet(shape.policy),)
    return lay((*sheets, Sheet(source=source, tree=settings)))


def _map(tree: Map, key: str) -> Map:
    entry = tree.entries.get(key)
    return entry.node if entry is not None and isinstance(entry.node, Map) else Map(place=tree.place)


def describe(case: Case) -> Mapping[str, str]:
    """Return a case's givens as a person reads them, for a report on one that does not hold."""
    return {
        "labels": ", ".join(f"{name} by {actor}" for name, actor in case.labels) or "none",
        "author": str(case.author),
        "editor": str(case.editor or "nobody"),
        "repository": "public" if case.public else "private",
        "mode": str(case.policy.mode),
        "issue": str(case.issue),
        "body": f"{case.body_characters} characters",
    }
