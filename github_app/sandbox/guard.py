"""The guard of one run: a small process of ours between Remit and the confined program.

It starts the program, moves its output into files, holds every bound, and answers only when nothing of the run is
alive. It kills the run when Remit dies (its input ends), stops answering (the lease passes) or says so. It keeps
Remit's own account; only the launcher below it changes to the agents'.
"""

import contextlib
import json
import os
import selectors
import time
from collections.abc import Callable
from itertools import pairwise
from typing import NoReturn

from github_app.core.confinement import Ended, Ending
from github_app.sandbox.backends import BACKENDS
from github_app.sandbox.family import become_subreaper, descendants, exterminate
from github_app.sandbox.launch import Report, enter
from github_app.sandbox.meter import memory_over
from github_app.sandbox.order import Order, ended_line
from github_app.sandbox.pipes import Feed, Lines, Spill, read_line
from github_app.sandbox.quota import Quota
from github_app.sandbox.verdict import Verdict, from_shell_code, from_status

_CONTROL = 0
_TICK = 0.05
_WEIGHING = 0.1
_MOST_DESCRIPTORS = 1 << 20


class Guard:
    """One run, from its order to its ending."""

    def __init__(self, order: Order, control: bytes) -> None:
        self._order = order
        self._bounds = order.bounds
        self._backend = BACKENDS[order.backend]
        self._quota = Quota(order.writable, order.bounds.disk_bytes)
        self._selector = selectors.DefaultSelector()
        self._control, self._reports = Lines(control), Lines()
        self._verdict: Verdict | None = None
        self._lease: float | None = None
        self.begun = time.monotonic()

        program_in, feed = os.pipe()
        out, program_out = os.pipe()
        err, program_err = os.pipe()
        if order.account.foreign:
            for descriptor in (program_in, program_out, program_err):  # so that /dev/stderr can be opened by name
                os.fchown(descriptor, order.account.uid, order.account.gid)
        self._report, report = os.pipe()
        life_of_guard, self._our_life = os.pipe()
        self._launcher = os.fork()
        if self._launcher == 0:
            _launch(order, (program_in, program_out, program_err), report, life_of_guard)
        for descriptor in (program_in, program_out, program_err, report, life_of_guard):
            os.close(descriptor)
        self._spill = Spill({out: order.stdout_fd, err: order.stderr_fd}, self._bounds.output_bytes)
        self._feed = Feed(feed, order.stdin)
        self._listen(_CONTROL, self._read_control)
        self._listen(self._report, self._read_report)
        self._listen(os.pidfd_open(self._launcher), self._launcher_ended)
        for source in (out, err):
            self._listen(source, lambda source=source: self._move(source))
        self._selector.register(feed, selectors.EVENT_WRITE, self._pour)

    def watch(self) -> Verdict:
        """Stay with the run until there is a reason to end it; then end it, all of it, and say why."""
        self._quota.watch(os.getpid())
        self._heed(self._control.feed(b""))
        next_weighing = self.begun
        while self._verdict is None:
            now = time.monotonic()
            self._look_at_clocks(now)
            if now >= next_weighing:
                self._weigh()
                next_weighing = now + max(_WEIGHING, 10 * (time.monotonic() - now))
            for key, _ in self._selector.select(_TICK):
                if self._verdict is None:
                    key.data()
        exterminate()
        self._spill.drain()
        if self._spill.overflowed:
            return Verdict(ending=Ending.OUTPUT, note=self._too_much())
        return self._verdict

    def _listen(self, descriptor: int, action: Callable[[], None]) -> None:
        os.set_blocking(descriptor, False)
        self._selector.register(descriptor, selectors.EVENT_READ, action)

    def _end(self, ending: Ending, note: str = "") -> None:
        self._settle(Verdict(ending=ending, note=note))

    def _settle(self, verdict: Verdict) -> None:
        if self._verdict is None:
            self._verdict = verdict

    def _too_much(self) -> str:
        return f"printed more than {self._bounds.output_bytes} bytes"

    def _look_at_clocks(self, now: float) -> None:
        silence = self._bounds.silence_seconds
        if now >= self.begun + self._bounds.wall_seconds:
            self._end(Ending.WALL, f"ran longer than {self._bounds.wall_seconds:g} s")
        elif silence is not None and now >= self._spill.last + silence:
            self._end(Ending.SILENCE, f"printed nothing for {silence:g} s")
        elif self._lease is not None and now >= self._lease:
            self._end(Ending.LEASE, "the lease was not renewed in time")

    def _weigh(self) -> None:
        if self._quota.failure is not None:
            raise self._quota.failure
        if self._quota.breach is not None:
            self._end(Ending.DISK, self._quota.breach)
        elif memory_over(self._weighed(), self._bounds.memory_bytes):
            self._end(Ending.MEMORY, f"used more than {self._bounds.memory_bytes} bytes of memory")

    def _weighed(self) -> list[int]:
        ours = self._launcher if self._backend.reports_ending else None
        return [pid for pid in descendants(os.getpid()) if pid != ours]

    def _move(self, source: int) -> None:
        if not self._spill.move(source):
            self._selector.unregister(source)
        if self._spill.overflowed:
            self._end(Ending.OUTPUT, self._too_much())

    def _pour(self) -> None:
        if not self._feed.pour():
            self._selector.unregister(self._feed.descriptor)
            self._feed.close()

    def _read_control(self) -> None:
        chunk = os.read(_CONTROL, 65536)
        if not chunk:
            self._selector.unregister(_CONTROL)
            self._end(Ending.LEASE, "Remit itself ended")
        self._heed(self._control.feed(chunk))

    def _heed(self, messages: list[object]) -> None:
        for message in messages:
            match message:
                case {"renew": int() | float() as seconds}:
                    self._lease = time.monotonic() + seconds
                case {"kill": True}:
                    self._end(Ending.CANCELLED)

    def _read_report(self) -> None:
        chunk = os.read(self._report, 65536)
        if not chunk:
            self._selector.unregister(self._report)
        for message in self._reports.feed(chunk):
            match message:
                case {"started": True} | {"child-pid": int()}:
                    _answer(self._order.result_fd, {"started": True})
                case {"refused": str(sentence)}:
                    _answer(self._order.result_fd, {"refused": sentence})
                    self._end(Ending.BROKEN, sentence)
                case {"ending": ending, "exit_code": code, "note": note}:
                    self._settle(Verdict(ending=Ending(ending), exit_code=code, note=note))
                case {"exit-code": int(code)}:
                    self._settle(from_shell_code(code))

    def _launcher_ended(self) -> None:
        """Judge by the launcher's own end, unless it has said more on its way."""
        for key in self._selector.select(0):
            if key[0].fd == self._report:
                self._read_report()
        _, status = os.waitpid(self._launcher, 0)
        verdict = from_status(status)
        if self._backend.reports_ending:
            sentence = f"{self._backend.name} itself ended with {verdict.exit_code or verdict.note}"
            _answer(self._order.result_fd, {"refused": sentence})
            verdict = Verdict(ending=Ending.BROKEN, note=sentence)
        self._settle(verdict)


def _launch(order: Order, streams: tuple[int, int, int], report: int, life_of_guard: int) -> NoReturn:
    """In the forked child: keep only what the launcher needs, and go."""
    for descriptor, target in zip(streams, (0, 1, 2), strict=True):
        os.dup2(descriptor, target)
    kept = {0, 1, 2, report, life_of_guard, order.life_fd}
    for below, above in pairwise((*sorted(kept), _MOST_DESCRIPTORS)):
        os.closerange(below + 1, above)
    ends = Report(write_fd=report, guard_fd=life_of_guard, life_fd=order.life_fd)
    enter(order, ends, BACKENDS[order.backend].launch)


def _answer(descriptor: int, message: dict[str, object]) -> None:
    os.write(descriptor, json.dumps(message).encode() + b"\n")


def main() -> NoReturn:
    """Take the order from standard input, guard the run, answer on the result pipe."""
    try:
        line, control = read_line(_CONTROL)
    except EOFError:  # whoever started this is gone before it said what to run: nothing was started
        os._exit(0)
    order = Order.from_line(line)
    for descriptor in (order.stdout_fd, order.stderr_fd, order.result_fd, order.life_fd):
        os.set_inheritable(descriptor, False)
    become_subreaper()
    begun = time.monotonic()
    try:
        verdict = Guard(order, control).watch()
    except Exception as error:  # noqa: BLE001  (the last line of defence: nothing may live, and the answer must say why)
        exterminate()
        verdict = Verdict(ending=Ending.BROKEN, note=f"the guard failed: {type(error).__name__}: {error}")
    seconds = round(time.monotonic() - begun, 3)
    ended = Ended(ending=verdict.ending, exit_code=verdict.exit_code, seconds=seconds, note=verdict.note)
    with contextlib.suppress(BrokenPipeError):  # whoever wanted to know is gone; nothing of the run is alive
        os.write(order.result_fd, ended_line(ended))
    os._exit(0)
