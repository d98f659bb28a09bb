"""The worker: four things done for ever, each by threads of its own, and each also as one step for whoever drives it.

`handle` turns deliveries into decisions, `perform` brings effects about, `start` runs attempts, `tick` does what time
brings, `tidy` removes what crashes and time have left. A process that ends stops claiming first, then gives its tasks
back; what does not end within its patience is left to its lease.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from github_app.core.names import TaskId
from github_app.errors import RemitError
from github_app.log import get_log
from github_app.store import backlog, outbox
from github_app.store.lease import claim, heartbeat
from github_app.store.presence import WorkerId
from github_app.store.rescue import expire_approvals, free_taken, reap, remind_approvals
from github_app.store.session import Database
from github_app.store.waiting import wake_all
from github_app.worker.attempt import Attempts
from github_app.worker.handle import Handler
from github_app.worker.live import LiveRun, Stop
from github_app.worker.perform import Performer

log = get_log("worker")
POLL_SECONDS = 0.2
TICK_SECONDS = 1.0
SLOW_TICK_SECONDS = 20.0
TIDY_SECONDS = 600.0
LANES = 4
LOST = Stop(why="the lease was lost", lost=True)
DRAINED = Stop(why="Remit is being stopped; the task is queued again.", drain=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much at once and how long a lease is (milliseconds)."""

    runners: int
    lease: int


class Worker:
    """One worker process's share of the work."""

    def __init__(
        self,
        *,
        db: Database,
        identity: WorkerId,
        handler: Handler,
        performer: Performer,
        attempts: Attempts,
        sweep: Callable[[], None],
        pace: Pace,
    ) -> None:
        self.db = db
        self.identity = identity
        self._handler = handler
        self._performer = performer
        self._attempts = attempts
        self._sweep = sweep
        self._pace = pace
        self._live: dict[TaskId, LiveRun] = {}
        self._gate = threading.Lock()
        self._stopping = threading.Event()
        self._paused = threading.Event()
        self._nudges = [threading.Event() for _ in range(3)]
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._runs: set[threading.Thread] = set()
        self._pools: list[ThreadPoolExecutor] = []
        self._slow_due = 0.0
        self._tidy_due = time.monotonic() + TIDY_SECONDS

    # one step of each kind

    def handle(self, pool: ThreadPoolExecutor | None = None) -> int:
        """Handle what is due; returns how many deliveries were taken."""
        batches = backlog.take(self.db, by=self.identity)
        if pool is None:
            for batch in batches:
                self._handler.handle(batch)
        else:
            _wait([pool.submit(self._handler.handle, batch) for batch in batches])
        return sum(len(batch.deliveries) for batch in batches)

    def perform(self, pool: ThreadPoolExecutor | None = None) -> int:
        """Perform what is due, one effect for each installation; returns how many."""
        effects = outbox.due(self.db, by=self.identity)
        if pool is None:
            for effect in effects:
                self._performer.perform(effect)
        else:
            _wait([pool.submit(self._performer.perform, effect) for effect in effects])
        return len(effects)

    def start(self) -> Callable[[], None] | None:
        """Claim a task and return what makes its attempt; None when nothing may start now."""
        if self._stopping.is_set() or self._paused.is_set():
            return None
        asked_at = time.monotonic()
        claimed = claim(self.db, self.identity, lease=self._pace.lease)
        if claimed is None:
            return None
        live = LiveRun(self._attempts.shop.sandbox, claimed.task.id, claimed.fence, self._pace.lease / 1000)
        live.renew(asked_at, self._pace.lease / 1000)

        def attempt() -> None:
            with self._gate:
                self._live[claimed.task.id] = live
                stopping = self._stopping.is_set()
            if stopping:  # `stop` has looked already at what runs
                live.stop(DRAINED)
            try:
                self._attempts.run(claimed, live)
            finally:
                with self._gate:
                    self._live.pop(claimed.task.id, None)
                self.nudge()

        return attempt

    def tick(self) -> None:
        """Renew leases, learn of cancellations, take back what others lost; now and then look at what waits."""
        self._beat()
        if free_taken(self.db, self.identity):
            self.nudge()
        for rescued in reap(self.db, self.identity):
            log.warning("task.rescued", task=rescued.task.id, state=str(rescued.task.state))
            with self._gate:
                live = self._live.get(rescued.task.id)
            if live is not None and live.fence == rescued.fence:
                live.stop(LOST)
            self._tidy_due = 0.0  # the dead have left their worktrees
        if time.monotonic() >= self._slow_due:
            self._slow_due = time.monotonic() + SLOW_TICK_SECONDS
            expire_approvals(self.db)
            remind_approvals(self.db)
            wake_all(self.db)

    def _beat(self) -> None:
        with self._gate:
            live = dict(self._live)
        if not live:
            return
        asked_at = time.monotonic()
        found = heartbeat(self.db, {task_id: run.fence for task_id, run in live.items()}, lease=self._pace.lease)
        for task_id, run in live.items():
            if task_id in found.cancelled:
                run.stop(Stop(why="the task was cancelled"))
            elif task_id in found.lost:
                run.stop(LOST)
            else:
                run.renew(asked_at, self._pace.lease / 1000)

    def tidy(self) -> None:
        """Remove what dead runs left on this machine, and patches and logs that are too old; now and then."""
        if time.monotonic() < self._tidy_due:
            return
        self._tidy_due = time.monotonic() + TIDY_SECONDS
        self._sweep()
        forgotten = self._attempts.shop.forget_old(time.time())
        if forgotten:
            log.info("tidy.forgotten", files=forgotten)

    # driven by hand

    def run_until_idle(self, *, seconds: float = 120) -> None:
        """Do everything that is due, in this thread, until nothing is. Raises RemitError when that takes too long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.tick()
            self.tidy()
            moved = self.handle() + self.perform()
            attempt = self.start()
            if attempt is not None:
                with self._beating():
                    attempt()
            elif not moved:
                return
        raise RemitError(f"the worker was not idle within {seconds:g} s")

    @contextlib.contextmanager
    def _beating(self) -> Generator[None]:
        """Renew leases beside an attempt that this thread makes."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(TICK_SECONDS):
                _surviving(self._beat)

        thread = threading.Thread(target=beat, name="remit-beat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    # as a process

    def begin(self) -> None:
        """Start the threads."""
        self._tidy_due = 0.0
        _surviving(self.tidy)  # before anything runs; what cannot be removed must not keep the worker from its work
        self._pools = [ThreadPoolExecutor(LANES, thread_name_prefix=name) for name in ("handle", "perform")]
        handling, performing = self._pools
        free = threading.Semaphore(self._pace.runners)
        self._spawn("handle", lambda: self._loop(0, lambda: self.handle(handling)))
        self._spawn("perform", lambda: self._loop(1, lambda: self.perform(performing)))
        self._spawn("runs", lambda: self._loop(2, lambda: self._launch(free)))
        self._spawn("tidy", self._tidying)
        self._spawn("clock", self._clock)

    def stop(self, *, patience: float = 20) -> None:
        """End: claim nothing more, give back what runs, finish what is being handled. `patience` in seconds.

        What has not ended by then is left alone: its lease is renewed no more, and its guard ends what it runs.
        """
        self._stopping.set()
        self.nudge()
        with self._gate:
            live = list(self._live.values())
        for run in live:
            run.stop(DRAINED)
        until = time.monotonic() + patience
        # "runs" first: after it, no thread for an attempt is made any more
        for thread in sorted(self._threads, key=lambda thread: thread.name != "remit-runs"):
            if thread.name != "remit-clock":
                thread.join(max(0.0, until - time.monotonic()))
        with self._gate:
            runs = list(self._runs)
        for thread in runs:
            thread.join(max(0.0, until - time.monotonic()))
        self._over.set()
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        left = [thread.name for thread in (*self._threads, *runs) if thread.is_alive() and thread.name != "remit-clock"]
        if left:
            log.warning("worker.left", threads=sorted(left), patience=patience)
        self._threads.clear()

    def pause(self) -> None:
        """Start no attempts until `resume`; everything else goes on."""
        self._paused.set()

    def resume(self) -> None:
        """Start attempts again."""
        self._paused.clear()
        self.nudge()

    def nudge(self) -> None:
        """Say that there is something to do, so that nobody waits for the next poll."""
        for event in self._nudges:
            event.set()

    def _launch(self, free: threading.Semaphore) -> int:
        if not free.acquire(blocking=False):
            return 0
        launched = False
        try:
            attempt = self.start()
            if attempt is None:
                return 0
            thread = threading.Thread(target=self._run, args=(attempt, free), name="remit-run", daemon=True)
            thread.start()
            launched = True
        finally:
            if not launched:
                free.release()
        return 1

    def _run(self, attempt: Callable[[], None], free: threading.Semaphore) -> None:
        with self._gate:
            self._runs.add(threading.current_thread())
        try:
            attempt()
        except Exception:
            log.exception("attempt.thread_died")
        finally:
            free.release()
            with self._gate:
                self._runs.discard(threading.current_thread())
            self.nudge()

    def _loop(self, index: int, step: Callable[[], int]) -> None:
        nudge = self._nudges[index]
        while not self._stopping.is_set():
            nudge.clear()
            if _surviving(step):
                self.nudge()
            else:
                nudge.wait(POLL_SECONDS)

    def _clock(self) -> None:
        """Tick, and while the process ends go on as long as something runs and somebody waits for it."""
        while not self._over.is_set() and (not self._stopping.is_set() or self._live):
            _surviving(self.tick)
            self._over.wait(TICK_SECONDS)

    def _tidying(self) -> None:
        while not self._stopping.is_set():
            _surviving(self.tidy)
            self._stopping.wait(TICK_SECONDS)

    def _spawn(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=f"remit-{name}", daemon=True)
        thread.start()
        self._threads.append(thread)


def _surviving(step: Callable[[], int | None]) -> int:
    """Do a step; when the database or a fault of ours breaks it, say so and go on later."""
    try:
        return step() or 0
    except Exception:
        log.exception("worker.step_failed")
        time.sleep(1)
        return 0


def _wait(futures: list[Future[None]]) -> None:
    for future in futures:
        future.result()
