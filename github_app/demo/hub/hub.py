"""The small local GitHub as one object: make people, apps and repositories, serve it, cause trouble, look at what came.

    hub = Hub(folder)
    with hub.serve():
        app = hub.create_app("remit", "http://127.0.0.1:8000/webhook", "secret", {"issues": "write"}, ["issues"])
        hub.create_user("alice")
        hub.create_repository("alice", "widgets", {"README.md": "hello"})
        hub.install(app, "alice")

Everything is thread-safe. With `journal=True` whatever was acknowledged is there again after a crash.
"""

import re
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from github_app.demo.hub import accounts, announce, apps, repositories
from github_app.demo.hub.deliveries import Delivery
from github_app.demo.hub.faults import Fault
from github_app.demo.hub.limits import Limits
from github_app.demo.hub.loopback import serve
from github_app.demo.hub.people import People, Where
from github_app.demo.hub.records import App, Installation
from github_app.demo.hub.refusal import not_found
from github_app.demo.hub.server import CallRecord, Doors
from github_app.demo.hub.views import RepositoryState
from github_app.demo.hub.world import Actor, World


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredApp:
    """What the owner of a new app is given."""

    app_id: int
    slug: str
    client_id: str
    client_secret: str
    private_key_pem: str
    webhook_secret: str
    bot_id: int
    bot_login: str


class Hub(People):
    """The small GitHub."""

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time, journal: bool = False) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.world = World(root, clock=clock, journal=journal)
        self._doors = Doors(self.world)

    @contextmanager
    def serve(self, port: int = 0) -> Generator[Self]:
        """Serve on 127.0.0.1 and deliver webhooks until the block ends."""
        with serve(self._doors, port) as chosen:
            self.world.url = f"http://127.0.0.1:{chosen}"
            self.world.post.start()
            try:
                yield self
            finally:
                self.world.post.stop()

    @property
    def url(self) -> str:
        """Return where pages and git are."""
        return self.world.url

    @property
    def api_url(self) -> str:
        """Return where REST is, as on GitHub Enterprise Server."""
        return self.world.api_url

    @property
    def graphql_url(self) -> str:
        """Return where GraphQL is."""
        return f"{self.world.url}/api/graphql"

    @property
    def calls(self) -> list[CallRecord]:
        """Return every API and git call so far."""
        return list(self._doors.calls)

    @property
    def deliveries(self) -> list[Delivery]:
        """Return every delivery so far, in the order they were caused."""
        return list(self.world.post.log)

    @property
    def limits(self) -> Limits:
        """Return the rate limits, which may be set."""
        return self._doors.limits

    # Accounts, repositories, apps

    def create_user(self, login: str) -> int:
        """Make a person and return their id."""
        return accounts.create(self.world, login).id

    def create_organization(self, login: str) -> int:
        """Make an organisation and return its id; its people are given roles by `set_permission`."""
        return accounts.create(self.world, login, "Organization").id

    def create_repository(
        self,
        owner: str,
        name: str,
        files: Mapping[str, str | bytes] | None = None,
        *,
        private: bool = True,
        default_branch: str = "main",
    ) -> RepositoryState:
        """Make a repository with one commit."""
        made = repositories.create(
            self.world, self._who(owner), name, files or {}, private=private, default_branch=default_branch
        )
        return RepositoryState(self.world, made)

    def repository(self, where: Where) -> RepositoryState:
        """Return a repository to look at."""
        return RepositoryState(self.world, self._at(where))

    def create_app(
        self,
        slug: str,
        webhook_url: str,
        webhook_secret: str,
        permissions: Mapping[str, str],
        events: Iterable[str],
        *,
        owner: str | None = None,
        private_key_pem: str = "",
    ) -> RegisteredApp:
        """Register an app; without a key it gets the one of this process (making one takes 100 ms)."""
        with self.world.change():
            holder = self._who(owner) if owner else self._operator()
            made = apps.create(
                self.world,
                slug,
                owner=holder,
                webhook_url=webhook_url,
                webhook_secret=webhook_secret,
                permissions=permissions,
                events=events,
                private_key_pem=private_key_pem,
            )
        return self.registered(made.id)

    def _operator(self) -> Actor:
        found = next((one for one in self.world.state.accounts.values() if one.kind != "Bot" and not one.deleted), None)
        return Actor(account=found or accounts.create(self.world, "operator"))

    def registered(self, app_id: int) -> RegisteredApp:
        """Return an app by id, one made from a manifest too."""
        made = self._app(app_id)
        return RegisteredApp(
            app_id=made.id,
            slug=made.slug,
            client_id=made.client_id,
            client_secret=made.client_secret,
            private_key_pem=made.private_key_pem,
            webhook_secret=made.webhook_secret,
            bot_id=made.bot_id,
            bot_login=f"{made.slug}[bot]",
        )

    def _app(self, app_id: int) -> App:
        if app_id not in self.world.state.apps:
            raise not_found()
        return self.world.state.apps[app_id]

    def set_webhook(self, app: RegisteredApp, *, url: str | None = None, secret: str | None = None) -> None:
        """Point an app's webhook elsewhere, or change its secret; later deliveries use it."""
        with self.world.change():
            record = self._app(app.app_id)
            record.webhook_url = record.webhook_url if url is None else url
            record.webhook_secret = record.webhook_secret if secret is None else secret

    def install(
        self, app: RegisteredApp, owner: str, repositories: str | Sequence[Where] = "all", *, by: str | None = None
    ) -> int:
        """Install an app on an account, on `all` repositories or on those listed; return the installation's id."""
        chosen = None if isinstance(repositories, str) else [self._at(one).id for one in repositories]
        holder = self._who(owner)
        sender = self._who(by) if by else holder
        return apps.install(self.world, self._app(app.app_id), holder.id, chosen, sender).id

    def _installation(self, installation_id: int, by: str | None) -> tuple[Installation, Actor]:
        found = self.world.state.installations.get(installation_id)
        if found is None:
            raise not_found()
        return found, self._who(by) if by else Actor(account=self.world.known(found.account_id))

    def suspend(self, installation_id: int, *, by: str | None = None) -> None:
        """Suspend an installation."""
        apps.suspend(self.world, *self._installation(installation_id, by))

    def unsuspend(self, installation_id: int, *, by: str | None = None) -> None:
        """Lift a suspension."""
        apps.unsuspend(self.world, *self._installation(installation_id, by))

    def uninstall(self, installation_id: int, *, by: str | None = None) -> None:
        """Remove an installation."""
        apps.uninstall(self.world, *self._installation(installation_id, by))

    def add_repository(self, installation_id: int, where: Where, *, by: str | None = None) -> None:
        """Add a repository to an installation."""
        about, actor = self._installation(installation_id, by)
        apps.choose(self.world, about, add=[self._at(where).id], by=actor)

    def remove_repository(self, installation_id: int, where: Where, *, by: str | None = None) -> None:
        """Take a repository from an installation."""
        about, actor = self._installation(installation_id, by)
        apps.choose(self.world, about, remove=[self._at(where).id], by=actor)

    def accept_permissions(
        self, installation_id: int, permissions: Mapping[str, str], *, by: str | None = None
    ) -> None:
        """Change what an installation grants."""
        about, actor = self._installation(installation_id, by)
        apps.accept_permissions(self.world, about, permissions, actor)

    def token(self, installation_id: int) -> str:
        """Return a fresh token with everything an installation grants, for tests that are not about minting."""
        about, _ = self._installation(installation_id, None)
        return apps.mint(self.world, about, repository_ids=None, names=None, permissions=None)[0]

    # Trouble

    def fail(
        self,
        method: str,
        path: str,
        how: str,
        *,
        nth: int = 1,
        times: int = 1,
        seconds: float = 0.0,
        headers: Mapping[str, str] | None = None,
        message: str = "",
    ) -> None:
        """Arm a fault for the n-th request (and `times` of them) whose method (`*`: any) and path match.

        `path` is searched as a regular expression in the whole path (`/api/v3/...`, `/api/graphql`, git paths). `how`
        is a `faults.How` or a status such as `"503"`. `seconds` is the delay, or the `retry-after` of a secondary limit
        (0: none).
        """
        pattern = re.compile(path)
        fault = Fault(
            method=method,
            path=pattern,
            how=how,
            skip=nth - 1,
            times=times,
            seconds=seconds,
            headers=dict(headers or {}),
            message=message,
        )
        self.world.faults.arm(fault)

    def heal(self) -> None:
        """Disarm all faults."""
        self.world.faults.clear()

    def revoke_tokens(self, installation_id: int | None = None) -> None:
        """Kill the tokens of an installation, or all."""
        apps.revoke(self.world, installation_id)

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until every webhook was tried; raise TimeoutError when that takes too long."""
        if not self.world.post.settle(timeout):
            raise TimeoutError(f"webhooks are still under way after {timeout} s")

    def hold_deliveries(self) -> None:
        """Keep webhooks back until `release`."""
        self.world.post.hold()

    def release(self, order: Callable[[list[Delivery]], Sequence[Delivery]] = list) -> list[Delivery]:
        """Send what was held in the given order; what `order` leaves out is lost, what it repeats is doubled."""
        return self.world.post.release(order)

    def held(self) -> list[Delivery]:
        """Return what is being held."""
        return self.world.post.held()

    def lose_deliveries(self, pattern: Iterable[bool]) -> None:
        """Lose the next webhooks where the pattern says True; the log shows them as failed."""
        self.world.post.lose(pattern)

    def double_deliveries(self, count: int) -> None:
        """Send each of the next webhooks twice with the same GUID."""
        self.world.post.double(count)

    def redeliver(self, delivery_id: int) -> Delivery:
        """Send a delivery again, as the button does: same GUID, id of its own."""
        found = next((one for one in self.world.post.log if one.id == delivery_id), None)
        if found is None:
            raise not_found()
        return announce.redeliver(self.world, found.app_id, delivery_id)
