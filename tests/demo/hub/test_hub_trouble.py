import hashlib
import hmac
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from github_app.demo.hub import How, Hub

ISSUE = "/repos/acme/widgets/issues/1"


@pytest.fixture
def issue(hub, widgets, installation, receiver):
    hub.open_issue(widgets, "Crash", "text", "rob")
    hub.settle()
    receiver.take()


def comments(widgets):
    return [one.body for one in widgets.issue(1).comments]


def test_every_answer_tells_the_rate_limit_and_304_is_free(api, issue):
    first = api.get(ISSUE)
    assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-resource"]) == ("5000", "core")
    again = api.get(ISSUE, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]


def test_a_status_can_be_answered_before_acting(hub, api, widgets, issue):
    hub.fail("POST", r"/comments$", "503", nth=2, headers={"Retry-After": "7"})
    answers = [api.post(f"{ISSUE}/comments", json={"body": str(number)}) for number in range(3)]
    assert [one.status_code for one in answers] == [201, 503, 201]
    assert answers[1].headers["retry-after"] == "7"
    assert comments(widgets) == ["0", "2"]


def test_a_reply_can_be_lost_after_acting(hub, api, widgets, issue):
    hub.fail("POST", r"/comments$", How.LOST_REPLY)
    with pytest.raises(httpx.RemoteProtocolError):
        api.post(f"{ISSUE}/comments", json={"body": "once"})
    assert comments(widgets) == ["once"]
    hub.fail("POST", r"/comments$", How.LATE_502)
    assert api.post(f"{ISSUE}/comments", json={"body": "twice"}).status_code == 502
    hub.fail("POST", r"/comments$", How.DROPPED)
    with pytest.raises(httpx.RemoteProtocolError):
        api.post(f"{ISSUE}/comments", json={"body": "never"})
    assert comments(widgets) == ["once", "twice"]


def test_a_delay_holds_up_only_its_own_request(hub, api, issue):
    hub.fail("GET", r"/issues/1$", How.DELAY, seconds=5)
    with pytest.raises(httpx.ReadTimeout):
        api.get(ISSUE, timeout=0.05)
    began = time.monotonic()
    assert api.get(ISSUE).status_code == 200
    assert time.monotonic() - began < 1


def test_rate_limits_come_in_githubs_forms(hub, api, issue, clock):
    hub.fail("*", "/issues/1$", How.SECONDARY_LIMIT, seconds=30)
    limited = api.get(ISSUE)
    assert (limited.status_code, limited.headers["retry-after"]) == (403, "30")
    assert "secondary rate limit" in limited.json()["message"]
    hub.fail("*", "/issues/1$", How.SECONDARY_LIMIT)
    assert "retry-after" not in api.get(ISSUE).headers
    hub.fail("*", "/issues/1$", How.PRIMARY_LIMIT)
    spent = api.get(ISSUE)
    assert (spent.status_code, spent.headers["x-ratelimit-remaining"]) == (403, "0")
    assert api.get("/rate_limit").json()["resources"]["core"]["remaining"] == 0
    clock.now = float(spent.headers["x-ratelimit-reset"])
    assert api.get("/rate_limit").status_code == 401


def test_too_many_writes_in_a_minute_are_refused(hub, api, issue):
    hub.limits.writes_per_minute = 2
    answers = [api.post(f"{ISSUE}/comments", json={"body": str(number)}).status_code for number in range(3)]
    assert answers == [201, 201, 403]


def test_tokens_can_be_revoked_at_any_moment(hub, api, issue):
    hub.fail("GET", "/issues/1$", How.REVOKE_TOKENS)
    assert api.get(ISSUE).status_code == 401


def test_a_webhook_is_signed_and_named_as_githubs_are(hub, app, widgets, issue, receiver):
    hub.comment(widgets, 1, "hello ✓", "rob")
    hub.settle()
    (got,) = receiver.got
    expected = "sha256=" + hmac.new(b"webhook-secret", got.body, hashlib.sha256).hexdigest()
    assert got.headers["X-Hub-Signature-256"] == expected
    assert got.headers["X-GitHub-Hook-Installation-Target-Type"] == "integration"
    assert got.headers["X-GitHub-Hook-Installation-Target-ID"] == str(app.app_id)
    assert got.headers["User-Agent"].startswith("GitHub-Hookshot/")


def test_an_app_hears_only_what_it_subscribed_to_and_may_read(hub, receiver, widgets):
    other = hub.create_app("other", receiver.url, "s", {"contents": "read"}, ["issues", "push"])
    hub.install(other, "acme", by="ada")
    hub.settle()
    receiver.take()
    hub.open_issue(widgets, "Crash", "text", "rob")
    hub.push(widgets, "main", {"a": "b"}, "Change", "wren")
    hub.settle()
    assert receiver.names() == ["push"]


def test_a_failed_delivery_is_not_resent_but_can_be_redelivered_with_its_guid(hub, as_app, widgets, issue, receiver):
    receiver.status = 500
    hub.comment(widgets, 1, "hello", "rob")
    hub.settle()
    receiver.status = 202
    log = as_app.get("/app/hook/deliveries", params={"per_page": 1})
    failed = log.json()[0]
    assert (failed["status_code"], failed["event"], failed["redelivery"]) == (500, "issue_comment", False)
    detail = as_app.get(f"/app/hook/deliveries/{failed['id']}").json()
    assert detail["request"]["payload"]["comment"]["body"] == "hello"
    assert detail["request"]["headers"]["X-GitHub-Delivery"] == failed["guid"]
    assert as_app.post(f"/app/hook/deliveries/{failed['id']}/attempts").status_code == 202
    hub.settle()
    assert [one.headers["X-GitHub-Delivery"] for one in receiver.got] == [failed["guid"]] * 2
    newest = as_app.get("/app/hook/deliveries").json()[0]
    assert (newest["guid"], newest["redelivery"], newest["status"]) == (failed["guid"], True, "OK")
    following = as_app.get(log.links["next"]["url"]).json()
    assert failed["id"] not in [one["id"] for one in following]


def test_deliveries_can_be_lost_doubled_held_and_permuted(hub, widgets, issue, receiver):
    hub.lose_deliveries([True, False])
    for word in ("lost", "kept"):
        hub.comment(widgets, 1, word, "rob")
    hub.settle()
    hub.double_deliveries(1)
    hub.comment(widgets, 1, "doubled", "rob")
    hub.settle()
    assert [one.said["comment"]["body"] for one in receiver.take()] == ["kept", "doubled", "doubled"]
    hub.hold_deliveries()
    for word in ("a", "b", "c"):
        hub.comment(widgets, 1, word, "rob")
    hub.settle()
    assert receiver.got == []
    hub.release(lambda held: held[::-1])
    hub.settle()
    assert [one.said["comment"]["body"] for one in receiver.got] == ["c", "b", "a"]


def test_a_request_that_is_not_githubs_is_refused(hub, api, issue):
    assert api.post(f"{ISSUE}/comments", content=b"{").json()["message"] == "Problems parsing JSON"
    assert api.get(ISSUE, headers={"X-GitHub-Api-Version": "2020-01-01"}).status_code == 400
    assert api.get(ISSUE, headers={"User-Agent": ""}).status_code == 403
    assert api.get("/nope").json()["message"] == "Not Found"
    assert api.get(ISSUE, headers={"Authorization": "Bearer ghs_nope"}).json()["message"] == "Bad credentials"


def test_the_server_is_gone_soon_after_its_block(tmp_path):
    began = time.monotonic()
    with Hub(tmp_path).serve() as hub:
        assert httpx.get(hub.url, trust_env=False).status_code == 200
        ready = time.monotonic() - began
    assert time.monotonic() - began - ready < 0.5
    with pytest.raises(httpx.ConnectError):
        httpx.get(hub.url, trust_env=False)


CHILD = """
import sys, time, pathlib
from github_app.demo.hub import Hub
hub = Hub(pathlib.Path(sys.argv[1]), journal=True)
with hub.serve():
    app = hub.create_app("remit", "http://127.0.0.1:9/webhook", "s", {"issues": "write"}, ["issues"])
    hub.create_user("ada")
    hub.create_repository("ada", "widgets", {"a.txt": "a"})
    hub.install(app, "ada")
    hub.open_issue("ada/widgets", "Crash", "text", "ada", labels=["bug"])
    hub.settle()
    print("ready", flush=True)
    for number in range(10_000):
        print(hub.comment("ada/widgets", 1, str(number), "ada"), flush=True)
"""


def test_what_was_acknowledged_is_there_after_kill_9(tmp_path):
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        acknowledged = [int(child.stdout.readline()) for _ in range(20)]
        os.kill(child.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    with (tmp_path / "deliveries.jsonl").open("ab") as log:
        log.write(b'{"id": 1, "torn')
    again = Hub(tmp_path, journal=True)
    issue = again.repository("ada/widgets").issue(1)
    assert set(acknowledged) <= {one.id for one in issue.comments}
    assert issue.labels == ("bug",)
    assert "issues" in {one.event for one in again.deliveries}
    assert again.repository("ada/widgets").file("a.txt") == b"a"
    again.open_issue("ada/widgets", "After", "text", "ada")
    assert Hub(tmp_path, journal=True).deliveries[-1].action == "opened"
    assert len({again.comment("ada/widgets", 1, "more", "ada"), *acknowledged}) == len(acknowledged) + 1


def test_what_was_not_delivered_before_a_crash_is_delivered_after_it(tmp_path, receiver):
    before = Hub(tmp_path, journal=True)
    app = before.create_app("remit", receiver.url, "s", {"issues": "read"}, ["issues"])
    before.create_user("ada")
    before.create_repository("ada", "widgets")
    before.install(app, "ada")
    before.open_issue("ada/widgets", "Crash", "text", "ada")
    with Hub(tmp_path, journal=True).serve() as after:
        after.settle()
    assert receiver.names() == ["ping", "installation.created", "issues.opened"]


def test_a_delivery_nobody_answers_is_written_down_as_failed(hub, as_app, app, widgets, issue):
    hub.set_webhook(app, url="http://127.0.0.1:9/webhook")
    hub.comment(widgets, 1, "hello", "rob")
    hub.settle()
    newest = as_app.get("/app/hook/deliveries").json()[0]
    assert (newest["status"], newest["status_code"]) == ("failed to connect to host", 502)
