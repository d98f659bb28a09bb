"""What a finished attempt and a closed pull request mean for their task."""

from github_app.core.decision import Action, Decision, MoveTask, Reason, Refresh, Reply, Verdict
from github_app.core.events import AttemptFinished, PullClosed
from github_app.core.facts import Facts
from github_app.core.names import State
from github_app.core.policy import Policy
from github_app.core.proof import AttemptReport
from github_app.core.task import Move, Task

DONE = "done"
WITHDRAWN = "withdrawn"  # things were otherwise when the result was about to be published


def attempt_finished(event: AttemptFinished, policy: Policy, facts: Facts) -> Decision:
    """Move a task on by what its run reported; a report from a lost lease counts for nothing."""
    task, report = facts.ledger.task, event.report
    if task is None or task.id != event.task_id or task.fence != event.fence or task.state is not State.RUNNING:
        reason = Reason(code="task.moved_on", sentence="The task moved on before this attempt's end was known.")
        return Decision(verdict=Verdict.IGNORE, policy_version=policy.version, reasons=(reason,), report=report)
    if report.outcome == DONE:
        return _submitted(task, report, policy)
    reason = Reason(code=f"attempt.{report.outcome}", sentence=report.sentence)
    if report.outcome == WITHDRAWN:
        stopped = Reply(number=task.issue_number, kind="stopped", to=task.requester, reasons=(reason,), task_id=task.id)
        return _advance(task, Move.CANCEL, reason, {}, report, policy, stopped)
    again = report.retryable and task.attempts <= policy.retries and report.outcome != task.last_failure
    if again:
        after = int(1000 * policy.retry_after_seconds * 4 ** max(0, task.attempts - 1))
        columns = {"run_after": facts.now + after, "last_failure": report.outcome}
        return _advance(task, Move.RETRY, reason, columns, report, policy)
    told = Reply(number=task.issue_number, kind="failed", to=task.requester, reasons=(reason,), task_id=task.id)
    return _advance(task, Move.FAIL, reason, {"last_failure": report.outcome}, report, policy, told)


def _submitted(task: Task, report: AttemptReport, policy: Policy) -> Decision:
    sentence = "A draft pull request is open; its proof did not pass." if report.draft else "A pull request is open."
    columns = {
        "branch": report.branch,
        "head": report.head,
        "pull_number": report.pull_number,
        "pull_url": report.pull_url,
        "last_failure": "",
    }
    return _advance(task, Move.SUBMIT, Reason(code="pull.opened", sentence=sentence), columns, report, policy)


def pull_closed(event: PullClosed, policy: Policy, facts: Facts) -> Decision:
    """Complete a task whose pull request was merged; closing it unmerged rejects the work."""
    task = facts.ledger.task
    if task is None or task.state is not State.IN_REVIEW or task.pull_number not in {None, event.number}:
        reason = Reason(code="task.none_open", sentence="No task waits for this pull request.")
        return Decision(verdict=Verdict.IGNORE, policy_version=policy.version, reasons=(reason,))
    who = facts.sender.login
    if event.merged_as is not None:
        reason = Reason(code="pull.merged", sentence=f"Merged by {who}.")
        return _advance(task, Move.COMPLETE, reason, {}, None, policy)
    reason = Reason(code="pull.closed", sentence=f"The pull request was closed by {who} without merging.")
    return _advance(task, Move.REJECT, reason, {}, None, policy)


def _advance(
    task: Task,
    move: Move,
    reason: Reason,
    columns: dict[str, object],
    report: AttemptReport | None,
    policy: Policy,
    *more: Action,
) -> Decision:
    return Decision(
        verdict=Verdict.ADVANCE,
        policy_version=policy.version,
        reasons=(reason,),
        category=task.category,
        tier=task.tier,
        digest=task.digest,
        changes=(MoveTask(task_id=task.id, version=task.version, move=move, reason=reason, set=columns),),
        actions=(Refresh(task_id=task.id), *more),
        report=report,
    )
