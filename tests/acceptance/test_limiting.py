"""How much at once: caps, the line of those who wait, duplicates and bursts."""

from collections import Counter

from world import BODY, POLICY

from github_app.core.names import State

MANY = 12


def ask(world, count, title="Describe part", by="maintainer"):
    return [world.open(f"{title} {index}", by=by, labels=("documentation", "remit")) for index in range(count)]


def standing(world, numbers):
    return Counter(str(world.task(number).state) for number in numbers)


def test_of_twelve_at_once_five_are_pending_and_seven_wait_in_order_and_all_end_in_pull_requests(world):
    world.set_policy(POLICY.partition("checks:")[0])  # twelve proofs would show nothing more
    world.hub.set_permission(world.place, "visitor", "write")
    numbers = ask(world, MANY - 2) + ask(world, 2, "Another part", by="visitor")
    world.decide()

    assert standing(world, numbers) == {"queued": 5, "deferred": 7}
    waiting = [world.task(number) for number in numbers if world.task(number).state is State.DEFERRED]
    assert list(range(1, 8)) == sorted(task.position for task in waiting)
    first, second = sorted(waiting, key=lambda task: task.position)[:2]
    assert {"maintainer", "visitor"} == {first.requester, second.requester}
    assert f"Deferred, number {first.position} in the queue" in world.said(first.issue_number)[0]
    assert all(world.labels(number) == ["remit:queued"] for number in numbers)

    world.run()
    assert standing(world, numbers) == {"in_review": MANY}
    assert len(world.pulls) == MANY
    assert world.problems() == []
    admitted = sorted((task.id for task in world.tasks()), key=world.started)
    assert first.id in admitted[5:7]


def test_a_requester_has_an_hour_to_use_up(world):
    world.set_policy(
        "version: 1\nmode: active\ncaps: {new_per_requester_per_hour: 2, open_pull_requests_per_repository: null}\n"
    )
    numbers = ask(world, 3)
    world.run()
    assert [world.task(number).state for number in numbers] == [State.IN_REVIEW, State.IN_REVIEW, State.DEFERRED]
    assert world.codes(numbers[2])[:1] == ["cap.requester"]

    world.much_later(3700)
    assert world.task(numbers[2]).state == State.IN_REVIEW


def test_open_pull_requests_hold_up_what_comes_after_until_one_is_merged_or_closed(world):
    world.set_policy(POLICY.replace("open_pull_requests_per_repository: 1000", "open_pull_requests_per_repository: 1"))
    numbers = ask(world, 1)
    world.run()
    numbers += ask(world, 2, "Second part")
    world.run()
    assert [world.task(number).state for number in numbers] == [State.IN_REVIEW, State.DEFERRED, State.DEFERRED]
    assert world.codes(numbers[1])[:1] == ["cap.open_pulls"]

    world.merge(world.pulls[0].number, "maintainer")
    world.run()
    assert [world.task(number).state for number in numbers] == [State.COMPLETED, State.IN_REVIEW, State.DEFERRED]

    world.close_pull(world.pulls[1].number, "maintainer")
    world.run()
    assert [world.task(number).state for number in numbers[1:]] == [State.REJECTED, State.IN_REVIEW]


def test_a_rejection_lets_the_next_one_in(world):
    world.set_policy(POLICY.replace("running_per_repository: 2", "pending_per_repository: 1"))
    numbers = [world.open(f"Voucher {index}", labels=("enhancement", "remit")) for index in range(2)]
    world.run()
    assert [world.task(number).state for number in numbers] == [State.HELD, State.DEFERRED]

    world.comment(numbers[0], "/reject no", by="reviewer")
    world.run()
    assert [world.task(number).state for number in numbers] == [State.REJECTED, State.HELD]
    assert sum("remit:proposal" in body for body in world.said(numbers[1])) == 1


def test_a_deferred_issue_that_is_closed_leaves_the_line(world):
    world.set_policy(POLICY.replace("running_per_repository: 2", "pending_per_repository: 1"))
    numbers = [world.open(f"Voucher {index}", labels=("enhancement", "remit")) for index in range(3)]
    world.run()
    world.close(numbers[1], by="maintainer")
    world.run()

    assert [world.task(number).state for number in numbers] == [State.HELD, State.CANCELLED, State.DEFERRED]
    assert world.task(numbers[2]).position == 1


def test_the_same_title_again_is_refused_with_a_link_to_the_other(world):
    first = world.open("Explain refunds", labels=("documentation", "remit"))
    second = world.open("  explain   REFUNDS. ", labels=("documentation", "remit"))
    world.run()

    assert world.tasks(second) == []
    assert world.codes(second) == ["duplicate.title"]
    (told,) = world.said(second)
    assert f"#{first} has the same title" in told

    world.merge(world.pulls[0].number, "maintainer")
    world.run()
    world.label(second, "p1", by="maintainer")
    world.run()
    assert world.task(second).state == State.IN_REVIEW


def test_an_issue_has_one_open_task_however_often_it_is_labelled(world):
    number = world.open("The total is wrong", labels=("bug", "remit"))
    world.run()
    for _ in range(3):
        world.unlabel(number, "bug", by="maintainer")
        world.label(number, "bug", by="maintainer")
    world.run()

    assert len(world.tasks(number)) == 1
    assert world.task(number).state == State.HELD


def test_a_burst_of_labels_is_one_decision(world):
    number = world.open(body=BODY)
    world.run()
    for label in ("documentation", "p1", "remit"):
        world.label(number, label, by="maintainer")
    world.decide()

    assert world.decisions(number) == 1
    assert world.states(number) == ["queued"]
