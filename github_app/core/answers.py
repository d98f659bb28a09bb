"""What Remit does when a person speaks to it in a comment.

The person's permission is what GitHub says now. Who may not is told once; who is misunderstood, the nearest word.
"""

from collections.abc import Callable
from dataclasses import replace

from github_app.core.assess import Assessment, assess
from github_app.core.caps import over_cap
from github_app.core.commands import Command, Misspelt, Need, named_digest, parse
from github_app.core.decision import (
    Action,
    Change,
    Decision,
    MoveTask,
    React,
    Reason,
    RecordApproval,
    Refresh,
    Reply,
    RewordTask,
    Step,
    Verdict,
    WithdrawApprovals,
)
from github_app.core.events import CommentCreated
from github_app.core.facts import Facts, has
from github_app.core.names import Permission, State, fold
from github_app.core.pause import steps_of
from github_app.core.policy import Policy
from github_app.core.task import MOVES, Move, Task

Again = Callable[[], Decision]


def answer_command(event: CommentCreated, policy: Policy, facts: Facts, again: Again) -> Decision:
    """Decide about a comment; `again` decides about its issue as if it had just been labelled."""
    said = parse(event.paragraphs)
    person = facts.sender
    if said is None or not event.author.human or not person.human or event.author.id != event.sender.id:
        return _ignored(policy, "comment.not_for_us", "The comment says nothing to Remit, or no person wrote it.")
    if isinstance(said, Misspelt):
        return _misspelt(event, said, policy, facts)
    task = facts.ledger.task
    bare = event.paragraphs and not event.paragraphs[0].strip().startswith("/remit")
    if bare and (task is None or (said.verb.name == "approve" and task.state is not State.HELD)):
        return _ignored(policy, "comment.no_proposal", "There is no open proposal here that this could be about.")
    if not _may(said, policy, facts):
        return _refusal(
            event, said, policy, facts, f"it needs {_needed(said, policy)} permission, and you have {has(person)}"
        )
    match said.verb.name:
        case "approve":
            return _approve(event, said, policy, facts, again)
        case "reject":
            return _end(event, said, policy, facts, Move.REJECT, Verdict.REJECT, "task.rejected", "Rejected")
        case "stop":
            return _end(event, said, policy, facts, Move.CANCEL, Verdict.STOP, "task.stopped", "Stopped")
        case "retry":
            return _retry(event, said, policy, facts, again)
        case _:
            return _explain(event, said, policy, facts)


def _needed(said: Command, policy: Policy) -> Permission:
    match said.verb.need:
        case Need.APPROVE:
            return policy.approval.permission
        case Need.COMMAND:
            return policy.people.command
        case Need.ASK:
            return Permission.TRIAGE


def _may(said: Command, policy: Policy, facts: Facts) -> bool:
    asks_about_own = said.verb.need is Need.ASK and facts.issue is not None and facts.issue.author.id == facts.sender.id
    return asks_about_own or facts.sender.permission >= _needed(said, policy)


def _approve(event: CommentCreated, said: Command, policy: Policy, facts: Facts, again: Again) -> Decision:
    task, issue, person = facts.ledger.task, facts.issue, facts.sender
    if task is None or issue is None or task.state is not State.HELD:
        return _note(event, said, policy, facts, "task.not_held", "Nothing is waiting for an approval here.")
    problem = _no_approval(event, said, policy, facts, task)
    if problem:
        return _refusal(event, said, policy, facts, problem)
    assessment = assess(policy, facts)
    if not assessment.eligible or assessment.subject != task.subject:
        decision = again()
        reason = Reason(
            code="approval.void", sentence="The issue is not what was proposed any more; nothing was approved."
        )
        return replace(decision, actions=(*decision.actions, _reply(event, said, "refused", (reason,))))
    given = {a.by.id for a in facts.ledger.approvals if a.digest == task.digest} | {person.id}
    record = RecordApproval(
        task_id=task.id,
        comment_id=event.comment_id,
        user_id=person.id,
        login=person.login,
        digest=task.digest,
        at=facts.now,
    )
    missing = policy.approval.count - len(given)
    if missing > 0:
        reason = Reason(code="approval.partial", sentence=f"Approved by {person.login}; {missing} more needed.")
        changes: tuple[Change, ...] = (record,)
    else:
        reason = Reason(code="approval.given", sentence=f"Approved by {person.login} as {task.digest}.")
        changes = (record, _moved(task, Move.APPROVE, reason, run_after=facts.now))
    actions: tuple[Action, ...] = (*_seen(event), Refresh(task_id=task.id))
    return replace(_as_is(assessment, policy, Verdict.APPROVE, (reason,)), changes=changes, actions=actions)


def _no_approval(event: CommentCreated, said: Command, policy: Policy, facts: Facts, task: Task) -> str:
    """Return why a comment by a person with permission is still no approval, or "" when it is one."""
    rules, issue, person = policy.approval, facts.issue, facts.sender
    named = named_digest(said.argument)
    if not event.alone:
        return "an approval must stand alone in its comment, so that nothing around it can mean something else"
    if named is None:
        return "an approval is `/approve` or `/approve` and the 12 digits of the digest, nothing else"
    if named not in {"", task.digest}:
        return f"{named} is not the open proposal; that is {task.digest}"
    if rules.users and fold(person.login) not in {fold(user) for user in rules.users}:
        return "the policy names other people as approvers"
    if issue is not None and not rules.author_may_approve and issue.author.id == person.id:
        return "the policy does not let the author approve"
    if not rules.labeller_may_approve and task.requester_id == person.id:
        return "the policy does not let the person who labelled it approve"
    written, edited = facts.comment_at, None if issue is None else issue.edited_at
    if written is None or (edited is not None and written <= edited):
        return "the issue was edited after this comment, or in the same second; read it again and approve again"
    if facts.ledger.proposal_waits or (task.proposed_at is not None and written // 1000 <= task.proposed_at // 1000):
        return "the proposal is newer than this comment, or of the same second; read it again and approve again"
    if task.expires_at is not None and written >= task.expires_at:
        return "the proposal had expired when this was written; set the label again to ask anew"
    return ""


def _end(
    event: CommentCreated,
    said: Command,
    policy: Policy,
    facts: Facts,
    move: Move,
    verdict: Verdict,
    code: str,
    word: str,
) -> Decision:
    task = facts.ledger.task
    if task is None or move not in MOVES[task.state] or (move is Move.REJECT and task.state is State.IN_REVIEW):
        return _note(event, said, policy, facts, "task.none_open", "There is no open task here that this could end.")
    why = f": {said.argument}" if said.argument else ""
    reason = Reason(code=code, sentence=f"{word} by {facts.sender.login}{why}.")
    changes: tuple[Change, ...] = (_moved(task, move, reason), WithdrawApprovals(task_id=task.id, reason=reason))
    return Decision(
        verdict=verdict,
        policy_version=policy.version,
        reasons=(reason,),
        changes=changes,
        actions=(*_seen(event), Refresh(task_id=task.id)),
    )


def _retry(event: CommentCreated, said: Command, policy: Policy, facts: Facts, again: Again) -> Decision:
    task = facts.ledger.task
    if task is None:
        decision = again()
        return replace(decision, actions=(*_seen(event), *decision.actions))
    if task.state is not State.RETRYABLE:
        return _note(event, said, policy, facts, "task.open", f"The task is {task.state}; there is nothing to retry.")
    reason = Reason(code="task.retry_now", sentence=f"{facts.sender.login} asked to try again now.")
    change = RewordTask(task_id=task.id, version=task.version, reason=reason, set={"run_after": facts.now})
    return Decision(
        verdict=Verdict.ADVANCE,
        policy_version=policy.version,
        reasons=(reason,),
        changes=(change,),
        actions=(*_seen(event), Refresh(task_id=task.id)),
    )


def _explain(event: CommentCreated, said: Command, policy: Policy, facts: Facts) -> Decision:
    """Answer why, status and help."""
    assessment = assess(policy, facts)
    over = over_cap(policy, facts.ledger) if assessment.eligible else None
    caps = () if over is None else (Step(check="caps", outcome="stop", found=over.sentence, code=over.code),)
    paused = steps_of(facts.ledger.pauses)
    decision = _as_is(assessment, policy, Verdict.ANSWER, assessment.reasons)
    kind = "why" if said.verb.name == "why" else "status" if said.verb.name == "status" else "help"
    task = facts.ledger.task or facts.ledger.last
    reply = Reply(
        number=event.number,
        kind=kind,
        to=facts.sender.login,
        reasons=assessment.reasons,
        steps=(*assessment.steps, *caps, *paused) if kind == "why" else paused if kind == "status" else (),
        task_id=None if task is None else task.id,
    )
    return replace(decision, actions=(*_seen(event), reply))


def _misspelt(event: CommentCreated, said: Misspelt, policy: Policy, facts: Facts) -> Decision:
    sentence = f"`{said.said}` is not a command" + (f"; did you mean `{said.nearest}`?" if said.nearest else ".")
    reason = Reason(code="command.unknown", sentence=sentence)
    actions: tuple[Action, ...] = _seen(event, "confused")
    if facts.sender.permission >= Permission.TRIAGE:
        reply = Reply(number=event.number, kind="unknown", to=facts.sender.login, reasons=(reason,), verb=said.said)
        actions = (*actions, reply)
    return Decision(verdict=Verdict.ANSWER, policy_version=policy.version, reasons=(reason,), actions=actions)


def _refusal(event: CommentCreated, said: Command, policy: Policy, facts: Facts, problem: str) -> Decision:
    reason = Reason(code="command.refused", sentence=f"`{said.verb.usage.split(' [')[0]}` did nothing: {problem}.")
    reply = _reply(event, said, "refused", (reason,))
    once = f"refused:{event.place.repository_id}:{event.number}:{facts.sender.id}:{said.verb.name}:{problem}"
    actions: tuple[Action, ...] = (*_seen(event, "-1"), replace(reply, once=once))
    return Decision(verdict=Verdict.ANSWER, policy_version=policy.version, reasons=(reason,), actions=actions)


def _note(event: CommentCreated, said: Command, policy: Policy, facts: Facts, code: str, sentence: str) -> Decision:
    reason = Reason(code=code, sentence=sentence)
    reply = replace(_reply(event, said, "noted", (reason,)), to=facts.sender.login)
    return Decision(
        verdict=Verdict.ANSWER,
        policy_version=policy.version,
        reasons=(reason,),
        actions=(*_seen(event, "confused"), reply),
    )


def _reply(event: CommentCreated, said: Command, kind: str, reasons: tuple[Reason, ...]) -> Reply:
    known = "refused" if kind == "refused" else "noted"
    return Reply(number=event.number, kind=known, to=event.author.login, reasons=reasons, verb=said.verb.name)


def _seen(event: CommentCreated, content: str = "eyes") -> tuple[React, ...]:
    """React to the comment; a review as a whole cannot be reacted to (GitHub has no such call)."""
    if event.comment_kind == "review":
        return ()
    known = {"eyes": "eyes", "-1": "-1", "confused": "confused"}[content]
    return (React(on=event.comment_kind, number=event.number, comment_id=event.comment_id, content=known),)


def _moved(task: Task, move: Move, reason: Reason, **columns: object) -> MoveTask:
    return MoveTask(task_id=task.id, version=task.version, move=move, reason=reason, set=dict(columns))


def _as_is(assessment: Assessment, policy: Policy, verdict: Verdict, reasons: tuple[Reason, ...]) -> Decision:
    return Decision(
        verdict=verdict,
        policy_version=policy.version,
        reasons=reasons,
        steps=assessment.steps,
        category=assessment.category,
        tier=assessment.tier,
        digest=assessment.digest or None,
    )


def _ignored(policy: Policy, code: str, sentence: str) -> Decision:
    return Decision(
        verdict=Verdict.IGNORE, policy_version=policy.version, reasons=(Reason(code=code, sentence=sentence),)
    )
