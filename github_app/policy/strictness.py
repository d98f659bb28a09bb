"""Which of two policies is stricter, key by key: what `remit policy diff` shows and what "only tighten" means.

Every key of the language has one order here, except the label map, whose order is in `label_map.py`. A key that is
neither stricter nor looser (another agent, another trigger) is OTHER, and counts as not tighter.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum, StrEnum
from typing import Any

from github_app.core.confinement import Wall
from github_app.core.names import Mode, fold
from github_app.core.policy import Agent, Policy
from github_app.policy.label_map import Fault, faults
from github_app.policy.validate import dotted

Path = tuple[str | int, ...]
_NOT_COMPARED = {"version", "rules", "origins", "notes", "broken"}  # the rules are one thing, compared as a whole


class Turn(StrEnum):
    """What a change of a key does to what may happen."""

    SAME = "same"
    TIGHTER = "tighter"
    LOOSER = "looser"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key whose value differs; `old` and `new` are the values, None where there is none."""

    path: Path
    turn: Turn
    old: Any
    new: Any
    sentence: str = ""  # what it does, where the two values do not say it
    hint: str = ""  # what would be at least as strict

    @property
    def key(self) -> str:
        """Return the key as it is written in sentences and origins."""
        return dotted(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """How the values of a key compare, and what to write so that a change is none or a tightening."""

    turn: Callable[[Any, Any], Turn]
    hint: str  # with {old}


def is_tighter(key: str, upper: Policy, lower: Policy) -> bool:
    """Say whether a key of `lower` (`rules` as a whole) is as strict as that of `upper` or stricter."""
    return all(change.turn is Turn.TIGHTER for change in changes(upper, lower) if _belongs(change.path, key))


def changes(upper: Policy, lower: Policy) -> Iterator[Change]:
    """Yield every key whose value differs, in the order of the language, the label map last."""
    old, new = dict(values(upper)), dict(values(lower))
    for path in dict.fromkeys((*old, *new)):
        order = _order(path)
        before, after = old.get(path), new.get(path)
        turn = order.turn(before, after)
        if turn is not Turn.SAME:
            hint = order.hint.format(old=shown(before))
            yield Change(path=path, turn=turn, old=before, new=after, hint=hint)
    yield from _rule_changes(upper, lower)


def values(policy: Policy) -> Iterator[tuple[Path, Any]]:
    """Yield every key that has an order with its value: the entries of maps each, lists whole."""
    for item in fields(policy):
        if item.name not in _NOT_COMPARED:
            yield from _flat((item.name,), getattr(policy, item.name))


def shown(value: Any) -> str:
    """Return a value as a policy file says it, shortened."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case Enum():
            return value.name.lower()
        case Agent():
            return f"{value.adapter} {' '.join(value.command)}".strip()
        case tuple():
            text = f"[{', '.join(str(item) for item in value)}]"
            return text if len(text) <= 60 else f"{text[:48]}... ({len(value)} in all)"
        case _:
            return str(value)


def _flat(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    match value:
        case Agent():
            yield path, value
        case Mapping():
            for key, item in value.items():
                yield from _flat((*path, key), item)
        case _ if is_dataclass(value):
            for item in fields(value):
                yield from _flat((*path, item.name), getattr(value, item.name))
        case _:
            yield path, value


def _belongs(path: Path, key: str) -> bool:
    found = dotted(path)
    return found == key or found.startswith((f"{key}.", f"{key}["))


def _rule_changes(upper: Policy, lower: Policy) -> Iterator[Change]:
    bare_old, bare_new = (tuple(_bare(rule) for rule in policy.rules) for policy in (upper, lower))
    looser = faults(upper, lower)
    if not looser:
        if bare_old != bare_new:
            sentence = "every issue is treated at least as strictly"
            yield _rules(upper, lower, Fault(sentence=sentence, hint=""), Turn.TIGHTER)
        return
    turn = Turn.OTHER if faults(lower, upper) else Turn.LOOSER
    for fault in looser:
        yield _rules(upper, lower, fault, turn)


def _rules(upper: Policy, lower: Policy, fault: Fault, turn: Turn) -> Change:
    path: Path = ("rules",) if fault.rule is None else ("rules", fault.rule)
    old, new = (f"{len(policy.rules)} rules" for policy in (upper, lower))
    return Change(path=path, turn=turn, old=old, new=new, sentence=fault.sentence, hint=fault.hint)


def _bare(rule: Any) -> tuple[Any, ...]:
    return rule.labels, rule.none_of, rule.category, rule.tier


# the orders


def _ordered(key: Callable[[Any], Any]) -> Callable[[Any, Any], Turn]:
    """Return the comparison in which a smaller measure is tighter."""

    def turn(old: Any, new: Any) -> Turn:
        before, after = key(old), key(new)
        return Turn.SAME if before == after else Turn.TIGHTER if after < before else Turn.LOOSER

    return turn


def _endless(value: Any) -> float:
    return float("inf") if value is None else value


def _set(items: Iterable[str] | None, *, folded: bool) -> frozenset[str]:
    return frozenset(fold(item) if folded else item for item in items or ())


def _inside(old: frozenset[str], new: frozenset[str]) -> Turn:
    """Compare two sets of which the smaller is the tighter one."""
    if old == new:
        return Turn.SAME
    return Turn.TIGHTER if new < old else Turn.LOOSER if new > old else Turn.OTHER


def _subset(old: Any, new: Any) -> Turn:
    return _inside(_set(old, folded=True), _set(new, folded=True))


def _superset(old: Any, new: Any) -> Turn:
    return _inside(_set(new, folded=True), _set(old, folded=True))


def _paths_kept(old: Any, new: Any) -> Turn:
    return _inside(_set(new, folded=False), _set(old, folded=False))


def _approvers(old: tuple[str, ...], new: tuple[str, ...]) -> Turn:
    """An empty list of approvers means everybody with the permission."""
    if bool(old) != bool(new):
        return Turn.TIGHTER if new else Turn.LOOSER
    return _subset(old, new)


def _scope(old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> Turn:
    if old is None or new is None:
        return Turn.LOOSER if old is None else Turn.TIGHTER
    if "**" in old or "**" in new:
        return Turn.SAME if "**" in old and "**" in new else Turn.TIGHTER if "**" in old else Turn.LOOSER
    return _inside(_set(old, folded=False), _set(new, folded=False))


def _trigger(old: str | None, new: str | None) -> Turn:
    if old is None or new is None:
        return Turn.SAME if old is new else Turn.TIGHTER if old is None else Turn.LOOSER
    return Turn.SAME if fold(old) == fold(new) else Turn.OTHER


def _commands(old: Any, new: Any) -> Turn:
    """One more command must succeed; without one, or with another in its place, something else is asked."""
    if old == new:
        return Turn.SAME
    return Turn.TIGHTER if old is None else Turn.LOOSER if new is None else Turn.OTHER


def _unordered(old: Any, new: Any) -> Turn:
    return Turn.SAME if old == new else Turn.OTHER


_MODES = {mode: place for place, mode in enumerate((Mode.OBSERVE, Mode.PROPOSE, Mode.ACTIVE))}
_AT_MOST = _Order(turn=_ordered(_endless), hint="write at most {old}")
_AT_LEAST = _Order(turn=_ordered(lambda value: -value), hint="write {old} or more")
_TIER = _Order(turn=_ordered(lambda tier: -tier), hint="write {old} or a stricter tier")
_PERMISSION = _Order(turn=_ordered(lambda permission: -permission), hint="write {old} or a higher permission")
_YES = _Order(turn=_ordered(lambda value: not value), hint="write true")
_NO = _Order(turn=_ordered(bool), hint="write false")
_COMMANDS = _Order(turn=_commands, hint="keep it, and add commands under other names")
_ORDERS: Mapping[str, _Order] = {
    "mode": _Order(turn=_ordered(_MODES.__getitem__), hint="write {old} or less"),
    "trigger": _Order(turn=_trigger, hint="keep {old}"),
    "blocked": _Order(turn=_superset, hint="keep them all and add to them"),
    "ceiling": _TIER,
    "public_ceiling": _TIER,
    "skip.labels": _Order(turn=_superset, hint="keep {old} and add to them"),
    "skip.assigned": _YES,
    "skip.linked_pull_request": _YES,
    "skip.body_shorter_than": _AT_LEAST,
    "skip.body_shorter_than_for_auto_safe": _AT_LEAST,
    "people.label": _PERMISSION,
    "people.propose": _PERMISSION,
    "people.command": _PERMISSION,
    "people.bots": _Order(turn=_subset, hint="name only some of {old}"),
    "approval.permission": _PERMISSION,
    "approval.count": _AT_LEAST,
    "approval.users": _Order(turn=_approvers, hint="name only some of {old}"),
    "approval.author_may_approve": _NO,
    "approval.labeller_may_approve": _NO,
    "approval.expires_days": _AT_MOST,
    "caps.*": _AT_MOST,
    "limits.*": _AT_MOST,
    "size.*": _AT_MOST,
    "retries": _AT_MOST,
    "retry_after_seconds": _AT_LEAST,
    "scopes.*": _Order(turn=_scope, hint="use only patterns of {old}, word for word"),
    "protected": _Order(turn=_paths_kept, hint="keep them all and add to them"),
    "agent": _Order(turn=_unordered, hint="keep it"),
    "agents.*": _Order(turn=_unordered, hint="keep it"),
    "checks.prepare.*": _COMMANDS,
    "checks.check.*": _COMMANDS,
    "checks.minutes": _AT_MOST,
    "weakest_wall": _Order(turn=_ordered(lambda name: -Wall[name.upper()]), hint="write {old} or a stronger one"),
    "pull_requests.draft": _Order(turn=_ordered(lambda word: word != "always"), hint="write always"),
    "pull_requests.close_issue": _NO,
    "repositories": _Order(turn=_ordered(("none", "tighten", "any").index), hint="write {old} or less"),
}


def _order(path: Path) -> _Order:
    """Return the order of a key. Raises KeyError for a key that has none: nothing may be compared by guessing."""
    key = dotted(path)
    return _ORDERS[key] if key in _ORDERS else _ORDERS[f"{dotted(path[:-1])}.*"]
