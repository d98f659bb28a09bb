"""How much at once. Each cap has its own counter, its own reason and its own key in the policy."""

from github_app.core.decision import Reason
from github_app.core.facts import Ledger
from github_app.core.policy import Policy


def over_cap(policy: Policy, ledger: Ledger) -> Reason | None:
    """Return the first cap that leaves no room for one more pending task, or None when there is room.

    Tasks that were deferred before this one count as in front of it: room is for the head of the queue.
    """
    caps = policy.caps
    waiting = ledger.deferred_before
    checks = (
        (
            "pending_per_repository",
            "cap.pending_repository",
            ledger.pending_repository + waiting,
            caps.pending_per_repository,
            "tasks are pending in this repository",
        ),
        (
            "pending_per_installation",
            "cap.pending_installation",
            ledger.pending_installation,
            caps.pending_per_installation,
            "tasks are pending in this installation",
        ),
        (
            "new_per_requester_per_hour",
            "cap.requester",
            ledger.requester_last_hour,
            caps.new_per_requester_per_hour,
            "tasks were started for the same person within an hour",
        ),
        (
            "open_pull_requests_per_repository",
            "cap.open_pulls",
            ledger.open_pulls,
            caps.open_pull_requests_per_repository,
            "pull requests of ours are open or being made in this repository",
        ),
        ("created_per_day", "cap.daily", ledger.created_today, caps.created_per_day, "tasks were created today"),
    )
    for key, code, count, cap, said in checks:
        if cap is not None and count >= cap:
            origin = policy.origin(f"caps.{key}")
            in_front = f", {waiting} of them waiting in front" if waiting and code == "cap.pending_repository" else ""
            return Reason(code=code, sentence=f"{count} {said}{in_front}; the cap is {cap}.", origin=origin)
    return None
