"""The examples of `policies/cases` held against the decision itself, for `remit policy check` and the tests."""

from collections.abc import Iterable
from dataclasses import dataclass

from github_app.core.decide import decide
from github_app.core.decision import CreateTask, Decision
from github_app.core.events import Actor as Account
from github_app.core.events import IssueChanged, Place
from github_app.core.facts import Facts, Issue, Label, Ledger, Person, Repository
from github_app.core.names import Category, InstallationId, Instant, RepositoryId, Sha, State, TaskId, Tier, UserId
from github_app.core.task import Task
from github_app.policy.cases import Actor, Case, IssueState, describe

NOW = Instant(1_700_000_000_000)
BASE = Sha("a" * 40)
NUMBERS = {actor: UserId(number) for number, actor in enumerate(Actor, start=10)}
PLACE = Place(installation_id=InstallationId(1), repository_id=RepositoryId(2), full_name="acme/widgets")
NUMBER = 5
WORDS = "The widget should say what it does. "


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A case that does not hold, and in a sentence why."""

    case: Case
    why: str


def failing(cases: Iterable[Case]) -> tuple[Failing, ...]:
    """Return the cases that do not hold."""
    return tuple(Failing(case=case, why=why) for case in cases if (why := fault(case)))


def fault(case: Case) -> str:
    """Return what came out instead of what must, with what was given; nothing when the case holds."""
    decision, want = decided(case), case.expect
    found = {
        "verdict": (want.verdict, decision.verdict),
        "tier": (want.tier, decision.tier),
        "category": (want.category, decision.category),
    }
    wrong = [
        f"{name} is {'none' if got is None else got}, not {expected}"
        for name, (expected, got) in found.items()
        if expected is not None and expected != got
    ]
    codes = [reason.code for reason in decision.reasons]
    if want.reason is not None and want.reason not in codes:
        wrong.append(f"the reasons are {', '.join(codes) or 'none'}, without {want.reason}")
    if case.open_task and any(isinstance(change, CreateTask) for change in decision.changes):
        wrong.append("a second task is made for the issue")
    given = ", ".join(f"{name}: {value}" for name, value in describe(case).items())
    return f"{'; '.join(wrong)} (given {given})" if wrong else ""


def decided(case: Case) -> Decision:
    """Return the decision about a case; of an issue with an open task, the one that comes after that was made."""
    facts = facts_of(case)
    decision = decide(_event(facts), case.policy, facts)
    if not case.open_task:
        return decision
    made = next((change for change in decision.changes if isinstance(change, CreateTask)), None)
    if made is None:
        return decision
    again = facts.with_ledger(Ledger(task=_task(case, NUMBER, made.digest, made.subject)))
    return decide(_event(again), case.policy, again)


def facts_of(case: Case) -> Facts:
    """Return the facts that a case describes."""
    words = (WORDS * (case.body_characters // len(WORDS) + 1))[: case.body_characters]
    body = words.rstrip().ljust(case.body_characters, "x")
    counts = case.counts
    return Facts(
        now=NOW,
        own_user_id=NUMBERS[Actor.OWN_APP],
        repository=Repository(
            id=PLACE.repository_id,
            installation_id=PLACE.installation_id,
            full_name=PLACE.full_name,
            private=not case.public,
            archived=case.archived,
            default_branch="main",
            head=BASE,
        ),
        issue=Issue(
            number=NUMBER,
            title=case.title,
            body=body + ("\u200b" if case.hidden else ""),
            url=f"https://github.com/{PLACE.full_name}/issues/{NUMBER}",
            open=case.issue is not IssueState.CLOSED,
            locked=case.issue is IssueState.LOCKED,
            is_pull=case.issue is IssueState.PULL_REQUEST,
            transferred=case.issue is IssueState.TRANSFERRED,
            labels=tuple(Label(name=name, by=_person(by)) for name, by in case.labels),
            author=_person(case.author),
            editor=_person(case.editor) if case.editor else None,
            edited_at=NOW if case.editor else None,
            assignees=("writer",) if case.assigned else (),
            linked_pulls=(NUMBER + 1,) if case.linked_pull else (),
        ),
        sender=_person(Actor.WRITER),  # whose delivery it was must not matter, only who put the labels there
        ledger=Ledger(
            same_title=_task(case, NUMBER - 1) if case.same_title else None,
            pending_repository=counts.pending_repository,
            pending_installation=counts.pending_installation,
            requester_last_hour=counts.requester_last_hour,
            open_pulls=counts.open_pulls,
            created_today=counts.created_today,
        ),
    )


def _event(facts: Facts) -> IssueChanged:
    sender = Account(id=facts.sender.id, login=facts.sender.login, human=facts.sender.human)
    return IssueChanged(place=PLACE, number=NUMBER, action="labeled", sender=sender)


def _person(actor: Actor) -> Person:
    return Person(id=NUMBERS[actor], login=actor.login, human=actor.human, permission=actor.permission)


def _task(case: Case, number: int, digest: str = "", subject: str = "") -> Task:
    return Task(
        id=TaskId(7),
        version=1,
        state=State.HELD,
        installation_id=PLACE.installation_id,
        repository_id=PLACE.repository_id,
        repository=PLACE.full_name,
        issue_number=number,
        title=case.title,
        category=case.expect.category or Category("docs"),
        tier=Tier.PROPOSED,
        digest=digest,
        subject=subject,
        policy_version=case.policy.version,
        base=BASE,
        requester_id=NUMBERS[Actor.WRITER],
        requester="writer",
        reason_code="tier.proposed",
        reason="It waits.",
        created_at=NOW,
        updated_at=NOW,
        run_after=NOW,
    )
