"""One decision, carried out in one transaction: delivery settled, tasks moved, history written, effects put out.

The ledger is read, the decision made and its changes written under the one lock, so counted limits hold whatever runs
beside. Anything that raises rolls everything back, and the delivery is as it was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from github_app.core.audit import evidence, seal
from github_app.core.decision import (
    Action,
    Change,
    CreateTask,
    Decision,
    MoveTask,
    Propose,
    React,
    RecordApproval,
    Refresh,
    Reply,
    RewordTask,
    Verdict,
    WithdrawApprovals,
)
from github_app.core.events import (
    AccessLost,
    Actor,
    AttemptFinished,
    CommentCreated,
    CommentWithdrawn,
    Event,
    IssueChanged,
    Place,
    PullClosed,
)
from github_app.core.facts import Facts
from github_app.core.names import TaskId
from github_app.core.policy import Policy
from github_app.core.recorded import event_as_json, facts_as_json
from github_app.core.task import PENDING, Task
from github_app.core.whatif import remedies, worth_telling
from github_app.errors import StaleError
from github_app.store.backlog import Delivery, settle
from github_app.store.codec import plain
from github_app.store.ledger import read_ledger
from github_app.store.outbox import drop, key_of, put
from github_app.store.session import Database
from github_app.store.tables import IS_OPEN, DecisionRow, PolicyRow
from github_app.store.tasks import TASK, Cause, approve, create, limits_of, move, reword, table_of, withdraw
from github_app.store.waiting import wake

DECISION, POLICY = table_of(DecisionRow), table_of(PolicyRow)
# Of issues nobody asked about no decision is kept: they would be most rows, and asking computes them anew.
UNASKED = frozenset({"trigger.missing", "issue.missing", "issue.pull_request"})

Decide = Callable[[Event, Policy, Facts], Decision]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was decided, and the task it is about as it stands now. `stored` is false when it said nothing new."""

    decision: Decision
    task: Task | None
    stored: bool


def apply(
    db: Database,
    delivery: Delivery,
    event: Event,
    policy: Policy,
    facts: Facts,
    decide: Decide,
    *,
    superseded: Sequence[int] = (),
    sources: Mapping[str, str] | None = None,
) -> Applied:
    """Decide about a delivery and carry it out. `superseded` are older ones about the same issue, settled with it.

    `sources` are the texts the policy was read from, kept once for each version; None says that the policy is only what
    was last known, so that open tasks keep the limits they have. Raises StaleError when the delivery was settled by
    somebody else in the meantime.
    """

    def work(session: Session) -> Applied:
        db.lock(session)
        _still_pending(session, delivery)
        known = facts.with_ledger(read_ledger(session, event, policy, facts))
        application = _Application(db, session, delivery, event, policy, known, decide)
        return application.carry_out(decide(event, policy, known), superseded, sources)

    return db.transaction(work)


class _Application:
    """One decision being carried out inside one transaction."""

    def __init__(
        self,
        db: Database,
        session: Session,
        delivery: Delivery,
        event: Event,
        policy: Policy,
        facts: Facts,
        decide: Decide,
    ) -> None:
        self.session, self.delivery, self.event, self.policy, self.facts = session, delivery, event, policy, facts
        self.decide, self.now = decide, db.now(session)
        who = _actor(event)
        self.cause = Cause(
            actor="remit" if who is None else who.login,
            actor_id=None if who is None else who.id,
            at=self.now,
            delivery_id=delivery.id,
            policy_version=policy.version,
            evidence=evidence(event.fence, event.report) if isinstance(event, AttemptFinished) else None,
        )
        self.task = facts.ledger.task
        self.room_in: set[int] = set()

    def carry_out(self, decision: Decision, superseded: Sequence[int], sources: Mapping[str, str] | None) -> Applied:
        session, facts = self.session, self.facts
        stored = self._worth_storing(decision)
        if stored and isinstance(self.event, IssueChanged) and worth_telling(decision):
            decision = replace(decision, remedies=remedies(self.decide, self.policy, facts))
        if decision.changes:
            self.cause = replace(self.cause, decision=seal(self._document(decision)))
        for change in decision.changes:
            self._change(change)
        if stored:
            self._store(decision, sources or {})
        for index, action in enumerate(decision.actions):
            self._put(action, index)
        if sources is not None:
            self._renew_limits()
        if isinstance(self.event, AccessLost):
            drop(session, self.event.installation_id, self.event.repository_ids, self.event.why, self.now)
        for installation_id in sorted(self.room_in):
            wake(session, installation_id, f"d{self.delivery.id}", self.now)
        state = "handled" if stored else "ignored" if decision.verdict is Verdict.IGNORE else "superseded"
        note = f"{decision.verdict}: {decision.reasons[0].code}" if decision.reasons else str(decision.verdict)
        settle(session, [self.delivery.id], state, note, self.now)
        settle(session, superseded, "superseded", f"by delivery {self.delivery.id}", self.now)
        return Applied(decision=decision, task=self.task or facts.ledger.task, stored=stored)

    def _change(self, change: Change) -> None:
        session = self.session
        match change:
            case CreateTask():
                self.task = create(session, _place(self.event), change, self.policy, self.cause)
            case MoveTask():
                after = move(
                    session, change.task_id, change.version, change.move, change.reason, self.cause, change.set
                )
                if after.state not in PENDING:
                    self.room_in.add(after.installation_id)
                self._now_is(after)
            case RewordTask():
                self._now_is(reword(session, change.task_id, change.version, change.reason, self.cause, change.set))
            case RecordApproval():
                approve(session, change, self.cause)
            case WithdrawApprovals():
                withdraw(session, change.task_id, change.comment_id, change.reason, self.cause)
            case _:
                assert_never(change)

    def _now_is(self, task: Task) -> None:
        if self.task is None or self.task.id == task.id:
            self.task = task

    def _worth_storing(self, decision: Decision) -> bool:
        """Say whether the decision says anything that the issue's newest one did not."""
        if decision.changes or any(not isinstance(action, Refresh) for action in decision.actions):
            return True
        if decision.verdict is Verdict.IGNORE and (
            not decision.steps or any(reason.code in UNASKED for reason in decision.reasons)
        ):
            return False
        repository_id, number = self._issue()
        here = (DECISION.c.repository_id == repository_id, DECISION.c.issue_number == number)
        newest = select(DECISION.c.fingerprint).where(*here).order_by(DECISION.c.id.desc()).limit(1)
        return self.session.execute(newest).scalar_one_or_none() != decision.fingerprint

    def _store(self, decision: Decision, sources: Mapping[str, str]) -> None:
        known = select(POLICY.c.version).where(POLICY.c.version == decision.policy_version)
        if self.session.execute(known).first() is None:
            values = {"version": decision.policy_version, "sources": dict(sources), "first_seen_at": self.now}
            self.session.execute(insert(POLICY).values(values))
        repository_id, number = self._issue()
        values = {
            "delivery_id": self.delivery.id,
            "repository_id": repository_id,
            "issue_number": number,
            "task_id": None if self.task is None else self.task.id,
            "at": self.now,
            "fingerprint": decision.fingerprint,
            "verdict": str(decision.verdict),
            "category": decision.category,
            "tier": None if decision.tier is None else str(decision.tier),
            "document": self._document(decision),
        }
        self.session.execute(insert(DECISION).values(values))

    def _document(self, decision: Decision) -> dict[str, Any]:
        """Return the decision as it is stored; its seal stands in every line of history that it brings about."""
        facts, event = facts_as_json(self.facts), event_as_json(self.event)
        return plain({**decision.as_json(), "event": event, "facts": facts})

    def _put(self, action: Action, index: int) -> None:
        created = None if self.task is None else self.task.id
        match action:
            case Refresh(task_id=None):
                if created is None:
                    raise ValueError("a refresh of no task")
                action, task_id = Refresh(task_id=created), created
            case Refresh() | Reply():
                task_id = action.task_id
            case Propose():
                task_id = action.task_id or created
                action = _for_task(action, task_id)
            case React():
                task_id = None
            case _:
                assert_never(action)
        lane = self.task.issue_number if self.task is not None else self._issue()[1]
        number = lane if lane is not None else getattr(action, "number", 0)
        key = key_of(action, str(self.delivery.id), index, task_id)
        put(
            self.session,
            action,
            key=key,
            place=_place(self.event),
            number=number,
            task_id=task_id,
            now=self.now,
        )

    def _renew_limits(self) -> None:
        """Let the repository's open tasks count under the policy that is in force now."""
        if isinstance(self.event, AccessLost):
            return
        place = self.event.place
        here = (TASK.c.installation_id == place.installation_id, TASK.c.repository_id == place.repository_id)
        stale = (text(IS_OPEN), TASK.c.limits_from != self.policy.version)
        self.session.execute(update(TASK).where(*here, *stale).values(limits_of(self.policy)))

    def _issue(self) -> tuple[int | None, int | None]:
        if self.task is not None:
            return self.task.repository_id, self.task.issue_number
        if isinstance(self.event, AccessLost):
            return None, None
        return self.event.place.repository_id, getattr(self.event, "number", None)


def _for_task(action: Propose, task_id: TaskId | None) -> Propose:
    return replace(action, task_id=task_id)


def _still_pending(session: Session, delivery: Delivery) -> None:
    sql = "SELECT state, tries FROM delivery WHERE id = :id"
    row = session.execute(text(sql), {"id": delivery.id}).first()
    if row is None or row.state != "pending" or row.tries != delivery.tries:
        raise StaleError(f"delivery {delivery.id} was taken over or settled by somebody else")


def _place(event: Event) -> Place:
    if isinstance(event, AccessLost):
        raise TypeError("nothing is written where access was lost")
    return event.place


def _actor(event: Event) -> Actor | None:
    """Return who brought an event about; None: nobody but Remit itself."""
    match event:
        case CommentCreated():
            return event.author
        case IssueChanged() | CommentWithdrawn() | PullClosed():
            return event.sender
        case _:
            return None
