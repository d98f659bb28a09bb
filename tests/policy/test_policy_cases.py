"""The examples of policies/cases, held against the decision itself."""

import json
from pathlib import Path

import pytest

from github_app.cli.cases import failing, fault
from github_app.core.decision import Verdict
from github_app.core.names import fold
from github_app.core.policy import Policy
from github_app.errors import PolicyError
from github_app.policy.cases import Actor, cases_in, describe, read_cases
from github_app.policy.layers import Source
from github_app.policy.problems import UnreadablePolicyError
from github_app.policy.read import default_policy
from github_app.shipped import shipped

CASES = read_cases(shipped("policies/cases"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_shipped_example_holds(case):
    assert fault(case) == "", case.origin


@pytest.mark.parametrize(
    ("expect", "why"),
    [
        ("{verdict: hold}", "verdict is run, not hold"),
        ("{verdict: run, tier: blocked}", "tier is auto_safe, not blocked"),
        ("{verdict: run, category: tests}", "category is docs, not tests"),
        ("{verdict: run, reason: label.skip}", "the reasons are tier.auto_safe, without label.skip"),
    ],
)
def test_an_example_that_does_not_hold_says_what_came_out_instead(expect, why):
    text = (
        f"cases:\n  - name: one good name\n    labels: {{remit: writer, documentation: writer}}\n    expect: {expect}\n"
    )
    (case,) = cases_in(Source(path="c.yml", text=text, version="v"))
    (found,) = failing([case])
    assert found.why.startswith(f"{why} (given labels: remit by writer, documentation by writer, author: writer")
    assert found.case.origin == "c.yml:2@v"


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
