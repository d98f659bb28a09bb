"""The decision: no clock, no network, no log, and the same answer for the same question.

What an issue may become on its merits is said by `assess`; here it meets what is already there: the open task, the
caps, the same title elsewhere, the commands people gave, and what a run reported.
"""

from dataclasses import replace
from typing import TypeVar, assert_never

from github_app.core.answers import answer_command
from github_app.core.asked import was_answered
from github_app.core.assess import Assessment, assess
from github_app.core.caps import over_cap
from github_app.core.decision import (
    Action,
    Change,
    CreateTask,
    Decision,
    MoveTask,
    Propose,
    React,
    Reason,
    Refresh,
    Reply,
    RewordTask,
    Step,
    Verdict,
    WithdrawApprovals,
)
from github_app.core.digest import what_changed
from github_app.core.entitled import may_approve
from github_app.core.events import (
    AccessLost,
    ApprovalAwaited,
    ApprovalExpired,
    AttemptFinished,
    CommentCreated,
    CommentWithdrawn,
    Event,
    IssueChanged,
    PullClosed,
    StartRefused,
)
from github_app.core.facts import Facts, Issue
from github_app.core.finish import attempt_finished, pull_closed
from github_app.core.names import Instant, Mode, State, Tier
from github_app.core.pause import with_pauses
from github_app.core.policy import Policy
from github_app.core.task import Move, Origin, Task
from github_app.core.whatif import remedies, worth_telling

DAY = 24 * 3600 * 1000
WAIT_FOR_POLICY = 10 * 60 * 1000
GITHUB_SAYS = frozenset({"opened", "edited", "labeled", "unlabeled", "assigned", "unassigned", "closed", "reopened"})
T = TypeVar("T")


def decide(event: Event, policy: Policy, facts: Facts) -> Decision:
    """Say what an event means: the next state of tasks, the effects, and every reason; observing has no effects."""
    decision = with_pauses(_decided(event, policy, facts), facts.ledger.pauses)
    if policy.mode is Mode.OBSERVE:
        return replace(decision, actions=())
    if any(isinstance(action, Reply) and action.kind == "why" for action in decision.actions):
        found = remedies(decide, policy, facts)
        actions = tuple(replace(a, remedies=found) if isinstance(a, Reply) else a for a in decision.actions)
        return replace(decision, actions=actions, remedies=found)
    return decision


def explained(decision: Decision, policy: Policy, facts: Facts) -> Decision:
    """Return a decision about an issue together with what would change it."""
    return replace(decision, remedies=remedies(decide, policy, facts)) if worth_telling(decision) else decision


def _decided(event: Event, policy: Policy, facts: Facts) -> Decision:
    match event:
        case IssueChanged():
            return issue_changed(event, policy, facts)
        case CommentCreated():
            return answer_command(event, policy, facts, again=lambda: issue_changed(_as_change(event), policy, facts))
        case CommentWithdrawn():
            return _comment_withdrawn(event, policy, facts)
        case StartRefused():
            return _start_refused(event, policy, facts)
        case AttemptFinished():
            return attempt_finished(event, policy, facts)
        case PullClosed():
            return pull_closed(event, policy, facts)
        case AccessLost():
            return _access_lost(event, policy, facts)
        case ApprovalExpired():
            return _approval_expired(event, policy, facts)
        case ApprovalAwaited():
            return _approval_awaited(event, policy, facts)
        case _:
            assert_never(event)


def issue_changed(event: IssueChanged, policy: Policy, facts: Facts) -> Decision:
    """Decide about an issue from what it is now; which action brought us here only decides whom to answer."""
    if event.sender.id == facts.own_user_id and event.action in GITHUB_SAYS:
        return _nothing(policy, "sender.own", "Remit did this itself; its own doings decide nothing.")
    assessment = assess(policy, facts)
    task = facts.ledger.task
    if policy.mode is Mode.OBSERVE and (task is None or assessment.eligible):
        return _plain(assessment, policy)
    if task is not None:
        return _with_task(assessment, policy, facts, task)
    if not assessment.eligible:
        return _refused(event, assessment, policy, facts)
    if event.action != "retried" and was_answered(policy, facts):
        sentence = "Its last task was ended; set the label again, or comment `/remit retry`, to ask anew."
        reason = Reason(code="task.ended", sentence=sentence)
        step = Step(check="last task", outcome="stop", found=sentence, code=reason.code)
        ended = replace(assessment, verdict=Verdict.SKIP, reasons=(reason,), steps=(*assessment.steps, step))
        return _refused(event, ended, policy, facts)
    return _new_task(assessment, policy, facts)


def _as_change(event: CommentCreated) -> IssueChanged:
    return IssueChanged(place=event.place, number=event.number, action="retried", sender=event.sender)


def _plain(assessment: Assessment, policy: Policy) -> Decision:
    return Decision(
        verdict=assessment.verdict,
        policy_version=policy.version,
        reasons=assessment.reasons,
        steps=assessment.steps,
        category=assessment.category,
        tier=assessment.tier,
        digest=assessment.digest or None,
    )


def _refused(event: IssueChanged, assessment: Assessment, policy: Policy, facts: Facts) -> Decision:
    """Say no; aloud when somebody with a say asked just now and can do something about it."""
    decision = _plain(assessment, policy)
    issue, sender = facts.issue, facts.sender
    asked = event.action in {"labeled", "opened", "edited", "reopened", "retried", "unlabeled", "unassigned"}
    heard = sender.human and sender.permission >= policy.people.propose
    tellable = issue is not None and issue.open and not issue.locked and not issue.is_pull
    if assessment.verdict in {Verdict.SKIP, Verdict.BLOCK} and asked and heard and tellable:
        once = f"skipped:{event.place.repository_id}:{event.number}:{decision.fingerprint}"
        reply = Reply(number=event.number, kind="skipped", to=sender.login, reasons=decision.reasons, once=once)
        return replace(decision, actions=(reply,))
    return decision


def _new_task(assessment: Assessment, policy: Policy, facts: Facts) -> Decision:
    issue, repository, ledger = _known(facts.issue), _known(facts.repository), facts.ledger
    requester = _known(assessment.requester)
    decision = _plain(assessment, policy)
    if ledger.same_title is not None:
        other = ledger.same_title
        sentence = f"#{other.issue_number} has the same title and an open task."
        reason = Reason(code="duplicate.title", sentence=sentence)
        steps = (*decision.steps, Step(check="duplicates", outcome="stop", found=sentence, code=reason.code))
        once = f"duplicate:{repository.id}:{issue.number}:{other.id}"
        reply = Reply(number=issue.number, kind="skipped", to=requester.login, reasons=(reason,), once=once)
        return replace(decision, verdict=Verdict.SKIP, reasons=(reason,), steps=steps, actions=(reply,))
    steps = [*decision.steps, Step(check="duplicates", outcome="pass", found="none")]
    over = over_cap(policy, ledger)
    if over is None:
        steps.append(
            Step(check="caps", outcome="pass", found="room", origin=policy.origin("caps.pending_per_repository"))
        )
        origin = Origin.QUEUED if assessment.tier is Tier.AUTO_SAFE else Origin.HELD
        reason, verdict = decision.reasons[0], decision.verdict
    else:
        steps.append(Step(check="caps", outcome="stop", found=over.sentence, code=over.code, origin=over.origin))
        origin, reason, verdict = Origin.DEFERRED, over, Verdict.DEFER
    expires = Instant(facts.now + policy.approval.expires_days * DAY) if origin is Origin.HELD else None
    create = CreateTask(
        origin=origin,
        issue_number=issue.number,
        title=assessment.title,
        category=_known(assessment.category),
        tier=_known(assessment.tier),
        digest=assessment.digest,
        subject=assessment.subject,
        base=repository.head,
        requester_id=requester.id,
        requester=requester.login,
        reason=reason,
        expires_at=expires,
    )
    actions: list[Action] = [React(on="issue", number=issue.number, comment_id=None, content="eyes")]
    if origin is Origin.HELD and expires is not None:
        actions.append(_proposal(assessment, policy, issue, None, (), expires))
    actions.append(Refresh(task_id=None))
    reasons = decision.reasons if over is None else (over, *decision.reasons)
    return replace(
        decision, verdict=verdict, reasons=reasons, steps=tuple(steps), changes=(create,), actions=tuple(actions)
    )


def _with_task(assessment: Assessment, policy: Policy, facts: Facts, task: Task) -> Decision:
    """Hold an open task against what its issue is now."""
    if task.state is State.IN_REVIEW:
        return _plain(assessment, policy)
    if _waits_for_policy(assessment, policy):
        return _plain(assessment, policy)
    if not assessment.eligible:
        return _cancel(assessment, policy, facts, task)
    if task.state is State.DEFERRED:
        return _deferred(assessment, policy, facts, task)
    if task.state is State.RUNNING:
        return _while_running(assessment, policy, facts, task)
    if assessment.subject == task.subject:
        verdict = Verdict.HOLD if task.state is State.HELD else assessment.verdict
        return replace(_plain(assessment, policy), verdict=verdict)
    return _reworded(assessment, policy, facts, task)


def _waits_for_policy(assessment: Assessment, policy: Policy) -> bool:
    """Say whether a task waits for a readable policy; what is wrong with the issue itself still stops it."""
    code = assessment.reasons[0].code
    return bool(policy.broken) and code != "label.blocked" and not code.startswith(("issue.", "repository."))


def _cancel(assessment: Assessment, policy: Policy, facts: Facts, task: Task) -> Decision:
    reason = assessment.reasons[0]
    actions: list[Action] = [Refresh(task_id=task.id)]
    if task.state is State.RUNNING and facts.issue is not None and not facts.issue.locked:
        actions.append(
            Reply(number=task.issue_number, kind="stopped", to=task.requester, reasons=(reason,), task_id=task.id)
        )
    return replace(
        _plain(assessment, policy),
        verdict=Verdict.STOP,
        changes=(_move(task, Move.CANCEL, reason), WithdrawApprovals(task_id=task.id, reason=reason)),
        actions=tuple(actions),
    )


def _while_running(assessment: Assessment, policy: Policy, facts: Facts, task: Task) -> Decision:
    """A stricter tier than the one it was started under stops a run; other words do not, they were not approved."""
    if assessment.tier is not None and assessment.tier > task.tier:
        return _cancel(assessment, policy, facts, task)
    return _plain(assessment, policy)


def _deferred(assessment: Assessment, policy: Policy, facts: Facts, task: Task) -> Decision:
    """A waiting task: admitted when there is room for the head of the queue, else it keeps its place."""
    over = over_cap(policy, facts.ledger)
    if over is None:
        if assessment.tier is Tier.AUTO_SAFE:
            return _queue(assessment, policy, task, Move.ADMIT, assessment.reasons[0])
        return _hold(assessment, policy, facts, task, Move.PROPOSE, assessment.reasons[0], ())
    decision = replace(_plain(assessment, policy), verdict=Verdict.DEFER, reasons=(over, *assessment.reasons))
    if assessment.subject == task.subject and over.code == task.reason_code:
        return decision
    change = RewordTask(task_id=task.id, version=task.version, reason=over, set=_texts(assessment, policy))
    return replace(decision, changes=(change,))


def _reworded(assessment: Assessment, policy: Policy, facts: Facts, task: Task) -> Decision:
    """A held, queued or retryable task whose text, labels, tier or policy is another one now.

    Nothing loosens by itself: what was held, or was approved, is held under the new text.
    """
    different = what_changed(task.subject, assessment.subject)
    if task.state is not State.HELD and task.tier is Tier.AUTO_SAFE and assessment.tier is Tier.AUTO_SAFE:
        reason = Reason(code="text.changed", sentence=f"Before the start {', '.join(different)}.")
        return _queue(assessment, policy, task, None, reason)
    reason = Reason(code="approval.void", sentence=f"It needs a new approval: {', '.join(different)}.")
    return _hold(assessment, policy, facts, task, None if task.state is State.HELD else Move.HOLD, reason, different)


def _start_refused(event: StartRefused, policy: Policy, facts: Facts) -> Decision:
    """A claimed task may not start: cancel it, give it back, or hold it with a new proposal."""
    task = facts.ledger.task
    if task is None or task.id != event.task_id or task.fence != event.fence or task.state is not State.RUNNING:
        return _nothing(policy, "task.moved_on", "The task moved on in the meantime.")
    assessment = assess(policy, facts)
    if _waits_for_policy(assessment, policy):
        change = _move(task, Move.RELEASE, assessment.reasons[0], {"run_after": facts.now + WAIT_FOR_POLICY})
        return replace(_plain(assessment, policy), changes=(change,), actions=(Refresh(task_id=task.id),))
    if not assessment.eligible:
        return _cancel(assessment, policy, facts, task)
    different = what_changed(task.subject, assessment.subject)
    if assessment.tier is Tier.AUTO_SAFE and task.tier is Tier.AUTO_SAFE:
        what = ", ".join(different) or "something was not as decided, and is again"
        reason = Reason(code="text.changed", sentence=f"Just before the start {what}.")
        return _queue(assessment, policy, task, Move.RELEASE, reason)
    if different:
        reason = Reason(code="approval.void", sentence=f"It needs a new approval: {', '.join(different)}.")
        return _hold(assessment, policy, facts, task, Move.HOLD, reason, different)
    reason = Reason(code="approval.missing", sentence="An approval that had counted does not stand any more.")
    held = _hold(assessment, policy, facts, task, Move.HOLD, reason, ())
    told = Reply(number=task.issue_number, kind="noted", to=task.requester, reasons=(reason,), task_id=task.id)
    return replace(held, actions=(*held.actions, told))


def _queue(assessment: Assessment, policy: Policy, task: Task, move: Move | None, reason: Reason) -> Decision:
    """Queue a task under its present text; no move says it is queued already."""
    change = _change(task, move, reason, _texts(assessment, policy))
    return replace(
        _plain(assessment, policy), reasons=(reason,), changes=(change,), actions=(Refresh(task_id=task.id),)
    )


def _hold(
    assessment: Assessment,
    policy: Policy,
    facts: Facts,
    task: Task,
    move: Move | None,
    reason: Reason,
    changed: tuple[str, ...],
) -> Decision:
    """Hold a task and ask for approval of its present text; no move says it is held already."""
    held = replace(assessment, tier=max(_known(assessment.tier), Tier.PROPOSED))
    expires = Instant(facts.now + policy.approval.expires_days * DAY)
    columns = {**_texts(held, policy), "expires_at": expires, "proposed_at": facts.now}
    return replace(
        _plain(held, policy),
        verdict=Verdict.HOLD,
        reasons=(reason, *(r for r in assessment.reasons if r != reason)),
        changes=(_change(task, move, reason, columns), WithdrawApprovals(task_id=task.id, reason=reason)),
        actions=(_proposal(held, policy, _known(facts.issue), task, changed, expires), Refresh(task_id=task.id)),
    )


def _comment_withdrawn(event: CommentWithdrawn, policy: Policy, facts: Facts) -> Decision:
    task = facts.ledger.task
    given = [a for a in facts.ledger.approvals if a.comment_id == event.comment_id]
    if task is None or not given or task.state not in {State.HELD, State.QUEUED, State.RETRYABLE, State.RUNNING}:
        return _nothing(policy, "comment.no_approval", "The comment had approved nothing that waits.")
    sentence = f"The approval by {given[0].by.login} was {event.action}; it no longer counts."
    reason = Reason(code="approval.withdrawn", sentence=sentence)
    changes: list[Change] = [WithdrawApprovals(task_id=task.id, reason=reason, comment_id=event.comment_id)]
    if task.state in {State.QUEUED, State.RETRYABLE}:
        expires = Instant(facts.now + policy.approval.expires_days * DAY)
        changes.append(_move(task, Move.HOLD, reason, {"expires_at": expires}))
    return Decision(
        verdict=Verdict.HOLD,
        policy_version=policy.version,
        reasons=(reason,),
        changes=tuple(changes),
        actions=(Refresh(task_id=task.id),),
    )


def _access_lost(event: AccessLost, policy: Policy, facts: Facts) -> Decision:
    reason = Reason(code="access.lost", sentence=event.why)
    changes = tuple(_move(task, Move.CANCEL, reason) for task in facts.ledger.affected)
    return Decision(verdict=Verdict.STOP, policy_version=policy.version, reasons=(reason,), changes=changes)


def _approval_expired(event: ApprovalExpired, policy: Policy, facts: Facts) -> Decision:
    task = facts.ledger.task
    if task is None or task.id != event.task_id or task.state is not State.HELD or (task.expires_at or 0) > facts.now:
        return _nothing(policy, "task.moved_on", "The task moved on in the meantime.")
    reason = Reason(code="approval.expired", sentence="Nobody approved it in time; set the label again to ask anew.")
    return Decision(
        verdict=Verdict.STOP,
        policy_version=policy.version,
        reasons=(reason,),
        changes=(_move(task, Move.EXPIRE, reason),),
        actions=(Refresh(task_id=task.id),),
    )


def _approval_awaited(event: ApprovalAwaited, policy: Policy, facts: Facts) -> Decision:
    """Remind once of a proposal that is about to expire, unless it is another one by now."""
    task = facts.ledger.task
    if task is None or task.id != event.task_id or task.state is not State.HELD or task.expires_at != event.expires_at:
        return _nothing(policy, "task.moved_on", "The task moved on in the meantime.")
    given = {approval.by.id for approval in facts.ledger.approvals if approval.digest == task.digest}
    missing = max(1, policy.approval.count - len(given))
    approvals = "one more approval" if missing == 1 else f"{missing} more approvals"
    reason = Reason(code="approval.awaited", sentence=f"It needs {approvals}, by {may_approve(policy)}.")
    once = f"reminder:{task.proposal}"
    told = Reply(
        number=task.issue_number, kind="reminder", to=task.requester, reasons=(reason,), task_id=task.id, once=once
    )
    return Decision(
        verdict=Verdict.HOLD,
        policy_version=policy.version,
        reasons=(reason,),
        category=task.category,
        tier=task.tier,
        digest=task.digest,
        actions=(told,),
    )


def _proposal(
    assessment: Assessment, policy: Policy, issue: Issue, task: Task | None, changed: tuple[str, ...], expires: Instant
) -> Propose:
    return Propose(
        task_id=None if task is None else task.id,
        number=issue.number,
        digest=assessment.digest,
        title=assessment.title,
        body=assessment.body,
        removed=assessment.removed,
        changed=changed,
        category=_known(assessment.category),
        tier=_known(assessment.tier),
        reasons=assessment.reasons,
        expires_at=expires,
        approvals_needed=policy.approval.count,
        may_approve=may_approve(policy),
        minutes=policy.limits.minutes,
    )


def _texts(assessment: Assessment, policy: Policy) -> dict[str, object]:
    return {
        "title": assessment.title,
        "category": _known(assessment.category),
        "tier": _known(assessment.tier),
        "digest": assessment.digest,
        "subject": assessment.subject,
        "policy_version": policy.version,
    }


def _known(value: T | None) -> T:
    if value is None:
        raise AssertionError("an eligible assessment without its facts")
    return value


def _change(task: Task, move: Move | None, reason: Reason, columns: dict[str, object]) -> Change:
    if move is None:
        return RewordTask(task_id=task.id, version=task.version, reason=reason, set=columns)
    return _move(task, move, reason, columns)


def _move(task: Task, move: Move, reason: Reason, columns: dict[str, object] | None = None) -> MoveTask:
    return MoveTask(task_id=task.id, version=task.version, move=move, reason=reason, set=columns or {})


def _nothing(policy: Policy, code: str, sentence: str) -> Decision:
    return Decision(
        verdict=Verdict.IGNORE, policy_version=policy.version, reasons=(Reason(code=code, sentence=sentence),)
    )
