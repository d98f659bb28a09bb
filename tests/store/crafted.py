"""Crafted values for the store's tests: a repository, its issues, a policy, and small decisions about them."""

from dataclasses import replace

from github_app.core.decision import CreateTask, Decision, MoveTask, Reason, Refresh, Verdict
from github_app.core.events import Actor, AttemptFinished, IssueChanged, Place
from github_app.core.facts import Facts, Issue, Label, Person, Repository
from github_app.core.names import Permission, Tier
from github_app.core.policy import Caps, Policy, Rule
from github_app.core.proof import AttemptReport
from github_app.core.task import Move, Origin
from github_app.store.backlog import take
from github_app.store.inbox import NewDelivery, record
from github_app.store.presence import WorkerId
from github_app.store.tasks import Cause, create, move

ADA = Actor(id=7, login="ada", human=True)
WHY = Reason(code="test.reason", sentence="Because the test says so.")
POLICY = Policy(version="policy-1", rules=(Rule(labels=("documentation",), category="docs", tier=Tier.AUTO_SAFE),))
WORKER = WorkerId(name="w1", host="elsewhere", pid=1, start="1")
REAPER = WorkerId(name="reaper", host="here", pid=1, start="1")  # cannot see whether WORKER lives


def place(repository=1, installation=1):
    return Place(installation_id=installation, repository_id=repository, full_name=f"acme/r{repository}")


def person(number=7, login="ada"):
    return Person(id=number, login=login, human=True, permission=Permission.WRITE)


def caps(**given):
    return replace(POLICY, version=f"caps-{sorted(given.items())}", caps=replace(Caps(), **given))


def issue(number=1, title=None, by=None):
    who = by or person()
    return Issue(
        number=number,
        title=title or f"Issue {number}",
        body="word " * 40,
        url=f"https://github.test/acme/r/issues/{number}",
        open=True,
        locked=False,
        is_pull=False,
        transferred=False,
        labels=(Label(name="remit", by=who), Label(name="documentation", by=who)),
        author=who,
        editor=None,
        edited_at=None,
        assignees=(),
        linked_pulls=(),
    )


def facts(number=1, *, now, repository=1, installation=1, title=None, by=None):
    return Facts(
        now=now,
        own_user_id=99,
        repository=Repository(
            id=repository,
            installation_id=installation,
            full_name=f"acme/r{repository}",
            private=True,
            archived=False,
            default_branch="main",
            head="a" * 40,
        ),
        issue=issue(number, title, by),
        sender=by or person(),
    )


def wanted(number=1, *, origin=Origin.QUEUED, title=None, by=None, **more):
    who = by or person()
    values = {
        "origin": origin,
        "issue_number": number,
        "title": title or f"Issue {number}",
        "category": "docs",
        "tier": Tier.AUTO_SAFE,
        "digest": "d" * 16,
        "subject": "{}",
        "base": "a" * 40,
        "requester_id": who.id,
        "requester": who.login,
        "reason": WHY,
    }
    return CreateTask(**(values | more))


def add_task(db, number=1, *, repository=1, installation=1, policy=POLICY, **more):
    """Create a task without a delivery and return it."""
    with db.write() as session:
        cause = Cause(actor="ada", at=db.now(session))
        return create(session, place(repository, installation), wanted(number, **more), policy, cause)


def step(db, task, *moves, **columns):
    """Move a task along and return it."""
    for one in moves:
        with db.write() as session:
            task = move(session, task.id, task.version, one, WHY, Cause(actor="ada", at=db.now(session)), columns)
    return task


def changed(number=1, *, repository=1, installation=1, action="labeled"):
    return IssueChanged(place=place(repository, installation), number=number, action=action, sender=ADA)


def arrived(db, guid, number=1, *, repository=1, installation=1, event="issues", action="labeled", body=b"{}"):
    """Record a delivery without taking it."""
    with db.write() as session:
        delivery = NewDelivery(
            guid=guid,
            event=event,
            action=action,
            installation_id=installation,
            repository_id=repository,
            number=number,
            sender_id=7,
            body=body,
            received_at=db.now(session),
        )
        return record(session, delivery)


def delivered(db, guid, number=1, **more):
    """Record a delivery and take it."""
    arrived(db, guid, number, **more)
    return next(d for batch in take(db, limit=1000) for d in batch.deliveries if d.guid == guid)


def deciding(*changes, actions=(), verdict=Verdict.RUN, reason=WHY, **more):
    """Return a decide function that always answers this."""

    def decide(_event, policy, _facts):
        return Decision(
            verdict=verdict, policy_version=policy.version, reasons=(reason,), changes=changes, actions=actions, **more
        )

    return decide


def admit_or_defer(event, policy, known):
    """Decide as the caps say: queue what has room, defer the rest, admit deferred ones in order."""
    ledger = known.ledger
    room = (
        ledger.pending_repository + ledger.deferred_before < policy.caps.pending_per_repository
        and ledger.pending_installation < policy.caps.pending_per_installation
    )
    changes = ()
    if ledger.task is None:
        origin = Origin.QUEUED if room else Origin.DEFERRED
        changes = (wanted(event.number, origin=origin, by=known.sender),)
    elif ledger.task.state == "deferred" and room:
        task = ledger.task
        changes = (MoveTask(task_id=task.id, version=task.version, move=Move.ADMIT, reason=WHY),)
    return Decision(
        verdict=Verdict.RUN if room else Verdict.DEFER,
        policy_version=policy.version,
        reasons=(WHY,),
        changes=changes,
        actions=(Refresh(task_id=None),) if changes else (),
    )


def finished(task, **report):
    values = {"outcome": "done", "sentence": "It is done."} | report
    return AttemptFinished(
        place=place(task.repository_id, task.installation_id),
        task_id=task.id,
        fence=task.fence,
        report=AttemptReport(**values),
    )
