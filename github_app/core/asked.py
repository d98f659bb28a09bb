"""Whether what asks for work now had its answer before."""

from github_app.core.facts import Facts
from github_app.core.names import State, fold
from github_app.core.policy import Policy


def was_answered(policy: Policy, facts: Facts) -> bool:
    """Say whether what asks now had its answer: the label is older than the end of the issue's last task.

    A task that only the issue's own state cancelled (closed, assigned ...) may come back by itself with that state.
    """
    last, issue = facts.ledger.last, facts.issue
    if last is None or issue is None or (last.state is State.CANCELLED and last.reason_code != "task.stopped"):
        return False
    names = {fold(policy.trigger)} if policy.trigger is not None else {fold(n) for r in policy.rules for n in r.labels}
    asked = [label.at for label in issue.labels if fold(label.name) in names and label.at is not None]
    return bool(asked) and max(asked) // 1000 < last.updated_at // 1000
