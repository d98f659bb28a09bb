"""Apps, their installations and the tokens they may have.

https://docs.github.com/en/rest/apps/apps
"""

import base64
import functools
import secrets
from collections.abc import Iterable, Mapping

from github_app.demo.hub import accounts
from github_app.demo.hub.announce import announce_installation, announce_ping, stubs
from github_app.demo.hub.records import App, Installation, Repository, Token
from github_app.demo.hub.refusal import RefusedError, not_found
from github_app.demo.hub.world import Actor, World, stamp

TOKEN_LIFE = 3600
LEVELS = ("none", "read", "write", "admin")


@functools.cache
def process_key() -> str:
    """Return one RSA key in PEM for this process; making one takes about 100 ms."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - heavy, and only needed here
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def create(
    world: World,
    slug: str,
    *,
    owner: Actor,
    webhook_url: str,
    webhook_secret: str,
    permissions: Mapping[str, str],
    events: Iterable[str],
    private_key_pem: str = "",
    name: str = "",
) -> App:
    """Register an app and its bot; `metadata: read` comes with every permission, as on GitHub."""
    wanted = dict(permissions)
    wanted |= {"metadata": "read"} if wanted else {}
    with world.change():
        number = world.next_id("app")
        bot = accounts.create(world, f"{slug}[bot]", "Bot", number)
        made = App(
            id=number,
            slug=slug,
            name=name or slug,
            owner_id=owner.id,
            bot_id=bot.id,
            client_id=f"Iv23li{secrets.token_hex(7)}",
            client_secret=secrets.token_hex(20),
            private_key_pem=private_key_pem or process_key(),
            webhook_url=webhook_url,
            webhook_secret=webhook_secret,
            permissions=wanted,
            events=[event for event in events if event not in ("installation", "installation_repositories")],
            created_at=world.now(),
        )
        world.state.apps[number] = made
        announce_ping(world, made)
        return made


def install(world: World, app: App, owner_id: int, chosen: list[int] | None, by: Actor) -> Installation:
    """Install an app on an account, on all repositories (None) or on the chosen ones."""
    with world.change():
        if any(one.app_id == app.id and one.account_id == owner_id for one in world.state.installations.values()):
            raise RefusedError(422, "The app is already installed on this account.")
        made = Installation(
            id=world.next_id("installation"),
            app_id=app.id,
            account_id=owner_id,
            repository_ids=chosen,
            permissions=dict(app.permissions),
            events=list(app.events),
            created_at=world.now(),
        )
        world.state.installations[made.id] = made
        reached = [one.id for one in repositories(world, made)]
        announce_installation(
            world, "installation", "created", made, by, repositories=stubs(world, reached), requester=None
        )
        return made


def suspend(world: World, about: Installation, by: Actor) -> None:
    """Suspend: the tokens stop working, nothing but this is heard any more."""
    with world.change():
        about.suspended_at, about.suspended_by = world.now(), by.id
        announce_installation(world, "installation", "suspend", about, by)


def unsuspend(world: World, about: Installation, by: Actor) -> None:
    """Lift a suspension."""
    with world.change():
        about.suspended_at = about.suspended_by = None
        announce_installation(world, "installation", "unsuspend", about, by)


def uninstall(world: World, about: Installation, by: Actor) -> None:
    """Remove an installation and its tokens."""
    with world.change():
        reached = [one.id for one in repositories(world, about)]
        del world.state.installations[about.id]
        revoke(world, about.id)
        announce_installation(world, "installation", "deleted", about, by, repositories=stubs(world, reached))


def choose(
    world: World, about: Installation, *, add: Iterable[int] = (), remove: Iterable[int] = (), by: Actor
) -> None:
    """Add or remove repositories; removing from `all` leaves a selection of the others."""
    added, removed = list(add), list(remove)
    with world.change():
        before = [one.id for one in repositories(world, about)]
        if about.repository_ids is not None or removed:
            kept = [one for one in before if one not in removed]
            about.repository_ids = kept + [one for one in added if one not in kept]
        for action, ids in (("added", added), ("removed", removed)):
            if ids:
                announce_installation(
                    world,
                    "installation_repositories",
                    action,
                    about,
                    by,
                    repository_selection="all" if about.repository_ids is None else "selected",
                    repositories_added=stubs(world, added if action == "added" else ()),
                    repositories_removed=stubs(world, removed if action == "removed" else ()),
                    requester=None,
                )


def accept_permissions(world: World, about: Installation, permissions: Mapping[str, str], by: Actor) -> None:
    """Change what an installation grants, as an owner does who accepts an app's new permissions."""
    with world.change():
        about.permissions = dict(permissions) | {"metadata": "read"}
        announce_installation(world, "installation", "new_permissions_accepted", about, by)


def repositories(world: World, about: Installation) -> list[Repository]:
    """Return the repositories an installation reaches."""
    return [
        one
        for one in world.state.repositories.values()
        if one.owner_id == about.account_id and (about.repository_ids is None or one.id in about.repository_ids)
    ]


def mint(
    world: World,
    about: Installation,
    *,
    repository_ids: list[int] | None,
    names: list[str] | None,
    permissions: Mapping[str, str] | None,
) -> tuple[str, Token]:
    """Return a new token of at most the installation's reach and permissions.

    Tokens are about 520 characters with dots and dashes and live one hour to the second.
    https://github.blog/changelog/2026-04-24-notice-about-upcoming-new-format-for-github-app-installation-tokens/
    """
    with world.change():
        if about.suspended_at:
            raise RefusedError(403, "This installation has been suspended")
        reached = {one.id: one.name.lower() for one in repositories(world, about)}
        chosen = None if repository_ids is None and names is None else list(repository_ids or [])
        for name in names or []:
            match = next((number for number, known in reached.items() if known == name.lower()), None)
            if match is None:
                raise RefusedError(
                    422,
                    "There is at least one repository that does not exist or is not accessible to the "
                    "parent installation.",
                )
            chosen = [*(chosen or []), match]
        if chosen is not None and not set(chosen) <= set(reached):
            raise RefusedError(
                422,
                "There is at least one repository that does not exist or is not accessible to the parent installation.",
            )
        granted = dict(about.permissions)
        if permissions is not None:
            for name, level in permissions.items():
                if LEVELS.index(level) > LEVELS.index(granted.get(name, "none")):
                    raise RefusedError(422, "The permissions requested are not granted to this installation.")
            granted = dict(permissions) | ({"metadata": "read"} if permissions else {})
        body = base64.urlsafe_b64encode(secrets.token_bytes(370)).decode()
        text = f"ghs_{about.app_id}_{body[:40]}.{body[40:400]}-{body[400:490]}.{body[490:]}"[:520].rstrip("=.-")
        token = Token(
            installation_id=about.id,
            repository_ids=chosen,
            permissions=granted,
            expires=int(world.clock()) + TOKEN_LIFE,
        )
        world.state.tokens[text] = token
        return text, token


def expires_at(token: Token) -> str:
    """Return a token's end as GitHub writes it."""
    return stamp(token.expires)


def revoke(world: World, installation_id: int | None = None) -> None:
    """Kill the tokens of an installation, or all."""
    with world.change():
        for text in [
            text
            for text, token in world.state.tokens.items()
            if installation_id is None or token.installation_id == installation_id
        ]:
            del world.state.tokens[text]


def installation_of(world: World, app: App, installation_id: int) -> Installation:
    """Return an installation of this app; any other is not found."""
    found = world.state.installations.get(installation_id)
    if found is None or found.app_id != app.id:
        raise not_found()
    return found
