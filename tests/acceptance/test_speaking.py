"""Commands in comments: who gets which answer."""

import pytest

from github_app.core.commands import VERBS
from github_app.core.names import State


@pytest.fixture
def held(world):
    """The number of a bug that waits for an approval."""
    number = world.open("The total of no prices is wrong", labels=("bug", "remit"))
    world.run()
    return number


def say(world, number, words, by="reviewer"):
    """Comment, let Remit answer, and return its reaction and the newest thing it said."""
    comment = world.comment(number, words, by=by)
    world.run()
    return world.reacted(number, comment), world.said(number)[-1]


def test_why_shows_every_step_that_was_looked_at_with_its_rule(world, held):
    reaction, told = say(world, held, "/remit why", by="triager")

    assert reaction == ["eyes"]
    for said in (
        "| opt-in label |",
        "| label map |",
        "`bug` maps to bugfix, proposed.",
        "tier.proposed",
        "default.yml:",
    ):
        assert said in told


def test_status_and_help_answer_and_every_command_is_in_the_help(world, held):
    assert "Waits for approval" in say(world, held, "/remit status")[1]
    told = say(world, held, "/remit help")[1]
    assert all(f"`{verb.usage}`" in told for verb in VERBS.values())
    assert say(world, held, "/remit")[1].splitlines()[1:] == told.splitlines()[1:]


def test_an_unknown_verb_gets_a_puzzled_face_and_the_nearest_one(world, held):
    reaction, told = say(world, held, "/remit aprove")

    assert reaction == ["confused"]
    assert "did you mean `approve`?" in told
    assert world.task(held).state == State.HELD


def test_who_may_not_gets_a_thumb_down_and_one_reply(world, held):
    for _ in range(3):
        reaction, told = say(world, held, "/remit stop", by="visitor")
        assert reaction == ["-1"]
    assert "visitor: `/remit stop` did nothing: it needs write permission, and you have read permission." in told
    assert len(world.said(held)) == 2
    assert world.task(held).state == State.HELD


def test_why_is_answered_for_an_issue_without_a_task_too(world):
    number = world.open(labels=("documentation",))
    world.run()
    reaction, told = say(world, number, "/remit why", by="maintainer")

    assert reaction == ["eyes"]
    assert "trigger.missing" in told


def test_a_command_on_the_pull_request_is_about_its_task(world):
    number = world.open(labels=("documentation", "remit"))
    world.run()
    (pull,) = world.pulls
    world.comment(pull.number, "/remit status", by="reviewer")
    world.run()
    assert "waits for review" in world.said(pull.number)[-1]

    world.review(pull.number, "/remit stop", "commented", by="reviewer")
    world.run()
    assert world.task(number).state == State.CANCELLED


def test_a_bot_that_speaks_like_a_person_is_not_answered(world, held):
    world.as_bot(held, "comments", body="/remit stop")
    world.run()

    assert world.task(held).state == State.HELD
    assert len(world.said(held)) == 1


def test_nothing_is_said_where_nobody_spoke_to_remit(world):
    number = world.open()
    for words in ("/retest", "remit is nice", "see /remit help", "/approve", "/reject no"):
        world.comment(number, words, by="reviewer")
    world.run()

    assert world.said(number) == []
    assert world.writes() == []
