"""What Remit can ask of GitHub as the App itself, and the way to a repository's client.

Synchronous, and safe to use from many threads. Errors are those of `errors.py`; see `Wire.send`.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from github_app.core.names import InstallationId, RepositoryId, UserId
from github_app.errors import GitHubRefusedError, GitHubUnreachableError, NotConfiguredError
from github_app.github import shapes
from github_app.github.auth import AppAuth, Scope
from github_app.github.endpoints import ENDPOINTS
from github_app.github.organisation import Organisations
from github_app.github.pages import every_page, next_cursor
from github_app.github.repository import RepositoryClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many requests were sent: tokens minted apart, because GitHub does not count them to an installation."""

    reads: int
    content_writes: int
    other_writes: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redelivered:
    """A delivery as GitHub's log kept it: its headers (lower case) and its payload, encoded again."""

    line: shapes.Delivery
    headers: Mapping[str, str]
    payload: bytes = field(repr=False)


class GitHub:
    """One App on one GitHub."""

    def __init__(self, auth: AppAuth) -> None:
        self.auth = auth
        self.organisations = Organisations(auth)
        self._lock = Lock()
        self._app: shapes.App | None = None
        self._own_user_id: UserId | None = None

    def close(self) -> None:
        """Close every connection."""
        self.auth.wire.close()

    @property
    def calls(self) -> Counter[str]:
        """Return how many requests were sent by now, by endpoint name."""
        return self.auth.wire.calls

    @property
    def clock_skew(self) -> float | None:
        """Return by how many seconds our clock is ahead of GitHub's; None before the first answer."""
        return self.auth.wire.skew

    def budget(self) -> Budget:
        """Return the same, by what they cost."""
        calls = self.calls
        tokens = calls["mint_token"] + calls["revoke_token"]
        reads = sum(n for name, n in calls.items() if ENDPOINTS[name].reads)
        content = sum(n for name, n in calls.items() if ENDPOINTS[name].writes_content)
        return Budget(
            reads=reads, content_writes=content, other_writes=calls.total() - reads - content - tokens, tokens=tokens
        )

    def repository(
        self, installation_id: InstallationId, repository_id: RepositoryId, full_name: str
    ) -> RepositoryClient:
        """Return the client of one repository. Nothing is asked of GitHub yet."""
        return RepositoryClient(
            self.auth,
            installation_id,
            repository_id,
            full_name,
            own_user_id=lambda: self.own_user_id(installation_id),
            organisations=self.organisations,
        )

    def app(self) -> shapes.App:
        """Return the App as GitHub registered it, asked once."""
        with self._lock:
            if self._app is None:
                self._app = shapes.read(shapes.App, self.auth.call("app").json, "app")
            return self._app

    def bot_login(self) -> str:
        """Return the login that our comments carry."""
        return f"{self.app().slug}[bot]"

    def own_user_id(self, installation_id: InstallationId | None = None) -> UserId:
        """Return the id of the account that our comments carry, asked once with any installation's token.

        Raises NotConfiguredError while nobody has installed the App.
        https://docs.github.com/en/rest/users/users#get-a-user
        """
        login = self.bot_login()
        with self._lock:
            if self._own_user_id is None:
                if installation_id is None:
                    live = [i for i in self.installations() if i.suspended_at is None]
                    if not live:
                        raise NotConfiguredError("the App is installed nowhere", hint=self.app_url())
                    installation_id = InstallationId(live[0].id)
                scope = Scope.of(installation_id, None, {"metadata": "read"})
                said = self.auth.wire.patiently(
                    ENDPOINTS["user"], lambda: self.auth.call_as_installation(scope, "user", login=login)
                )
                account = shapes.read(shapes.Account, said.json, "user")
                if account.login.lower() != login.lower():
                    raise GitHubUnreachableError(f"asked for {login}, GitHub spoke of somebody else")
                self._own_user_id = UserId(account.id)
            return self._own_user_id

    def app_url(self) -> str:
        """Return where the App can be installed; empty when it was never asked for."""
        return self._app.html_url if self._app else ""

    def installations(self) -> tuple[shapes.Installation, ...]:
        """Return every installation of the App."""
        pages = every_page(lambda page: self.auth.call("installations", query=page).json, "installations")
        return shapes.read(tuple[shapes.Installation, ...], pages, "installations")

    def installation(self, installation_id: InstallationId) -> shapes.Installation:
        """Return one installation. Raises LostAccessError when it is gone."""
        said = self.auth.call("installation", installation_id=installation_id).json
        return shapes.read(shapes.Installation, said, "installation")

    def repository_installation(self, full_name: str) -> shapes.Installation:
        """Return the installation that a repository belongs to. Raises LostAccessError when there is none."""
        owner, _, repo = full_name.partition("/")
        said = self.auth.call("repository_installation", owner=owner, repo=repo).json
        return shapes.read(shapes.Installation, said, "repository_installation")

    def installation_repositories(self, installation_id: InstallationId) -> tuple[shapes.Repository, ...]:
        """Return every repository the installation was given."""
        scope = Scope.of(installation_id, None, {"metadata": "read"})

        def page(query: Mapping[str, str | int]) -> Any:
            said = self.auth.wire.patiently(
                ENDPOINTS["installation_repositories"],
                lambda: self.auth.call_as_installation(scope, "installation_repositories", query=query),
            )
            return said.json.get("repositories") if isinstance(said.json, dict) else None

        pages = every_page(page, "installation_repositories")
        return shapes.read(tuple[shapes.Repository, ...], pages, "installation_repositories")

    def hook_url(self) -> str:
        """Return where GitHub sends the App's webhooks; empty when nowhere."""
        said = self.auth.call("hook_config").json
        return str(said.get("url") or "") if isinstance(said, dict) else ""

    def deliveries(self, cursor: str | None = None) -> tuple[tuple[shapes.Delivery, ...], str | None]:
        """Return a page of the delivery log, newest first, and the cursor of the next (None: that was the last).

        https://docs.github.com/en/rest/apps/webhooks#list-deliveries-for-an-app-webhook
        """
        query: dict[str, str | int] = {"per_page": 100} | ({"cursor": cursor} if cursor else {})
        said = self.auth.call("deliveries", query=query)
        lines = shapes.read(tuple[shapes.Delivery, ...], said.json, "deliveries")
        return lines, next_cursor(said.headers.get("link", ""))

    def delivery(self, delivery_id: int) -> Redelivered | None:
        """Return one delivery with headers and payload; None when the log no longer has it."""
        try:
            said = self.auth.call("delivery", delivery_id=delivery_id).json
        except GitHubRefusedError as error:
            if error.status in {404, 410}:
                return None
            raise
        line = shapes.read(shapes.Delivery, said, "delivery")
        match said:
            case {"request": {"headers": dict(headers), "payload": dict(payload)}}:
                return Redelivered(
                    line=line,
                    headers={str(name).lower(): str(value) for name, value in headers.items()},
                    payload=json.dumps(payload, ensure_ascii=True).encode(),
                )
            case _:
                raise GitHubUnreachableError("GitHub's log does not hold what was delivered (delivery)")

    def redeliver(self, delivery_id: int) -> None:
        """Ask GitHub to deliver again; the delivery keeps its guid."""
        self.auth.call("redeliver", delivery_id=delivery_id)
