"""An organisation's policy, and what its repositories may still say."""

import json

import pytest
from typer.testing import CliRunner

from github_app.cli.policy import policy_app
from github_app.core.names import State, Tier

ORG = ".github/remit.yml"
OPEN = (
    "mode: active\n"
    "caps: {new_per_requester_per_hour: 9, open_pull_requests_per_repository: 9, running_per_repository: 1}\n"
)
OWN = "checks: {check: {test: [python3, -m, unittest, discover, -s, tests, -t, .]}}\n"


@pytest.fixture
def organisation(world):
    """Give the organisation a policy; a minute later everybody has heard of it."""

    def say(text, *, private=True):
        if ("acme", ".github") not in made:
            world.hub.create_repository("acme", ".github", {ORG: text}, private=private)
            world.hub.set_permission("acme/.github", "maintainer", "maintain")
            made.add(("acme", ".github"))
        else:
            world.hub.push("acme/.github", "main", {ORG: text}, "policy", "maintainer")
        world.clock.advance(61)

    made = set()
    return say


@pytest.mark.parametrize("private", [True, False])
def test_the_organisations_word_holds_in_a_repository_that_says_nothing_about_it(world, organisation, private):
    organisation(OPEN + "ceiling: proposed\n", private=private)
    world.set_policy(OWN)
    number = world.open(labels=("documentation", "remit"))
    world.run()

    assert (world.task(number).state, world.task(number).tier) == (State.HELD, Tier.PROPOSED)
    (step,) = [step for step in world.decision(number).document["steps"] if step["check"] == "ceiling"]
    assert step["origin"].startswith("acme/.github/.github/remit.yml:3@")


def test_a_repository_that_loosens_runs_nothing_until_it_stops_to(world, organisation):
    organisation(OPEN + "limits: {usd: 1}\n")
    world.set_policy(OWN + "limits: {usd: 4}\n")
    number = world.open(labels=("documentation", "remit"))
    world.run()

    assert world.tasks(number) == []
    assert world.codes(number) == ["policy.invalid"]
    (told,) = world.said(number)
    assert ".github/remit.yml:2:10" in told
    assert "may only be made stricter than in the organisation's policy: 1" in told

    world.set_policy(OWN + "limits: {usd: 0.5}\n")
    world.label(number, "p1", by="maintainer")
    world.run()
    assert world.task(number).state == State.IN_REVIEW


def test_a_broken_file_of_the_organisation_stops_every_repository_and_one_comment_says_where(world, organisation):
    organisation("mode: activ\n")
    world.set_policy(OWN)
    number = world.open(labels=("documentation", "remit"))
    world.run()
    world.label(number, "p1", by="maintainer")
    world.run()

    assert world.tasks(number) == []
    (told,) = world.said(number)
    assert "acme/.github/.github/remit.yml:1:7" in told


def test_a_stricter_word_of_the_organisation_stops_what_was_decided_and_has_not_started(world, organisation):
    organisation(OPEN)
    world.set_policy(OWN)
    number = world.open(labels=("documentation", "remit"))
    world.decide()
    assert world.task(number).state == State.QUEUED

    organisation(OPEN + "ceiling: proposed\n")
    world.run()
    assert world.task(number).state == State.HELD
    assert world.agent_runs() == []


def test_a_repositorys_file_that_is_not_heard_is_named_in_the_explanation(world, organisation):
    organisation(OPEN + "repositories: none\n" + OWN)
    world.set_policy("this is: [not a policy\n")
    number = world.open(labels=("documentation", "remit"))
    world.decide()

    assert world.task(number).state == State.QUEUED
    (step,) = [step for step in world.decision(number).document["steps"] if step["check"] == "policy"]
    assert ".github/remit.yml is ignored: the organisation's policy says `repositories: none`" in step["found"]
    assert step["origin"].startswith("acme/.github/.github/remit.yml:3@")


def test_show_prints_what_holds_in_a_repository_on_github_and_whose_word_it_is(world, organisation, monkeypatch):
    organisation(OPEN + "limits: {usd: 2}\n")
    world.set_policy("limits: {turns: 7}\n")
    chosen = {"GITHUB_URL": world.hub.url, "APP_ID": world.app.app_id, "PRIVATE_KEY": world.app.private_key_pem}
    for name, value in chosen.items():
        monkeypatch.setenv(f"REMIT_{name}", str(value))
    monkeypatch.setattr("github_app.cli.policy.configure_log", lambda *_: None)
    done = CliRunner().invoke(policy_app, ["show", world.place, "--json"])

    said = json.loads(done.stdout)
    assert (said["policy"]["limits"]["usd"], said["policy"]["limits"]["turns"], said["broken"]) == (2, 7, "")
    assert said["origins"]["limits.usd"].startswith("acme/.github/.github/remit.yml:3@")
    assert said["origins"]["limits.turns"].startswith(".github/remit.yml:1@")


def test_from_label_to_pull_request_costs_at_most_twelve_reads(world, organisation):
    organisation(OPEN)
    world.set_policy(OWN)
    number = world.open(labels=("documentation", "remit"))
    before = world.github.budget().reads
    world.run()

    assert world.task(number).state == State.IN_REVIEW
    assert world.github.budget().reads - before <= 12
