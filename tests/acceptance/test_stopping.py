"""Stop conditions, wherever a task stands: held, queued, running. Nothing is published afterwards, work is saved."""

import time

import pytest
from world import POLICY

from github_app.core.names import State

WAITS = """
if purpose == "review":
    review([])
Path("docs/half.md").write_text("Half of it.\\n")
print("at work", flush=True)
while True:
    time.sleep(0.05)
"""


def delete(world, number):
    world.set_permission("maintainer", "admin")
    world.delete_issue(number, by="maintainer")


def transfer(world, number):
    if number == 1:
        world.hub.create_repository("acme", "gadgets", {"README.md": "# gadgets\n"})
        world.hub.set_permission("acme/gadgets", "maintainer", "admin")
        world.hub.create_label("acme/gadgets", "remit", "maintainer")
    world.transfer(number, "acme/gadgets", by="maintainer")


STOPS = {
    "the opt-in label is removed": lambda w, n: w.unlabel(n, "remit", by="maintainer"),
    "a blocked label comes": lambda w, n: w.label(n, "security", by="maintainer"),
    "a skip label comes": lambda w, n: w.label(n, "wontfix", by="triager"),
    "it is closed": lambda w, n: w.close(n, by="maintainer"),
    "it is locked": lambda w, n: w.lock(n, by="maintainer"),
    "it is assigned": lambda w, n: w.assign(n, "reviewer", by="maintainer"),
    "somebody says stop": lambda w, n: w.comment(n, "/remit stop", by="reviewer"),
    "somebody rejects it": lambda w, n: w.comment(n, "/reject", by="reviewer"),
    "it is deleted": delete,
    "it is transferred": transfer,
    "the app is uninstalled": lambda w, _: w.hub.uninstall(w.installation),
    "the app is suspended": lambda w, _: w.hub.suspend(w.installation),
    "the repository is taken out": lambda w, _: w.hub.remove_repository(w.installation, w.place),
    "the repository is archived": lambda w, _: w.archive(by="maintainer"),
}
SILENT = tuple(STOPS)[-6:]
OF_ALL = tuple(STOPS)[-4:]
LIKE_OTHERS = {"a skip label comes", "it is assigned", "somebody rejects it", "it is locked"}


@pytest.mark.parametrize("why", STOPS)
def test_a_held_task_and_a_queued_one_never_start_after(world, why):
    held = world.open("The total is wrong", labels=("bug", "remit"))
    queued = world.open(labels=("documentation", "remit"))
    world.decide()
    before = [world.task(held).state, world.task(queued).state]
    STOPS[why](world, held)
    if why not in OF_ALL:
        STOPS[why](world, queued)
    world.run()

    assert before == [State.HELD, State.QUEUED]
    ended = State.REJECTED if why == "somebody rejects it" else State.CANCELLED
    assert [ended, ended] == [world.task(held).state, world.task(queued).state]
    assert world.agent_runs() == []
    assert world.pulls == ()


@pytest.mark.parametrize("why", [why for why in STOPS if why not in LIKE_OTHERS])
def test_a_running_agent_is_killed_and_its_work_is_saved_but_not_published_after(world, why):
    world.program(WAITS)
    number = world.open(labels=("documentation", "remit"))
    with world.under_way():
        asked = time.monotonic()
        STOPS[why](world, number)
        written = len(world.writes())
    took = time.monotonic() - asked

    assert world.task(number).state == State.CANCELLED
    assert took < 5
    assert "Half of it." in world.patches()
    assert world.pulls == ()
    assert world.branches() == []
    assert world.clean() == []
    assert world.problems() == []
    if why in SILENT:
        assert [path for _, path in world.writes()[written:] if f"/{world.place}/" in path] == []
    else:
        assert world.labels(number) == []


def test_a_stricter_label_makes_a_queued_task_wait_for_an_approval(world):
    number = world.open(labels=("documentation", "remit"))
    world.decide()
    world.label(number, "bug", by="maintainer")
    world.run()

    assert world.task(number).state == State.HELD
    assert "void: " in world.said(number)[-1]
    assert world.agent_runs() == []


def test_a_stricter_label_kills_a_running_agent(world):
    world.program(WAITS)
    number = world.open(labels=("documentation", "remit"))
    with world.under_way():
        world.label(number, "bug", by="maintainer")

    assert world.states(number)[:3] == ["queued", "running", "cancelled"]
    assert "Half of it." in world.patches()
    assert "The run was stopped; nothing was published." in "".join(world.said(number))
    assert world.pulls == ()


def test_a_label_that_comes_unheard_while_the_agent_works_is_seen_before_anything_is_published(world):
    world.program(WAITS.replace("while True", "while not Path('docs/go').exists()"))
    number = world.open(labels=("documentation", "remit"))
    with world.under_way():
        world.hold_deliveries()
        world.label(number, "security", by="maintainer")
        world.touch("docs/go")
        world.until(lambda: world.report(number) is not None)
        world.release()

    assert world.report(number).outcome == "withdrawn"
    assert world.task(number).state == State.CANCELLED
    assert world.pulls == ()
    assert world.branches() == []


def test_after_a_stop_the_issue_can_be_asked_for_again(world):
    number = world.open("The total is wrong", labels=("bug", "remit"))
    world.run()
    world.comment(number, "/remit stop", by="reviewer")
    world.run()
    world.unlabel(number, "remit", by="maintainer")
    world.label(number, "remit", by="maintainer")
    world.run()

    assert [task.state for task in world.tasks(number)] == [State.CANCELLED, State.HELD]


def test_a_policy_that_turns_to_observing_stops_what_has_not_started(world):
    world.open(labels=("documentation", "remit"))
    world.decide()
    world.set_policy(POLICY.replace("active", "observe"))
    world.run()

    assert world.agent_runs() == []
    assert world.pulls == ()
