"""The web process: the webhook door, health, and the pages of this machine's own operator.

It loads neither githubkit nor the worker. Pages are shown only where the server listens on loopback and is asked by a
loopback name: to whoever sits at this machine. Everybody else would need a sign-in, so for them there is nothing.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from github_app.log import get_log
from github_app.policy.layers import Source
from github_app.store import backlog
from github_app.store.inbox import InboxWriter
from github_app.store.session import Database
from github_app.web.pages import STATIC, Pages, is_local
from github_app.web.policy_api import PolicyApi
from github_app.web.receive import Receiver

log = get_log("web")
HOOK = "/api/github/webhooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the web process is made of."""

    db: Database
    inbox: InboxWriter
    receiver: Receiver
    local_pages: bool
    github_url: str
    policy: tuple[Source, ...] = ()  # the server's own, for trying others over it


def make_app(site: Site) -> Starlette:
    """Return the ASGI application."""
    pages = Pages(db=site.db, github_url=site.github_url, counts=site.receiver.counts)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        site.inbox.start()
        try:
            yield
        finally:
            await run_in_threadpool(site.inbox.stop)

    async def healthz(_: Request) -> Response:
        try:
            waiting = await run_in_threadpool(backlog.counts, site.db)
        except Exception as error:  # noqa: BLE001 - whatever it is, deliveries cannot be kept now
            log.critical("health.database_away", kind=type(error).__name__)
            away = {"status": "unavailable", "reason": "the database does not answer"}
            return JSONResponse(away, status_code=503)
        return JSONResponse({"status": "ok", "pending": waiting.pending, "quarantined": waiting.quarantined})

    routes: list[Route | Mount] = [
        Route(HOOK, site.receiver.receive, methods=["POST"]),
        Route("/healthz", healthz, methods=["GET"]),
    ]
    if site.local_pages:
        api = PolicyApi.over(site.policy)
        routes += [
            Route("/api/v1/policy/validate", api.validate, methods=["POST"]),
            Route("/api/v1/policy/simulate", api.simulate, methods=["POST"]),
            Route("/", _local(pages.tasks), methods=["GET"]),
            Route("/tasks/{task_id:int}", _local(pages.task), methods=["GET"]),
            Route("/api/v1/tasks", _local(pages.tasks_json), methods=["GET"]),
            Route("/api/v1/tasks/{task_id:int}", _local(pages.task_json), methods=["GET"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
    application = Starlette(routes=routes, lifespan=lifespan)
    application.router.redirect_slashes = False  # to wherever the Host header says
    return application


def _local(page: Callable[[Request], Response]) -> Callable[[Request], Any]:
    async def shown(request: Request) -> Response:
        if not is_local(request):
            return JSONResponse({"message": "not found"}, status_code=404)
        return await run_in_threadpool(page, request)

    return shown
