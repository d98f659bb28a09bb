"""The examples of policies/cases, held against the decision itself."""

import json
from pathlib import Path

import pytest

from github_app.core.decide import decide
from github_app.core.decision import CreateTask, Verdict
from github_app.core.events import Actor as Account
from github_app.core.events import IssueChanged, Place
from github_app.core.facts import Facts, Issue, Label, Ledger, Person, Repository
from github_app.core.names import (
    Category,
    InstallationId,
    Instant,
    RepositoryId,
    Sha,
    State,
    TaskId,
    Tier,
    UserId,
    fold,
)
from github_app.core.policy import Policy
from github_app.core.task import Task
from github_app.errors import PolicyError
from github_app.policy.cases import Actor, Case, IssueState, cases_in, describe, read_cases
from github_app.policy.layers import Source
from github_app.policy.problems import UnreadablePolicyError
from github_app.policy.read import default_policy
from github_app.shipped import shipped

CASES = read_cases(shipped("policies/cases"))
NOW = Instant(1_700_000_000_000)
BASE = Sha("a" * 40)
NUMBERS = {actor: UserId(number) for number, actor in enumerate(Actor, start=10)}
PLACE = Place(installation_id=InstallationId(1), repository_id=RepositoryId(2), full_name="acme/widgets")


def person(actor: Actor) -> Person:
    return Person(id=NUMBERS[actor], login=actor.login, human=actor.human, permission=actor.permission)


def task(case: Case, number: int, digest: str = "", subject: str = "") -> Task:
    return Task(
        id=TaskId(7),
        version=1,
        state=State.HELD,
        installation_id=PLACE.installation_id,
        repository_id=PLACE.repository_id,
        repository=PLACE.full_name,
        issue_number=number,
        title=case.title,
        category=case.expect.category or Category("docs"),
        tier=Tier.PROPOSED,
        digest=digest,
        subject=subject,
        policy_version=case.policy.version,
        base=BASE,
        requester_id=NUMBERS[Actor.WRITER],
        requester="writer",
        reason_code="tier.proposed",
        reason="It waits.",
        created_at=NOW,
        updated_at=NOW,
        run_after=NOW,
    )


def facts(case: Case) -> Facts:
    words = ("The widget should say what it does. " * 2000)[: case.body_characters]
    body = words.rstrip().ljust(case.body_characters, "x")
    counts = case.counts
    return Facts(
        now=NOW,
        own_user_id=NUMBERS[Actor.OWN_APP],
        repository=Repository(
            id=PLACE.repository_id,
            installation_id=PLACE.installation_id,
            full_name=PLACE.full_name,
            private=not case.public,
            archived=case.archived,
            default_branch="main",
            head=BASE,
        ),
        issue=Issue(
            number=5,
            title=case.title,
            body=body + ("\u200b" if case.hidden else ""),
            url="https://github.com/acme/widgets/issues/5",
            open=case.issue is not IssueState.CLOSED,
            locked=case.issue is IssueState.LOCKED,
            is_pull=case.issue is IssueState.PULL_REQUEST,
            transferred=case.issue is IssueState.TRANSFERRED,
            labels=tuple(Label(name=name, by=person(by)) for name, by in case.labels),
            author=person(case.author),
            editor=person(case.editor) if case.editor else None,
            edited_at=NOW if case.editor else None,
            assignees=("writer",) if case.assigned else (),
            linked_pulls=(6,) if case.linked_pull else (),
        ),
        sender=person(Actor.WRITER),  # whose delivery it was must not matter, only who put the labels there
        ledger=Ledger(
            same_title=task(case, 4) if case.same_title else None,
            pending_repository=counts.pending_repository,
            pending_installation=counts.pending_installation,
            requester_last_hour=counts.requester_last_hour,
            open_pulls=counts.open_pulls,
            created_today=counts.created_today,
        ),
    )


def event(known: Facts) -> IssueChanged:
    sender = Account(id=known.sender.id, login=known.sender.login, human=known.sender.human)
    return IssueChanged(place=PLACE, number=5, action="labeled", sender=sender)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_shipped_example_holds(case):
    known = facts(case)
    decision = decide(event(known), case.policy, known)
    if case.open_task:
        made = next(change for change in decision.changes if isinstance(change, CreateTask))
        known = known.with_ledger(Ledger(task=task(case, 5, made.digest, made.subject)))
        decision = decide(event(known), case.policy, known)
        assert not [change for change in decision.changes if isinstance(change, CreateTask)]
    want = case.expect
    found = {
        "verdict": decision.verdict,
        "tier": want.tier and decision.tier,
        "category": want.category and decision.category,
        "reason": want.reason if want.reason in {reason.code for reason in decision.reasons} else decision.reasons,
    }
    expected = {"verdict": want.verdict, "tier": want.tier, "category": want.category, "reason": want.reason}
    if want.reason is None:
        found.pop("reason")
        expected.pop("reason")
    assert found == expected, (case.origin, describe(case))


def test_there_are_enough_examples_and_no_two_have_one_name():
    names = [case.name for case in CASES]
    assert len(names) >= 45
    assert sorted(set(names)) == sorted(names)


def test_every_label_of_the_default_policy_and_every_kind_of_person_has_an_example():
    policy = default_policy()
    labels = {fold(name) for case in CASES for name, _ in case.labels}
    mapped = {name for rule in policy.rules for name in rule.labels}
    wanted = {policy.trigger, *policy.blocked, *policy.skip.labels, *mapped}
    assert wanted - labels == set()
    assert set(Actor) - {by for case in CASES for _, by in case.labels} == set()


def test_every_reason_code_of_a_decision_about_labels_has_an_example():
    wanted = {
        "trigger.missing",
        "label.none",
        "label.blocked",
        "label.skip",
        "issue.closed",
        "issue.locked",
        "issue.pull_request",
        "issue.transferred",
        "issue.assigned",
        "issue.linked_pull",
        "body.short",
        "body.hidden_content",
        "author.untrusted",
        "editor.untrusted",
        "labeller.untrusted",
        "labeller.triage",
        "labeller.bot",
        "mode.observe",
        "mode.propose",
        "repository.public",
        "repository.archived",
        "cap.pending_repository",
        "cap.pending_installation",
        "cap.requester",
        "cap.open_pulls",
        "cap.daily",
        "duplicate.title",
        "tier.auto_safe",
        "tier.proposed",
        "tier.operator",
        "tier.blocked",
    }
    assert wanted - {case.expect.reason for case in CASES} == set()
    assert {Verdict.RUN, Verdict.HOLD, Verdict.DEFER, Verdict.SKIP, Verdict.BLOCK, Verdict.IGNORE} == {
        case.expect.verdict for case in CASES
    }


CASE = "cases:\n  - name: {}\n    labels: {{a: writer}}\n    expect: {{verdict: run}}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cases: []\n", "c.yml:1:8: `cases` must not be empty"),
        ("", "c.yml:1:1: key 'cases' is missing"),
        (CASE.format("one good name") + "    tear: 1\n", "c.yml:5:5: unknown key 'tear'"),
        (
            CASE.format("one good name").replace("writer", "wirter"),
            (
                "c.yml:3:17: `cases[0].labels.a` must be one of admin, maintainer, writer, triager, reader, outsider, "
                "bot, own_app, ghost, not 'wirter': did you mean 'writer'?"
            ),
        ),
        (
            CASE.format("one good name") + CASE.format("one good name").removeprefix("cases:\n"),
            "c.yml:5:5: a case called 'one good name' is already in line 2",
        ),
        (
            CASE.format("one good name") + "    settings: {caps: {pending_per_repository: many}}\n",
            "c.yml:5:47: `cases[0].settings.caps.pending_per_repository` must be a whole number, not 'many'",
        ),
    ],
)
def test_a_broken_file_of_examples_says_where(text, problem):
    with pytest.raises(UnreadablePolicyError) as caught:
        cases_in(Source(path="c.yml", text=text, version="v"))
    assert str(caught.value) == problem


def test_a_case_gets_its_policy_from_the_file_and_its_origins_too():
    text = "given: {mode: propose}\n" + CASE.format("one good name") + "    settings: {trigger: null}\n"
    (case,) = cases_in(Source(path="c.yml", text=text, version="v"))
    policy = case.policy
    assert isinstance(policy, Policy)
    assert (policy.mode, policy.trigger) == ("propose", None)
    assert (policy.origin("mode"), policy.origin("trigger")) == ("c.yml:1@v", "c.yml:6@v")


def test_a_folder_of_examples_is_read_in_the_order_of_names(tmp_path: Path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.yml").write_text(CASE.format(f"a good name in {name}"), encoding="utf-8")
    assert [case.name for case in read_cases(tmp_path)] == ["a good name in a", "a good name in b"]
    (tmp_path / "c.yml").write_bytes(b"\xff")
    with pytest.raises(PolicyError, match="byte 0xff is not UTF-8"):
        read_cases(tmp_path)


def test_examples_are_data_that_another_program_can_read():
    assert json.dumps([describe(case) for case in CASES])
