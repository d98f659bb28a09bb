import time

import httpx
import jwt
import pytest


def signed(app, clock, **changes):
    now = int(clock())
    claims = {"iss": str(app.app_id), "iat": now - 60, "exp": now + 540} | changes
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None}, app.private_key_pem, "RS256"
    )


def get_app(hub, token):
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "tests"}
    return httpx.get(f"{hub.api_url}/app", headers=headers, trust_env=False)


def test_an_app_proves_itself_with_a_jwt_by_app_id_or_client_id(hub, app, clock):
    for issuer in (str(app.app_id), app.client_id):
        answer = get_app(hub, signed(app, clock, iss=issuer))
        assert (answer.status_code, answer.json()["slug"]) == (200, "remit")


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"exp": -1}, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"exp": 700}, 401, "too far in the future"),
        ({"exp": None}, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"iat": 300}, 401, "'Issued at' claim"),
        ({"iss": "99"}, 404, "Integration not found"),
    ],
)
def test_a_wrong_jwt_is_refused_in_githubs_words(hub, app, clock, changes, status, words):
    moved = {name: int(clock()) + value if isinstance(value, int) else value for name, value in changes.items()}
    answer = get_app(hub, signed(app, clock, **moved))
    assert answer.status_code == status
    assert words in answer.json()["message"]


def test_a_jwt_signed_by_another_key_is_refused(hub, app, clock):
    head, body, signature = signed(app, clock).split(".")
    other = "A" if signature[10] != "A" else "B"
    answer = get_app(hub, f"{head}.{body}.{signature[:10]}{other}{signature[11:]}")
    assert (answer.status_code, answer.json()["message"]) == (401, "A JSON web token could not be decoded")


def test_a_token_has_githubs_form_and_lives_one_hour(hub, as_app, installation, clock):
    answer = as_app.post(f"/app/installations/{installation}/access_tokens")
    said = answer.json()
    assert answer.status_code == 201
    assert said["token"].startswith("ghs_")
    assert 500 <= len(said["token"]) <= 540
    assert "." in said["token"]
    assert said["expires_at"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock() + 3600))
    as_app.headers["Authorization"] = f"Bearer {said['token']}"
    assert as_app.get("/repos/acme/widgets").status_code == 200
    clock.now += 3600
    assert as_app.get("/repos/acme/widgets").json()["message"] == "Bad credentials"


def test_a_token_can_be_narrowed_and_not_widened(hub, as_app, installation, widgets):
    other = hub.create_repository("acme", "other")
    door = f"/app/installations/{installation}/access_tokens"
    narrow = as_app.post(door, json={"repository_ids": [widgets.id], "permissions": {"issues": "read"}}).json()
    assert narrow["permissions"] == {"issues": "read", "metadata": "read"}
    assert [one["full_name"] for one in narrow["repositories"]] == ["acme/widgets"]
    assert as_app.post(door, json={"repository_ids": [1]}).status_code == 422
    assert as_app.post(door, json={"permissions": {"workflows": "write"}}).status_code == 422
    number = hub.open_issue(widgets, "A title", "text", "rob")
    as_app.headers["Authorization"] = f"Bearer {narrow['token']}"
    assert as_app.get(f"/repos/{other.full_name}").status_code == 404
    assert as_app.get(f"/repos/acme/widgets/issues/{number}").status_code == 200
    refused = as_app.post(f"/repos/acme/widgets/issues/{number}/comments", json={"body": "hello"})
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")
    assert hub.calls[-1].repository_ids == (widgets.id,)
    assert hub.calls[-1].status == 403


def test_a_suspended_installation_gets_nothing_and_an_uninstalled_one_is_gone(hub, as_app, api, installation):
    hub.suspend(installation, by="ada")
    assert as_app.post(f"/app/installations/{installation}/access_tokens").status_code == 403
    assert api.get("/repos/acme/widgets").status_code == 403
    hub.unsuspend(installation, by="ada")
    assert api.get("/repos/acme/widgets").status_code == 200
    hub.uninstall(installation, by="ada")
    assert as_app.post(f"/app/installations/{installation}/access_tokens").status_code == 404
    assert api.get("/repos/acme/widgets").status_code == 401


def test_a_removed_repository_is_not_found(hub, api, installation, widgets):
    hub.remove_repository(installation, widgets, by="ada")
    assert api.get("/repos/acme/widgets").status_code == 404


def test_the_installation_token_can_be_revoked_by_itself(api):
    assert api.delete("/installation/token").status_code == 204
    assert api.get("/installation/repositories").status_code == 401


def test_app_routes_refuse_installation_tokens_and_the_other_way_round(api, as_app):
    assert api.get("/app").status_code == 401
    assert as_app.get("/installation/repositories").status_code == 401


def test_the_manifest_flow_makes_an_app_once(hub, widgets):
    manifest = (
        '{"name": "My Remit", "redirect_url": "http://127.0.0.1:1/back", "default_permissions": {"issues": "write"}}'
    )
    form = httpx.post(f"{hub.url}/settings/apps/new?state=s", data={"manifest": manifest}, trust_env=False)
    code = httpx.URL(form.headers["location"]).params["code"]
    door = f"{hub.api_url}/app-manifests/{code}/conversions"
    made = httpx.post(door, headers={"User-Agent": "tests"}, trust_env=False)
    assert (made.status_code, made.json()["slug"]) == (201, "my-remit")
    assert made.json()["pem"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert httpx.post(door, headers={"User-Agent": "tests"}, trust_env=False).status_code == 404
