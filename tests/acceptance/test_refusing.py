"""What Remit does not start, each for its own reason, and who is told."""

import pytest

from github_app.core.names import State


def test_without_the_opt_in_label_nothing_happens_at_all(world):
    number = world.open(labels=("documentation",))
    world.run()

    assert world.tasks(number) == []
    assert world.writes() == []
    assert world.decision(number) is None


@pytest.mark.parametrize(
    ("labels", "body", "code"),
    [
        (("remit", "question"), None, "label.none"),
        (("remit", "documentation", "wontfix"), None, "label.skip"),
        (("remit", "documentation", "Remit:Skip"), None, "label.skip"),
        (("remit", "documentation", "security"), None, "label.blocked"),
        (("remit", "documentation", "Deploy"), None, "label.blocked"),
        (("remit", "documentation"), "Short, but not too short for all.", "body.short"),
        (("remit", "bug"), "too short", "body.short"),
    ],
)
def test_what_is_skipped_is_explained_once_with_its_own_reason(world, labels, body, code):
    more = {} if body is None else {"body": body}
    number = world.open(labels=labels, **more)
    world.run()
    world.label(number, "p1", by="maintainer")
    world.run()

    (told,) = world.said(number)
    assert world.tasks(number) == []
    assert [code] == world.codes(number)
    assert f"`{code}`" in told
    assert world.labels(number) == []


def test_an_assigned_issue_is_skipped_and_starts_when_it_is_handed_over(world):
    number = world.open()
    world.assign(number, "reviewer", by="maintainer")
    world.label(number, "documentation", by="maintainer")
    world.label(number, "remit", by="maintainer")
    world.run()
    assert world.codes(number) == ["issue.assigned"]

    world.unassign(number, "reviewer", by="maintainer")
    world.run()
    assert world.task(number).state == State.IN_REVIEW


def test_an_issue_with_somebody_elses_open_pull_request_is_skipped(world):
    number = world.open()
    world.push("fix", {"README.md": "better"}, "fix it", "reviewer")
    pull = world.open_pull("Fix", f"Closes #{number}", head="fix", by="reviewer")
    world.label(number, "documentation", by="maintainer")
    world.label(number, "remit", by="maintainer")
    world.run()

    assert world.codes(number) == ["issue.linked_pull"]
    assert f"Pull request #{pull} is already open" in world.said(number)[0]


def test_labels_of_an_outsiders_issue_form_start_nothing_until_a_maintainer_sets_them(world):
    number = world.open(by="visitor", labels=("documentation", "remit"), form=True)
    world.run()
    assert world.tasks(number) == []
    assert world.writes() == []
    assert world.codes(number) == ["labeller.untrusted"]

    world.unlabel(number, "remit", by="maintainer")
    world.label(number, "remit", by="maintainer")
    world.run()
    assert world.task(number).state == State.HELD
    assert {"author.untrusted", "labeller.untrusted"} <= set(world.codes(number))


def test_a_triager_who_labels_gets_a_proposal_at_most(world):
    number = world.open()
    world.label(number, "documentation", by="triager")
    world.label(number, "remit", by="triager")
    world.run()

    assert world.task(number).state == State.HELD
    assert "labeller.triage" in world.codes(number)


def test_a_bots_label_starts_nothing(world):
    number = world.open()
    world.as_bot(number, "labels", labels=["documentation", "remit"])
    world.run()

    assert world.tasks(number) == []
    assert world.codes(number) == ["labeller.bot"]
    assert world.said(number) == []


@pytest.mark.parametrize("label", ["\uff52emit", "rem\u0456t", "re\u200bmit", "remit "])
def test_a_label_that_only_looks_like_ours_is_not_ours(world, label):
    number = world.open(labels=("documentation",))
    world.label(number, label, by="maintainer")
    world.run()

    assert world.tasks(number) == []
    assert world.writes() == []


def test_in_a_public_repository_everything_is_a_proposal(world):
    world.set_public(by="maintainer")
    number = world.open(labels=("documentation", "remit"))
    world.run()

    assert world.task(number).state == State.HELD
    assert "repository.public" in world.codes(number)


def test_observing_decides_and_touches_nothing(world):
    world.set_policy("version: 1\nmode: observe\n")
    number = world.open(labels=("documentation", "remit"))
    world.comment(number, "/remit why", by="maintainer")
    world.run()

    assert world.tasks(number) == []
    assert world.writes() == []
    assert "mode.observe" in world.codes(number)
    assert world.decision(number).category == "docs"


def test_mode_propose_holds_what_would_run_at_once(world):
    world.set_policy("version: 1\nmode: propose\n")
    number = world.open(labels=("documentation", "remit"))
    world.run()

    assert world.task(number).state == State.HELD
    assert "mode.propose" in world.codes(number)


def test_a_policy_that_cannot_be_read_stops_everything_and_names_the_place_once(world):
    world.set_policy("version: 1\nmode: active\ncaps: {pending_per_repositori: 5}\n")
    number = world.open(labels=("documentation", "remit"))
    world.run()
    world.label(number, "p1", by="maintainer")
    world.run()

    assert world.tasks(number) == []
    assert world.codes(number) == ["policy.invalid"]
    (told,) = world.said(number)
    assert ".github/remit.yml:3:8" in told

    world.set_policy("version: 1\nmode: active\n")
    world.label(number, "p2", by="maintainer")
    world.run()
    assert world.task(number).state == State.IN_REVIEW


def test_a_policy_broken_between_decision_and_start_lets_the_task_wait_until_it_is_mended(world):
    number = world.open(labels=("documentation", "remit"))
    world.decide()
    world.set_policy("mode: [\n")
    world.run()
    assert world.task(number).state == State.QUEUED
    assert world.agent_runs() == []

    world.set_policy("version: 1\nmode: active\n")
    world.much_later(3600)
    assert world.task(number).state == State.IN_REVIEW
