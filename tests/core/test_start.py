"""The last look before a start and before anything is published."""

from dataclasses import replace

import pytest
from core_example import (
    ADMIN,
    BODY,
    BOT,
    NOW,
    OTHER,
    OUTSIDER,
    READER,
    SELF,
    TRIAGER,
    WRITER,
    approval,
    facts,
    issue,
    labels,
    policy,
    repository,
    task,
)

from github_app.core.assess import Assessment
from github_app.core.decision import Reason
from github_app.core.facts import NOBODY, Ledger
from github_app.core.names import Mode, Permission, State, Tier
from github_app.core.policy import Approval
from github_app.core.start import may_publish, may_start

SAFE = facts()
BUG = facts(issue("bug"))
RUNS = task(State.RUNNING, SAFE)
ASKED = task(State.RUNNING, BUG)
APPROVED = replace(BUG, approvals=(approval(WRITER, ASKED.digest),))


def start(known, of, rules=None):
    return may_start(rules or policy(), known.with_ledger(Ledger(task=of)), of)


def code(answer):
    return answer.code if isinstance(answer, Reason) else None


def test_what_was_decided_and_is_unchanged_starts_with_its_sanitised_text():
    for known, of in ((SAFE, RUNS), (APPROVED, ASKED)):
        answer = start(known, of)
        assert isinstance(answer, Assessment)
        assert (answer.body, answer.digest) == (BODY, of.digest)


def test_a_default_branch_that_moved_on_does_not_void_an_approval():
    moved = replace(APPROVED, repository=repository(head="b" * 40))
    assert isinstance(start(moved, ASKED), Assessment)


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        (issue("bug", title="Another"), "approval.void"),
        (issue("bug", body=BODY + " and more"), "approval.void"),
        (issue("bug", body=BODY + "\u200b"), "approval.void"),
        (issue("bug", "documentation"), "approval.void"),
        (issue("bug", "security"), "label.blocked"),
        (issue("bug", "wontfix"), "label.skip"),
        (issue("bug", open=False), "issue.closed"),
        (issue("bug", locked=True), "issue.locked"),
        (issue("bug", transferred=True), "issue.transferred"),
        (issue("bug", labels=labels("bug")), "trigger.missing"),
        (issue("bug", labels=labels("remit", "bug", by=READER)), "labeller.untrusted"),
        (issue("bug", assignees=("admin",)), "issue.assigned"),
    ],
)
def test_what_is_not_as_approved_does_not_start(about, expected):
    assert code(start(replace(APPROVED, issue=about), ASKED)) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), "approval.missing"),
        ((approval(WRITER, ASKED.digest, stands=False),), "approval.missing"),
        ((approval(WRITER, "0" * 12),), "approval.missing"),
        *(((approval(who, ASKED.digest),), "approval.missing") for who in (TRIAGER, READER, OUTSIDER, NOBODY)),
        ((approval(BOT, ASKED.digest),), "approval.missing"),
        ((approval(SELF, ASKED.digest),), "approval.missing"),
        ((approval(READER, ASKED.digest), approval(OTHER, ASKED.digest)), None),
    ],
)
def test_the_approval_must_stand_now_and_by_somebody_entitled_now(given, expected):
    assert code(start(replace(BUG, approvals=given), ASKED)) == expected


def test_two_approvals_are_two_people():
    rules = policy(approval=Approval(count=2))
    once = (approval(WRITER, ASKED.digest), approval(WRITER, ASKED.digest, comment=302))
    assert code(start(replace(BUG, approvals=once), ASKED, rules)) == "approval.missing"
    both = (approval(WRITER, ASKED.digest), approval(OTHER, ASKED.digest, comment=302))
    assert code(start(replace(BUG, approvals=both), ASKED, rules)) is None


@pytest.mark.parametrize(
    ("rules", "who", "expected"),
    [
        (Approval(users=("admin",)), WRITER, "approval.missing"),
        (Approval(users=("Admin",)), ADMIN, None),
        (Approval(permission=Permission.ADMIN), WRITER, "approval.missing"),
        (Approval(author_may_approve=False), WRITER, "approval.missing"),
        (Approval(author_may_approve=False), OTHER, None),
        (Approval(labeller_may_approve=False), WRITER, "approval.missing"),
        (Approval(labeller_may_approve=False), OTHER, None),
    ],
)
def test_who_may_approve_is_asked_again(rules, who, expected):
    known = replace(BUG, approvals=(approval(who, ASKED.digest),))
    assert code(start(known, ASKED, policy(approval=rules))) == expected


def test_who_labelled_it_anew_is_the_labeller_too():
    about = issue("bug", labels=labels("remit", "bug", by=OTHER))
    known = replace(BUG, issue=about, approvals=(approval(OTHER, ASKED.digest),))
    assert code(start(known, ASKED, policy(approval=Approval(labeller_may_approve=False)))) == "approval.missing"


@pytest.mark.parametrize(
    "change",
    [
        {"issue": issue(author=OUTSIDER)},
        {"issue": issue(editor=READER)},
        {"issue": issue("documentation", "bug")},
        {"repository": repository(private=False)},
    ],
)
def test_what_became_stricter_neither_starts_nor_is_published(change):
    known = replace(SAFE, **change)
    assert code(start(known, RUNS)) == "tier.stricter"
    assert code(may_publish(policy(), known.with_ledger(Ledger(task=RUNS)), RUNS)) == "tier.stricter"


def test_what_waited_for_an_approval_does_not_start_without_one_when_it_became_looser():
    held_once = replace(RUNS, tier=Tier.PROPOSED)
    assert code(start(SAFE, held_once)) == "approval.missing"


@pytest.mark.parametrize("rules", [policy(mode=Mode.PROPOSE), policy(ceiling=Tier.PROPOSED)])
def test_a_policy_that_became_stricter_counts_at_once(rules):
    assert code(start(SAFE, RUNS, rules)) == "tier.stricter"


def test_observing_starts_and_publishes_nothing():
    rules = policy(mode=Mode.OBSERVE)
    assert code(start(APPROVED, ASKED, rules)) == "mode.observe"
    assert code(may_publish(rules, APPROVED, ASKED)) == "mode.observe"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        ({"issue": issue(edited_at=NOW, body=BODY * 2)}, None),
        ({"issue": issue(open=False)}, "issue.closed"),
        ({"issue": issue(locked=True)}, "issue.locked"),
        ({"issue": issue("documentation", "deploy")}, "label.blocked"),
        ({"issue": issue(labels=labels("documentation"))}, "trigger.missing"),
        ({"issue": None}, "issue.missing"),
        ({"repository": None}, "issue.missing"),
        ({"repository": repository(archived=True)}, "repository.archived"),
    ],
)
def test_a_result_is_published_only_while_it_is_wanted(change, expected):
    known = replace(SAFE, **change).with_ledger(Ledger(task=RUNS))
    answer = may_publish(policy(), known, RUNS)
    assert (answer.code if answer else None) == expected
