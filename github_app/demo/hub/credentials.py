"""Who is calling: app JWTs, installation tokens, and what git sends as a password.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""

import base64
import binascii
import functools
from typing import Any

from github_app.demo.hub.records import App, Installation, Repository, Token
from github_app.demo.hub.refusal import RefusedError, bad_credentials
from github_app.demo.hub.world import World

UNREADABLE = "A JSON web token could not be decoded"
LONGEST = 600
SKEW = 60


@functools.lru_cache(maxsize=32)
def _public_key(pem: str) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - heavy

    return load_pem_private_key(pem.encode(), None).public_key()


def app_of_jwt(world: World, text: str) -> App:
    """Return the app that signed a JWT; refuse in GitHub's words what is wrong with it."""
    import jwt  # noqa: PLC0415 - heavy, and only needed here

    try:
        loose = jwt.decode(text, options={"verify_signature": False})
    except jwt.PyJWTError as problem:
        raise RefusedError(401, UNREADABLE) from problem
    issuer = str(loose.get("iss", ""))
    app = next((one for one in world.state.apps.values() if issuer in (str(one.id), one.client_id)), None)
    if app is None:
        raise RefusedError(404, "Integration not found") if issuer else RefusedError(401, UNREADABLE)
    try:
        jwt.decode(
            text,
            _public_key(app.private_key_pem),
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except jwt.PyJWTError as problem:
        raise RefusedError(401, UNREADABLE) from problem
    _check_times(loose, world.clock())
    return app


def _check_times(claims: dict[str, Any], now: float) -> None:
    expires, issued = claims.get("exp"), claims.get("iat")
    if not isinstance(expires, int) or expires <= now:
        raise RefusedError(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the "
            "assertion expires",
        )
    if expires > now + LONGEST:
        raise RefusedError(401, "'Expiration time' claim ('exp') is too far in the future")
    if not isinstance(issued, int) or issued > now + SKEW:
        raise RefusedError(
            401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        )


def token_of(world: World, text: str) -> tuple[Token, Installation]:
    """Return a live token and its installation."""
    token = world.state.tokens.get(text)
    if token is None or token.expires <= world.clock():
        raise bad_credentials()
    installation = world.state.installations.get(token.installation_id)
    if installation is None:
        raise bad_credentials()
    if installation.suspended_at:
        raise RefusedError(403, "This installation has been suspended")
    return token, installation


def reaches(token: Token, installation: Installation, where: Repository) -> bool:
    """Say whether a token is for a repository."""
    return (
        where.owner_id == installation.account_id
        and (token.repository_ids is None or where.id in token.repository_ids)
        and (installation.repository_ids is None or where.id in installation.repository_ids)
    )


def password_of(header: str) -> str | None:
    """Return the password of a Basic header (or the token of a Bearer one); None when there is none."""
    kind, _, value = header.partition(" ")
    if kind.lower() in ("bearer", "token"):
        return value.strip()
    if kind.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (password or name) if colon else None
