"""Who hears of what: builds a webhook for every app that is installed, subscribed and permitted, and mails it.

The payload is frozen when the thing happens, not when it is delivered.
https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from github_app.demo.hub import pull_shapes, shapes
from github_app.demo.hub.deliveries import Delivery
from github_app.demo.hub.records import App, Installation, Issue, Repository
from github_app.demo.hub.refusal import not_found
from github_app.demo.hub.world import Actor, World, node_id

NEEDS: dict[str, tuple[str, ...]] = {
    "issues": ("issues",),
    "issue_comment": ("issues", "pull_requests"),
    "label": ("issues", "pull_requests"),
    "pull_request": ("pull_requests",),
    "pull_request_review": ("pull_requests",),
    "pull_request_review_comment": ("pull_requests",),
    "push": ("contents",),
    "create": ("contents",),
    "delete": ("contents",),
    "repository": ("metadata",),
    "member": ("members",),
    "check_run": ("checks",),
    "check_suite": ("checks",),
}
ALWAYS = ("installation", "installation_repositories", "github_app_authorization", "ping")


def announce(world: World, event: str, action: str | None, where: Repository, sender: Actor, **parts: Any) -> None:
    """Mail a repository's event to everybody who may hear it."""
    announce_to(world, None, event, action, where, sender, parts)


def announce_to(
    world: World,
    only: int | None,
    event: str,
    action: str | None,
    where: Repository,
    sender: Actor,
    parts: Mapping[str, Any],
) -> None:
    """Mail a repository's event to one app, or (None) to everybody who may hear it."""
    heard = [
        one
        for one in world.installations_on(where)
        if event in one.events
        and only in (None, one.app_id)
        and any(one.permissions.get(name) for name in NEEDS[event])
    ]
    if not heard:
        return
    body: dict[str, Any] = {"action": action} if action else {}
    body |= {**parts, "repository": shapes.repository(world, where)}
    owner = world.known(where.owner_id)
    if owner.kind == "Organization":
        body["organization"] = shapes.organization(world, owner)
    body["sender"] = shapes.user(world, sender.account)
    for one in heard:
        tail = {"installation": {"id": one.id, "node_id": node_id("MDIz", one.id)}}
        _mail(world, world.state.apps[one.app_id], event, action, one.id, where.id, body | tail)


def announce_issue(world: World, action: str, where: Repository, about: Issue, sender: Actor, **parts: Any) -> None:
    """Mail an event of an issue, or of a pull request under its own event name."""
    if about.pull:
        body = {"number": about.number, "pull_request": pull_shapes.pull(world, where, about)}
        announce(world, "pull_request", action, where, sender, **body, **parts)
    else:
        announce(world, "issues", action, where, sender, issue=shapes.issue(world, where, about), **parts)


def announce_installation(
    world: World, event: str, action: str, about: Installation, sender: Actor, **parts: Any
) -> None:
    """Mail what happened to an installation to its app; these need no subscription."""
    body = {
        "action": action,
        "installation": shapes.installation(world, about),
        **parts,
        "sender": shapes.user(world, sender.account),
    }
    _mail(world, world.state.apps[about.app_id], event, action, about.id, None, body)


def announce_ping(world: World, about: App) -> None:
    """Mail the first event of a new webhook."""
    body = {
        "zen": "Keep it logically awesome.",
        "hook_id": about.id + 400_000_000,
        "hook": {
            "type": "App",
            "id": about.id + 400_000_000,
            "name": "web",
            "active": True,
            "events": about.events,
            "config": {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": about.webhook_url},
            "updated_at": about.created_at,
            "created_at": about.created_at,
            "app_id": about.id,
            "deliveries_url": f"{world.api_url}/app/hook/deliveries",
        },
    }
    _mail(world, about, "ping", None, None, None, body)


def redeliver(world: World, app_id: int, delivery_id: int) -> Delivery:
    """Send a delivery of the log again: same GUID, an id of its own."""
    with world.change():
        found = next((one for one in world.post.log if one.id == delivery_id and one.app_id == app_id), None)
        if found is None:
            raise not_found()
        again = world.post.redelivery(found, world.next_id("delivery"))
        again.url, again.secret = world.state.apps[app_id].webhook_url, world.state.apps[app_id].webhook_secret
        world.mail(again)
        return again


def stubs(world: World, ids: Iterable[int]) -> list[dict[str, Any]]:
    """Return the short forms of repositories in installation events."""
    return [shapes.repository_stub(world, world.state.repositories[one]) for one in ids]


def _mail(
    world: World,
    to: App,
    event: str,
    action: str | None,
    installation_id: int | None,
    repository_id: int | None,
    body: dict[str, Any],
) -> None:
    if not to.webhook_url:
        return
    world.mail(
        Delivery(
            id=world.next_id("delivery"),
            guid=str(uuid.uuid4()),
            app_id=to.id,
            event=event,
            action=action,
            installation_id=installation_id,
            repository_id=repository_id,
            url=to.webhook_url,
            payload=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
            secret=to.webhook_secret,
            delivered=world.clock(),
        )
    )
