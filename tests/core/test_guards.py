"""A mutation check in miniature: each guard, switched off alone, lets exactly the wrong thing happen.

A scenario is asked twice. With the guard it gives the right answer; without it, the wrong one that the guard is there
to prevent. A guard that can be switched off unnoticed fails here.
"""

from dataclasses import replace

import pytest
from core_example import (
    BOT,
    BUG_FACTS,
    NOW,
    OTHER,
    OUTSIDER,
    READER,
    SECOND,
    SELF,
    WRITER,
    actor,
    approval,
    changed,
    facts,
    finished,
    having,
    issue,
    labels,
    policy,
    pull_closed,
    repository,
    said,
    start_refused,
    task,
)

from github_app.core import answers, assess, caps, decide, finish, start
from github_app.core.commands import VERBS, Command
from github_app.core.decision import CreateTask, MoveTask, RecordApproval, Verdict
from github_app.core.facts import Ledger, reading_of
from github_app.core.names import Mode, State, Tier
from github_app.core.policy import Approval

HELD = having(State.HELD, BUG_FACTS)
ASKED = task(State.RUNNING, BUG_FACTS)
SAFE = task(State.RUNNING)


def verdict(about, rules=None, **more):
    return assess.assess(rules or policy(), facts(about, **more)).verdict


def approves(event, known, rules=None):
    changes = decide.decide(event, rules or policy(), known).changes
    return any(isinstance(change, RecordApproval) for change in changes)


def frees(event, known, rules=None):
    changes = decide.decide(event, rules or policy(), known).changes
    return any(isinstance(change, MoveTask) for change in changes)


def creates(known, event=None, rules=None):
    changes = decide.decide(event or changed(), rules or policy(), known).changes
    return [change.origin.value for change in changes if isinstance(change, CreateTask)]


def starts(known, of, rules=None):
    return isinstance(start.may_start(rules or policy(), known.with_ledger(Ledger(task=of)), of), assess.Assessment)


def publishes(known, of):
    return start.may_publish(policy(), known.with_ledger(Ledger(task=of)), of) is None


def nothing(*_args, **_more):
    return None


def blind(monkeypatch, **names):
    """Switch a guard off by replacing the function it is, in the module that asks it."""
    for dotted, instead in names.items():
        module, name = dotted.split("__", 1)
        monkeypatch.setattr(
            {"assess": assess, "answers": answers, "decide": decide, "start": start}[module], name, instead
        )


def seen_as(monkeypatch, module, change):
    """Let a module see other facts than there are: the facts a guard would have to look at are gone."""
    real = module.assess
    monkeypatch.setattr(module, "assess", lambda rules, known: real(rules, change(known)))


OUTSIDE = issue(author=OUTSIDER)
EDITED = replace(HELD, issue=issue("bug", edited_at=NOW), comment_at=NOW - SECOND)
HIDDEN = issue(body="<!-- x -->" + issue().body)

GUARDS = {
    "the author and last editor must have write": (
        lambda: verdict(OUTSIDE),
        Verdict.HOLD,
        lambda m: blind(m, assess___writer=nothing),
        Verdict.RUN,
    ),
    "whoever set the mapped label must have write": (
        lambda: verdict(issue(labels=labels("remit") + labels("documentation", by=READER))),
        Verdict.HOLD,
        lambda m: blind(m, assess___endorsed=nothing),
        Verdict.RUN,
    ),
    "whoever opted in must have a say": (
        lambda: verdict(issue(labels=labels("remit", "documentation", by=READER))),
        Verdict.IGNORE,
        lambda m: blind(m, assess___authority=lambda *_: WRITER),
        Verdict.RUN,
    ),
    "ceilings, modes and public repositories make it stricter": (
        lambda: verdict(issue(), repository=repository(private=False)),
        Verdict.HOLD,
        lambda m: blind(m, assess___ceilings=nothing),
        Verdict.RUN,
    ),
    "closed, locked and transferred issues are left alone": (
        lambda: verdict(issue(locked=True)),
        Verdict.SKIP,
        lambda m: blind(m, assess___closed_to_us=nothing),
        Verdict.RUN,
    ),
    "skip labels, assignees and linked pull requests are respected": (
        lambda: verdict(issue("documentation", "wontfix")),
        Verdict.SKIP,
        lambda m: blind(m, assess___skips=nothing),
        Verdict.RUN,
    ),
    "a text must say something": (
        lambda: verdict(issue(body="short")),
        Verdict.SKIP,
        lambda m: blind(m, assess___too_short=nothing),
        Verdict.RUN,
    ),
    "hidden content is never auto_safe": (
        lambda: verdict(HIDDEN),
        Verdict.HOLD,
        lambda m: blind(m, assess__reading_of=lambda about: replace(reading_of(about), removed=())),
        Verdict.RUN,
    ),
    "labels are compared code point by code point": (
        lambda: verdict(issue("DOCUMENTATION\N{KELVIN SIGN}")),
        Verdict.SKIP,
        lambda m: blind(m, assess__fold=lambda name: name.casefold().rstrip("k")),
        Verdict.RUN,
    ),
    "a blocked label is compared folded": (
        lambda: verdict(issue("documentation", "Security")),
        Verdict.BLOCK,
        lambda m: blind(m, assess__fold=lambda name: name),
        Verdict.RUN,
    ),
    "a cap defers": (
        lambda: creates(facts(ledger=Ledger(pending_repository=5))),
        ["deferred"],
        lambda m: blind(m, decide__over_cap=nothing),
        ["queued"],
    ),
    "an approval fits in every respect": (
        lambda: approves(said("/approve"), EDITED),
        False,
        lambda m: blind(m, answers___no_approval=lambda *_: ""),
        True,
    ),
    "an approval is given by somebody with permission": (
        lambda: approves(said("/approve", by=READER), replace(HELD, sender=READER)),
        False,
        lambda m: blind(m, answers___may=lambda *_: True),
        True,
    ),
    "an approval stands for the text as it is now": (
        lambda: approves(said("/approve"), replace(HELD, issue=issue("bug", title="Another"))),
        False,
        lambda m: seen_as(m, answers, lambda known: replace(known, issue=BUG_FACTS.issue)),
        True,
    ),
    "a comment is read by its grammar": (
        lambda: approves(said("do not /approve"), HELD),
        False,
        lambda m: blind(m, answers__parse=lambda _: Command(verb=VERBS["approve"], argument="")),
        True,
    ),
    "a digest is named exactly": (
        lambda: approves(said("/approve quickly"), HELD),
        False,
        lambda m: blind(m, answers__named_digest=lambda _: ""),
        True,
    ),
    "a start looks at the issue once more": (
        lambda: starts(
            replace(BUG_FACTS, issue=issue("bug", title="X"), approvals=(approval(WRITER, ASKED.digest),)), ASKED
        ),
        False,
        lambda m: seen_as(m, start, lambda known: replace(known, issue=BUG_FACTS.issue)),
        True,
    ),
    "a start looks at stop conditions and tiers": (
        lambda: starts(facts(issue(author=OUTSIDER)), _as_if_decided(facts(issue(author=OUTSIDER)))),
        False,
        lambda m: blind(m, start___still_wanted=nothing),
        True,
    ),
    "a result is published only while it is wanted": (
        lambda: publishes(facts(issue(open=False)), SAFE),
        False,
        lambda m: blind(m, start___still_wanted=nothing),
        True,
    ),
    "a refused start looks at the fence": (
        lambda: frees(start_refused(fence=2), having(State.RUNNING)),
        False,
        lambda m: m.setattr(decide, "_start_refused", _unfenced(decide._start_refused)),
        True,
    ),
}


def _as_if_decided(known):
    """Return a task of these facts that somebody stored as auto_safe."""
    return replace(task(State.RUNNING, known), tier=Tier.AUTO_SAFE)


def _unfenced(real):
    return lambda event, rules, known: real(replace(event, fence=known.ledger.task.fence), rules, known)


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_switched_off_alone_is_noticed(name, monkeypatch):
    scenario, right, switch_off, wrong = GUARDS[name]
    assert scenario() == right
    switch_off(monkeypatch)
    assert scenario() == wrong


# Guards that are one condition on one fact: the same scenario with only that fact changed must turn out otherwise.
FACTS = {
    "alone in its comment": (lambda alone: approves(said("/approve", alone=alone), HELD), False, True),
    "written after the last edit": (
        lambda at: approves(said("/approve"), replace(EDITED, comment_at=at)),
        NOW,
        NOW + SECOND,
    ),
    "written after the proposal": (
        lambda at: approves(said("/approve"), having(State.HELD, BUG_FACTS, proposed_at=at)),
        NOW - SECOND,
        NOW - 2 * SECOND,
    ),
    "once its proposal is posted": (
        lambda waits: approves(said("/approve"), replace(HELD, ledger=replace(HELD.ledger, proposal_waits=waits))),
        True,
        False,
    ),
    "before it expired": (
        lambda at: approves(said("/approve"), having(State.HELD, BUG_FACTS, expires_at=at)),
        NOW - SECOND,
        NOW,
    ),
    "by a person": (lambda who: approves(said("/approve", by=who), replace(HELD, sender=who)), BOT, WRITER),
    "by the person whose comment it is": (
        lambda who: approves(said("/approve", author=actor(who)), HELD),
        OTHER,
        WRITER,
    ),
    "where something is held": (
        lambda state: approves(said("/approve"), having(state, BUG_FACTS)),
        State.QUEUED,
        State.HELD,
    ),
    "by another than the author": (
        lambda may: approves(said("/approve"), HELD, policy(approval=Approval(author_may_approve=may))),
        False,
        True,
    ),
    "by another than the labeller": (
        lambda may: approves(said("/approve"), HELD, policy(approval=Approval(labeller_may_approve=may))),
        False,
        True,
    ),
    "by one of the named": (
        lambda users: approves(said("/approve"), HELD, policy(approval=Approval(users=users))),
        ("admin",),
        ("writer",),
    ),
    "by as many as the policy asks": (
        lambda count: frees(said("/approve"), HELD, policy(approval=Approval(count=count))),
        2,
        1,
    ),
    "a standing approval at the start": (
        lambda stands: starts(replace(BUG_FACTS, approvals=(approval(WRITER, ASKED.digest, stands=stands),)), ASKED),
        False,
        True,
    ),
    "an entitled approver at the start": (
        lambda who: starts(replace(BUG_FACTS, approvals=(approval(who, ASKED.digest),)), ASKED),
        READER,
        OTHER,
    ),
    "an approval of this digest at the start": (
        lambda digest: starts(replace(BUG_FACTS, approvals=(approval(WRITER, digest),)), ASKED),
        "0" * 12,
        ASKED.digest,
    ),
    "the mode at the start": (lambda mode: starts(facts(), SAFE, policy(mode=mode)), Mode.OBSERVE, Mode.ACTIVE),
    "the fence of a finished attempt": (lambda fence: frees(finished(fence=fence), having(State.RUNNING)), 2, 3),
    "the number of a closed pull request": (
        lambda number: frees(pull_closed(merged=True, number=number), having(State.IN_REVIEW)),
        22,
        21,
    ),
    "the title of another open task": (
        lambda other: bool(creates(facts(ledger=Ledger(same_title=other)))),
        task(State.QUEUED, issue_number=3),
        None,
    ),
    "the sender of an event": (lambda who: bool(creates(facts(sender=who), changed(by=who))), SELF, WRITER),
    "room under a cap": (lambda ledger: caps.over_cap(policy(), ledger) is None, Ledger(open_pulls=5), Ledger()),
    "the same failure twice": (
        lambda before: _retried(having(State.RUNNING, attempts=2, last_failure=before)),
        "crashed",
        "timed_out",
    ),
}


def _retried(known):
    (change,) = finish.attempt_finished(finished("crashed", retryable=True), policy(), known).changes
    return change.move.value == "retry"


@pytest.mark.parametrize("name", FACTS)
def test_a_guard_turns_on_the_one_fact_it_is_about(name):
    scenario, refused, allowed = FACTS[name]
    assert scenario(refused) is False
    assert scenario(allowed) is True
