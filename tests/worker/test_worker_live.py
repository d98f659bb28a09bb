"""An attempt that is stopped: what runs is killed, what was done is kept, what must not happen does not."""

import os
import signal
import threading
import time
from dataclasses import replace

import pytest

from github_app.core.confinement import Bounds, Confinement, Ending
from github_app.core.policy import Checks
from github_app.errors import GitError, SandboxError
from github_app.worker.build import build
from github_app.worker.live import FROZEN, LiveRun, Stop, StoppedError

CANCELLED, DRAIN, LOST = Stop(why="cancelled"), Stop(why="drained", drain=True), Stop(why="lost", lost=True)
BEATS = "echo half >docs/half.md; while :; do date +%N >docs/beat.md; sleep 0.02; done"


def until(holds, seconds=20):
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)  # a real process is waited for
    return found


@pytest.fixture
def live(machine):
    return LiveRun(machine.sandbox, 1, 1, None)


@pytest.fixture
def room(place, machine):
    room = place / "room"
    room.mkdir()
    machine.sandbox.adopt(room)
    return room


@pytest.fixture
def program(place, room, machine):
    """Return what makes a confined shell script that works in a room of its own."""

    def make(script):
        env = {"PATH": machine.search_path}
        return Confinement(
            argv=("sh", "-c", script), cwd=room, stdout=place / "out", stderr=place / "err", writable=(room,), env=env,
            bounds=Bounds(wall_seconds=60, silence_seconds=None),
        )  # fmt: skip

    return make


def once(seen, act):
    """Do something in a thread as soon as something is seen."""

    def wait():
        until(seen)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_run_that_was_stopped_before_starts_nothing(live, program, room):
    live.stop(CANCELLED)
    with pytest.raises(StoppedError, match="cancelled"):
        live.confined(program("touch began"))
    assert not (room / "began").exists()


def test_a_program_is_killed_the_moment_its_run_is_stopped(live, program, room):
    thread = once((room / "began").exists, lambda: live.stop(CANCELLED))
    began = time.monotonic()
    with pytest.raises(StoppedError, match="cancelled"):
        live.confined(program("trap '' TERM; touch began; sleep 50"))
    assert time.monotonic() - began < 10
    thread.join()


def test_a_stop_after_the_end_of_a_program_is_heard_at_the_next_step(live, program):
    assert live.confined(program("true")).ok
    live.check()
    live.stop(CANCELLED)
    with pytest.raises(StoppedError):
        live.check()


def test_the_first_reason_stays_and_only_a_lost_lease_outweighs_it(live):
    for stop in (CANCELLED, DRAIN):
        live.stop(stop)
        assert live.stopped == CANCELLED
    live.stop(LOST)
    live.stop(CANCELLED)
    assert live.stopped == LOST


def test_saving_the_work_is_not_killed_by_the_same_stop_said_again(live, program, room):
    live.stop(CANCELLED)
    thread = once((room / "began").exists, lambda: (live.stop(CANCELLED), live.stop(DRAIN)))
    ended = live.confined(program("touch began; sleep 0.5; touch saved"), salvage=True)
    thread.join()
    assert (ended.ok, (room / "saved").exists()) == (True, True)


def test_saving_the_work_ends_with_the_lease(live, program, room):
    live.stop(CANCELLED)
    thread = once((room / "began").exists, lambda: live.stop(LOST))
    assert live.confined(program("touch began; sleep 50"), salvage=True).ending is Ending.CANCELLED
    thread.join()


def test_nothing_is_saved_after_the_lease_is_lost(live, program):
    live.stop(LOST)
    assert live.confined(program("sleep 50"), salvage=True).ending is Ending.CANCELLED


def test_a_program_whose_lease_nobody_renews_ends_and_counts_as_a_lost_lease(machine, program):
    live = LiveRun(machine.sandbox, 1, 1, 1.0)
    with pytest.raises(StoppedError):
        live.confined(program("sleep 50"))
    assert live.stopped == FROZEN


def test_a_program_whose_lease_is_renewed_goes_on(machine, program, room):
    live = LiveRun(machine.sandbox, 1, 1, 1.0)
    thread = once((room / "began").exists, lambda: live.renew(time.monotonic(), 60))
    assert live.confined(program("touch began; sleep 1.2")).ok
    thread.join()


def test_whoever_presses_ctrl_c_kills_the_program_too(live, program, room):
    thread = once((room / "began").exists, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        live.confined(program("touch began; while :; do date +%N >beat; sleep 0.02; done"))
    thread.join()
    beat = (room / "beat").read_bytes()
    with pytest.raises(AssertionError):
        until(lambda: (room / "beat").read_bytes() != beat, 0.3)


def test_waiting_ends_when_the_run_is_stopped(live):
    assert live.wait(0.01) is False
    live.stop(DRAIN)
    assert live.wait(60) is True


def stopped_while(bench, stop, **given):
    """Build, stop as soon as the agent has begun, and return the order."""
    order = bench.order(BEATS, category="docs", **given)
    live = bench.live(order)
    seen = bench.shop.work_dir / "runs" / order.run_id / "tree" / "docs" / "beat.md"
    thread = once(seen.exists, lambda: live.stop(stop))
    with pytest.raises(StoppedError), build(order, bench.shop, live, lambda _: None):
        pass
    thread.join()
    assert bench.left() == []
    return order


@pytest.mark.parametrize("stop", [CANCELLED, DRAIN])
def test_the_work_of_a_stopped_agent_is_kept_as_a_patch_and_its_worktree_goes(bench, stop):
    order = stopped_while(bench, stop)
    patch = bench.shop.patches / f"{order.run_id}.patch"
    assert "+half" in patch.read_text()
    assert oct(patch.stat().st_mode & 0o777) == "0o600"


def test_nothing_is_kept_of_an_agent_whose_lease_was_lost(bench):
    stopped_while(bench, LOST)
    assert not bench.shop.patches.exists()


def test_the_work_is_kept_when_the_stop_comes_while_it_is_proved(bench):
    order = bench.order("echo whole >docs/whole.md", category="docs",
                        checks=Checks(check={"slow": ("sh", "-c", "touch began; sleep 50")}))  # fmt: skip
    live = bench.live(order)
    seen = bench.shop.work_dir / "runs" / f"{order.run_id}-result" / "tree" / "began"
    thread = once(seen.exists, lambda: live.stop(CANCELLED))
    with pytest.raises(StoppedError), build(order, bench.shop, live, lambda _: None):
        pass
    thread.join()
    assert bench.left() == []
    assert "+whole" in (bench.shop.patches / f"{order.run_id}.patch").read_text()


def test_a_failed_agent_leaves_its_patch(bench):
    built = bench.build("echo half >docs/half.md; exit 5", category="docs")
    assert built.report.outcome == "failed"
    assert "+half" in (bench.shop.patches / "1-1-1.patch").read_text()


def test_what_breaks_while_it_is_proved_still_leaves_no_worktree(bench):
    order = bench.order("echo x >docs/a.md", category="docs")
    broken = replace(bench.shop, logs=bench.place / "closed")
    (bench.place / "closed").mkdir()
    (bench.place / "closed" / order.run_id).mkdir()
    (bench.place / "closed" / order.run_id / "result.suite").mkdir()  # where the log should go
    with pytest.raises((GitError, SandboxError, OSError)), build(order, broken, bench.live(order), lambda _: None):
        pass
    assert bench.left() == []


def test_two_attempts_work_on_one_mirror_at_the_same_time(bench):
    base = bench.commit()
    orders = [bench.order(f"echo {n} >docs/{n}.md", category="docs", base=base) for n in range(3)]
    heads = []

    def attempt(order):
        with build(order, bench.shop, bench.live(order), lambda _: None) as built:
            heads.append(bench.mirror.changed_since(base, built.head))

    threads = [threading.Thread(target=attempt, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(heads) == [("docs/0.md",), ("docs/1.md",), ("docs/2.md",)]
    assert bench.left() == []


def test_patches_go_after_a_week_and_logs_after_a_month(bench):
    shop, now = bench.shop, 10_000_000_000.0
    shop.save_patch("old", b"x")
    shop.save_patch("new", b"x")
    for name, age in (("older", 31), ("newer", 29)):
        (shop.logs / name).mkdir(parents=True)
        (shop.logs / name / "work.out").touch()
        os.utime(shop.logs / name, (now - age * 86_400,) * 2)
    os.utime(shop.patches / "old.patch", (now - 8 * 86_400,) * 2)
    os.utime(shop.patches / "new.patch", (now - 6 * 86_400,) * 2)

    assert shop.forget_old(now) == 2
    assert [path.name for path in shop.patches.iterdir()] == ["new.patch"]
    assert [path.name for path in shop.logs.iterdir()] == ["newer"]
