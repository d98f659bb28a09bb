"""How much an installation may ask: 5,000 requests an hour, 80 content writes a minute and 500 an hour.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from collections import deque
from dataclasses import dataclass, field

from github_app.demo.hub.refusal import RefusedError

HOUR, MINUTE = 3600, 60


@dataclass(slots=True, kw_only=True)
class Bucket:
    """One caller's hour for one resource."""

    started: float
    used: int = 0
    writes: deque[float] = field(default_factory=deque)


class Limits:
    """The counters of every caller."""

    def __init__(self) -> None:
        self.per_hour = 5_000
        self.writes_per_minute = 80
        self.writes_per_hour = 500
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def _bucket(self, caller: str, resource: str, now: float) -> Bucket:
        bucket = self._buckets.get((caller, resource))
        if bucket is None or not bucket.started <= now < bucket.started + HOUR:
            bucket = self._buckets[caller, resource] = Bucket(
                started=float(int(now)), writes=bucket.writes if bucket else deque()
            )
        return bucket

    def headers(self, caller: str, resource: str, now: float) -> dict[str, str]:
        """Return the rate limit headers as they stand."""
        bucket = self._bucket(caller, resource, now)
        return {
            "X-RateLimit-Limit": str(self.per_hour),
            "X-RateLimit-Remaining": str(max(0, self.per_hour - bucket.used)),
            "X-RateLimit-Used": str(bucket.used),
            "X-RateLimit-Reset": str(int(bucket.started + HOUR)),
            "X-RateLimit-Resource": resource,
        }

    def exhaust(self, caller: str, resource: str, now: float) -> None:
        """Use the hour up."""
        self._bucket(caller, resource, now).used = self.per_hour

    def count(self, caller: str, resource: str, now: float) -> None:
        """Count a request; refuse it when the hour is used up."""
        bucket = self._bucket(caller, resource, now)
        if bucket.used >= self.per_hour:
            raise primary(caller)
        bucket.used += 1

    def give_back(self, caller: str, resource: str, now: float) -> None:
        """Take a request back: 304 is free."""
        self._bucket(caller, resource, now).used -= 1

    def count_write(self, caller: str, now: float) -> None:
        """Count a request that makes content; refuse too many."""
        writes = self._bucket(caller, "core", now).writes
        while writes and writes[0] <= now - HOUR:
            writes.popleft()
        if len(writes) >= self.writes_per_hour or sum(at > now - MINUTE for at in writes) >= self.writes_per_minute:
            raise secondary(MINUTE)
        writes.append(now)


def primary(caller: str) -> RefusedError:
    """The hour is used up."""
    return RefusedError(403, f"API rate limit exceeded for {caller}.")


def secondary(retry_after: float | None) -> RefusedError:
    """Too much at once; GitHub does not always say how long to wait."""
    headers = {} if retry_after is None else {"Retry-After": str(int(retry_after))}
    return RefusedError(
        403,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        headers=headers,
    )
