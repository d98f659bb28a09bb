"""Trouble on demand for API and git requests: which request, how often, what happens to it.

A fault is armed by a person (a test, the demo) and spends itself; nothing here ever happens by chance.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class How(StrEnum):
    """What happens to the request; a status number as text (`"503"`) answers so before acting."""

    LOST_REPLY = "lost reply"  # acted, then the connection is cut
    DROPPED = "dropped"  # not acted, the connection is cut
    LATE_502 = "late 502"  # acted, then 502
    DELAY = "delay"  # acted after `seconds`
    PRIMARY_LIMIT = "primary limit"
    SECONDARY_LIMIT = "secondary limit"
    REVOKE_TOKENS = "revoke tokens"  # every token dies, then the request is answered


@dataclass(slots=True, kw_only=True)
class Fault:
    """One armed fault: skips `skip` matching requests, then strikes `times`."""

    method: str
    path: re.Pattern[str]
    how: str
    skip: int
    times: int
    seconds: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


class Faults:
    """The armed faults, in the order they were armed."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self._lock = threading.Lock()

    def arm(self, fault: Fault) -> None:
        """Add a fault; refuse a word nobody knows."""
        if not re.fullmatch("[1-5][0-9]{2}", fault.how):
            How(fault.how)
        with self._lock:
            self._armed.append(fault)

    def clear(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._armed.clear()

    def armed(self) -> int:
        """Return how many faults have not struck out yet."""
        with self._lock:
            return len(self._armed)

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault for this request, if any, and count it."""
        with self._lock:
            for fault in self._armed:
                if fault.method not in ("*", method) or not fault.path.search(path):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self._armed.remove(fault)
                return fault
        return None
