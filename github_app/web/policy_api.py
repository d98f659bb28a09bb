"""`POST /api/v1/policy/validate` and `/simulate`: a policy's text is read, or a supposed issue decided under it.

Nothing is stored, and only the server's own policy file is looked at. The same rule as for the pages holds: asked
by a loopback name, from this machine. A browser may only ask from a page of ours; JSON cannot be posted from elsewhere
without asking first. Unknown keys are errors: nothing is accepted that has no effect.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from github_app.core.facts import Ledger
from github_app.core.names import Instant, Mode
from github_app.core.policy import Policy
from github_app.core.suppose import Supposed, decide_supposed, person
from github_app.errors import PolicyError, RemitError
from github_app.policy.layers import Layer, Source
from github_app.policy.problems import UnreadablePolicyError
from github_app.policy.read import read_policy
from github_app.web.pages import HEADERS, is_local

LARGEST: Final = 1 << 20
SECONDS: Final = 10.0
PATH: Final = "policy.yml"
_AT_ONCE: Final = 2  # reading a policy is work for a processor


class _Validate(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    layer: Literal["server", "repository"] = "repository"


class _Counts(msgspec.Struct, forbid_unknown_fields=True):
    pending_repository: int = 0
    pending_installation: int = 0
    requester_last_hour: int = 0
    open_pulls: int = 0
    created_today: int = 0
    deferred_before: int = 0


class _Simulate(msgspec.Struct, forbid_unknown_fields=True):
    labels: list[str]
    text: str | None = None
    layer: Literal["server", "repository"] = "repository"
    by: str = "maintainer"
    author: str = "writer"
    editor: str | None = None
    public: bool = False
    mode: Literal["observe", "propose", "active"] | None = None
    title: str = "A supposed issue"
    body: str | None = None
    body_length: int | None = None
    at: int | None = None  # milliseconds since the epoch
    assigned: bool = False
    linked_pull: bool = False
    counts: _Counts = msgspec.field(default_factory=_Counts)


class _RefusedError(Exception):
    """A request that is not answered; the sentence says why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyApi:
    """Both questions, over the server's own policy texts."""

    server: Sequence[Source]
    turn: asyncio.Semaphore

    @classmethod
    def over(cls, server: Sequence[Source]) -> "PolicyApi":
        """Return the two doors of a server with these policy texts of its own."""
        return cls(server=tuple(server), turn=asyncio.Semaphore(_AT_ONCE))

    async def validate(self, request: Request) -> Response:
        """Say whether a policy's text can be read, and every place where not."""
        return await self._answer(request, self._validated)

    async def simulate(self, request: Request) -> Response:
        """Decide about a supposed issue."""
        return await self._answer(request, self._simulated)

    async def _answer(self, request: Request, work: Callable[[bytes], Response]) -> Response:
        try:
            _from_here(request)
            body = await _body(request)
            async with self.turn:
                return await run_in_threadpool(work, body)
        except _RefusedError as refused:
            return _json({"message": refused.sentence}, refused.status)

    def _validated(self, body: bytes) -> Response:
        asked = _read(body, _Validate)
        try:
            policy = self._policy(asked.text, asked.layer)
        except PolicyError as error:
            return _json({"valid": False, "problems": _problems(error)})
        return _json({"valid": True, "version": policy.version, "mode": str(policy.mode), "rules": len(policy.rules)})

    def _simulated(self, body: bytes) -> Response:
        asked = _read(body, _Simulate)
        try:
            policy = self._policy(asked.text, asked.layer)
        except PolicyError as error:
            return _json({"message": "the policy cannot be read", "problems": _problems(error)}, 422)
        if asked.mode is not None:
            origins = {**policy.origins, "mode": "supposed"}
            policy = replace(policy, mode=Mode(asked.mode), origins=origins)
        try:
            made = decide_supposed(policy, _supposed(asked))
        except RemitError as error:
            return _json({"message": error.sentence, "try": error.hint}, 422)
        return _json({"policy": policy.version, **made.as_json()})

    def _policy(self, text: str | None, layer: str) -> Policy:
        if text is None:
            return read_policy(self.server)
        raw = text.encode("utf-8", "surrogatepass")
        source = Source.of(PATH, raw, sha256(raw).hexdigest()[:12], Layer(layer))
        return read_policy((source,) if source.layer is Layer.SERVER else (*self.server, source))


def _from_here(request: Request) -> None:
    """Refuse whoever does not sit at this machine, and pages of others in the browser of who does."""
    if not is_local(request):
        raise _RefusedError(404, "not found")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise _RefusedError(403, "asked from a page of somebody else")
    if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise _RefusedError(403, "asked from a page of somebody else")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _RefusedError(415, "the body must be application/json")


async def _body(request: Request) -> bytes:
    chunks: list[bytes] = []
    length = 0
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                length += len(chunk)
                if length > LARGEST:
                    raise _RefusedError(413, f"the body may have {LARGEST} bytes")
                chunks.append(chunk)
    except TimeoutError:
        raise _RefusedError(408, "the body came too slowly") from None
    return b"".join(chunks)


def _read(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _RefusedError(400, f"the body cannot be read: {error}") from None


def _supposed(asked: _Simulate) -> Supposed:
    if asked.body is not None and asked.body_length is not None:
        raise RemitError("A description has its own length.", hint="send body or body_length")
    length = 400 if asked.body_length is None else asked.body_length
    if not 0 <= length <= LARGEST or min(msgspec.structs.astuple(asked.counts)) < 0:
        raise RemitError("Lengths and counts are not negative, and lengths are those of an issue.")
    return Supposed(
        labels=tuple(asked.labels),
        now=Instant(time.time_ns() // 1_000_000 if asked.at is None else asked.at),
        by=person(asked.by),
        author=person(asked.author),
        editor=None if asked.editor is None else person(asked.editor),
        private=not asked.public,
        title=asked.title,
        body="x" * length if asked.body is None else asked.body,
        assigned=asked.assigned,
        linked_pull=asked.linked_pull,
        counts=Ledger(**msgspec.structs.asdict(asked.counts)),
    )


def _problems(error: PolicyError) -> list[dict[str, Any]]:
    found = error.problems if isinstance(error, UnreadablePolicyError) else (error,)
    return [
        {"path": one.path, "line": one.line, "column": one.column, "problem": one.problem, "try": one.hint}
        for one in found
    ]


def _json(value: Any, status: int = 200) -> Response:
    return JSONResponse(value, status_code=status, headers=HEADERS)
