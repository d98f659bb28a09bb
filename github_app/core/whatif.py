"""What would change a decision: the same question asked again, with one thing otherwise each time.

There are no rules here. `core.changes` lists what could be otherwise about an issue, its people, the counters and the
policy; each change is tried by deciding again, and kept when the decision gets further. What keeps the work from going
on is dealt with one obstacle after the other; whether an approval helps, and whose, is found by approving.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from github_app.core.changes import SOMEBODY, Change, changes
from github_app.core.decision import CreateTask, Decision, MoveTask, RecordApproval, Remedy, Verdict
from github_app.core.events import Actor, CommentCreated, Event, IssueChanged, Place
from github_app.core.facts import Approval, Facts, Person
from github_app.core.names import InstallationId, Instant, Permission, RepositoryId, State, TaskId, UserId
from github_app.core.policy import Policy
from github_app.core.task import Move, Task

Decide = Callable[[Event, Policy, Facts], Decision]
MOST_STEPS = 6
MOST_ALTERNATIVES = 3
MOST_APPROVALS = 10
THEN = {
    Verdict.RUN: " Then it runs.",
    Verdict.HOLD: " Then it waits for an approval.",
    Verdict.DEFER: " Then it waits in line.",
    Verdict.APPROVE: " Then it is queued.",
}
LOUDER = {Verdict.DEFER: 1, Verdict.HOLD: 2, Verdict.APPROVE: 3, Verdict.RUN: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the questions have come to."""

    policy: Policy
    facts: Facts
    decision: Decision


def remedies(decide: Decide, policy: Policy, facts: Facts) -> tuple[Remedy, ...]:
    """Return what would let an issue's work go on, nothing when it goes on or when nothing would.

    A hold gets its approval (`step` 0) and what would let it run without one, a deferral what it waits for, a refusal
    everything up to a hold or a run. Asks `decide` a bounded number of times.
    """
    here = _asked(decide, policy, facts)
    loudness = _loud(here)
    task = facts.ledger.task
    if loudness >= LOUDER[Verdict.RUN] or here.facts.issue is None:
        return ()
    if task is not None and task.state is not State.DEFERRED:
        return _approval(decide, here, 0) if task.state is State.HELD else ()
    if loudness == LOUDER[Verdict.HOLD]:
        path, end = _path(decide, here, LOUDER[Verdict.RUN])
        runs = _loud(end) >= LOUDER[Verdict.RUN]
        return (*_approval(decide, here, 0), *(path if runs else ()))
    path, end = _path(decide, here, LOUDER[Verdict.HOLD])
    if end.decision.verdict is not Verdict.HOLD or not path:
        return path
    return (*path, *_approval(decide, end, path[-1].step + 1))


def worth_telling(decision: Decision) -> bool:
    """Say whether a decision about an issue leaves something that somebody could change."""
    return bool(decision.steps) and decision.verdict in {
        Verdict.HOLD,
        Verdict.DEFER,
        Verdict.SKIP,
        Verdict.BLOCK,
        Verdict.IGNORE,
    }


def _asked(decide: Decide, policy: Policy, facts: Facts) -> _Place:
    return _Place(policy=policy, facts=facts, decision=decide(_question(facts), policy, facts))


def _question(facts: Facts) -> IssueChanged:
    """Return the event that says nothing: the issue is looked at as it is."""
    number = 0 if facts.issue is None else facts.issue.number
    sender = Actor(id=SOMEBODY.id, login=SOMEBODY.login, human=True)
    return IssueChanged(place=_where(facts), number=number, action="reconciled", sender=sender)


def _where(facts: Facts) -> Place:
    found = facts.repository
    if found is None:
        return Place(installation_id=InstallationId(0), repository_id=RepositoryId(0), full_name="")
    return Place(installation_id=found.installation_id, repository_id=found.id, full_name=found.full_name)


def _path(decide: Decide, start: _Place, enough: int) -> tuple[tuple[Remedy, ...], _Place]:
    """Return what has to be otherwise until the decision is loud enough, and where that leads."""
    path: list[Remedy] = []
    here = start
    for step in range(1, MOST_STEPS + 1):
        if _loud(here) >= enough:
            break
        further = list(islice(_further(decide, here), MOST_ALTERNATIVES))
        if not further:
            break
        path += [_remedy(change, there, step) for change, there in further]
        here = further[0][1]
    return tuple(path), here


def _further(decide: Decide, here: _Place) -> Iterator[tuple[Change, _Place]]:
    """Yield what gets further; the same by somebody with more permission only where that gets further still."""
    loudest: dict[tuple[str, tuple[str, ...]], int] = {}
    for change in changes(here.policy, here.facts):
        there = _asked(decide, change.policy, change.facts)
        about = (change.code, change.labels)
        if _got_further(here, there) and _loud(there) > loudest.get(about, -1):
            loudest[about] = _loud(there)
            yield change, there
            if change.kind == "policy":
                return


def _got_further(here: _Place, there: _Place) -> bool:
    before, after = _loud(here), _loud(there)
    if after != before:
        return after > before
    if before == LOUDER[Verdict.HOLD]:
        return _demands(there.decision) < _demands(here.decision)
    if before == LOUDER[Verdict.DEFER]:
        return there.decision.reasons[0].code != here.decision.reasons[0].code
    was, now = here.decision.steps, there.decision.steps
    return bool(was and now) and now[-1].check not in {step.check for step in was}


def _demands(decision: Decision) -> int:
    return sum(step.outcome == "stricter" for step in decision.steps)


def _loud(place: _Place) -> int:
    """Return how far the work goes; where only observed nothing does."""
    decision = place.decision
    acts = bool(decision.changes) or place.facts.ledger.task is not None
    return LOUDER.get(decision.verdict, 0) if acts else 0


def _remedy(change: Change, there: _Place, step: int) -> Remedy:
    return Remedy(
        code=change.code,
        sentence=f"{change.sentence}{THEN.get(there.decision.verdict, '')}",
        kind=change.kind,
        gives=there.decision.verdict,
        step=step,
        labels=change.labels,
        permission=change.permission,
        origin=change.origin,
    )


def _approval(decide: Decide, here: _Place, step: int) -> tuple[Remedy, ...]:
    """Return the approval that is missing: of which text, by whom, how many."""
    held = _held(here)
    if held is None or held.ledger.task is None:
        return ()
    policy, names = here.policy, here.policy.approval.users
    for permission in Permission:
        approvers = _approvers(names, permission)
        needed = _needed(decide, policy, held, approvers)
        if needed:
            break
    else:
        return ()
    who = f"{' or '.join(names) if names else 'somebody'} with {permission} permission"
    but = [
        f"not {person.login}, who {did}"
        for person, did in _involved(held)
        if (not names or person.login in names)
        and not _needed(decide, policy, held, _as_well(person, approvers), first=True)
    ]
    more = "" if needed == 1 else f"; {needed} people are needed"
    digest = held.ledger.task.digest
    sentence = f"An approval of {digest} by {who}{''.join(f', {one}' for one in but)}{more}."
    return (
        Remedy(
            code="approval.give",
            sentence=f"{sentence}{THEN[Verdict.APPROVE]}",
            kind="approve",
            gives=Verdict.APPROVE,
            step=step,
            permission=str(permission),
            origin=policy.origin("approval.permission"),
        ),
    )


def _held(here: _Place) -> Facts | None:
    """Return the facts with the task that is held, or that the decision would hold."""
    task, ledger = here.facts.ledger.task, here.facts.ledger
    if task is not None and task.state is State.HELD:
        return here.facts
    wanted = next((change for change in here.decision.changes if isinstance(change, CreateTask)), None)
    if wanted is None:
        return None
    return here.facts.with_ledger(replace(ledger, task=_task(wanted, here), approvals=()))


def _task(wanted: CreateTask, here: _Place) -> Task:
    where, now = _where(here.facts), here.facts.now
    return Task(
        id=TaskId(0),
        version=1,
        state=State.HELD,
        installation_id=where.installation_id,
        repository_id=where.repository_id,
        repository=where.full_name,
        issue_number=wanted.issue_number,
        title=wanted.title,
        category=wanted.category,
        tier=wanted.tier,
        digest=wanted.digest,
        subject=wanted.subject,
        policy_version=here.policy.version,
        base=wanted.base,
        requester_id=wanted.requester_id,
        requester=wanted.requester,
        reason_code=wanted.reason.code,
        reason=wanted.reason.sentence,
        created_at=now,
        updated_at=now,
        run_after=now,
        proposed_at=now,
        expires_at=wanted.expires_at,
    )


def _approvers(names: Sequence[str], permission: Permission) -> tuple[Person, ...]:
    """Return people who are nobody in particular, or carry the names the policy wants."""
    logins = names or tuple(f"somebody-{number}" for number in range(MOST_APPROVALS))
    return tuple(
        Person(id=UserId(-10 - number), login=login, human=True, permission=permission)
        for number, login in enumerate(logins)
    )


def _as_well(person: Person, others: Sequence[Person]) -> tuple[Person, ...]:
    return (replace(person, permission=Permission.ADMIN, human=True), *others)


def _involved(facts: Facts) -> Iterator[tuple[Person, str]]:
    """Yield who might not approve what they had a part in."""
    task, issue = facts.ledger.task, facts.issue
    if issue is not None and issue.author.human:
        yield issue.author, "wrote it"
    if task is not None and issue is not None and task.requester_id != issue.author.id:
        labeller = next((label.by for label in issue.labels if label.by.id == task.requester_id), None)
        if labeller is not None and labeller.human:
            yield labeller, "labelled it"


def _needed(decide: Decide, policy: Policy, held: Facts, people: Sequence[Person], *, first: bool = False) -> int:
    """Return how many of these people, in order, have to approve; 0 when it does not help.

    `first`: only whether the first of them may.
    """
    facts = held
    for count, person in enumerate(people, start=1):
        decision = decide(*_saying(person, policy, facts))
        given = next((change for change in decision.changes if isinstance(change, RecordApproval)), None)
        if given is None:
            return 0
        if first or any(isinstance(change, MoveTask) and change.move is Move.APPROVE for change in decision.changes):
            return count
        approval = Approval(comment_id=given.comment_id, by=person, digest=given.digest, at=given.at, stands=True)
        ledger = facts.ledger
        facts = facts.with_ledger(replace(ledger, approvals=(*ledger.approvals, approval)))
    return 0


def _saying(person: Person, policy: Policy, facts: Facts) -> tuple[CommentCreated, Policy, Facts]:
    """Return the question that an approval by a person is."""
    issue, task = facts.issue, facts.ledger.task
    number = 0 if issue is None else issue.number
    edited = 0 if issue is None else issue.edited_at or 0
    proposed = 0 if task is None else task.proposed_at or 0
    actor = Actor(id=person.id, login=person.login, human=person.human)
    event = CommentCreated(
        place=_where(facts),
        number=number,
        on_pull=False,
        comment_kind="issue_comment",
        comment_id=0,
        author=actor,
        sender=actor,
        paragraphs=("/approve",),
        alone=True,
    )
    later = Instant(max(facts.now, edited, proposed) + 1000)
    return event, policy, replace(facts, sender=person, comment_at=later)
