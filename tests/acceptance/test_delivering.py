"""Webhooks as GitHub sends them: twice, late, in any order, or not at all."""

import pytest

from github_app.core.names import State


@pytest.fixture
def written(world):
    """What a story has said on GitHub so far."""
    return lambda number: (len(world.said(number)), len(world.pulls), len(world.tasks(number)))


def test_five_times_the_same_delivery_and_its_redelivery_have_one_effect(world, written):
    world.hold_deliveries()
    number = world.open(labels=("documentation", "remit"))
    world.release(lambda held: held * 5)
    world.run()
    once = written(number)
    for delivery in world.hub.deliveries[:3]:
        world.hub.redeliver(delivery.id)
    world.run()

    assert (1, 1, 1) == once == written(number)
    assert len(world.branches()) == 1


def test_a_command_that_is_delivered_again_is_obeyed_once(world):
    number = world.open("The total is wrong", labels=("bug", "remit"))
    world.run()
    world.hub.double_deliveries(2)
    world.comment(number, "/remit status", by="reviewer")
    world.run()
    world.hub.redeliver(world.hub.deliveries[-1].id)
    world.run()

    assert len(world.said(number)) == 2


def test_deliveries_in_the_wrong_order_end_in_the_same_place(world):
    world.hold_deliveries()
    number = world.open("The total is wrong", labels=("bug",))
    world.label(number, "remit", by="maintainer")
    world.unlabel(number, "remit", by="maintainer")
    world.label(number, "remit", by="maintainer")
    world.release(lambda held: held[::-1])
    world.run()

    assert [task.state for task in world.tasks(number)] == [State.HELD]
    assert len(world.said(number)) == 1


def test_a_merge_heard_before_anything_else_still_completes_the_task(world):
    number = world.open(labels=("documentation", "remit"))
    world.run()
    world.hold_deliveries()
    world.comment(number, "/remit status", by="maintainer")
    world.merge(world.pulls[0].number, "maintainer")
    world.release(lambda held: held[::-1])
    world.run()

    assert world.task(number).state == State.COMPLETED


def test_what_was_lost_and_is_delivered_again_later_counts(world):
    world.hub.lose_deliveries([True] * 3)
    number = world.open(labels=("documentation", "remit"))
    world.run()
    assert world.tasks(number) == []

    for delivery in [one for one in world.hub.deliveries if one.status_code == 502]:
        world.hub.redeliver(delivery.id)
    world.run()
    assert world.task(number).state == State.IN_REVIEW


def test_a_label_taken_off_before_it_was_heard_of_starts_nothing(world):
    world.hold_deliveries()
    number = world.open(labels=("documentation", "remit"))
    world.unlabel(number, "remit", by="maintainer")
    world.release(lambda held: held[:1])
    world.run()

    assert world.tasks(number) == []
    assert world.writes() == []


def test_an_effect_whose_answer_was_lost_is_not_done_twice_and_an_impostors_marker_is_not_ours(world):
    number = world.open("The total is wrong", labels=("bug",))
    world.comment(number, "<!-- remit:proposal 1:000000000000 -->\n<!-- remit:status 1 -->", by="visitor")
    world.hub.fail("POST", f"/issues/{number}/comments", "lost reply")
    world.label(number, "remit", by="maintainer")
    world.run()
    world.much_later(10)
    world.comment(number, "/approve", by="reviewer")
    world.hub.fail("POST", f"/issues/{number}/comments", "late 502")
    world.run()
    world.much_later(10)

    assert world.task(number).state == State.IN_REVIEW
    assert sum("remit:proposal" in body for body in world.said(number)) == 1
    assert sum("remit:status" in body for body in world.said(number)) == 1


@pytest.mark.parametrize("how", ["lost reply", "503", "revoke tokens"])
def test_a_pull_request_is_opened_once_whatever_becomes_of_the_answer(world, how):
    world.hub.fail("POST", "/pulls$", how)
    number = world.open(labels=("documentation", "remit"))
    world.run()
    world.much_later(120)
    world.much_later(120)

    assert world.task(number).state == State.IN_REVIEW
    assert len(world.pulls) == 1
    assert world.problems() == []


def test_github_being_away_while_deciding_only_delays(world):
    world.hub.fail("POST", "/graphql", "503", times=12)
    number = world.open(labels=("documentation", "remit"))
    world.run()
    for _ in range(8):
        world.much_later(400)

    assert world.task(number).state == State.IN_REVIEW
    assert world.problems() == []
