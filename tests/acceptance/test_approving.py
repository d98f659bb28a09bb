"""A held task: proposed, approved or declined, by whom and in which words."""

import pytest
from world import BODY

from github_app.core.names import State
from github_app.store import view

DAY = 24 * 3600


@pytest.fixture
def held(world):
    """The number of a bug that waits for an approval."""
    number = world.open("The total of no prices is wrong", labels=("bug", "remit"))
    world.run()
    return number


def test_a_bug_is_held_with_one_proposal_that_says_everything_an_approver_needs(world, held):
    task = world.task(held)
    (proposal,) = world.said(held)

    assert (task.state, task.category, str(task.tier)) == (State.HELD, "bugfix", "proposed")
    assert world.labels(held) == ["remit:held"]
    assert [r.content for r in world.issue(held).reactions] == ["eyes"]
    assert task.digest == world.digest(held)
    for said in ("**Waits for approval** · bugfix, proposed", "tier.proposed", BODY, "anybody with write permission"):
        assert said in proposal
    assert world.pulls == ()


def test_an_approval_starts_the_run_that_ends_in_a_pull_request(world, held):
    comment = world.comment(held, f"/approve {world.digest(held)}", by="reviewer")
    world.run()

    assert world.states(held) == ["held", "queued", "running", "in_review"]
    assert world.reacted(held, comment) == ["eyes"]
    assert [f"remit/bugfix/{held}-{world.task(held).id}"] == [pull.pull.head for pull in world.pulls]
    (given,) = view.detail(world.db, world.task(held).id).approvals
    assert ("reviewer", world.digest(held), None) == (given.login, given.digest, given.withdrawn_at)
    assert world.labels(held) == ["remit:in-review"]


def test_an_approval_counts_in_each_of_its_forms(world):
    for words in ("/approve", "/approve {digest}", "/remit approve", "/remit approve {digest}\n"):
        number = world.open(f"The total is wrong: {words}", labels=("bug", "remit"))
        world.decide()
        world.comment(number, words.format(digest=world.digest(number)), by="reviewer")
        world.decide()
        assert world.task(number).state == State.QUEUED


def test_a_rejection_ends_the_task_and_says_why_in_its_history(world, held):
    world.comment(held, "/reject not this quarter", by="reviewer")
    world.run()

    assert world.task(held).state == State.REJECTED
    assert world.task(held).reason == "Rejected by reviewer: not this quarter."
    assert world.labels(held) == []
    assert world.pulls == ()


@pytest.mark.parametrize("who", ["triager", "visitor"])
def test_who_may_not_approve_is_told_once_and_nothing_starts(world, held, who):
    comments = [world.comment(held, "/approve", by=who) for _ in range(3)]
    world.run()

    assert world.task(held).state == State.HELD
    assert [world.reacted(held, comment) for comment in comments] == [["-1"]] * 3
    (_, refusal) = world.said(held)
    assert "it needs write permission" in refusal


def test_a_stranger_without_any_role_is_refused_on_a_public_repository(world):
    world.set_public(by="maintainer")
    number = world.open(labels=("documentation", "remit"))
    world.run()
    comment = world.comment(number, "/approve", by="stranger")
    world.run()

    assert world.task(number).state == State.HELD
    assert world.reacted(number, comment) == ["-1"]


def test_an_approval_by_a_bot_counts_for_nothing(world, held):
    world.as_bot(held, "comments", body=f"/approve {world.digest(held)}")
    world.run()

    assert world.task(held).state == State.HELD
    assert len(world.said(held)) == 1


QUOTED = (
    "> /approve",
    "```\n/approve\n```",
    "    /approve",
    "- /approve",
    "I would say /approve to this.",
    "`/approve`",
    "<!-- /approve -->",
    "**/approve**",
    "/approved",
    "# /approve",
    "<details>\n\n/approve\n\n</details>",
)
BESIDE = ("/approve please", "/approve 123", "/approve\n\nbut only half of it", "/approve 000000000000")


def test_words_that_only_quote_an_approval_are_none_and_are_not_answered(world, held):
    for words in QUOTED:
        world.comment(held, words, by="reviewer")
    world.run()

    assert world.task(held).state == State.HELD
    assert len(world.said(held)) == 1


def test_an_approval_with_anything_beside_it_is_refused_and_says_why(world, held):
    for words in BESIDE:
        comment = world.comment(held, words, by="reviewer")
        world.run()
        assert world.reacted(held, comment) == ["-1"]
        assert "did nothing" in world.said(held)[-1]

    assert world.task(held).state == State.HELD


def test_an_edited_comment_approves_nothing(world, held):
    comment = world.comment(held, "Let me think.", by="reviewer")
    world.edit_comment(comment, "/approve", by="reviewer")
    world.run()
    assert world.task(held).state == State.HELD

    second = world.comment(held, "/approve", by="reviewer")
    world.edit_comment(second, "/approve ", by="maintainer")
    world.run()
    assert world.task(held).state == State.HELD
    assert world.pulls == ()


@pytest.mark.parametrize("how", ["deleted", "edited"])
def test_an_approval_taken_back_before_the_start_stops_counting(world, held, how):
    comment = world.comment(held, "/approve", by="reviewer")
    world.decide()
    assert world.task(held).state == State.QUEUED
    if how == "deleted":
        world.delete_comment(comment, by="reviewer")
    else:
        world.edit_comment(comment, "I was too quick.", by="reviewer")
    world.run()

    assert world.task(held).state == State.HELD
    assert world.reasons(held)[-1] == "approval.withdrawn"
    assert world.labels(held) == ["remit:held"]
    assert world.pulls == ()

    world.comment(held, "/approve", by="maintainer")
    world.run()
    assert world.task(held).state == State.IN_REVIEW


def test_an_approver_who_lost_the_right_before_the_start_does_not_count(world, held):
    world.comment(held, "/approve", by="reviewer")
    world.decide()
    world.set_permission("reviewer", "read")
    world.run()

    assert world.task(held).state == State.HELD
    assert world.reasons(held)[-1] == "approval.missing"
    assert world.pulls == ()


def test_two_approvals_are_two_people(world):
    world.set_policy("version: 1\nmode: active\napproval: {count: 2, author_may_approve: false}\n")
    number = world.open("Vouchers at the checkout", labels=("enhancement", "remit"))
    world.run()
    for who in ("reviewer", "reviewer", "maintainer"):
        world.comment(number, "/approve", by=who)
        world.run()
    assert world.task(number).state == State.HELD
    assert "the policy does not let the author approve" in world.said(number)[-1]

    world.set_permission("triager", "write")
    world.comment(number, "/approve", by="triager")
    world.run()
    assert world.task(number).state == State.IN_REVIEW


def test_a_proposal_nobody_answers_expires(world, held):
    world.much_later(7 * DAY + 1)

    assert world.task(held).state == State.EXPIRED
    assert world.labels(held) == []
    world.comment(held, "/approve", by="reviewer")
    world.run()
    assert world.task(held).state == State.EXPIRED
    assert world.pulls == ()
