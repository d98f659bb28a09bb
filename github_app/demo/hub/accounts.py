"""People and what they may do in a repository."""

import re

from github_app.demo.hub.records import Account, Repository
from github_app.demo.hub.refusal import RefusedError, invalid
from github_app.demo.hub.world import World

ROLES = ("none", "read", "triage", "write", "maintain", "admin")
LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")


def create(world: World, login: str, kind: str = "User", app_id: int | None = None) -> Account:
    """Make an account; a deleted or renamed account's login is free again, as on GitHub."""
    if kind != "Bot" and not LOGIN.fullmatch(login):
        raise invalid("User", "login", "invalid")
    with world.change():
        if world.account(login):
            raise invalid("User", "login", "already_exists")
        made = Account(id=world.next_id("account"), login=login, kind=kind, app_id=app_id)
        world.state.accounts[made.id] = made
        return made


def role(world: World, repository: Repository, account_id: int) -> str:
    """Return the role name of an account in a repository; everybody reads what is public.

    https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles
    """
    if account_id == repository.owner_id:
        return "admin"
    account = world.state.accounts.get(account_id)
    floor = "none" if repository.private else "read"
    if account is None or account.deleted:
        return floor
    return max(repository.roles.get(account_id, "none"), floor, key=ROLES.index)


def at_least(world: World, repository: Repository, account_id: int, wanted: str) -> bool:
    """Say whether an account has a role or a larger one."""
    return ROLES.index(role(world, repository, account_id)) >= ROLES.index(wanted)


def require(world: World, repository: Repository, account_id: int, wanted: str) -> None:
    """Refuse what a person may not do in the browser."""
    if not at_least(world, repository, account_id, "read"):
        raise RefusedError(404, "Not Found")
    if not at_least(world, repository, account_id, wanted):
        raise RefusedError(403, f"Must have {wanted} rights to Repository.")


def association(world: World, repository: Repository, account_id: int) -> str:
    """Return GitHub's `author_association`; it is no permission, and this GitHub does not let it look like one."""
    if account_id == repository.owner_id:
        return "OWNER"
    owner = world.state.accounts[repository.owner_id]
    if repository.roles.get(account_id, "none") != "none":
        return "MEMBER" if owner.kind == "Organization" else "COLLABORATOR"
    merged = any(one.pull and one.pull.merged_at and one.author_id == account_id for one in repository.issues.values())
    return "CONTRIBUTOR" if merged else "NONE"
