"""Whether one label map is at least as strict as another, for every set of labels an issue could carry.

Sets of labels are too many to try. What is checked of the rules instead is enough for all of them: whatever starts
work under the new map started it under the old one; every old rule still has one that is as strict and looks at who set
the same label; and an issue's category stays the same or gets a narrower scope. It may refuse a map that is
stricter in a way not seen here, and never passes one that is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from github_app.core.names import Category, Tier, fold
from github_app.core.policy import Policy, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a label map is not at least as strict; `rule` is the number of the new rule it is about."""

    sentence: str
    hint: str
    rule: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A rule as it is compared: names folded, the tier with the ceiling over it."""

    place: int
    rule: Rule
    labels: tuple[str, ...]
    none_of: frozenset[str]
    tier: Tier

    def applies_by(self, barred: frozenset[str]) -> Iterator[tuple[int, str]]:
        """Yield the labels that can make the rule apply, each with its place in the rule."""
        for number, label in enumerate(self.labels):
            if label not in barred and label not in self.none_of:
                yield number, label

    def whenever(self, other: "_Line") -> bool:
        """Say whether this rule applies to every issue with one of its labels to which the other applies."""
        return self.none_of <= other.none_of


class _Sheet:
    """A policy's rules, and which of them a label is in."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        # an issue with one of these becomes no task, whatever the map says
        self.barred = frozenset(map(fold, (*policy.blocked, *policy.skip.labels)))
        self.lines = tuple(
            _Line(
                place=place,
                rule=rule,
                labels=tuple(map(fold, rule.labels)),
                none_of=frozenset(map(fold, rule.none_of)),
                tier=max(rule.tier, policy.ceiling),
            )
            for place, rule in enumerate(policy.rules)
        )
        self.by_label: dict[str, list[tuple[int, _Line]]] = {}
        for line in self.lines:
            for number, label in enumerate(line.labels):
                self.by_label.setdefault(label, []).append((number, line))

    def first(self, label: str, other: _Line) -> float:
        """Return the place of the first rule that surely applies when the other does, by this label."""
        places = (line.place for _, line in self.by_label.get(label, ()) if line.whenever(other))
        return min(places, default=inf)


def faults(upper: Policy, lower: Policy) -> tuple[Fault, ...]:
    """Return what is looser in the label map of `lower` than in that of `upper`; nothing when it has no rules."""
    old, new = _Sheet(upper), _Sheet(lower)
    if not new.lines:
        return ()
    found = (*_begun(old, new), *_given_up(old, new))
    return found or tuple(_renamed(old, new))  # with other rules altogether every category would be told


def _begun(old: _Sheet, new: _Sheet) -> Iterator[Fault]:
    """Yield the labels that start work now and did not."""
    for line in new.lines:
        for _, label in line.applies_by(new.barred):
            if old.first(label, line) == inf:
                sentence = f"an issue labelled `{label}` can become a task by this rule alone"
                yield Fault(sentence=sentence, hint=f"remove `{label}` from the rule", rule=line.place)


def _given_up(old: _Sheet, new: _Sheet) -> Iterator[Fault]:
    """Yield the labels that no longer make an issue as strict as they did, tier by tier."""
    lost: dict[Tier, list[str]] = {}
    floor = min(line.tier for line in new.lines)
    for line in old.lines:
        if max(line.tier, Tier.PROPOSED) <= floor:
            continue  # everything that is left is as strict as this rule was, and nothing runs by itself
        for place, label in line.applies_by(new.barred):
            seen_before = frozenset(line.labels[:place])
            kept = any(
                other.whenever(line) and other.tier >= line.tier and seen_before.issuperset(other.labels[:number])
                for number, other in new.by_label.get(label, ())
            )
            if not kept:
                lost.setdefault(line.tier, []).append(f"`{label}`")
    for tier, names in sorted(lost.items(), reverse=True):
        labels = ", ".join(dict.fromkeys(names))
        if tier is Tier.AUTO_SAFE:
            sentence = f"whoever set {labels} may no longer keep an issue from running at once"
        else:
            sentence = f"an issue labelled {labels} is no longer at least {tier}"
        hint = f"keep {labels} in rules of tier {tier} or stricter (tier blocked switches a label off)"
        yield Fault(sentence=sentence, hint=hint)


def _renamed(old: _Sheet, new: _Sheet) -> Iterator[Fault]:
    """Yield the rules by which an issue gets another category than before that may change more."""
    covered = [_latest(new, line, new.barred) for line in old.lines]
    reached = [_latest(old, line, new.barred) for line in new.lines]
    for line in new.lines:
        for before in old.lines:
            wanted, had = line.rule.category, before.rule.category
            if wanted == had or _narrower(new.policy, wanted, old.policy, had):
                continue
            if covered[before.place] < line.place or reached[line.place] < before.place or _apart(line, before):
                continue
            label = next(iter(before.labels))
            sentence = f"an issue of category {had} (`{label}`) can become one of category {wanted}"
            yield Fault(sentence=sentence, hint="keep the rules' categories and their order", rule=line.place)


def _latest(sheet: _Sheet, line: _Line, barred: frozenset[str]) -> float:
    """Return the latest place at which a rule of the sheet has surely applied when `line` does."""
    return max((sheet.first(label, line) for _, label in line.applies_by(barred)), default=-1)


def _narrower(policy: Policy, wanted: Category, before: Policy, had: Category) -> bool:
    mine, theirs = frozenset(policy.scopes.get(wanted, ("**",))), frozenset(before.scopes.get(had, ("**",)))
    return "**" not in mine and ("**" in theirs or mine < theirs)


def _apart(one: _Line, other: _Line) -> bool:
    return other.none_of.issuperset(one.labels) or one.none_of.issuperset(other.labels)
