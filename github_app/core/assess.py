"""What may happen to one issue on its own merits: labels, people, text and repository, but no caps and no history.

`assess` is used by every decision, by the check just before a run starts and before it publishes, by explanations, by
simulations and by a run without GitHub. It looks at everything once, in order, and writes down each thing it looked at.
The effective tier is the strictest that anything demands; nothing here ever loosens it.
"""

from dataclasses import dataclass, field

from github_app.core.decision import Reason, Step, Verdict
from github_app.core.digest import digest, subject_of_hashes
from github_app.core.facts import Facts, Issue, Label, Person, Repository, has, reading_of
from github_app.core.names import Category, Mode, Permission, Tier, fold
from github_app.core.policy import Policy, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What was found. `verdict` is RUN or HOLD when the issue may become a task, else SKIP, BLOCK or IGNORE."""

    verdict: Verdict
    steps: tuple[Step, ...]
    reasons: tuple[Reason, ...]
    category: Category | None = None
    tier: Tier | None = None
    requester: Person | None = None
    title: str = ""
    body: str = ""
    removed: tuple[str, ...] = ()
    subject: str = ""
    digest: str = ""
    labels: tuple[str, ...] = ()

    @property
    def eligible(self) -> bool:
        """Say whether the issue may become, or stay, a task."""
        return self.verdict in {Verdict.RUN, Verdict.HOLD}


@dataclass(slots=True)
class _Trace:
    """What has been looked at so far, and the strictest tier demanded."""

    steps: list[Step] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    tier: Tier = Tier.AUTO_SAFE

    def passed(self, check: str, found: str, origin: str = "") -> None:
        self.steps.append(Step(check=check, outcome="pass", found=found, origin=origin))

    def stricter(self, tier: Tier, check: str, code: str, sentence: str, origin: str = "") -> None:
        if tier is Tier.AUTO_SAFE:
            self.passed(check, sentence, origin)
            return
        self.steps.append(Step(check=check, outcome="stricter", found=sentence, code=code, origin=origin))
        self.reasons.append(Reason(code=code, sentence=sentence, origin=origin))
        self.tier = max(self.tier, tier)

    def stop(self, verdict: Verdict, check: str, code: str, sentence: str, origin: str = "") -> Assessment:
        self.steps.append(Step(check=check, outcome="stop", found=sentence, code=code, origin=origin))
        reason = Reason(code=code, sentence=sentence, origin=origin)
        return Assessment(verdict=verdict, steps=tuple(self.steps), reasons=(reason,))


def assess(policy: Policy, facts: Facts) -> Assessment:
    """Say what may happen to the issue in `facts` under a policy."""
    trace = _Trace()
    issue, repository = facts.issue, facts.repository
    if repository is None or issue is None:
        return trace.stop(Verdict.IGNORE, "issue", "issue.missing", "GitHub says the issue is not there, or not ours.")
    if repository.archived:
        return trace.stop(Verdict.SKIP, "repository", "repository.archived", "The repository is archived.")
    trace.passed("repository", f"{repository.full_name}, {'private' if repository.private else 'public'}")

    gone = _closed_to_us(trace, issue)
    if gone is not None:
        return gone

    folded = frozenset(fold(label.name) for label in issue.labels)
    blocked = next((name for name in policy.blocked if fold(name) in folded), None)
    asked = policy.trigger is None or fold(policy.trigger) in folded
    if blocked is not None:
        sentence = f"The label `{blocked}` is never worked on autonomously."
        return trace.stop(
            Verdict.BLOCK if asked else Verdict.IGNORE,
            "blocked labels",
            "label.blocked",
            sentence,
            policy.origin("blocked"),
        )
    trace.passed("blocked labels", "none", policy.origin("blocked"))
    if not asked:
        sentence = f"The opt-in label `{policy.trigger}` is not on the issue."
        return trace.stop(Verdict.IGNORE, "opt-in label", "trigger.missing", sentence, policy.origin("trigger"))
    trace.passed("opt-in label", policy.trigger or "switched off by policy", policy.origin("trigger"))

    if policy.broken:
        sentence = f"The policy cannot be read, so nothing runs: {policy.broken}"
        return trace.stop(Verdict.SKIP, "policy", "policy.invalid", sentence)
    for note in policy.notes:
        trace.passed("policy", note, policy.origin("repositories"))
    matched = [(rule, name) for rule in policy.rules if (name := rule.matches(folded)) is not None]
    if not matched:
        sentence = "No label of the issue maps to a category."
        return trace.stop(Verdict.SKIP, "label map", "label.none", sentence, policy.origin("rules"))
    for rule, name in matched:
        trace.stricter(
            rule.tier, "label map", f"tier.{rule.tier}", f"`{name}` maps to {rule.category}, {rule.tier}.", rule.origin
        )
    category = matched[0][0].category

    requester = _authority(trace, policy, facts, issue, matched)
    if isinstance(requester, Assessment):
        return requester

    skipped = _skips(trace, policy, facts, issue, folded)
    if skipped is not None:
        return skipped

    reading = reading_of(issue)
    if reading.removed:
        sentence = f"Left out of what the agent gets: {', '.join(reading.removed)}."
        trace.stricter(Tier.PROPOSED, "hidden content", "body.hidden_content", sentence)
    else:
        trace.passed("hidden content", "none")

    _ceilings(trace, policy, repository)
    short = _too_short(trace, policy, reading.characters)
    if short is not None:
        return short

    relevant = _relevant_labels(policy, issue.labels)
    text = subject_of_hashes(
        title_hash=reading.title_hash,
        body_hash=reading.body_hash,
        labels=relevant,
        tier=trace.tier,
        policy_version=policy.version,
        base=facts.ledger.task.base if facts.ledger.task and facts.ledger.task.base else repository.head,
    )
    if trace.tier in {Tier.OPERATOR, Tier.BLOCKED}:
        verdict = Verdict.SKIP if trace.tier is Tier.OPERATOR else Verdict.BLOCK
        return trace.stop(verdict, "tier", f"tier.{trace.tier}", _TIER_SAYS[trace.tier])
    trace.passed("tier", f"{trace.tier}: {_TIER_SAYS[trace.tier]}")
    return Assessment(
        verdict=Verdict.RUN if trace.tier is Tier.AUTO_SAFE else Verdict.HOLD,
        steps=tuple(trace.steps),
        reasons=tuple(trace.reasons)
        or (Reason(code="tier.auto_safe", sentence=_TIER_SAYS[Tier.AUTO_SAFE], origin=matched[0][0].origin),),
        category=category,
        tier=trace.tier,
        requester=requester,
        title=reading.title,
        body=reading.body,
        removed=reading.removed,
        subject=text,
        digest=digest(text),
        labels=relevant,
    )


_TIER_SAYS = {
    Tier.AUTO_SAFE: "Runs at once, isolated, and ends in a pull request.",
    Tier.PROPOSED: "Waits until somebody entitled approves exactly this text.",
    Tier.OPERATOR: "Waits until an operator queues it by hand.",
    Tier.BLOCKED: "Is never worked on autonomously.",
}


def _closed_to_us(trace: _Trace, issue: Issue) -> Assessment | None:
    if issue.is_pull:
        return trace.stop(Verdict.IGNORE, "issue", "issue.pull_request", "It is a pull request, not an issue.")
    if issue.transferred:
        return trace.stop(Verdict.SKIP, "issue", "issue.transferred", "It was transferred in from another repository.")
    if not issue.open:
        return trace.stop(Verdict.SKIP, "issue", "issue.closed", "The issue is closed.")
    if issue.locked:
        return trace.stop(Verdict.SKIP, "issue", "issue.locked", "The issue is locked.")
    trace.passed("issue", f"#{issue.number} is open")
    return None


def _skips(trace: _Trace, policy: Policy, facts: Facts, issue: Issue, folded: frozenset[str]) -> Assessment | None:
    skip = policy.skip
    label = next((name for name in skip.labels if fold(name) in folded), None)
    if label is not None:
        sentence = f"The label `{label}` says to leave it alone."
        return trace.stop(Verdict.SKIP, "skip labels", "label.skip", sentence, policy.origin("skip.labels"))
    trace.passed("skip labels", "none", policy.origin("skip.labels"))
    if skip.assigned and issue.assignees:
        sentence = f"It is assigned to {', '.join(issue.assignees[:3])}; unassign it to hand it over."
        return trace.stop(Verdict.SKIP, "assignee", "issue.assigned", sentence, policy.origin("skip.assigned"))
    trace.passed("assignee", "nobody" if not issue.assignees else "ignored by policy", policy.origin("skip.assigned"))
    # Anybody can open a pull request that names the issue: it keeps a task from being made, it stops none.
    if skip.linked_pull_request and issue.linked_pulls and facts.ledger.task is None:
        sentence = f"Pull request #{issue.linked_pulls[0]} is already open for it."
        origin = policy.origin("skip.linked_pull_request")
        return trace.stop(Verdict.SKIP, "linked pull request", "issue.linked_pull", sentence, origin)
    trace.passed("linked pull request", "none", policy.origin("skip.linked_pull_request"))
    return None


def _too_short(trace: _Trace, policy: Policy, length: int) -> Assessment | None:
    for least, applies, key in (
        (policy.skip.body_shorter_than, True, "skip.body_shorter_than"),
        (
            policy.skip.body_shorter_than_for_auto_safe,
            trace.tier is Tier.AUTO_SAFE,
            "skip.body_shorter_than_for_auto_safe",
        ),
    ):
        if applies and length < least:
            sentence = f"The description has {length} characters; at least {least} are needed to know what to do."
            return trace.stop(Verdict.SKIP, "description", "body.short", sentence, policy.origin(key))
    trace.passed("description", f"{length} characters", policy.origin("skip.body_shorter_than"))
    return None


def _authority(
    trace: _Trace, policy: Policy, facts: Facts, issue: Issue, matched: list[tuple[Rule, str]]
) -> Person | Assessment:
    """Return who asked for the work, or the assessment that nobody with a say did."""
    by = {fold(label.name): label for label in issue.labels}
    mapped = [by[fold(name)] for _, name in matched]
    starter = by[fold(policy.trigger)] if policy.trigger is not None else mapped[0]
    origin = policy.origin("people.label")
    who = starter.by
    allowed_bot = not who.human and fold(who.login) in {fold(bot) for bot in policy.people.bots}
    if who.id == facts.own_user_id:
        return trace.stop(Verdict.IGNORE, "labeller", "labeller.bot", "Remit's own labels start nothing.", origin)
    if not who.human and not allowed_bot:
        sentence = f"`{starter.name}` was set by {who.login}, which is not a person and not named in the policy."
        return trace.stop(Verdict.IGNORE, "labeller", "labeller.bot", sentence, policy.origin("people.bots"))
    if allowed_bot:
        sentence = f"`{starter.name}` was set by the bot {who.login}: at most a proposal."
        trace.stricter(Tier.PROPOSED, "labeller", "labeller.bot", sentence, policy.origin("people.bots"))
    elif who.permission < policy.people.propose:
        sentence = (
            f"`{starter.name}` was set on behalf of {who.login}, who has {has(who)} here; "
            f"it starts nothing until somebody with {policy.people.propose} sets it."
        )
        return trace.stop(Verdict.IGNORE, "labeller", "labeller.untrusted", sentence, policy.origin("people.propose"))
    elif who.permission < max(policy.people.label, Permission.WRITE):
        sentence = f"{who.login} may label but not write ({who.permission}): at most a proposal."
        trace.stricter(Tier.PROPOSED, "labeller", "labeller.triage", sentence, origin)
    else:
        trace.passed("labeller", f"{who.login}, {who.permission}", origin)
    _endorsed(trace, policy, mapped, starter)
    _writer(trace, "author", issue.author, "author.untrusted", "wrote the issue")
    if issue.editor is not None:
        _writer(trace, "last editor", issue.editor, "editor.untrusted", "was the last to edit it")
    return who


def _endorsed(trace: _Trace, policy: Policy, mapped: list[Label], starter: Label) -> None:
    for label in mapped:
        if label is not starter and not _endorses(policy, label.by):
            sentence = f"`{label.name}` was set by {label.by.login} ({label.by.permission}): at most a proposal."
            trace.stricter(Tier.PROPOSED, "labeller", "labeller.untrusted", sentence, policy.origin("people.label"))


def _endorses(policy: Policy, person: Person) -> bool:
    return person.human and person.permission >= max(policy.people.label, Permission.WRITE)


def _writer(trace: _Trace, check: str, person: Person, code: str, did: str) -> None:
    if person.human and person.permission >= Permission.WRITE:
        trace.passed(check, f"{person.login}, {person.permission}")
    else:
        sentence = f"{person.login} {did} and has {has(person)}: at most a proposal."
        trace.stricter(Tier.PROPOSED, check, code, sentence)


def _ceilings(trace: _Trace, policy: Policy, repository: Repository) -> None:
    if not repository.private and policy.public_ceiling > Tier.AUTO_SAFE:
        sentence = f"In a public repository nothing is looser than {policy.public_ceiling}."
        origin = policy.origin("public_ceiling")
        trace.stricter(policy.public_ceiling, "visibility", "repository.public", sentence, origin)
    if policy.ceiling > Tier.AUTO_SAFE:
        sentence = f"The policy makes nothing looser than {policy.ceiling}."
        trace.stricter(policy.ceiling, "ceiling", "policy.ceiling", sentence, policy.origin("ceiling"))
    if policy.mode is not Mode.ACTIVE:
        sentence = f"The repository is in mode {policy.mode}: nothing runs without an approval."
        trace.stricter(Tier.PROPOSED, "mode", f"mode.{policy.mode}", sentence, policy.origin("mode"))
    else:
        trace.passed("mode", "active", policy.origin("mode"))


def _relevant_labels(policy: Policy, labels: tuple[Label, ...]) -> tuple[str, ...]:
    matters = {fold(name) for rule in policy.rules for name in (*rule.labels, *rule.none_of)}
    return tuple(sorted(label.name for label in labels if fold(label.name) in matters))
