"""Who may approve, in words."""

from github_app.core.policy import Policy


def may_approve(policy: Policy) -> str:
    """Return who may approve a proposal under a policy."""
    who = f"anybody with {policy.approval.permission} permission"
    if policy.approval.users:
        who = f"{', '.join(policy.approval.users)} (with {policy.approval.permission} permission)"
    if not policy.approval.author_may_approve:
        who += ", but not the author"
    if not policy.approval.labeller_may_approve:
        who += ", but not who labelled it"
    return who
