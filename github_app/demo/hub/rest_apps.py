"""REST for apps and installations.

https://docs.github.com/en/rest/apps
"""

import json
from datetime import UTC, datetime
from typing import Any

from github_app.demo.hub import announce, apps, shapes
from github_app.demo.hub.call import Answer, Call, route
from github_app.demo.hub.deliveries import KEPT, Delivery
from github_app.demo.hub.records import Installation
from github_app.demo.hub.refusal import RefusedError, malformed, not_found
from github_app.demo.hub.world import Actor, World


def _installations(call: Call) -> list[Installation]:
    return [one for one in call.world.state.installations.values() if one.app_id == call.own_app.id]


@route("GET", "/app", who="app")
def get_app(call: Call) -> Answer:
    """Answer with the calling app."""
    body = shapes.app(call.world, call.own_app)
    return Answer(200, body | {"installations_count": len(_installations(call))})


@route("GET", "/app/installations", who="app")
def list_installations(call: Call) -> Answer:
    """Answer with the app's installations."""
    return call.page(_installations(call), lambda one: shapes.installation(call.world, one))


@route("GET", "/app/installations/{installation}", who="app")
def get_installation(call: Call) -> Answer:
    """Answer with one installation."""
    found = apps.installation_of(call.world, call.own_app, call.number("installation"))
    return Answer(200, shapes.installation(call.world, found))


@route("DELETE", "/app/installations/{installation}", who="app")
def delete_installation(call: Call) -> Answer:
    """Uninstall."""
    apps.uninstall(call.world, apps.installation_of(call.world, call.own_app, call.number("installation")), call.actor)
    return Answer(204)


@route("GET", "/repos/{owner}/{repo}/installation", who="app")
def get_repository_installation(call: Call) -> Answer:
    """Answer with the installation that reaches a repository."""
    for one in _installations(call):
        if call.where in apps.repositories(call.world, one):
            return Answer(200, shapes.installation(call.world, one))
    raise not_found()


@route("GET", "/users/{login}/installation", who="app")
@route("GET", "/orgs/{login}/installation", who="app")
def get_account_installation(call: Call) -> Answer:
    """Answer with the installation on an account."""
    for one in _installations(call):
        if call.world.known(one.account_id).login.lower() == call.params["login"].lower():
            return Answer(200, shapes.installation(call.world, one))
    raise not_found()


@route("POST", "/app/installations/{installation}/access_tokens", who="app")
def create_token(call: Call) -> Answer:
    """Mint an installation token.

    https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
    """
    found = apps.installation_of(call.world, call.own_app, call.number("installation"))
    ids, permissions = call.fields().get("repository_ids"), call.fields().get("permissions")
    if ids is not None and not (isinstance(ids, list) and all(type(one) is int for one in ids)):
        raise malformed("For 'properties/repository_ids', the value is not an array of integers.")
    if permissions is not None and not (
        isinstance(permissions, dict) and all(level in apps.LEVELS[1:] for level in permissions.values())
    ):
        raise malformed("For 'properties/permissions', the value is not an object of access levels.")
    text, token = apps.mint(
        call.world, found, repository_ids=ids, names=call.texts("repositories"), permissions=permissions
    )
    body: dict[str, Any] = {
        "token": text,
        "expires_at": apps.expires_at(token),
        "permissions": token.permissions,
        "repository_selection": "all" if token.repository_ids is None and found.repository_ids is None else "selected",
    }
    if token.repository_ids is not None:
        chosen = [call.world.state.repositories[one] for one in token.repository_ids]
        body["repositories"] = [shapes.repository(call.world, one) for one in chosen]
    return Answer(201, body)


@route("DELETE", "/installation/token")
def revoke_token(call: Call) -> Answer:
    """Kill the token that makes the call."""
    with call.world.change():
        del call.world.state.tokens[call.token_text]
    return Answer(204)


@route("GET", "/installation/repositories")
def list_repositories(call: Call) -> Answer:
    """Answer with what the token reaches."""
    token, installation = call.token, call.installation
    if token is None or installation is None:
        raise not_found()
    reached = [
        one
        for one in apps.repositories(call.world, installation)
        if token.repository_ids is None or one.id in token.repository_ids
    ]
    return call.page(reached, lambda one: shapes.repository(call.world, one), wrap="repositories")


def delivery_shape(one: Delivery) -> dict[str, Any]:
    """Return a line of the delivery log."""
    moment = datetime.fromtimestamp(one.delivered, UTC)
    return {
        "id": one.id,
        "guid": one.guid,
        "delivered_at": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z",
        "redelivery": one.redelivery,
        "duration": round(one.duration, 2),
        "status": one.status,
        "status_code": one.status_code,
        "event": one.event,
        "action": one.action,
        "installation_id": one.installation_id,
        "repository_id": one.repository_id,
        "throttled_at": None,
    }


def _log(call: Call) -> list[Delivery]:
    oldest = call.world.clock() - KEPT
    mine = [one for one in call.world.post.log if one.app_id == call.own_app.id and one.delivered >= oldest]
    return [one for one in reversed(mine) if one.status != "pending"]


@route("GET", "/app/hook/deliveries", who="app")
def list_deliveries(call: Call) -> Answer:
    """Answer with the delivery log, newest first, cursor-paged.

    https://docs.github.com/en/rest/apps/webhooks#list-deliveries-for-an-app-webhook
    """
    found = sorted(_log(call), key=lambda one: one.id, reverse=True)
    if wanted := call.query.get("status"):
        found = [one for one in found if (200 <= one.status_code < 300) == (wanted == "success")]
    size = min(max(int(call.query["per_page"]) if call.query.get("per_page", "").isdigit() else 30, 1), 100)
    cursor = call.query.get("cursor", "")
    if cursor:
        if not cursor.removeprefix("v1_").isdigit():
            raise RefusedError(422, "Invalid cursor")
        found = [one for one in found if one.id < int(cursor.removeprefix("v1_"))]
    chosen = found[:size]
    headers = {}
    if len(found) > size:
        place = f"{call.world.api_url}/app/hook/deliveries?per_page={size}&cursor=v1_{chosen[-1].id}"
        headers["Link"] = f'<{place}>; rel="next"'
    return Answer(200, [delivery_shape(one) for one in chosen], headers)


@route("GET", "/app/hook/deliveries/{delivery}", who="app")
def get_delivery(call: Call) -> Answer:
    """Answer with one delivery, request and response included."""
    number = call.number("delivery")
    for one in _log(call):
        if one.id == number:
            request = {"headers": one.headers(), "payload": json.loads(one.payload)}
            response = {"headers": one.response_headers, "payload": one.response_body}
            return Answer(200, delivery_shape(one) | {"url": one.url, "request": request, "response": response})
    raise not_found()


@route("POST", "/app/hook/deliveries/{delivery}/attempts", who="app")
def redeliver(call: Call) -> Answer:
    """Send a delivery again."""
    number = call.number("delivery")
    if all(one.id != number for one in _log(call)):
        raise not_found()
    announce.redeliver(call.world, call.own_app.id, number)
    return Answer(202, {})


def _hook(call: Call) -> Answer:
    app = call.own_app
    secret = {"secret": "********"} if app.webhook_secret else {}
    return Answer(200, {"content_type": "json", "insecure_ssl": "0", **secret, "url": app.webhook_url})


@route("GET", "/app/hook/config", who="app")
def get_hook(call: Call) -> Answer:
    """Answer with the webhook's settings; the secret is never shown."""
    return _hook(call)


@route("PATCH", "/app/hook/config", who="app")
def patch_hook(call: Call) -> Answer:
    """Change the webhook's URL or secret."""
    url, secret = call.text("url"), call.text("secret")
    with call.world.change():
        call.own_app.webhook_url = call.own_app.webhook_url if url is None else url
        call.own_app.webhook_secret = call.own_app.webhook_secret if secret is None else secret
    return _hook(call)


def submit_manifest(world: World, manifest: str, owner: Actor) -> str:
    """Accept an app manifest as the form on GitHub does and return the code that converts it once.

    https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
    """
    with world.change():
        code = f"{world.next_id('manifest'):x}{world.secret.hex()[:24]}"
        world.state.manifests[code] = json.dumps({"manifest": json.loads(manifest), "owner": owner.id})
        return code


@route("POST", "/app-manifests/{code}/conversions", who="anyone")
def convert_manifest(call: Call) -> Answer:
    """Turn a manifest's code into an app with its secrets, once."""
    with call.world.change():
        kept = call.world.state.manifests.pop(call.params["code"], None)
        if kept is None:
            raise not_found()
        said = json.loads(kept)
        manifest = said["manifest"]
        name = manifest.get("name") or "app"
        made = apps.create(
            call.world,
            "".join(letter if letter.isalnum() else "-" for letter in name.lower()).strip("-"),
            owner=Actor(account=call.world.known(said["owner"])),
            webhook_url=(manifest.get("hook_attributes") or {}).get("url", ""),
            webhook_secret=call.world.secret.hex()[:40],
            permissions=manifest.get("default_permissions") or {},
            events=manifest.get("default_events") or [],
            name=name,
        )
        secrets = {
            "client_secret": made.client_secret,
            "webhook_secret": made.webhook_secret,
            "pem": made.private_key_pem,
        }
        return Answer(201, shapes.app(call.world, made) | secrets)
