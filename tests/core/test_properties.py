"""Properties of every decision, over invented issues, people, policies and histories.

`REMIT_PROPERTY_EXAMPLES` sets how many situations each property sees (200 unless told). The situations are drawn near
the edge of running on purpose, and each property counts what it met, so that none of them can hold for want of cases.
"""

import os
from collections import Counter
from dataclasses import replace
from functools import partial

from core_example import (
    BODY,
    BOT,
    NOW,
    OPERATOR_RULE,
    OWN,
    RULES,
    SELF,
    changed,
    facts,
    issue,
    person,
    policy,
    repository,
    said,
    start_refused,
    task,
)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from github_app.core.assess import assess
from github_app.core.decide import decide
from github_app.core.decision import CreateTask, MoveTask, Verdict
from github_app.core.facts import NOBODY, Approval, Label, Ledger
from github_app.core.names import Mode, Permission, State, Tier
from github_app.core.policy import Approval as ApprovalRules
from github_app.core.policy import People, Skip
from github_app.core.start import may_publish, may_start
from github_app.core.task import OPEN, Move

EXAMPLES = int(os.environ.get("REMIT_PROPERTY_EXAMPLES", "200"))
FREEING = {Move.ADMIT, Move.APPROVE, Move.RELEASE}
quick = partial(
    settings,
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

TRUSTED = [person(f"trusted-{n}", permission, number=20 + n) for n, permission in enumerate(list(Permission)[3:])]
DOUBTFUL = [person(f"doubtful-{n}", permission, number=30 + n) for n, permission in enumerate(list(Permission)[:3])]
MACHINES = [BOT, SELF, NOBODY, person("helper[bot]", Permission.ADMIN, human=False, number=40)]
people = st.sampled_from(TRUSTED * 20 + DOUBTFUL + MACHINES)
MAPPED = [label for rule in (*RULES, OPERATOR_RULE) for label in rule.labels]
STOPPING = [*policy().blocked, *Skip().labels]
names = st.sampled_from(["documentation", "tests", "research", "refactor"] * 25 + MAPPED + ["p1"] + STOPPING)
bodies = st.sampled_from([BODY] * 30 + ["short", BODY + "\u200b", BODY + "<!-- x -->", "x" * 50])


@st.composite
def issues(draw):
    labels = [Label(name="remit", by=draw(people))] if draw(st.integers(0, 9)) else []
    labels += [Label(name=name, by=draw(people)) for name in draw(st.sets(names, min_size=1, max_size=3))]
    return issue(
        labels=tuple(labels),
        author=draw(people),
        editor=draw(st.none() | people),
        body=draw(bodies),
        open=draw(st.integers(0, 19)) > 0,
        locked=draw(st.integers(0, 19)) == 0,
        assignees=draw(st.sampled_from([()] * 9 + [("x",)])),
    )


situations = st.builds(
    facts,
    issues(),
    st.just(Ledger()),
    sender=people,
    repository=st.builds(repository, private=st.sampled_from([True] * 9 + [False])),
)
policies = st.builds(
    policy,
    rules=st.permutations([*RULES, OPERATOR_RULE]).map(tuple),
    mode=st.sampled_from([Mode.ACTIVE] * 20 + [Mode.PROPOSE, Mode.OBSERVE]),
    trigger=st.sampled_from(["remit"] * 4 + [None]),
    ceiling=st.sampled_from([Tier.AUTO_SAFE] * 20 + list(Tier)),
    public_ceiling=st.sampled_from([Tier.AUTO_SAFE, Tier.PROPOSED]),
    people=st.builds(
        People,
        label=st.sampled_from([Permission.WRITE] * 9 + list(Permission)),
        propose=st.sampled_from([Permission.TRIAGE] * 9 + list(Permission)),
        bots=st.sampled_from([(), (), (BOT.login, "helper[bot]"), (SELF.login, "ghost")]),
    ),
)


def runs(rules, known):
    return assess(rules, known).verdict is Verdict.RUN


def freed(decision):
    """Say whether a decision lets something run that did not, or would not have."""
    return [
        change
        for change in decision.changes
        if (isinstance(change, CreateTask) and change.origin == "queued")
        or (isinstance(change, MoveTask) and change.move in FREEING)
    ]


def weakened(draw, known):
    """Return the facts with one person, wherever they stand, having less permission or being nobody we know."""
    about = known.issue
    everybody = {known.sender.id, about.author.id, *(label.by.id for label in about.labels)}
    everybody |= {about.editor.id} if about.editor else set()
    victim = draw(st.sampled_from(sorted(everybody)))

    def less(who):
        lower = [permission for permission in Permission if permission < who.permission]
        return replace(who, permission=lower[chosen % len(lower)]) if who.id == victim and lower else who

    chosen = draw(st.integers(0, 5))
    changed_issue = replace(
        about,
        author=less(about.author),
        editor=None if about.editor is None else less(about.editor),
        labels=tuple(replace(label, by=less(label.by)) for label in about.labels),
    )
    return replace(known, issue=changed_issue, sender=less(known.sender))


def tightened(draw, known):
    """Return the facts with one more label that is blocked, skipped, or maps at least as strictly as all others."""
    name = draw(st.sampled_from([*STOPPING, "migration", "bug", "enhancement"]))
    more = Label(name=name, by=draw(people))
    return replace(known, issue=replace(known.issue, labels=(*known.issue.labels, more)))


def test_p30_less_permission_or_a_stricter_label_never_turns_a_no_into_a_run():
    met = Counter()

    @seed(30)
    @quick(max_examples=3 * EXAMPLES)
    @given(st.data(), situations, policies)
    def holds(data, known, rules):
        before = runs(rules, known)
        met["ran before" if before else "did not run before"] += 1
        for mutate in (weakened, tightened):
            after = runs(rules, mutate(data.draw, known))
            met[f"{mutate.__name__} stopped it"] += before and not after
            assert before or not after
        strict = tightened(data.draw, known)
        assert not runs(rules, strict)

    holds()
    assert met["ran before"] >= EXAMPLES // 4, met
    assert met["did not run before"] >= EXAMPLES // 4, met
    assert met["weakened stopped it"] >= EXAMPLES // 10, met
    assert met["tightened stopped it"] >= EXAMPLES // 4, met


def test_p29_a_permission_nobody_could_read_never_runs():
    met = Counter()

    @seed(29)
    @quick(max_examples=2 * EXAMPLES)
    @given(situations, policies, st.sampled_from(["author", "editor", "labellers"]))
    def holds(known, rules, role):
        met["would have run"] += runs(rules, known)
        about = known.issue
        if role == "labellers":
            about = replace(about, labels=tuple(replace(label, by=NOBODY) for label in about.labels))
        else:
            about = replace(about, **{role: NOBODY})
        assert not runs(rules, replace(known, issue=about))

    holds()
    assert met["would have run"] >= EXAMPLES // 5, met


def test_p01_whoever_wrote_or_labelled_what_runs_has_write_now():
    met = Counter()

    @seed(1)
    @quick(max_examples=3 * EXAMPLES)
    @given(situations, policies)
    def holds(known, rules):
        if not runs(rules, known):
            return
        met["ran"] += 1
        about = known.issue
        carried = {label.name for label in about.labels}
        relevant = [label.by for label in about.labels if label.name in {*MAPPED, rules.trigger}]
        for who in (about.author, *([about.editor] if about.editor else []), *relevant):
            assert who.human
            assert who.permission >= Permission.WRITE
            assert who.id != OWN
        assert not carried & {*STOPPING, "bug", "enhancement", "migration"}
        assert about.open
        assert not about.locked
        assert rules.mode is Mode.ACTIVE

    holds()
    assert met["ran"] >= EXAMPLES // 4, met


def test_p16_neither_a_bot_nor_remit_itself_ever_frees_anything():
    met = Counter()
    texts = ["/approve", "/remit approve", "/remit retry", "/remit why", "/reject"]

    @seed(16)
    @quick(max_examples=2 * EXAMPLES)
    @given(situations, policies, st.sampled_from(MACHINES), st.sampled_from(sorted(OPEN)), st.sampled_from(texts))
    def holds(known, rules, machine, state, text):
        about = replace(known.issue, labels=tuple(replace(label, by=machine) for label in known.issue.labels))
        known = replace(known, sender=machine)
        met["freed by a person"] += bool(freed(decide(changed(), rules, replace(known, sender=TRUSTED[0]))))
        assert not freed(decide(changed("labeled", machine), rules, replace(known, issue=about)))
        assert not freed(decide(changed("labeled", SELF), rules, replace(known, sender=SELF)))
        held = known.with_ledger(Ledger(task=task(state, known, rules)))
        answer = decide(said(text, by=machine), rules, replace(held, comment_at=NOW))
        assert (answer.changes, answer.actions) == ((), ())

    holds()
    assert met["freed by a person"] >= EXAMPLES // 5, met


def test_a_task_that_needs_an_approval_only_leaves_its_hold_by_one():
    met = Counter()

    @seed(5)
    @quick(max_examples=3 * EXAMPLES)
    @given(situations, policies, people, st.sampled_from(["labeled", "edited", "reconciled", "unlabeled"]), issues())
    def holds(known, rules, speaker, action, other):
        held = known.with_ledger(Ledger(task=task(State.HELD, known, rules)))
        for about in (known.issue, other):
            assert not freed(decide(changed(action, speaker), rules, replace(held, issue=about, sender=speaker)))
            assert not freed(decide(start_refused(), rules, replace(held, issue=about)))
            decision = decide(said("/approve", by=speaker), rules, replace(held, issue=about, sender=speaker))
            if freed(decision):
                met["approved"] += 1
                assert speaker.human
                assert speaker.permission >= Permission.WRITE
                assert assess(rules, replace(held, issue=about)).digest == held.ledger.task.digest

    holds()
    assert met["approved"] >= EXAMPLES // 4, met


def test_p05_what_starts_is_what_was_decided_and_approved_as_things_are_now():
    met = Counter()
    approvers = st.sampled_from(TRUSTED * 3 + DOUBTFUL + MACHINES)

    @seed(6)
    @quick(max_examples=3 * EXAMPLES)
    @given(situations, policies, st.lists(st.tuples(approvers, st.booleans(), st.booleans()), max_size=3), issues())
    def holds(known, rules, given_by, other):
        rules = replace(rules, approval=ApprovalRules(count=1 + len(given_by) // 3))
        of = task(State.RUNNING, known, rules)
        approvals = tuple(
            Approval(comment_id=n, by=who, digest=of.digest if fits else "0" * 12, at=NOW, stands=stands)
            for n, (who, fits, stands) in enumerate(given_by)
        )
        counted = {
            a.by.id
            for a in approvals
            if a.stands and a.digest == of.digest and a.by.human and a.by.permission >= Permission.WRITE
        }
        for about in (known.issue, other):
            now = replace(known, issue=about, approvals=approvals, ledger=Ledger(task=of))
            found, answer = assess(rules, now), may_start(rules, now, of)
            started = answer == found
            met["started by itself" if of.tier is Tier.AUTO_SAFE else "started approved"] += started
            met["refused"] += not started
            if started:
                assert found.eligible
                assert found.digest == of.digest
                assert found.tier <= of.tier
                assert of.tier is Tier.AUTO_SAFE or len(counted) >= rules.approval.count
                assert may_publish(rules, now, of) is None

    holds()
    assert met["started by itself"] >= EXAMPLES // 5, met
    assert met["started approved"] >= EXAMPLES // 40, met
    assert met["refused"] >= EXAMPLES // 4, met


def test_the_same_question_always_has_the_same_answer():
    @seed(7)
    @quick(max_examples=EXAMPLES)
    @given(situations, policies)
    def holds(known, rules):
        assert decide(changed(), rules, known) == decide(changed(), rules, known)

    holds()
