"""Recorded decisions made again under another policy, as if that had been in force all along.

The policy takes the version of the one that was, because a version is not a difference. A task that the other policy
would not have made like this is not there: its issue is looked at as if it were new. Counters, permissions and clocks
are those of the record. Commands are decided again too; an approval that was not needed any more is ignored.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from github_app.core.assess import assess
from github_app.core.decision import Decision
from github_app.core.events import CommentCreated, Event, IssueChanged
from github_app.core.facts import Facts
from github_app.core.names import Instant, State
from github_app.core.policy import Policy
from github_app.core.recorded import event_from, facts_from

Decide = Callable[[Event, Policy, Facts], Decision]
REPLACEABLE = frozenset(State) - {State.IN_REVIEW}  # a pull request is there, whatever is decided anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One stored decision that can be made again."""

    id: int
    at: Instant
    policy_version: str
    event: IssueChanged | CommentCreated
    facts: Facts
    verdict: str
    tier: str | None
    category: str | None
    digest: str | None
    codes: tuple[str, ...]

    @property
    def where(self) -> str:
        """Return the issue as `owner/name#number`."""
        return f"{self.event.place.full_name}#{self.event.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One decision that would be another one."""

    id: int
    at: Instant
    where: str
    before: tuple[str, str | None, str | None]  # verdict, tier, category
    after: tuple[str, str | None, str | None]
    was: tuple[str, ...]  # reason codes
    reasons: tuple[dict[str, str], ...]


@dataclass(slots=True, kw_only=True)
class Replayed:
    """What a replay came to."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # verdict before, verdict after
    rows: list[Row] = field(default_factory=list)
    skipped: int = 0  # recorded, but no question about an issue, or stored by an older version

    @property
    def total(self) -> int:
        """Return how many decisions were made again."""
        return self.counts.total()

    def as_json(self) -> dict[str, Any]:
        """Return everything as data."""
        return {
            "replayed": self.total,
            "skipped": self.skipped,
            "changed": len(self.rows),
            "verdicts": [
                {"before": before, "after": after, "count": count}
                for (before, after), count in sorted(self.counts.items())
            ],
            "rows": [
                {
                    "decision": row.id,
                    "at": row.at,
                    "where": row.where,
                    "before": dict(zip(("verdict", "tier", "category"), row.before, strict=True)),
                    "after": dict(zip(("verdict", "tier", "category"), row.after, strict=True)),
                    "was": list(row.was),
                    "reasons": list(row.reasons),
                }
                for row in self.rows
            ],
        }


def recording(decision_id: int, at: Instant, document: dict[str, Any]) -> Recording | None:
    """Return a stored decision as one that can be made again, or None when it cannot."""
    event, facts = event_from(document.get("event")), facts_from(document.get("facts"))
    if event is None or facts is None:
        return None
    return Recording(
        id=decision_id,
        at=at,
        policy_version=document["policy_version"],
        event=event,
        facts=facts,
        verdict=document["verdict"],
        tier=document["tier"],
        category=document["category"],
        digest=document["digest"],
        codes=tuple(reason["code"] for reason in document["reasons"]),
    )


def decide_again(decide: Decide, policy: Policy, recorded: Recording) -> Decision:
    """Return what another policy would have made of a recorded decision."""
    policy, facts = replace(policy, version=recorded.policy_version), recorded.facts
    task = facts.ledger.task
    comparable = recorded.digest is not None or isinstance(recorded.event, IssueChanged)
    if task is not None and task.state in REPLACEABLE and comparable:
        digest = assess(policy, facts).digest or None
        if digest != recorded.digest:
            facts = facts.with_ledger(replace(facts.ledger, task=None, approvals=()))
    return decide(recorded.event, policy, facts)


def replay(
    decide: Decide, policy_of: Callable[[Recording], Policy], recordings: Iterable[Recording | None]
) -> Replayed:
    """Make recorded decisions again, each under the policy that `policy_of` says; None counts as skipped."""
    found = Replayed()
    for recorded in recordings:
        if recorded is None:
            found.skipped += 1
            continue
        after = decide_again(decide, policy_of(recorded), recorded)
        found.counts[recorded.verdict, str(after.verdict)] += 1
        before = (recorded.verdict, recorded.tier, recorded.category)
        now = (str(after.verdict), None if after.tier is None else str(after.tier), after.category)
        if before != now:
            found.rows.append(
                Row(
                    id=recorded.id,
                    at=recorded.at,
                    where=recorded.where,
                    before=before,
                    after=now,
                    was=recorded.codes,
                    reasons=tuple({"code": r.code, "sentence": r.sentence, "origin": r.origin} for r in after.reasons),
                )
            )
    return found
