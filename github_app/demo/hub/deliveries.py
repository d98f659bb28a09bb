"""The post office: webhooks go out one after the other from one thread, signed, and every try is in the log.

As on GitHub a failed delivery is not sent again by itself, a redelivery keeps its GUID and gets an id of its own, and
the receiver has 10 seconds. Deliveries can be held, permuted, dropped and doubled on demand.
https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

import hashlib
import hmac
import http.client
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

TIMEOUT = 10.0
KEPT = 3 * 86_400


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One try to deliver an event to an app; `status_code` is 0 until it was tried."""

    id: int
    guid: str
    app_id: int
    event: str
    action: str | None
    installation_id: int | None
    repository_id: int | None
    url: str
    payload: str
    secret: str
    redelivery: bool = False
    delivered: float = 0.0
    duration: float = 0.0
    status: str = "pending"
    status_code: int = 0
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""

    def headers(self) -> dict[str, str]:
        """Return the request's headers."""
        raw = self.payload.encode()
        return {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/0a1b2c3",
            "X-GitHub-Delivery": self.guid,
            "X-GitHub-Event": self.event,
            "X-GitHub-Hook-ID": str(self.app_id + 400_000_000),
            "X-GitHub-Hook-Installation-Target-ID": str(self.app_id),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
            "X-Hub-Signature": "sha1=" + hmac.new(self.secret.encode(), raw, hashlib.sha1).hexdigest(),
            "X-Hub-Signature-256": "sha256=" + hmac.new(self.secret.encode(), raw, hashlib.sha256).hexdigest(),
        }


def _read_log(log: Path) -> list[Delivery]:
    """Return the deliveries, each as it was written last; a line that a crash tore is cut off."""
    whole, _, torn = log.read_bytes().rpartition(b"\n")
    if torn:
        with log.open("r+b") as file:
            file.truncate(len(whole) + 1 if whole else 0)
    found: dict[int, Delivery] = {}
    for line in whole.splitlines():
        one = msgspec.json.decode(line, type=Delivery)
        found[one.id] = one
    return list(found.values())


class PostOffice:
    """The queue, the sender thread and the log."""

    def __init__(self, *, clock: Callable[[], float], log: Path | None) -> None:
        self._clock = clock
        self._file = log
        self._waiting: deque[Delivery] = deque()
        self._held: list[Delivery] | None = None
        self._busy = False
        self._stopping = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._lose: deque[bool] = deque()
        self._double = 0
        self.log: list[Delivery] = []
        if log is not None:
            log.touch(mode=0o600)
            self.log = _read_log(log)
            self._waiting.extend(one for one in self.log if one.status == "pending")

    def start(self) -> None:
        """Begin to deliver."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="hub-deliveries", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the delivery under way; what waits stays waiting."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join(TIMEOUT + 1)
            self._thread = None

    def record(self, deliveries: Sequence[Delivery]) -> None:
        """Put deliveries into the log before anything of the change that caused them is acknowledged."""
        if deliveries:
            with self._changed:
                self.log.extend(deliveries)
                self._write(deliveries)

    def send(self, deliveries: Iterable[Delivery]) -> None:
        """Queue recorded deliveries, or hold them when the post is held."""
        with self._changed:
            (self._waiting if self._held is None else self._held).extend(deliveries)
            self._changed.notify_all()

    def hold(self) -> None:
        """Keep what is caused from now on until `release`."""
        with self._changed:
            if self._held is None:
                self._held = []

    def release(self, order: Callable[[list[Delivery]], Sequence[Delivery]]) -> list[Delivery]:
        """Send what was held, in the given order (leaving out loses, repeating doubles); return what was sent."""
        with self._changed:
            going = list(order(self._held or []))
            for lost in [one for one in self._held or [] if all(one is not kept for kept in going)]:
                self._fail(lost, "failed to connect to host", 502)
            self._held = None
            self._waiting.extend(going)
            self._changed.notify_all()
            return going

    def held(self) -> list[Delivery]:
        """Return what is being held."""
        with self._changed:
            return list(self._held or [])

    def lose(self, pattern: Iterable[bool]) -> None:
        """Lose the next deliveries where the pattern says True; they stay in the log as failed."""
        with self._changed:
            self._lose.extend(pattern)

    def double(self, count: int) -> None:
        """Send each of the next deliveries twice, with the same GUID."""
        with self._changed:
            self._double += count

    def settle(self, timeout: float) -> bool:
        """Wait until nothing is queued or under way; say whether it came to that."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._waiting or self._busy:
                if not self._changed.wait(deadline - time.monotonic()):
                    return False
            return True

    def redelivery(self, delivery: Delivery, number: int) -> Delivery:
        """Return a new try of a delivery: same GUID, id of its own."""
        return replace(
            delivery, id=number, redelivery=True, status="pending", status_code=0, response_headers={}, response_body=""
        )

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._stopping:
                    self._changed.wait()
                if self._stopping:
                    return
                delivery = self._waiting.popleft()
                self._busy = True
                lost = bool(self._lose) and self._lose.popleft()
                doubled = self._double > 0 and not lost
                self._double -= doubled
            try:
                if lost:
                    self._fail(delivery, "failed to connect to host", 502)
                else:
                    for _ in range(1 + doubled):
                        self._post(delivery)
            finally:
                with self._changed:
                    self._write([delivery])
                    self._busy = False
                    self._changed.notify_all()

    def _fail(self, delivery: Delivery, status: str, code: int) -> None:
        delivery.delivered = self._clock()
        delivery.status, delivery.status_code = status, code

    def _post(self, delivery: Delivery) -> None:
        address = urlsplit(delivery.url)
        secure = address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        began = time.monotonic()
        target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        try:
            connection = kind(address.hostname or "", address.port, timeout=TIMEOUT)
            try:
                connection.request("POST", target, delivery.payload.encode(), delivery.headers())
                answer = connection.getresponse()
                body = answer.read(64 * 1024)
            finally:
                connection.close()
        except TimeoutError:
            self._fail(delivery, "timed out", 504)
        except (OSError, http.client.HTTPException):
            self._fail(delivery, "failed to connect to host", 502)
        else:
            good = 200 <= answer.status < 300
            self._fail(delivery, "OK" if good else f"Invalid HTTP Response: {answer.status}", answer.status)
            delivery.response_headers = dict(answer.getheaders())
            delivery.response_body = body.decode(errors="replace")
        delivery.duration = time.monotonic() - began

    def _write(self, deliveries: Iterable[Delivery]) -> None:
        if self._file is not None:
            with self._file.open("ab") as file:
                file.write(b"".join(msgspec.json.encode(one) + b"\n" for one in deliveries))
