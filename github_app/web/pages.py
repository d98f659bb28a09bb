"""The pages: a list of tasks and one task, each with a JSON twin. Everything shown is escaped; no script at all."""

import re
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from github_app.core.names import State, TaskId
from github_app.core.pause import why_paused
from github_app.core.task import Task
from github_app.store import backlog, view
from github_app.store.session import Database

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
LOCAL_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
TEMPLATES: Final = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(default=True), trim_blocks=True
)
TEMPLATES.filters["when"] = lambda at: _moment(at).strftime("%Y-%m-%d %H:%M:%S")
TEMPLATES.filters["iso"] = lambda at: _moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")
TEMPLATES.filters["words"] = lambda word: str(word).replace("_", " ")
MOVING: Final = frozenset({State.QUEUED, State.RUNNING, State.RETRYABLE, State.DEFERRED})
REFRESH_SECONDS: Final = 3


def is_local(request: Request) -> bool:
    """Say whether a request was sent to a loopback name (a page elsewhere cannot make a browser lie about that).

    What came through a proxy was not asked by whoever sits here, even when the proxy writes a loopback name.
    """
    host = request.headers.get("host", "").lower()
    asked = host if host in LOCAL_NAMES else re.sub(r":[0-9]{1,5}$", "", host)
    return asked in LOCAL_NAMES and not any(name in request.headers for name in FORWARDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Renders pages from the database."""

    db: Database
    github_url: str
    counts: Counter[str]

    def tasks(self, request: Request) -> Response:
        """Show the newest tasks, a page at a time."""
        found, opened = self._page(request), view.open_counts(self.db)
        paged = "before" in request.query_params
        return self._html(
            "tasks.html",
            refreshing=not paged and any(opened.get(state) for state in MOVING),
            tasks=found,
            older=found[-1].id if len(found) == view.PAGE else None,
            paged=paged,
            open=opened,
            states=list(State),
            chosen=_state(request),
            waiting=backlog.counts(self.db),
            counts=sorted(self.counts.items()),
        )

    def task(self, request: Request) -> Response:
        """Show everything about one task."""
        detail = view.detail(self.db, TaskId(request.path_params["task_id"]))
        if detail is None:
            return self._html("missing.html", status=404)
        explained = [decision for decision in detail.decisions if decision.document.get("steps")]
        return self._html(
            "task.html",
            refreshing=detail.task.state in MOVING,
            detail=detail,
            task=detail.task,
            pauses=[why_paused(pause) for pause in detail.pauses],
            decision=explained[-1] if explained else None,
        )

    def tasks_json(self, request: Request) -> Response:
        """Return the same list as data."""
        return JSONResponse([_as_data(task) for task in self._page(request)], headers=HEADERS)

    def task_json(self, request: Request) -> Response:
        """Return the same task as data."""
        detail = view.detail(self.db, TaskId(request.path_params["task_id"]))
        if detail is None:
            return JSONResponse({"message": "not found"}, status_code=404, headers=HEADERS)
        return JSONResponse({**asdict(detail), "task": _as_data(detail.task)}, headers=HEADERS)

    def _page(self, request: Request) -> list[Task]:
        before = request.query_params.get("before", "")
        return view.page(
            self.db,
            before=int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None,
            state=_state(request),
        )

    def _html(self, name: str, *, status: int = 200, refreshing: bool = False, **values: Any) -> Response:
        """Render a page; without a script, one that shows something moving is asked for again by its header."""
        text = TEMPLATES.get_template(name).render(github_url=self.github_url, **values)
        again = {"Refresh": str(REFRESH_SECONDS)} if refreshing else {}
        return HTMLResponse(text, status_code=status, headers={**HEADERS, **again})


def _state(request: Request) -> State | None:
    """Return the state asked for; what is no state means all."""
    asked = request.query_params.get("state", "")
    return State(asked) if asked in set(State) else None


def _as_data(task: Task) -> dict[str, Any]:
    return {**asdict(task), "tier": str(task.tier)}


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, tz=UTC)
