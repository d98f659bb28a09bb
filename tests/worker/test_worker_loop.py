"""The worker as a process: it ends within its patience, gives back what runs, insists on recording ends."""

import threading
import time

import pytest

from github_app.core.names import State
from github_app.demo.hub.faults import How
from github_app.errors import PayloadError, StaleError
from github_app.store.session import BusyError
from github_app.worker.live import LiveRun, Stop

NO_CHECKS = "version: 1\nmode: active\ncaps: {new_per_requester_per_hour: 100}\n"
WAITS = """
if purpose == "review":
    review([])
while True:
    Path("docs/beat.md").write_text(str(time.monotonic()))
    time.sleep(0.02)
"""


def until(holds, seconds=20):
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)  # a real process is waited for
    return found


def asked(world, title="Say what happens to an order paid twice"):
    world.set_policy(NO_CHECKS)
    number = world.open(title, labels=("documentation", "remit"))
    world.decide()
    return number


def working(world):
    return list(world.shop.work_dir.glob("runs/*/tree/docs/beat.md"))


def test_a_worker_that_is_stopped_gives_its_task_back_at_once_and_renews_nothing_more(world):
    number = asked(world)
    world.program(WAITS)
    world.worker.begin()
    until(lambda: working(world))
    began = time.monotonic()
    world.worker.stop(patience=15)
    assert time.monotonic() - began < 6
    task = world.task(number)
    assert (task.state, task.attempts, world.clean()) == (State.QUEUED, 0, [])
    assert "beat.md" in world.patches()
    until(lambda: not [t for t in threading.enumerate() if t.name in {"remit-clock", "remit-runs", "remit-run"}])
    assert world.worker.start() is None


def test_stopping_does_not_wait_longer_than_its_patience_for_what_hangs(world):
    asked(world)
    world.hub.fail("POST", "graphql", How.DELAY, seconds=4)
    world.worker.begin()
    until(lambda: world.worker._live)
    began = time.monotonic()
    world.worker.stop(patience=0.3)
    assert time.monotonic() - began < 2
    until(lambda: not [t for t in threading.enumerate() if t.name in {"remit-clock", "remit-run"}])


def test_an_attempt_that_begins_while_the_worker_ends_does_nothing(world):
    number = asked(world)
    attempt = world.worker.start()
    world.worker.stop(patience=1)
    attempt()
    assert (world.task(number).state, world.task(number).attempts, world.agent_runs()) == (State.QUEUED, 0, [])


def test_a_worker_that_never_began_can_be_stopped(world):
    world.worker.stop(patience=1)


def test_one_repository_runs_only_as_many_at_once_as_its_policy_says(world):
    first, second = asked(world, "One page about orders"), asked(world, "Another page about prices")
    taken = [world.worker.start() for _ in range(3)]
    assert [attempt is not None for attempt in taken] == [True, False, False]
    taken[0]()
    world.run()
    assert [world.task(number).state for number in (first, second)] == [State.IN_REVIEW, State.IN_REVIEW]


def test_leases_are_renewed_beside_an_attempt_that_is_driven_by_hand(world):
    """Longer than the guard's share of the lease, the agent would be killed."""
    number = asked(world)
    world.worker._pace = type(world.worker._pace)(runners=1, lease=2000)
    world.program("time.sleep(3 if purpose == 'work' else 0)\nPath('docs/twice.md').write_text('x')\n")
    world.run()
    assert (world.task(number).state, world.task(number).attempts) == (State.IN_REVIEW, 1)


@pytest.fixture
def claimed(world):
    """A claimed task and its live run, as an attempt has them."""
    seen = []
    asked(world)
    attempts = world.worker._attempts
    world.worker._attempts = type("Caught", (), {"shop": attempts.shop, "run": lambda _, *both: seen.append(both)})()
    world.worker.start()()
    (both,) = seen
    return attempts, *both


def failing(*errors):
    """Return something to record that fails like this first, and what counts its tries."""
    left, tries = list(errors), []

    def record():
        tries.append(1)
        if left:
            raise left.pop(0)

    return record, tries


def test_an_end_is_recorded_as_soon_as_the_database_answers_again(claimed):
    attempts, task, live = claimed
    record, tries = failing(BusyError("busy"), OSError("gone"))
    assert (attempts._insist(task, live, record), len(tries)) == (True, 3)


def test_a_process_that_is_being_stopped_does_not_insist(claimed):
    attempts, task, live = claimed
    live.stop(Stop(why="over", drain=True))
    record, tries = failing(*[BusyError("busy")] * 100)
    began = time.monotonic()
    assert (attempts._insist(task, live, record), len(tries)) == (True, 1)
    assert time.monotonic() - began < 1


def test_an_end_that_can_never_be_recorded_is_not_tried_for_ever(claimed):
    attempts, task, live = claimed
    record, tries = failing(*[PayloadError("odd")] * 100)
    assert (attempts._insist(task, live, record), len(tries)) == (False, 1)


def test_a_lost_lease_is_no_reason_to_insist(claimed):
    attempts, task, live = claimed
    record, tries = failing(StaleError("lost"))
    assert (attempts._insist(task, live, record), len(tries)) == (True, 1)


def test_ctrl_c_in_an_attempt_gives_the_task_back(world, machine):
    number = asked(world)
    world.program(WAITS)
    attempts, seen = world.worker._attempts, []
    world.worker._attempts = type("Caught", (), {"shop": attempts.shop, "run": lambda _, *both: seen.append(both)})()
    world.worker.start()()
    claim, _ = seen[0]

    class Interrupted(LiveRun):
        def confined(self, *_, **__):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempts.run(claim, Interrupted(machine.sandbox, claim.task.id, claim.fence, None))
    assert (world.task(number).state, world.task(number).attempts, world.clean()) == (State.QUEUED, 0, [])
