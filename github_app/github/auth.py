"""Who Remit is to GitHub: the App's JWT, and tokens that can do no more than one repository's work.

Neither is ever logged or shown by `repr`; `secrets()` lists what must be blacked out of everything we print.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Any, Final

import httpx
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from github_app.core.names import InstallationId, RepositoryId
from github_app.errors import GitHubUnreachableError, LostAccessError, NotConfiguredError
from github_app.github.endpoints import ENDPOINTS
from github_app.github.refusals import Answer, UnauthorizedError
from github_app.github.wire import Wire

KEEP_SECONDS: Final = 50 * 60
LIFE_SECONDS: Final = 60 * 60
JWT_BACKDATED: Final = 60
JWT_SECONDS: Final = 9 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An installation token; `expires_at` is in whole seconds since the epoch, by GitHub's clock."""

    value: str = field(repr=False)
    expires_at: int
    minted_at: float

    @property
    def authorization(self) -> str:
        """Return the header's value."""
        return f"Bearer {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a token is for: one repository of one installation, by id or name (neither: all), and sorted permissions."""

    installation_id: InstallationId
    repository_id: RepositoryId | None
    permissions: tuple[tuple[str, str], ...]
    repository_name: str | None = None

    @classmethod
    def of(
        cls,
        installation_id: InstallationId,
        repository_id: RepositoryId | None,
        permissions: Mapping[str, str],
        *,
        repository_name: str | None = None,
    ) -> "Scope":
        """Return the scope of these permissions."""
        return cls(
            installation_id=installation_id,
            repository_id=repository_id,
            permissions=tuple(sorted(permissions.items())),
            repository_name=repository_name,
        )


class AppAuth:
    """The App itself. Two private keys may be live at once: the first that GitHub accepts is used.

    Raises NotConfiguredError when a key is not an RSA private key.
    """

    def __init__(
        self,
        app_id: int,
        private_keys: tuple[str, ...],
        api_url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not private_keys:
            raise NotConfiguredError("the App has no private key", hint="set the App's private key")
        self.app_id = app_id
        self.wire = Wire(api_url, transport=transport, clock=clock, sleep=sleep)
        self.tokens = Tokens(self)
        self._private_keys = private_keys
        self._accepted = 0
        for key in private_keys:
            _loaded(key)

    def __repr__(self) -> str:
        return f"AppAuth(app_id={self.app_id}, api_url={self.wire.api_url!r})"

    def call(
        self, name: str, *, query: Mapping[str, str | int] | None = None, body: Any = None, **parts: str | int
    ) -> Answer:
        """Call an endpoint as the App. Raises as `Wire.send`; LostAccessError when GitHub accepts no key."""
        endpoint = ENDPOINTS[name]

        def attempt() -> Answer:
            first = self._accepted
            refused: UnauthorizedError | None = None
            for offset in range(len(self._private_keys)):
                index = (first + offset) % len(self._private_keys)
                bearer = f"Bearer {self._signed(self._private_keys[index])}"
                try:
                    answer = self.wire.send(endpoint, bearer, parts, query=query, body=body)
                except UnauthorizedError as error:
                    refused = error
                else:
                    self._accepted = index
                    return answer
            raise LostAccessError(
                "GitHub accepts none of the App's private keys",
                status=401,
                hint="check the App's id, its private keys and this machine's clock",
            ) from refused

        return self.wire.patiently(endpoint, attempt)

    def call_as_installation(
        self,
        scope: Scope,
        name: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Any = None,
        **parts: str | int,
    ) -> Answer:
        """Send one request with a token of `scope`; a token that is not accepted is minted again once.

        A 401 means that nothing was done, so this also holds for writes. Raises as `Wire.send`; LostAccessError when
        the second token is not accepted either.
        """
        endpoint = ENDPOINTS[name]
        token = self.tokens.get(scope)
        try:
            return self.wire.send(endpoint, token.authorization, parts, query=query, body=body)
        except UnauthorizedError:
            self.tokens.discard(scope, token)
        token = self.tokens.get(scope)
        try:
            return self.wire.send(endpoint, token.authorization, parts, query=query, body=body)
        except UnauthorizedError as error:
            self.tokens.discard(scope, token)
            raise LostAccessError(f"GitHub does not accept a new token ({name})", status=401) from error

    def secrets(self) -> tuple[str, ...]:
        """Return every live secret value: private keys (whole and line by line) and tokens."""
        lines = {line for key in self._private_keys for line in key.splitlines() if len(line) >= 40}
        return (*self._private_keys, *sorted(lines), *self.tokens.secrets())

    def _signed(self, private_key: str) -> str:
        """Return a JWT, dated back because clocks differ.

        https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
        """
        now = int(self.wire.clock())
        claims = {"iat": now - JWT_BACKDATED, "exp": now + JWT_SECONDS, "iss": str(self.app_id)}
        return jwt.encode(claims, _loaded(private_key), algorithm="RS256")


@lru_cache(maxsize=4)
def _loaded(private_key: str) -> RSAPrivateKey:
    """Read a key; checking one takes 40 ms, so each is read once."""
    try:
        key = load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None  # the reader's own words may quote the key
    if not isinstance(key, RSAPrivateKey):
        raise NotConfiguredError(
            "the App's private key is not a PEM RSA key", hint="paste the whole .pem file GitHub gave you"
        )
    return key


class Tokens:
    """Installation tokens, each minted once for everybody who asks at the same time, and kept for 50 minutes."""

    def __init__(self, auth: AppAuth) -> None:
        self._auth = auth
        self._kept: dict[Scope, Token] = {}
        self._minting: dict[Scope, Future[Token]] = {}
        self._minted: list[Token] = []
        self._lock = Lock()

    def get(self, scope: Scope) -> Token:
        """Return a kept token or a new one; ten threads asking at once cost one call, and share its error."""
        with self._lock:
            token = self._kept.get(scope)
            if token is not None and self._now() < token.minted_at + KEEP_SECONDS:
                return token
            minting = self._minting.get(scope)
            mine = minting is None
            if minting is None:
                minting = self._minting[scope] = Future()
        if not mine:
            return minting.result()
        try:
            token = self.fresh(scope)
        except BaseException as error:
            with self._lock:
                del self._minting[scope]
            minting.set_exception(error)
            raise
        with self._lock:
            del self._minting[scope]
            oldest = self._now() - KEEP_SECONDS
            self._kept = {s: kept for s, kept in self._kept.items() if kept.minted_at > oldest} | {scope: token}
        minting.set_result(token)
        return token

    def fresh(self, scope: Scope) -> Token:
        """Mint a token that nobody else holds.

        Raises LostAccessError when the installation is gone or suspended, or the repository is not part of it.
        https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
        """
        body: dict[str, Any] = {"permissions": dict(scope.permissions)}
        if scope.repository_id is not None:
            body["repository_ids"] = [scope.repository_id]
        if scope.repository_name is not None:
            body["repositories"] = [scope.repository_name]
        said = self._auth.call("mint_token", body=body, installation_id=scope.installation_id).json
        match said:
            case {"token": str(value), "expires_at": str(expires)} if value:
                token = Token(value=value, expires_at=_seconds(expires), minted_at=self._now())
            case _:
                raise GitHubUnreachableError("GitHub's answer holds no token (mint_token)")
        with self._lock:
            self._minted = [t for t in self._minted if self._now() < t.minted_at + LIFE_SECONDS] + [token]
        return token

    def discard(self, scope: Scope, token: Token) -> None:
        """Stop using a token that GitHub no longer accepts; a newer one stays."""
        with self._lock:
            if self._kept.get(scope) == token:
                del self._kept[scope]

    def revoke(self, token: Token) -> None:
        """Make a token worthless now. One that is already worthless is no error.

        https://docs.github.com/en/rest/apps/installations#revoke-an-installation-access-token
        """
        with self._lock:
            self._kept = {scope: kept for scope, kept in self._kept.items() if kept != token}
        with suppress(UnauthorizedError):
            self._auth.wire.send(ENDPOINTS["revoke_token"], token.authorization, {})
        with self._lock:
            self._minted = [minted for minted in self._minted if minted != token]

    def secrets(self) -> tuple[str, ...]:
        """Return the values of all tokens that may still be alive."""
        with self._lock:
            return tuple(t.value for t in self._minted if self._now() < t.minted_at + LIFE_SECONDS)

    def _now(self) -> float:
        return self._auth.wire.clock()


def _seconds(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        raise GitHubUnreachableError("GitHub's answer has an unreadable expiry (mint_token)") from None
