"""One REST request as a route sees it, the answer it gives, and the table of routes.

A route is a plain function under the world's lock. It names what it needs (`issues:write`, several with `|` meaning
any); its repository was found and checked before it is called.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from github_app.demo.hub.apps import LEVELS
from github_app.demo.hub.records import App, Installation, Repository, Token
from github_app.demo.hub.refusal import RefusedError, forbidden, malformed, not_found
from github_app.demo.hub.world import Actor, World


class Answer(NamedTuple):
    """Status, JSON body (None: no body) and extra headers."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = {}


@dataclass(slots=True, kw_only=True)
class Call:
    """One request, authenticated as an app (JWT) or as an installation (token)."""

    world: World
    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    app: App | None = None
    installation: Installation | None = None
    token: Token | None = None
    token_text: str = ""
    params: dict[str, str] = field(default_factory=dict)
    repository: Repository | None = None

    @property
    def where(self) -> Repository:
        """Return the repository of the path."""
        if self.repository is None:
            raise not_found()
        return self.repository

    @property
    def actor(self) -> Actor:
        """Return who acts: the app's bot."""
        return self.world.bot(self.own_app)

    @property
    def own_app(self) -> App:
        """Return the app that calls."""
        if self.app is None:
            raise RefusedError(401, "Requires authentication")
        return self.app

    def number(self, name: str) -> int:
        """Return a number of the path."""
        if not re.fullmatch("[0-9]{1,15}", self.params[name]):
            raise not_found()
        return int(self.params[name])

    def allows(self, needs: str) -> bool:
        """Say whether the token's permissions include any of what is needed."""
        granted = self.token.permissions if self.token else {}
        pairs = (one.split(":") for one in needs.split("|"))
        return any(LEVELS.index(granted.get(name, "none")) >= LEVELS.index(level) for name, level in pairs)

    def require(self, needs: str) -> None:
        """Refuse when no needed permission is there."""
        if not self.allows(needs):
            refused = forbidden()
            refused.headers["X-Accepted-GitHub-Permissions"] = needs.replace(":", "=").replace("|", "; ")
            raise refused

    def fields(self) -> dict[str, Any]:
        """Return the JSON object that was sent."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise malformed("The request body is not an object.")
        return self.body

    def text(self, name: str) -> str | None:
        """Return a string of the body, None when absent or null."""
        value = self.fields().get(name)
        if value is not None and not isinstance(value, str):
            raise malformed(f"For 'properties/{name}', {value!r} is not a string.")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean of the body, False when absent."""
        value = self.fields().get(name, False)
        if not isinstance(value, bool):
            raise malformed(f"For 'properties/{name}', {value!r} is not a boolean.")
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number of the body, None when absent or null."""
        value = self.fields().get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise malformed(f"For 'properties/{name}', {value!r} is not an integer.")
        return value

    def texts(self, name: str) -> list[str] | None:
        """Return a list of strings of the body, None when absent."""
        value = self.fields().get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise malformed(f"For 'properties/{name}', {value!r} is not an array of strings.")
        return value

    def page(self, items: Sequence[Any], shape: Callable[[Any], Any], wrap: str = "") -> Answer:
        """Return one page of a list with GitHub's `Link` header.

        https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
        """
        size = min(max(self._count("per_page", 30), 1), 100)
        number = max(self._count("page", 1), 1)
        last = max(1, -(-len(items) // size))
        chosen = [shape(one) for one in items[(number - 1) * size : number * size]]
        wanted = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        if number == 1:
            del wanted["prev"], wanted["first"]
        if number >= last:
            del wanted["next"], wanted["last"]
        links = ", ".join(
            f'<{self.world.api_url}{quote(self.path)}?{urlencode({**self.query, "page": target})}>; rel="{rel}"'
            for rel, target in wanted.items()
        )
        body = {"total_count": len(items), wrap: chosen} if wrap else chosen
        return Answer(200, body, {"Link": links} if links else {})

    def _count(self, name: str, default: int) -> int:
        text = self.query.get(name, "")
        return int(text) if re.fullmatch("[0-9]{1,9}", text) else default


type_of_route = Callable[[Call], Answer]


class Route(NamedTuple):
    """A line of the table; `who` is `app`, `token` or `anyone`."""

    method: str
    pattern: re.Pattern[str]
    who: str
    needs: str
    act: type_of_route


ROUTES: dict[tuple[str, int], list[Route]] = {}


def route(
    method: str, template: str, *, needs: str = "", who: str = "token"
) -> Callable[[type_of_route], type_of_route]:
    """Put a function into the table; `{name}` is one segment, `{name*}` the rest of the path."""
    pattern = re.sub(r"\{(\w+)\*\}", r"(?P<\1>.*)", template)
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)

    def register(act: type_of_route) -> type_of_route:
        depth = -1 if "*" in template else template.count("/")
        lines = ROUTES.setdefault((method, depth), [])
        lines.append(Route(method, re.compile(pattern), who, needs, act))
        # The longest pattern is the most particular one.
        lines.sort(key=lambda one: -len(one.pattern.pattern))
        return act

    return register


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the route of a path and its parameters."""
    for depth in (path.count("/"), -1):
        for one in ROUTES.get((method, depth), ()):
            if match := one.pattern.fullmatch(path):
                return one, match.groupdict()
    return None


def parsed_body(body: bytes) -> Any:
    """Return the JSON of a request, None for an empty one; refuse what is no JSON."""
    if not body:
        return None
    try:
        value = json.loads(body)
    except ValueError as problem:
        raise RefusedError(400, "Problems parsing JSON") from problem
    if b"\\ud" in body.lower():
        # Half a surrogate pair is valid JSON and no text: it becomes the replacement character.
        text = json.dumps(value, ensure_ascii=False).encode("utf-16-le", "surrogatepass")
        value = json.loads(text.decode("utf-16-le", "replace"))
    return value
