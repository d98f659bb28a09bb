"""The pages: a list of tasks and one task, each with a JSON twin. Everything shown is escaped; no script at all."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from github_app.core.names import State, TaskId
from github_app.core.task import Task
from github_app.store import backlog, view
from github_app.store.session import Database

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
LOCAL_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
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
TEMPLATES.filters["when"] = lambda at: (
    "" if at is None else datetime.fromtimestamp(at / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")
)


def is_local(request: Request) -> bool:
    """Say whether a request was sent to a loopback name (a page elsewhere cannot make a browser lie about that)."""
    host = request.headers.get("host", "")
    return host.rpartition(":")[0] in LOCAL_NAMES or host in LOCAL_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Renders pages from the database."""

    db: Database
    github_url: str
    counts: Counter[str]

    def tasks(self, request: Request) -> Response:
        """Show the newest tasks, a page at a time."""
        found = self._page(request)
        return self._html(
            "tasks.html",
            tasks=found,
            older=found[-1].id if len(found) == view.PAGE else None,
            open=view.open_counts(self.db),
            states=list(State),
            chosen=request.query_params.get("state", ""),
            waiting=backlog.counts(self.db),
            counts=sorted(self.counts.items()),
        )

    def task(self, request: Request) -> Response:
        """Show everything about one task."""
        detail = view.detail(self.db, TaskId(request.path_params["task_id"]))
        if detail is None:
            return self._html("missing.html", status=404)
        return self._html("task.html", detail=detail, task=detail.task)

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
        before, state = request.query_params.get("before", ""), request.query_params.get("state", "")
        return view.page(
            self.db,
            before=int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None,
            state=State(state) if state in set(State) else None,
        )

    def _html(self, name: str, *, status: int = 200, **values: Any) -> Response:
        text = TEMPLATES.get_template(name).render(github_url=self.github_url, **values)
        return HTMLResponse(text, status_code=status, headers=HEADERS)


def _as_data(task: Task) -> dict[str, Any]:
    return {**asdict(task), "tier": str(task.tier)}
