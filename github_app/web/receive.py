"""The door: one webhook delivery becomes one durable row, or nothing.

Nothing is parsed before the signature over the raw bytes is right. 202 is only said after the commit. What is refused
leaves no trace but a counter. https://docs.github.com/en/webhooks/using-webhooks/handling-webhook-deliveries
"""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from github_app.core.names import Instant
from github_app.errors import PayloadError, RemitError
from github_app.github.webhook import NotOurs, head, verify
from github_app.log import get_log
from github_app.store.inbox import InboxWriter, NewDelivery

log = get_log("receive")

MAX_BODY: Final = 25 << 20
RECEIPT_SECONDS: Final = 10.0
LARGE: Final = 1 << 20
LARGE_AT_ONCE: Final = 8
BODY_WAS_READ: Final = frozenset({401, 503})
_GUID = re.compile(r"[A-Za-z0-9-]{1,64}")
_EVENT = re.compile(r"[a-z_]{1,60}")


class _RefusedError(Exception):
    """A delivery that is refused; the counter's name and the status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Receiver:
    """Takes deliveries for as long as its inbox writer runs. `counts` has one number for each ending.

    `recorded` is called when what was recorded is due, in the event loop's thread: it must not block.
    """

    def __init__(
        self,
        inbox: InboxWriter,
        secrets: Sequence[bytes],
        *,
        now: Callable[[], Instant],
        burst_milliseconds: int,
        recorded: Callable[[], None] | None = None,
        receipt_seconds: float = RECEIPT_SECONDS,
    ) -> None:
        self._inbox = inbox
        self._secrets = tuple(secrets)
        self._now = now
        self._burst = burst_milliseconds
        self._recorded = recorded
        self._receipt_seconds = receipt_seconds
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self.counts: Counter[str] = Counter()

    async def receive(self, request: Request) -> Response:
        """Answer one POST of GitHub."""
        try:
            return await self._receive(request)
        except _RefusedError as refused:
            self.counts[refused.why] += 1
            close = None if refused.status in BODY_WAS_READ else {"Connection": "close"}
            return JSONResponse({"message": refused.why.replace("_", " ")}, status_code=refused.status, headers=close)
        except ClientDisconnect:
            self.counts["aborted"] += 1
            return Response(status_code=400)

    async def _receive(self, request: Request) -> Response:
        event, guid = _headers(request)
        async with contextlib.AsyncExitStack() as room:
            return await self._record(request, event, guid, await self._body(request, room))

    async def _record(self, request: Request, event: str, guid: str, body: bytes) -> Response:
        signatures = [value for name, value in request.headers.raw if name == b"x-hub-signature-256"]
        key = verify(signatures, body, self._secrets)
        if key is None:
            raise _RefusedError(401, "bad_signature")
        self.counts[f"signed_with_secret_{key}"] += 1
        try:
            filed = head(event, body)
        except PayloadError:
            raise _RefusedError(400, "payload_does_not_fit_the_event") from None
        if isinstance(filed, NotOurs):
            self.counts["ignored"] += 1
            return JSONResponse({"message": "ignored", "reason": filed.reason}, status_code=202)
        now = self._now()
        delivery = NewDelivery(
            guid=guid,
            event=event,
            action=filed.action,
            installation_id=filed.installation_id,
            repository_id=filed.repository_id,
            number=filed.number,
            sender_id=filed.sender_id,
            body=body,
            received_at=now,
            due_at=Instant(now + self._burst) if event == "issues" else now,
        )
        try:
            recorded = await asyncio.wrap_future(self._inbox.submit(delivery))
        except Exception as error:  # whatever it was: it is not stored, so it must not be acknowledged
            log.critical("delivery.not_stored", delivery=guid, kind=event, why=_why(error))
            raise _RefusedError(503, "could_not_be_stored_send_it_again") from error
        self.counts[f"recorded_{recorded}"] += 1
        if self._recorded is not None:
            wait = max(0, (delivery.due_at or now) - now) / 1000
            asyncio.get_running_loop().call_later(wait, self._recorded)
        return JSONResponse({"message": str(recorded)}, status_code=202)

    async def _body(self, request: Request, room: contextlib.AsyncExitStack) -> bytes:
        """Read at most `MAX_BODY` bytes within the seconds given; uvicorn itself would wait for ever.

        Of large bodies only so many are in memory at once; `room` gives the place back.
        """
        chunks: list[bytes] = []
        length = held = 0
        try:
            async with asyncio.timeout(self._receipt_seconds):
                async for chunk in request.stream():
                    length += len(chunk)
                    if length > MAX_BODY:
                        raise _RefusedError(413, "too_large")
                    if length > LARGE and not held:
                        held = await room.enter_async_context(_one_of(self._large))
                    chunks.append(chunk)
        except TimeoutError:
            raise _RefusedError(408, "too_slow") from None
        return b"".join(chunks)


@contextlib.asynccontextmanager
async def _one_of(places: asyncio.Semaphore) -> AsyncGenerator[int]:
    async with places:
        yield 1


def _why(error: Exception) -> str:
    """Say what the database said, without the statement's values: they are the delivery."""
    if isinstance(error, RemitError):
        return error.sentence
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _headers(request: Request) -> tuple[str, str]:
    """Return the event's name and the delivery's guid, or refuse what cannot be a delivery of GitHub."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _RefusedError(415, "not_json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _RefusedError(415, "encoded_body")
    event, guid = request.headers.get("x-github-event", ""), request.headers.get("x-github-delivery", "")
    if not _EVENT.fullmatch(event) or not _GUID.fullmatch(guid):
        raise _RefusedError(400, "no_delivery_headers")
    if _declared_length(request) > MAX_BODY:
        raise _RefusedError(413, "too_large")
    return event, guid


def _declared_length(request: Request) -> int:
    declared = request.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit() or len(declared) > 18:
        raise _RefusedError(400, "bad_length")
    return int(declared)
