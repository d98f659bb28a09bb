"""What a proposal lives through: approvals by two people, a reminder on its last day, its end."""

import pytest

from github_app.core import audit
from github_app.core.names import State
from github_app.store import view
from github_app.store.audit import export

HOUR, DAY = 3600, 24 * 3600
TWO = "version: 1\nmode: active\napproval: {count: 2}\n"


@pytest.fixture
def held(world):
    number = world.open("The total of no prices is wrong", labels=("bug", "remit"))
    world.run()
    return number


@pytest.fixture
def for_two(world):
    world.set_policy(TWO)
    number = world.open("Vouchers at the checkout", labels=("enhancement", "remit"))
    world.run()
    return number


def approve(world, number, by):
    comment = world.comment(number, "/approve", by=by)
    world.decide()
    return comment


def test_one_reminder_on_the_last_day_then_the_proposal_expires(world, held):
    world.much_later(6 * DAY - HOUR)
    assert len(world.said(held)) == 1
    world.much_later(2 * HOUR)
    (_, reminder) = world.said(held)
    assert "**Still waits for approval**" in reminder
    assert f"/approve {world.task(held).digest}" in reminder
    world.much_later(HOUR)
    assert len(world.said(held)) == 2

    world.much_later(DAY)
    assert world.task(held).state == State.EXPIRED
    assert sum("Still waits" in said for said in world.said(held)) == 1
    assert world.problems() == []


def test_the_reminder_can_still_be_answered(world, held):
    world.much_later(6 * DAY + HOUR)
    world.comment(held, "/approve", by="reviewer")
    world.run()
    assert world.task(held).state == State.IN_REVIEW


def test_what_was_approved_is_not_reminded_of(world, held):
    approve(world, held, "reviewer")
    world.worker.pause()
    world.much_later(6 * DAY + HOUR)
    world.worker.resume()
    assert [said for said in world.said(held) if "Still waits" in said] == []


def test_a_quorum_is_different_people_and_the_same_one_twice_is_one(world, for_two):
    approve(world, for_two, "reviewer")
    approve(world, for_two, "reviewer")
    assert world.task(for_two).state == State.HELD
    approve(world, for_two, "maintainer")
    world.run()

    task = world.task(for_two)
    assert task.state == State.IN_REVIEW
    document = export(world.db, task.id)
    assert None is audit.find_fault(document)
    (start,) = audit.starts(document["lines"])
    assert ("approval", {"reviewer", "maintainer"}) == (start.by, {who.login for who in start.people})


@pytest.mark.parametrize("how", ["edited", "deleted"])
def test_a_quorum_that_loses_one_before_the_start_is_held_again_and_needs_one_more(world, for_two, how):
    first = approve(world, for_two, "reviewer")
    approve(world, for_two, "maintainer")
    assert world.task(for_two).state == State.QUEUED
    if how == "edited":
        world.edit_comment(first, "Not yet, I think.", by="reviewer")
    else:
        world.delete_comment(first, by="reviewer")
    world.run()
    assert (world.task(for_two).state, world.pulls) == (State.HELD, ())

    world.set_permission("triager", "write")
    world.comment(for_two, "/approve", by="triager")
    world.run()
    assert world.task(for_two).state == State.IN_REVIEW
    moves = [line.move for line in view.history(world.db, world.task(for_two).id)]
    assert (moves.count("approval"), moves.count("withdrawal")) == (3, 1)


def test_a_reminder_says_how_many_approvals_are_missing(world, for_two):
    approve(world, for_two, "reviewer")
    world.much_later(6 * DAY + HOUR)
    assert "one more approval" in world.said(for_two)[-1]
