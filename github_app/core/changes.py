"""What could be otherwise: one thing at a time about an issue, its people, the counters or the policy.

Nothing here says what helps; that is found by deciding again (`core.whatif`). What people can do comes first, then
what only time brings, then the policy's keys. Nothing is listed that is so already.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from github_app.core.facts import Facts, Issue, Label, Person, Repository, reading_of
from github_app.core.names import Mode, Permission, Tier, UserId, fold
from github_app.core.policy import Policy

SOMEBODY = Person(id=UserId(-1), login="somebody", human=True, permission=Permission.ADMIN)
MOST_LABELS = 12
_So = Callable[[str, Policy, str], "Change"]
COUNTERS = (
    ("pending_per_repository", "pending_repository", "of the {count} pending or waiting tasks of this repository end"),
    ("pending_per_installation", "pending_installation", "of the {count} pending tasks of this installation end"),
    (
        "new_per_requester_per_hour",
        "requester_last_hour",
        "of the {count} tasks started for the same person are more than an hour old",
    ),
    (
        "open_pull_requests_per_repository",
        "open_pulls",
        "of the {count} pull requests of ours in this repository, open or being made, are over",
    ),
    ("created_per_day", "created_today", "of the {count} tasks created today are of yesterday: after midnight UTC"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing otherwise: policy and facts as they would be, and how a person is told."""

    code: str
    sentence: str
    kind: Literal["label", "issue", "text", "wait", "policy"]
    policy: Policy
    facts: Facts
    labels: tuple[str, ...] = ()
    permission: str = ""
    origin: str = ""


def changes(policy: Policy, facts: Facts) -> Iterator[Change]:
    """Yield everything that could be otherwise about the issue of the facts, and keys of the policy last."""
    if facts.issue is None or facts.repository is None:
        return
    yield from _of_issue(policy, facts, facts.issue, facts.repository)
    yield from _of_text(policy, facts, facts.issue)
    yield from _of_labels(policy, facts, facts.issue)
    yield from _of_time(policy, facts)
    yield from _of_policy(policy, facts, facts.issue)


def _of_issue(policy: Policy, facts: Facts, issue: Issue, repository: Repository) -> Iterator[Change]:
    def so(code: str, sentence: str, other: Issue) -> Change:
        return Change(code=code, sentence=sentence, kind="issue", policy=policy, facts=replace(facts, issue=other))

    if repository.archived:
        yield Change(
            code="repository.unarchive",
            sentence="Unarchive the repository.",
            kind="issue",
            policy=policy,
            facts=replace(facts, repository=replace(repository, archived=False)),
        )
    if not issue.open:
        yield so("issue.reopen", "Reopen the issue.", replace(issue, open=True))
    if issue.locked:
        yield so("issue.unlock", "Unlock the issue.", replace(issue, locked=False))
    if issue.assignees:
        yield so("issue.unassign", f"Unassign {', '.join(issue.assignees[:3])}.", replace(issue, assignees=()))
    if issue.linked_pulls:
        numbers = ", ".join(f"#{number}" for number in issue.linked_pulls[:5])
        yield so("issue.close_pull", f"Close or unlink pull request {numbers}.", replace(issue, linked_pulls=()))


def _of_text(policy: Policy, facts: Facts, issue: Issue) -> Iterator[Change]:
    reading = reading_of(issue)
    if reading.removed:
        clear = replace(issue, reading=replace(reading, removed=()))
        yield Change(
            code="text.show",
            sentence=f"Take out of the issue what a reader cannot see: {', '.join(reading.removed)}.",
            kind="text",
            policy=policy,
            facts=replace(facts, issue=clear),
        )
    for least in sorted({policy.skip.body_shorter_than, policy.skip.body_shorter_than_for_auto_safe}):
        if reading.characters < least:
            longer = replace(issue, reading=replace(reading, characters=least))
            yield Change(
                code="text.longer",
                sentence=f"Describe it in at least {least} characters; there are {reading.characters}.",
                kind="text",
                policy=policy,
                facts=replace(facts, issue=longer),
            )
    if issue.editor is not None:
        for permission in _ascending():
            yield Change(
                code="text.edit",
                sentence=f"Let somebody with {permission} permission make the last edit.",
                kind="text",
                policy=policy,
                facts=replace(facts, issue=replace(issue, editor=replace(SOMEBODY, permission=permission))),
                permission=str(permission),
            )


def _of_labels(policy: Policy, facts: Facts, issue: Issue) -> Iterator[Change]:
    yield from _removed(policy, facts, issue)
    trigger = policy.trigger
    names = {fold(label.name) for label in issue.labels}
    for permission in _ascending():
        who = replace(SOMEBODY, permission=permission)
        if trigger is not None and fold(trigger) not in names:
            yield _labelled(policy, facts, issue, trigger, who)
        for label in issue.labels[:MOST_LABELS]:
            if label.by.permission < permission or not label.by.human:
                yield _set_again(policy, facts, issue, label, who)
    if not any(rule.matches(frozenset(names)) for rule in policy.rules):
        yield from _mapped(policy, facts, issue)


def _removed(policy: Policy, facts: Facts, issue: Issue) -> Iterator[Change]:
    """Yield the issue without each of its labels, and without those that the policy names together."""
    sets = [
        tuple(label.name for label in issue.labels if fold(label.name) in {fold(name) for name in listed})
        for listed in (policy.blocked, policy.skip.labels)
    ]
    single = [(label.name,) for label in issue.labels[:MOST_LABELS]]
    for names in dict.fromkeys([*(found for found in sets if found), *single]):
        kept = tuple(label for label in issue.labels if label.name not in names)
        yield Change(
            code="label.remove",
            sentence=f"Remove {_quoted(names)}.",
            kind="label",
            policy=policy,
            facts=replace(facts, issue=replace(issue, labels=kept)),
            labels=names,
        )


def _labelled(policy: Policy, facts: Facts, issue: Issue, name: str, who: Person) -> Change:
    return Change(
        code="label.add",
        sentence=f"Let somebody with {who.permission} permission set `{name}`.",
        kind="label",
        policy=policy,
        facts=replace(facts, issue=replace(issue, labels=(*issue.labels, Label(name=name, by=who)))),
        labels=(name,),
        permission=str(who.permission),
    )


def _set_again(policy: Policy, facts: Facts, issue: Issue, label: Label, who: Person) -> Change:
    labels = tuple(replace(one, by=who) if one is label else one for one in issue.labels)
    return Change(
        code="label.set_again",
        sentence=f"Let somebody with {who.permission} permission remove `{label.name}` and set it again.",
        kind="label",
        policy=policy,
        facts=replace(facts, issue=replace(issue, labels=labels)),
        labels=(label.name,),
        permission=str(who.permission),
    )


def _mapped(policy: Policy, facts: Facts, issue: Issue) -> Iterator[Change]:
    for rule in policy.rules[:MOST_LABELS]:
        change = _labelled(policy, facts, issue, rule.labels[0], SOMEBODY)
        sentence = f"Set a label that maps to a category, such as `{rule.labels[0]}` ({rule.category}, {rule.tier})."
        yield replace(change, sentence=sentence, permission="", origin=rule.origin)


def _of_time(policy: Policy, facts: Facts) -> Iterator[Change]:
    def so(code: str, sentence: str, **counts: object) -> Change:
        ledger = replace(facts.ledger, **counts)
        return Change(code=code, sentence=sentence, kind="wait", policy=policy, facts=facts.with_ledger(ledger))

    ledger = facts.ledger
    if ledger.same_title is not None:
        other = ledger.same_title.issue_number
        yield so("duplicate.ends", f"Wait until the task of #{other} ends, or give one another title.", same_title=None)
    for key, counter, told in COUNTERS:
        cap, counted = getattr(policy.caps, key), getattr(ledger, counter)
        in_front = ledger.deferred_before if counter == "pending_repository" else 0
        count = counted + in_front
        if cap is None or count < cap or cap == 0:
            continue
        less = {counter: min(counted, cap - 1)} | ({"deferred_before": 0} if in_front else {})
        place = f" It is number {ledger.deferred_before + 1} in line." if counter == "pending_repository" else ""
        sentence = f"Wait until {count - cap + 1} {told.format(count=count)}; the cap is {cap}.{place}"
        yield replace(so(f"cap.{counter}", sentence, **less), origin=policy.origin(f"caps.{key}"))


def _of_policy(policy: Policy, facts: Facts, issue: Issue) -> Iterator[Change]:
    def so(key: str, other: Policy, said: str, origin: str = "") -> Change:
        where = origin or policy.origin(key)
        return Change(
            code="policy.change",
            sentence=f"The policy's `{key}` stands in the way; it would not {said}.",
            kind="policy",
            policy=other,
            facts=facts,
            origin=where,
        )

    if policy.broken:
        yield Change(
            code="policy.fix",
            sentence=f"Mend the policy: {policy.broken}",
            kind="policy",
            policy=replace(policy, broken=""),
            facts=facts,
        )
    if policy.mode is not Mode.ACTIVE:
        for mode in (Mode.PROPOSE, Mode.ACTIVE):
            if mode is not policy.mode:
                yield so("mode", replace(policy, mode=mode), f"with `{mode}`")
    for key in ("ceiling", "public_ceiling"):
        if getattr(policy, key) > Tier.AUTO_SAFE:
            yield so(key, replace(policy, **{key: Tier.AUTO_SAFE}), "with `auto_safe`")
    names = frozenset(fold(label.name) for label in issue.labels)
    for index, rule in enumerate(policy.rules):
        if rule.tier > Tier.AUTO_SAFE and rule.matches(names):
            for tier in range(rule.tier - 1, -1, -1):
                rules = (*policy.rules[:index], replace(rule, tier=Tier(tier)), *policy.rules[index + 1 :])
                said = f"with the tier `{Tier(tier)}` for {_quoted(rule.labels)}"
                yield so("rules", replace(policy, rules=rules), said, rule.origin)
    yield from _of_lists(policy, issue, names, so)
    yield from _of_caps(policy, facts, so)


def _of_lists(policy: Policy, issue: Issue, names: frozenset[str], so: _So) -> Iterator[Change]:
    skip, people = policy.skip, policy.people
    for key, listed in (("blocked", policy.blocked), ("skip.labels", skip.labels)):
        hit = tuple(name for name in listed if fold(name) in names)
        if hit:
            kept = tuple(name for name in listed if name not in hit)
            other = (
                replace(policy, blocked=kept) if key == "blocked" else replace(policy, skip=replace(skip, labels=kept))
            )
            yield so(key, other, f"without {_quoted(hit)}")
    if policy.trigger is not None and fold(policy.trigger) not in names:
        yield so("trigger", replace(policy, trigger=None), "with `null`")
    if skip.assigned and issue.assignees:
        yield so("skip.assigned", replace(policy, skip=replace(skip, assigned=False)), "with `false`")
    if skip.linked_pull_request and issue.linked_pulls:
        other = replace(policy, skip=replace(skip, linked_pull_request=False))
        yield so("skip.linked_pull_request", other, "with `false`")
    length = reading_of(issue).characters
    for key in ("body_shorter_than", "body_shorter_than_for_auto_safe"):
        if getattr(skip, key) > length:
            yield so(f"skip.{key}", replace(policy, skip=replace(skip, **{key: length})), f"with {length}")
    for label in issue.labels[:MOST_LABELS]:
        if not label.by.human:
            other = replace(policy, people=replace(people, bots=(*people.bots, label.by.login)))
            yield so("people.bots", other, f"with {label.by.login} added")
        elif label.by.permission < people.propose:
            other = replace(policy, people=replace(people, propose=label.by.permission))
            yield so("people.propose", other, f"with `{label.by.permission}`")
        if label.by.human and Permission.WRITE <= label.by.permission < people.label:
            other = replace(policy, people=replace(people, label=label.by.permission))
            yield so("people.label", other, f"with `{label.by.permission}`")


def _of_caps(policy: Policy, facts: Facts, so: _So) -> Iterator[Change]:
    ledger = facts.ledger
    for key, counter, _ in COUNTERS:
        cap, count = getattr(policy.caps, key), getattr(ledger, counter)
        count += ledger.deferred_before if counter == "pending_repository" else 0
        if cap is not None and count >= cap:
            yield so(f"caps.{key}", replace(policy, caps=replace(policy.caps, **{key: count + 1})), f"with {count + 1}")


def _ascending() -> tuple[Permission, ...]:
    """Return the permissions worth asking for, the least first."""
    return tuple(permission for permission in Permission if permission > Permission.READ)


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
