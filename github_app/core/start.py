"""Looked at once more: whether a claimed task may start, and whether its result may be published, as things are now."""

from github_app.core.assess import Assessment, assess
from github_app.core.decision import Reason
from github_app.core.facts import Facts
from github_app.core.names import Mode, Tier, fold
from github_app.core.policy import Policy
from github_app.core.task import Task


def may_start(policy: Policy, facts: Facts, task: Task) -> Reason | Assessment:
    """Return why a claimed task may not start now, or the assessment whose text the agent gets."""
    assessment = assess(policy, facts)
    refused = _still_wanted(policy, assessment, task)
    if refused is not None:
        return refused
    if assessment.subject != task.subject:
        return Reason(code="approval.void", sentence="The issue is not what was decided about any more.")
    if task.tier is Tier.AUTO_SAFE:
        return assessment
    rules = policy.approval
    users = {fold(user) for user in rules.users}
    barred = set[int]()
    if not rules.author_may_approve and facts.issue is not None:
        barred.add(facts.issue.author.id)
    if not rules.labeller_may_approve:
        barred |= {task.requester_id} | ({assessment.requester.id} if assessment.requester else set())
    entitled = {
        given.by.id
        for given in facts.approvals
        if given.stands
        and given.digest == task.digest
        and given.by.human
        and given.by.id not in barred
        and given.by.permission >= rules.permission
        and (not users or fold(given.by.login) in users)
    }
    if len(entitled) < rules.count:
        sentence = f"{len(entitled)} of {rules.count} approvals stand."
        return Reason(code="approval.missing", sentence=sentence, origin=policy.origin("approval.count"))
    return assessment


def may_publish(policy: Policy, facts: Facts, task: Task) -> Reason | None:
    """Return why the result of a run must not leave this machine now, or None when it may."""
    return _still_wanted(policy, assess(policy, facts), task)


def _still_wanted(policy: Policy, assessment: Assessment, task: Task) -> Reason | None:
    if policy.mode is Mode.OBSERVE:
        return Reason(code="mode.observe", sentence="The repository is in mode observe.", origin=policy.origin("mode"))
    if not assessment.eligible or assessment.tier is None:
        return assessment.reasons[0]
    if assessment.tier > task.tier:
        sentence = f"It is {assessment.tier} now and was {task.tier} when it was decided."
        return Reason(code="tier.stricter", sentence=sentence)
    return None
