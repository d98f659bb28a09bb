"""The central stories once more with PostgreSQL under them."""

import pytest
from postgres import server
from world import make_world

from github_app.core.names import State

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory, request):
    base = tmp_path_factory.getbasetemp()
    alone = not hasattr(request.config, "workerinput")
    with server(base if alone else base.parent) as running:
        yield running


@pytest.fixture
def world(place, postgres):
    name = postgres.create()
    with make_world(place, postgres.url(name)) as made:
        yield made
    postgres.drop(name)


def test_a_documentation_issue_ends_in_a_merged_pull_request(world):
    number = world.open(labels=("documentation", "remit"))
    world.run()
    assert world.task(number).state == State.IN_REVIEW
    world.merge(world.pulls[0].number, "maintainer")
    world.run()

    assert world.states(number) == ["queued", "running", "in_review", "completed"]
    assert world.problems() == []


def test_an_edit_voids_an_approval_and_a_new_one_counts(world):
    number = world.open("The total is wrong", labels=("bug", "remit"))
    world.run()
    world.comment(number, "/approve", by="reviewer")
    world.decide()
    world.edit_issue(number, by="maintainer", body="The total is wrong, and it is wrong in another way as well.")
    world.run()
    assert world.task(number).state == State.HELD
    world.comment(number, f"/approve {world.digest(number)}", by="reviewer")
    world.run()

    assert world.task(number).state == State.IN_REVIEW


def test_over_the_cap_they_wait_and_are_admitted(world):
    numbers = [world.open(f"Voucher {index}", labels=("enhancement", "remit")) for index in range(8)]
    world.run()
    states = [world.task(number).state for number in numbers]
    assert (states.count(State.HELD), states.count(State.DEFERRED)) == (5, 3)
    for number in numbers[:3]:
        world.comment(number, "/reject no", by="reviewer")
    world.run()

    assert {State.HELD} == {world.task(number).state for number in numbers[3:]}


def test_a_killed_run_publishes_nothing(world):
    world.program('Path("docs/half.md").write_text("Half.")\nprint("at work", flush=True)\ntime.sleep(60)\n')
    number = world.open(labels=("documentation", "remit"))
    with world.under_way():
        world.comment(number, "/remit stop", by="reviewer")

    assert world.task(number).state == State.CANCELLED
    assert world.pulls == ()
    assert "Half." in world.patches()
