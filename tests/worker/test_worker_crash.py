"""A worker process is killed or frozen at every point that matters; another one finishes, and nothing is doubled."""

import contextlib
import multiprocessing
import os
import signal
import time
import uuid
from pathlib import Path

import pytest
from worker_process import work
from world import server_policy

from github_app.core.names import State

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["worker_process"])
NO_CHECKS = "version: 1\nmode: active\ncaps: {new_per_requester_per_hour: 100}\n"
WAITS = """
if purpose == "work" and not Path("docs/stop-waiting").exists():
    while True:
        Path("docs/beat.md").write_text(str(time.monotonic()))
        time.sleep(0.02)
Path("docs/twice.md").write_text("Paid twice.\\n")
"""
WRITES = ("POST", "PATCH", "PUT", "DELETE")


def until(holds, seconds=20):
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)  # a real process is waited for
    return found


@contextlib.contextmanager
def process(world, *, at="", when="before", number=signal.SIGKILL, serve=False, **changed):
    """Run a worker process beside the world's own; its agents carry a token that is found wherever they went."""
    token = uuid.uuid4().hex
    settings = world.settings
    given = {
        "data_dir": str(settings.data_dir), "database_url": settings.database_url, "github_url": settings.github_url,
        "app_id": settings.app_id, "private_key": settings.private_key.get_secret_value(),
        "webhook_secret": settings.webhook_secret.get_secret_value(), **changed,
    }  # fmt: skip
    policy = server_policy(settings.data_dir.parent, world.agent, settings)
    told = {
        "settings": given, "policy": str(policy), "now": world.clock.instant(), "at": at, "when": when,
        "signal": int(number), "serve": serve, "environment": {"CANARY": token},
    }  # fmt: skip
    over = FORKS.Event()
    running = FORKS.Process(target=work, args=(told, over), daemon=True)
    running.start()
    running.token, running.over = token, over
    try:
        yield running
    finally:
        running.kill()
        running.join()


def ended(running, seconds=40):
    """Wait for a process and return how it ended; minus the number of a signal that killed it."""
    running.join(seconds)
    return running.exitcode


def carriers(token):
    """The processes that carry a token in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if token.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def is_stopped(running):
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


def queued(world):
    world.set_policy(NO_CHECKS)
    number = world.open(labels=("documentation", "remit"))
    world.decide()
    assert world.task(number).state is State.QUEUED
    return number


def assert_done_once(world, number):
    task = world.task(number)
    (pull,) = world.pulls
    branches = world.branches()
    assert (task.state, task.pull_number) == (State.IN_REVIEW, pull.number)
    assert branches == [f"remit/docs/{number}-{task.id}"] == [pull.pull.head]
    assert len([body for body in world.said(number) if "remit:status" in body]) == 1
    assert len([review for review in pull.pull.reviews if "remit:review" in review.body]) == 1
    assert "remit-reviewed" in pull.labels
    assert world.clean() == []
    assert world.patches() == ""


POINTS = {
    "after the claim": ("POST .*graphql", "before", 1),
    "before the push, with the token minted": ('access_tokens.*"contents": ?"write"', "after", 1),
    "after the push, before that is recorded": ("DELETE /api/v3/installation/token", "before", 1),
    "before the pull request": ("POST .*/pulls ", "before", 1),
    "after the pull request, before that is recorded": ("POST .*/pulls ", "after", 1),
    "after the review": ("POST .*/reviews ", "after", 1),
    "while it labels the pull request": ("POST .*/labels .*remit-reviewed", "after", 1),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_at_any_point_is_followed_by_one_that_finishes_without_doing_anything_twice(world, point):
    at, when, agents = POINTS[point]
    number = queued(world)
    with process(world, at=at, when=when) as first:
        assert ended(first) == -signal.SIGKILL
    assert world.task(number).state is State.RUNNING

    world.run()

    assert_done_once(world, number)
    assert len(world.agent_runs()) == agents
    assert carriers(first.token) == []


def test_a_worker_killed_while_it_comments_leaves_one_status_comment(world):
    world.set_policy(NO_CHECKS)
    number = world.open(labels=("documentation", "remit"))
    world.hub.settle()
    with process(world, at="POST .*/comments ", when="after") as first:
        assert ended(first) == -signal.SIGKILL
    world.clock.advance(minutes=5)

    world.run()

    assert_done_once(world, number)


def test_a_worker_killed_while_the_agent_runs_leaves_no_process_and_no_worktree(world):
    number = queued(world)
    world.program(WAITS)
    with process(world) as first:
        until(lambda: list(world.shop.work_dir.glob("runs/*/tree/docs/beat.md")))
        assert carriers(first.token) != []
    until(lambda: carriers(first.token) == [], 5)
    world.program(WAITS.replace("while True", "if False"))

    world.run()

    assert_done_once(world, number)
    assert [line for line in world.reasons(number) if line == "attempt.interrupted"] == ["attempt.interrupted"]


FREEZES = {
    "before it may push": ('access_tokens.*"contents": ?"write"', 0),
    "after the push": ("DELETE /api/v3/installation/token", 0),
    "as it opens the pull request": ("POST .*/pulls ", 1),
}


@pytest.mark.parametrize("point", FREEZES)
def test_a_worker_frozen_beyond_its_lease_writes_nothing_but_what_was_on_its_way(world, point):
    at, under_way = FREEZES[point]
    number = queued(world)
    with process(world, at=at, number=signal.SIGSTOP) as first:
        until(lambda: is_stopped(first), 40)
        world.clock.advance(minutes=2)
        world.run()
        before = writes(world)
        os.kill(first.pid, signal.SIGCONT)
        assert ended(first) == 0
    later = [line for line in writes(world)[len(before) :] if "access_tokens" not in line]
    assert len([line for line in later if "/installation/token" not in line]) <= under_way
    assert not [line for line in later if "git-receive-pack" in line]
    world.run()
    (pull,) = world.pulls
    assert len(world.branches()) == 1
    assert (world.task(number).state, world.task(number).pull_number) == (State.IN_REVIEW, pull.number)


def writes(world):
    calls = [f"{call.method} {call.path}" for call in world.hub.calls if call.method in WRITES]
    return [line for line in calls if "graphql" not in line]


def test_the_agent_of_a_frozen_worker_dies_with_the_lease_and_the_frozen_one_publishes_nothing(world):
    number = queued(world)
    world.program(WAITS)
    with process(world, lease_seconds=2) as first:
        until(lambda: list(world.shop.work_dir.glob("runs/*/tree/docs/beat.md")))
        os.kill(first.pid, signal.SIGSTOP)
        until(lambda: carriers(first.token) == [], 6)
        world.clock.advance(minutes=2)
        world.program(WAITS.replace("while True", "if False"))
        world.run()
        before = len(writes(world))
        os.kill(first.pid, signal.SIGCONT)
        assert ended(first) == 0
    assert len(writes(world)) == before
    assert_done_once(world, number)


def test_a_process_that_ends_gives_its_task_back_and_the_next_one_finishes_it(world):
    number = queued(world)
    world.program(WAITS)
    with process(world, serve=True) as first:
        until(lambda: list(world.shop.work_dir.glob("runs/*/tree/docs/beat.md")))
        began = time.monotonic()
        first.over.set()
        assert ended(first, 15) == 0
        assert time.monotonic() - began < 8
    task = world.task(number)
    assert (task.state, task.attempts) == (State.QUEUED, 0)
    assert world.clean() == []
    assert carriers(first.token) == []
    assert "beat.md" in world.patches()

    world.program(WAITS.replace("while True", "if False"))
    world.run()
    assert world.task(number).state is State.IN_REVIEW
