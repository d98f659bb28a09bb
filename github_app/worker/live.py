"""An attempt that runs in this process: how it is stopped from outside, and how its confined programs live and die.

Whoever stops an attempt does so through `stop`; the attempt learns of it at its next step as a StoppedError, and the
program that runs at that moment is killed. `renew` hands the lease on to the guard of that program, which ends it by
itself when the worker freezes or dies.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from github_app.core.confinement import Confinement, Ended, Ending, Sandbox
from github_app.core.names import TaskId
from github_app.errors import RemitError

GUARD_SHARE = 0.8
KILL_SECONDS = 5


class StoppedError(RemitError):
    """The attempt was told to stop; whatever it was about to do must not happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why an attempt was stopped.

    `lost`: the lease is gone and nothing more may be written at all. `drain`: this process ends and gives the task up.
    """

    why: str
    lost: bool = False
    drain: bool = False


FROZEN = Stop(why="the worker did not renew its lease in time", lost=True)


class LiveRun:
    """One attempt of one task under one fence; thread-safe."""

    def __init__(self, sandbox: Sandbox, task_id: TaskId, fence: int, lease_seconds: float | None) -> None:
        self.task_id = task_id
        self.fence = fence
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self._told = threading.Event()
        self._kill: Callable[[], None] | None = None
        self._extend: Callable[[float], None] | None = None
        self._stop: Stop | None = None
        self._until = None if lease_seconds is None else time.monotonic() + lease_seconds * GUARD_SHARE

    @property
    def stopped(self) -> Stop | None:
        """Return why it was told to stop, if it was."""
        return self._stop

    def check(self) -> None:
        """Raise StoppedError when the attempt was told to stop."""
        if self._stop is not None:
            raise StoppedError(self._stop.why)

    def wait(self, seconds: float) -> bool:
        """Wait, but no longer than until it is told to stop; say whether it was."""
        return self._told.wait(seconds)

    def stop(self, stop: Stop) -> None:
        """Stop the attempt and kill what it runs now. The first reason stays; only a lost lease outweighs it.

        Said again it changes nothing: what saves the work after a first stop is not killed by a second one.
        """
        with self._lock:
            if self._stop is not None and (self._stop.lost or not stop.lost):
                return
            self._stop = stop
            self._told.set()
            if self._kill is not None:
                self._kill()

    def renew(self, asked_at: float, lease_seconds: float) -> None:
        """Prolong the run; `asked_at` is the monotonic time before the lease was renewed in the database."""
        with self._lock:
            self._until = asked_at + lease_seconds * GUARD_SHARE
            if self._extend is not None:
                self._extend(max(0.0, self._until - time.monotonic()))

    def confined(self, confinement: Confinement, *, salvage: bool = False) -> Ended:
        """Run a program to its end. Raises StoppedError when the attempt is stopped before or meanwhile.

        `salvage` lets the work be saved after a stop that left the lease in place. A program that the guard ended
        because nobody renewed the lease counts as a lost lease: somebody else may hold the task by now.
        """
        if not salvage:
            self.check()
        running = self._sandbox.start(confinement)
        try:
            with self._lock:
                self._kill, self._extend = running.kill, running.renew
                if self._stop is not None and not (salvage and not self._stop.lost):
                    running.kill()
                elif self._until is not None:
                    running.renew(max(0.0, self._until - time.monotonic()))
            ended = running.wait()
        except BaseException:
            running.kill()
            running.wait(KILL_SECONDS)
            raise
        finally:
            with self._lock:
                self._kill = self._extend = None
        if ended is None:
            raise AssertionError("an unbounded wait came back empty")
        if ended.ending is Ending.LEASE:
            self.stop(FROZEN)
        if not salvage:
            self.check()
        return ended
