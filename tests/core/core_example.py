"""Small builders: one ordinary situation, from which each test changes what it is about."""

from dataclasses import replace
from typing import Any

from github_app.core.assess import assess
from github_app.core.events import (
    AccessLost,
    Actor,
    ApprovalExpired,
    AttemptFinished,
    CommentCreated,
    CommentWithdrawn,
    IssueChanged,
    Place,
    PullClosed,
    StartRefused,
)
from github_app.core.facts import Approval, Facts, Issue, Label, Ledger, Person, Repository
from github_app.core.names import (
    Category,
    InstallationId,
    Instant,
    Mode,
    Permission,
    RepositoryId,
    Sha,
    State,
    TaskId,
    Tier,
    UserId,
)
from github_app.core.policy import Policy, Rule
from github_app.core.proof import AttemptReport
from github_app.core.task import Task

SECOND = 1000
NOW = Instant(1_800_000_000_000)
OWN = UserId(9)
HEAD = Sha("a" * 40)
BODY = (
    "The installation page still names the old command. Please replace it by the new one everywhere in docs/, "
    "and say in the changelog that it was renamed."
)
MERGE = Sha("d" * 40)
PLACE = Place(installation_id=InstallationId(5), repository_id=RepositoryId(50), full_name="octo/shop")


def person(login: str, permission: Permission = Permission.NONE, *, human: bool = True, number: int = 0) -> Person:
    return Person(id=UserId(number or 1000 + sum(map(ord, login))), login=login, human=human, permission=permission)


ADMIN = person("admin", Permission.ADMIN, number=1)
WRITER = person("writer", Permission.WRITE, number=2)
OTHER = person("other-writer", Permission.WRITE, number=3)
TRIAGER = person("triager", Permission.TRIAGE, number=4)
READER = person("reader", Permission.READ, number=5)
OUTSIDER = person("outsider", Permission.NONE, number=6)
BOT = person("dependabot[bot]", Permission.WRITE, human=False, number=7)
SELF = person("remit[bot]", Permission.WRITE, human=False, number=OWN)

RULES = (
    Rule(labels=("bug",), category=Category("bugfix"), tier=Tier.PROPOSED, origin="policies/default.yml:11"),
    Rule(labels=("enhancement",), category=Category("feature"), tier=Tier.PROPOSED, origin="policies/default.yml:14"),
    Rule(labels=("documentation",), category=Category("docs"), tier=Tier.AUTO_SAFE, origin="policies/default.yml:17"),
    Rule(labels=("test", "tests"), category=Category("tests"), tier=Tier.AUTO_SAFE, origin="policies/default.yml:20"),
    Rule(labels=("research",), category=Category("research"), tier=Tier.AUTO_SAFE, origin="policies/default.yml:23"),
    Rule(labels=("refactor",), category=Category("refactor"), tier=Tier.AUTO_SAFE, origin="policies/default.yml:26"),
)
OPERATOR_RULE = Rule(labels=("migration",), category=Category("ops"), tier=Tier.OPERATOR, origin="local.yml:3")


def policy(**changes: Any) -> Policy:
    """Return the default label map in an active repository."""
    return replace(Policy(version="0123456789ab", mode=Mode.ACTIVE, rules=RULES), **changes)


def labels(*names: str, by: Person = WRITER) -> tuple[Label, ...]:
    return tuple(Label(name=name, by=by) for name in names)


def issue(*names: str, **changes: Any) -> Issue:
    """Return issue 7, opted in and labelled `documentation` unless other labels are named."""
    plain = Issue(
        number=7,
        title="Name the new command in the docs",
        body=BODY,
        url="https://github.com/octo/shop/issues/7",
        open=True,
        locked=False,
        is_pull=False,
        transferred=False,
        labels=labels("remit", *(names or ("documentation",))),
        author=WRITER,
        editor=None,
        edited_at=None,
        assignees=(),
        linked_pulls=(),
    )
    return replace(plain, **changes)


def repository(**changes: Any) -> Repository:
    plain = Repository(
        id=PLACE.repository_id,
        installation_id=PLACE.installation_id,
        full_name=PLACE.full_name,
        private=True,
        archived=False,
        default_branch="main",
        head=HEAD,
    )
    return replace(plain, **changes)


def facts(about: Issue | None = None, ledger: Ledger | None = None, **changes: Any) -> Facts:
    plain = Facts(
        now=NOW,
        own_user_id=OWN,
        repository=repository(),
        issue=about or issue(),
        sender=WRITER,
        comment_at=Instant(NOW - SECOND),
        ledger=ledger or Ledger(),
    )
    return replace(plain, **changes)


def task(state: State, about: Facts | None = None, rules: Policy | None = None, **changes: Any) -> Task:
    """Return the task that the facts' issue would have become under the policy, in a state."""
    found = assess(rules or policy(), about or facts())
    plain = Task(
        id=TaskId(70),
        version=4,
        state=state,
        installation_id=PLACE.installation_id,
        repository_id=PLACE.repository_id,
        repository=PLACE.full_name,
        issue_number=7,
        title=found.title,
        category=found.category or Category("docs"),
        tier=found.tier if found.tier is not None else Tier.PROPOSED,
        digest=found.digest,
        subject=found.subject,
        policy_version="0123456789ab",
        base=HEAD,
        requester_id=WRITER.id,
        requester=WRITER.login,
        reason_code="tier.auto_safe",
        reason="Runs at once, isolated, and ends in a pull request.",
        attempts=1 if state is State.RUNNING else 0,
        fence=3,
        created_at=Instant(NOW - 3600 * SECOND),
        updated_at=Instant(NOW - 3600 * SECOND),
        run_after=Instant(NOW - 3600 * SECOND),
        proposed_at=Instant(NOW - 3600 * SECOND),
        pull_number=21 if state is State.IN_REVIEW else None,
    )
    return replace(plain, **changes)


def having(state: State, about: Facts | None = None, rules: Policy | None = None, **changes: Any) -> Facts:
    """Return the facts of an issue whose task was made from exactly these facts."""
    known = about or facts()
    return known.with_ledger(Ledger(task=task(state, known, rules, **changes)))


def approval(by: Person, digest: str, *, stands: bool = True, comment: int = 300) -> Approval:
    return Approval(comment_id=comment, by=by, digest=digest, at=NOW, stands=stands)


def actor(who: Person) -> Actor:
    return Actor(id=who.id, login=who.login, human=who.human)


def changed(action: str = "labeled", by: Person = WRITER) -> IssueChanged:
    return IssueChanged(place=PLACE, number=7, action=action, sender=actor(by))


def said(*paragraphs: str, by: Person = WRITER, alone: bool | None = None, **changes: Any) -> CommentCreated:
    plain = CommentCreated(
        place=PLACE,
        number=7,
        on_pull=False,
        comment_kind="issue_comment",
        comment_id=301,
        author=actor(by),
        sender=actor(by),
        paragraphs=paragraphs,
        alone=len(paragraphs) == 1 if alone is None else alone,
    )
    return replace(plain, **changes)


def withdrawn(comment: int = 300) -> CommentWithdrawn:
    return CommentWithdrawn(
        place=PLACE, number=7, on_pull=False, comment_id=comment, action="edited", sender=actor(WRITER)
    )


def start_refused(fence: int = 3) -> StartRefused:
    return StartRefused(place=PLACE, task_id=TaskId(70), fence=fence, number=7)


def finished(outcome: str = "done", *, fence: int = 3, **changes: Any) -> AttemptFinished:
    report = replace(AttemptReport(outcome=outcome, sentence="As it was."), **changes)
    return AttemptFinished(place=PLACE, task_id=TaskId(70), fence=fence, report=report)


def pull_closed(*, merged: bool, number: int = 21) -> PullClosed:
    return PullClosed(
        place=PLACE,
        number=number,
        head_branch="remit/docs/7-70",
        merged_as=MERGE if merged else None,
        sender=actor(WRITER),
    )


def expired() -> ApprovalExpired:
    return ApprovalExpired(place=PLACE, task_id=TaskId(70))


def access_lost() -> AccessLost:
    return AccessLost(installation_id=PLACE.installation_id, repository_ids=None, why="The app was uninstalled.")


BUG_FACTS = facts(issue("bug"))
