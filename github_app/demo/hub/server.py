"""The doors: REST, GraphQL, git and pages behind one ASGI application.

Every API request passes the same stations: fault, credentials, limits, route, log. Work is done in threads so that a
delay on one request holds up no other.
"""

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from github_app.demo.hub import (
    apps,
    credentials,
    githttp,
    limits,
    pages,
    rest_apps,
    rest_issues,
    rest_pulls,
    rest_repositories,
)
from github_app.demo.hub.call import Answer, Call, find_route, parsed_body
from github_app.demo.hub.faults import Fault, How
from github_app.demo.hub.records import App, Installation, Repository, Token
from github_app.demo.hub.refusal import RefusedError, not_found
from github_app.demo.hub.world import Actor, World

GIT_PATH = re.compile(r"/([^/]+/[^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")
PAGE_PATH = re.compile(r"/([^/]+/[^/]+)/(issues|pull)/([0-9]{1,9})")
REPOSITORY_PATH = re.compile(r"/repos/([^/]+)/([^/]+)(/.*)?")
BY_ID_PATH = re.compile(r"/repositories/([0-9]{1,15})(/.*)?")
VERSIONS = ("2022-11-28", "2026-03-10")
LARGEST_BODY = 25 * 1024 * 1024
CONTENT = ("issues", "comments", "pulls", "reviews", "replies")
MESSAGES = {404: "Not Found", 403: "Forbidden", 429: "Too Many Requests", 503: "Service Unavailable"}


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """One API or git call as the server saw it; `repository_ids` None means all the installation reaches."""

    method: str
    path: str
    query: str
    body: Any
    at: float
    door: str
    app_id: int | None = None
    installation_id: int | None = None
    repository_ids: tuple[int, ...] | None = None
    permissions: dict[str, str] = field(default_factory=dict)
    status: int = 0


class Caller(NamedTuple):
    """Who an API request comes from."""

    name: str
    app: App | None = None
    token: Token | None = None
    installation: Installation | None = None
    text: str = ""


class Doors:
    """The ASGI application."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.limits = limits.Limits()
        self.calls: list[CallRecord] = []
        self.connections: dict[tuple[str, int], asyncio.Transport] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        path: str = scope["raw_path"].decode("ascii")
        try:
            body = await self._body(request)
            response = await self._open(request, path, body)
        except ClientDisconnect:
            return
        except RefusedError as refused:
            response = _json(Answer(refused.status, refused.body(), refused.headers))
        except asyncio.CancelledError:
            # The server is being closed under a request: its client sees what a crash would show it.
            response = None
        if response is None:
            if connection := self.connections.get(scope["client"]):
                connection.abort()
            # One turn of the loop, so that the server knows of the loss before this call ends.
            await asyncio.sleep(0)
            return
        await response(scope, receive, send)

    async def _body(self, request: Request) -> bytes:
        parts, size = [], 0
        largest = githttp.LARGEST if request.url.path.endswith("git-receive-pack") else LARGEST_BODY
        async for part in request.stream():
            size += len(part)
            if size > largest:
                raise RefusedError(413, "Payload Too Large")
            parts.append(part)
        return b"".join(parts)

    async def _open(self, request: Request, path: str, body: bytes) -> Response | None:
        if path.startswith("/api/"):
            return await self._watched(request, path, body, self._api)
        if match := GIT_PATH.fullmatch(path):
            service = request.query_params.get("service", "") if match[2] == "info/refs" else match[2]
            if service in ("git-upload-pack", "git-receive-pack"):
                return await self._watched(request, path, body, self._git)
            raise not_found()
        return await asyncio.to_thread(self._page, request, path, body)

    async def _watched(
        self,
        request: Request,
        path: str,
        body: bytes,
        door: Callable[[Request, str, bytes, CallRecord, Fault | None], Awaitable[Response]],
    ) -> Response | None:
        """Let a fault strike, go through a door and write the call down; None means: cut the connection."""
        record = CallRecord(
            method=request.method,
            path=path.removeprefix("/api/v3"),
            query=request.url.query,
            body=None,
            at=self.world.clock(),
            door="git",
        )
        self.calls.append(record)
        fault = self.world.faults.strike(request.method, path)
        if fault and fault.how == How.DELAY:
            await asyncio.sleep(fault.seconds)
        if fault and fault.how == How.DROPPED:
            return None
        if fault and fault.how == How.REVOKE_TOKENS:
            apps.revoke(self.world)
        try:
            _answer_at_once(fault)
            response = await door(request, path, body, record, fault)
        except RefusedError as refused:
            response = _json(Answer(refused.status, refused.body(), refused.headers))
        record.status = response.status_code
        if fault and fault.how == How.LOST_REPLY:
            return None
        if fault and fault.how == How.LATE_502:
            response = _json(Answer(502, {"message": "Server Error", "status": "502"}))
            record.status = 502
        response.headers["Date"] = formatdate(self.world.clock(), usegmt=True)
        response.headers["X-GitHub-Request-Id"] = ":".join(secrets.token_hex(2).upper() for _ in range(5))
        return response

    # REST and GraphQL

    async def _api(self, request: Request, path: str, body: bytes, record: CallRecord, fault: Fault | None) -> Response:
        return await asyncio.to_thread(self._api_now, request, path, body, record, fault)

    def _api_now(self, request: Request, path: str, body: bytes, record: CallRecord, fault: Fault | None) -> Response:
        with self.world.lock:
            graph = path == "/api/graphql"
            resource = "graphql" if graph else "core"
            record.door = "graphql" if graph else "rest"
            headers: dict[str, str] = {}
            now = self.world.clock()
            free = path == "/api/v3/rate_limit"
            try:
                _require_user_agent(request)
                caller = self._caller(request.headers.get("authorization", ""))
                self._sign(record, caller)
                self._limit(caller.name, resource, now, fault, free=free)
                record.body = parsed_body(body)
                try:
                    answer = (
                        self._graph(caller, record.body) if graph else self._rest(request, path, caller, record.body)
                    )
                finally:
                    headers = self.limits.headers(caller.name, resource, now)
            except RefusedError as refused:
                answer = Answer(refused.status, refused.body(), refused.headers)
                if not headers and record.app_id is not None:
                    headers = self.limits.headers(_name(record), resource, now)
            response = _json(Answer(answer.status, answer.body, {**headers, **answer.headers}))
            if request.method == "GET" and answer.status == 200:
                self._tag(request, response, _name(record), resource)
            return response

    def _caller(self, header: str) -> Caller:
        kind, _, text = header.partition(" ")
        text = text.strip()
        if not header:
            return Caller("anonymous")
        if kind.lower() == "basic":
            text = credentials.password_of(header) or ""
        elif kind.lower() not in ("bearer", "token"):
            raise RefusedError(401, "Bad credentials")
        if text.startswith("eyJ"):
            app = credentials.app_of_jwt(self.world, text)
            return Caller(f"app ID {app.id}", app)
        token, installation = credentials.token_of(self.world, text)
        app = self.world.state.apps[installation.app_id]
        return Caller(f"installation ID {installation.id}", app, token, installation, text)

    @staticmethod
    def _sign(record: CallRecord, caller: Caller) -> None:
        record.app_id = caller.app.id if caller.app else None
        record.installation_id = caller.installation.id if caller.installation else None
        if caller.token:
            chosen = caller.token.repository_ids
            record.repository_ids = None if chosen is None else tuple(chosen)
            record.permissions = dict(caller.token.permissions)

    def _limit(self, name: str, resource: str, now: float, fault: Fault | None, *, free: bool) -> None:
        if fault and fault.how == How.PRIMARY_LIMIT:
            self.limits.exhaust(name, resource, now)
        if fault and fault.how == How.SECONDARY_LIMIT:
            raise limits.secondary(fault.seconds or None)
        if not free:
            self.limits.count(name, resource, now)

    def _graph(self, caller: Caller, body: Any) -> Answer:
        if caller.token is None or caller.installation is None:
            raise RefusedError(401, "This endpoint requires you to be authenticated.")
        # Imported on first use: graphql-core takes longer to load than the server takes to start.
        from github_app.demo.hub import graphql  # noqa: PLC0415

        told = self.limits.headers(caller.name, "graphql", self.world.clock())
        said = graphql.answer(self.world, caller.token, caller.installation, body, int(told["X-RateLimit-Remaining"]))
        return Answer(200, said)

    def _rest(self, request: Request, path: str, caller: Caller, body: Any) -> Answer:
        version = request.headers.get("x-github-api-version")
        if version not in (None, *VERSIONS):
            raise RefusedError(400, f'"{version}" is not a supported version of the API.')
        path = path.removeprefix("/api/v3")
        if path == "/rate_limit":
            return self._rate_limit(caller.name)
        if match := BY_ID_PATH.fullmatch(path):
            found = self.world.state.repositories.get(int(match[1]))
            if found is None:
                raise not_found()
            path = f"/repos/{self.world.full_name(found)}{match[2] or ''}"
        matched = find_route(request.method, path)
        if matched is None:
            raise not_found()
        one, raw = matched
        call = Call(
            world=self.world,
            method=request.method,
            path=path,
            query=dict(parse_qsl(request.url.query, keep_blank_values=True)),
            body=body,
            app=caller.app,
            installation=caller.installation,
            token=caller.token,
            token_text=caller.text,
            params={name: unquote(value) for name, value in raw.items()},
        )
        if one.who == "app" and (caller.app is None or caller.token is not None):
            raise RefusedError(401, credentials.UNREADABLE)
        if one.who == "token" and caller.token is None:
            raise RefusedError(401, "Requires authentication" if caller.app is None else "Bad credentials")
        if match := REPOSITORY_PATH.fullmatch(path):
            call.repository = self._repository(request, call, match)
        if one.needs:
            self._permit(call, one.needs)
        if request.method == "POST" and path.rpartition("/")[2] in CONTENT:
            self.limits.count_write(caller.name, self.world.clock())
        return one.act(call)

    def _repository(self, request: Request, call: Call, match: re.Match[str]) -> Repository:
        full = unquote(f"{match[1]}/{match[2]}")
        found = self.world.repository(full)
        moved = None
        if found is None:
            moved = found = self.world.state.repositories.get(self.world.state.former_names.get(full.lower(), 0))
        if found is None:
            raise not_found()
        inside = call.token is None or (
            call.installation is not None and credentials.reaches(call.token, call.installation, found)
        )
        if not inside and found.private:
            raise not_found()
        if moved is not None:
            place = f"{self.world.api_url}/repositories/{moved.id}{match[3] or ''}"
            place += f"?{request.url.query}" if request.url.query else ""
            status = 301 if call.method == "GET" else 307
            message = "Moved Permanently" if status == 301 else "Temporary Redirect"
            raise RefusedError(status, message, headers={"Location": place}, extra={"url": place})
        if not inside and call.method != "GET":
            raise RefusedError(403, "Resource not accessible by integration")
        return found

    def _permit(self, call: Call, needs: str) -> None:
        outside = (
            call.token and call.installation and not credentials.reaches(call.token, call.installation, call.where)
        )
        # What everybody can read of a public repository, any token can.
        if not (outside and not call.where.private and call.method == "GET"):
            call.require(needs)

    def _rate_limit(self, name: str) -> Answer:
        resources = {}
        for resource in ("core", "graphql", "search"):
            told = self.limits.headers(name, resource, self.world.clock())
            parts = ("Limit", "Remaining", "Used", "Reset")
            resources[resource] = {part.lower(): int(told[f"X-RateLimit-{part}"]) for part in parts}
        return Answer(200, {"resources": resources, "rate": resources["core"]})

    def _tag(self, request: Request, response: Response, name: str, resource: str) -> None:
        said = request.headers.get("authorization", "") + request.headers.get("accept", "")
        digest = hashlib.sha256(said.encode() + bytes(response.body)).hexdigest()
        response.headers["ETag"] = tag = f'W/"{digest}"'
        if tag in request.headers.get("if-none-match", ""):
            response.status_code, response.body = 304, b""
            del response.headers["Content-Length"], response.headers["Content-Type"]
            self.limits.give_back(name, resource, self.world.clock())
            response.headers.update(self.limits.headers(name, resource, self.world.clock()))

    # git

    async def _git(self, request: Request, path: str, body: bytes, record: CallRecord, fault: Fault | None) -> Response:
        match = GIT_PATH.fullmatch(path)
        if match is None:
            raise not_found()
        service = request.query_params.get("service", "") if match[2] == "info/refs" else match[2]
        protocol = request.headers.get("git-protocol", "")
        try:
            _slow_down(fault)
            header = request.headers.get("authorization", "")
            with self.world.lock:
                where, pusher = githttp.admit(self.world, header, unquote(match[1]), service)
                self._sign(record, Caller("", None, pusher.token, pusher.installation))
            bare = self.world.bare(where)
            if match[2] == "info/refs":
                kind = "advertisement"
                said = await githttp.advertise(bare, service, protocol)
            else:
                kind = "result"
                plain = githttp.inflate(body, request.headers.get("content-encoding", ""))
                if service == "git-upload-pack":
                    said = await githttp.upload_pack(bare, plain, protocol)
                else:
                    said = await asyncio.to_thread(githttp.receive_pack, self.world, where, pusher, plain)
        except RefusedError as refused:
            return Response(f"{refused.message}\n", refused.status, refused.headers, media_type="text/plain")
        return Response(said, 200, {"Cache-Control": "no-cache"}, f"application/x-{service}-{kind}")

    # Pages

    def _page(self, request: Request, path: str, body: bytes) -> Response:
        if request.method == "POST" and path == "/settings/apps/new":
            return self._new_app(request, body)
        if request.method != "GET":
            raise RefusedError(405, "Method Not Allowed")
        with self.world.lock:
            if path == "/":
                shown = pages.front(self.world)
            elif match := PAGE_PATH.fullmatch(path):
                where = self.world.repository(unquote(match[1]))
                if where is None or int(match[3]) not in where.issues:
                    raise not_found()
                shown = pages.conversation(self.world, where, where.issues[int(match[3])])
            elif where := self.world.repository(unquote(path.strip("/"))):
                shown = pages.repository(self.world, where)
            else:
                raise not_found()
        return Response(shown, 200, pages.HEADERS, "text/html")

    def _new_app(self, request: Request, body: bytes) -> Response:
        """Take an app manifest from a form and go on where the manifest says, as the first person here.

        https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
        """
        manifest = dict(parse_qsl(body.decode(errors="replace"))).get("manifest", "")
        told = parsed_body(manifest.encode())
        if not isinstance(told, dict) or not isinstance(told.get("redirect_url"), str):
            raise RefusedError(422, "Invalid GitHub App configuration")
        person = next((one for one in self.world.state.accounts.values() if one.kind == "User"), None)
        if person is None:
            raise RefusedError(404, "Nobody lives here yet.")
        code = rest_apps.submit_manifest(self.world, manifest, Actor(account=person))
        back = {"code": code} | ({"state": request.query_params["state"]} if "state" in request.query_params else {})
        glue = "&" if urlsplit(told["redirect_url"]).query else "?"
        return Response("", 302, {"Location": f"{told['redirect_url']}{glue}{urlencode(back)}"})


# The route modules are imported for what they register.
_ = (rest_issues, rest_pulls, rest_repositories)


def _name(record: CallRecord) -> str:
    if record.installation_id is not None:
        return f"installation ID {record.installation_id}"
    return f"app ID {record.app_id}" if record.app_id is not None else "anonymous"


def _require_user_agent(request: Request) -> None:
    if not request.headers.get("user-agent"):
        raise RefusedError(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header "
            "(https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required).",
        )


def _answer_at_once(fault: Fault | None) -> None:
    if fault and fault.how.isdigit():
        message = fault.message or MESSAGES.get(int(fault.how), "Server Error")
        raise RefusedError(int(fault.how), message, headers=fault.headers)


def _slow_down(fault: Fault | None) -> None:
    if fault and fault.how in (How.PRIMARY_LIMIT, How.SECONDARY_LIMIT):
        raise RefusedError(429, "Too Many Requests", headers={"Retry-After": str(int(fault.seconds or 60))})


def _json(answer: Answer) -> Response:
    headers: Mapping[str, str] = {"X-GitHub-Media-Type": "github.v3; format=json", **answer.headers}
    if answer.body is None:
        return Response(b"", answer.status, headers)
    text = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(text, answer.status, headers, "application/json; charset=utf-8")
