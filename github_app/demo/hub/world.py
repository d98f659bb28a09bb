"""The truth of the small GitHub: its records, its one lock, its clock, and what a change sets off.

Every operation runs inside `world.change()`. When the outermost change ends, the journal is written first, then the
webhooks it caused are handed to the post office: what a caller was told, a restart still knows.
"""

import base64
import secrets
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from github_app.demo.hub.bare import BareRepository
from github_app.demo.hub.deliveries import Delivery, PostOffice
from github_app.demo.hub.faults import Faults
from github_app.demo.hub.journal import Journal
from github_app.demo.hub.records import Account, App, Installation, Issue, Repository
from github_app.demo.hub.refusal import RefusedError, not_found

GHOST = Account(id=10137, login="ghost", kind="User")
_FIRST_ID = {
    "account": 20_001,
    "app": 700_001,
    "installation": 90_000_001,
    "repository": 800_000_001,
    "issue": 2_000_000_001,
}
_FIRST_OTHER_ID = 3_000_000_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something: an account, and the app through which it was done, if any."""

    account: Account
    app: App | None = None

    @property
    def id(self) -> int:
        """Return the account's id."""
        return self.account.id

    @property
    def app_id(self) -> int | None:
        """Return the app's id."""
        return self.app.id if self.app else None


def stamp(seconds: float) -> str:
    """Return an instant as GitHub writes it: UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: int) -> str:
    """Return an opaque global id."""
    return f"{kind}_{base64.urlsafe_b64encode(number.to_bytes(8)).decode().rstrip('=')}"


class World:
    """The records and everything that acts on them."""

    def __init__(self, root: Path, *, clock: Callable[[], float], journal: bool) -> None:
        self.root = root
        self.clock = clock
        self.url = "http://127.0.0.1:0"
        self.lock = threading.RLock()
        self.journal = Journal(root) if journal else None
        self.state = Journal.read(root) if journal else Journal.nothing()
        self.post = PostOffice(clock=clock, log=root / "deliveries.jsonl" if journal else None)
        self.faults = Faults()
        self._bare: dict[int, BareRepository] = {}
        self._depth = 0
        self._outgoing: list[Delivery] = []
        (root / "git").mkdir(parents=True, exist_ok=True)

    @property
    def api_url(self) -> str:
        """Return the REST root, as on GitHub Enterprise Server."""
        return f"{self.url}/api/v3"

    @cached_property
    def secret(self) -> bytes:
        """Return a secret of this process."""
        return secrets.token_bytes(32)

    @contextmanager
    def change(self) -> Generator[None]:
        """Hold the world still; at the outermost end write the journal and let the webhooks go."""
        with self.lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    going, self._outgoing = self._outgoing, []
                    if self.journal:
                        self.journal.write(self.state)
                    self.post.record(going)
                    self.post.send(going)

    def mail(self, delivery: Delivery) -> None:
        """Queue a webhook until the change that caused it is written."""
        self._outgoing.append(delivery)

    def now(self) -> str:
        """Return the present instant as GitHub writes it."""
        return stamp(self.clock())

    def next_id(self, kind: str) -> int:
        """Return a fresh id; ids of what GitHub has billions of do not fit 32 bits, as there."""
        name = kind if kind in _FIRST_ID else "other"
        number = self.state.counters.get(name, _FIRST_ID.get(kind, _FIRST_OTHER_ID))
        self.state.counters[name] = number + 1
        return number

    # Finding things

    def account(self, login: str) -> Account | None:
        """Return the living account of that login; letters' case does not matter."""
        wanted = login.lower()
        return next(
            (one for one in self.state.accounts.values() if one.login.lower() == wanted and not one.deleted), None
        )

    def known(self, account_id: int) -> Account:
        """Return an account by id; a deleted one is the ghost."""
        found = self.state.accounts.get(account_id)
        return GHOST if found is None or found.deleted else found

    def full_name(self, repository: Repository) -> str:
        """Return OWNER/NAME."""
        return f"{self.state.accounts[repository.owner_id].login}/{repository.name}"

    def repository(self, full_name: str) -> Repository | None:
        """Return the repository that has this name now."""
        wanted = full_name.lower()
        return next((one for one in self.state.repositories.values() if self.full_name(one).lower() == wanted), None)

    def issue(self, repository: Repository, number: int) -> Issue:
        """Return an issue or pull request; refuse as GitHub does for what is gone, moved or never was."""
        if issue := repository.issues.get(number):
            return issue
        if number in repository.deleted_issues:
            raise RefusedError(410, "This issue was deleted")
        if number in repository.moved_issues:
            elsewhere, there = repository.moved_issues[number]
            place = f"{self.api_url}/repositories/{elsewhere}/issues/{there}"
            raise RefusedError(301, "Moved Permanently", headers={"Location": place}, extra={"url": place})
        raise not_found()

    def bare(self, repository: Repository) -> BareRepository:
        """Return the git repository."""
        found = self._bare.get(repository.id)
        path = self.git_path(repository)
        if found is None or found.path != path:
            found = self._bare[repository.id] = BareRepository(path)
        return found

    def git_path(self, repository: Repository) -> Path:
        """Return where the git repository stands."""
        return self.root / "git" / f"{self.full_name(repository)}.git"

    def installations_on(self, repository: Repository) -> list[Installation]:
        """Return the live installations that reach a repository."""
        return [
            one
            for one in self.state.installations.values()
            if one.account_id == repository.owner_id
            and one.suspended_at is None
            and (one.repository_ids is None or repository.id in one.repository_ids)
        ]

    def bot(self, app: App) -> Actor:
        """Return an app acting as itself."""
        return Actor(account=self.state.accounts[app.bot_id], app=app)
