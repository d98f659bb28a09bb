"""A policy is read and tried over HTTP, from this machine only."""

import json

import pytest

from github_app.policy.read import default_policy

VALIDATE, SIMULATE = "/api/v1/policy/validate", "/api/v1/policy/simulate"
GOOD = "version: 1\nmode: active\n"


def ask(door, path, document, **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    given = {"content-type": "application/json", "content-length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return door.ask("POST", path, body, list(given.items()))


def test_a_good_policy_is_valid(door):
    answer = ask(door, VALIDATE, {"text": GOOD})
    assert (answer.status, answer.said["valid"], answer.said["mode"]) == (200, True, "active")


def test_a_broken_policy_says_every_place(door):
    answer = ask(door, VALIDATE, {"text": "version: 1\nmoed: active\ncaps: {pending_per_repository: many}\n"})
    assert (answer.status, answer.said["valid"]) == (200, False)
    assert [(p["line"], p["column"]) for p in answer.said["problems"]] == [(2, 1), (3, 32)]
    assert "mode" in answer.said["problems"][0]["problem"]


def test_what_only_the_server_may_say_is_refused_to_a_repository(door):
    text = "version: 1\nagent: {adapter: command, command: [x]}\n"
    assert ask(door, VALIDATE, {"text": text}).said["valid"] is False
    assert ask(door, VALIDATE, {"text": text, "layer": "server"}).said["valid"] is True


def test_a_supposed_issue_is_decided(door):
    answer = ask(door, SIMULATE, {"text": GOOD, "labels": ["remit", "documentation"]})
    assert (answer.status, answer.said["verdict"], answer.said["tier"]) == (200, "run", "auto_safe")


def test_a_decision_says_what_would_change_it(door):
    answer = ask(door, SIMULATE, {"labels": ["remit", "bug"], "by": "maintainer:write", "author": "visitor:read"})
    assert answer.said["verdict"] == "hold"
    assert "approval.give" in [remedy["code"] for remedy in answer.said["remedies"]]
    assert answer.said["policy"] == default_policy().version


def test_counters_and_mode_can_be_supposed(door):
    about = {"labels": ["remit", "documentation"], "mode": "active"}
    assert ask(door, SIMULATE, about).said["verdict"] == "run"
    assert ask(door, SIMULATE, {**about, "counts": {"pending_repository": 5}}).said["verdict"] == "defer"
    assert ask(door, SIMULATE, {**about, "body_length": 3}).said["verdict"] == "skip"
    assert ask(door, SIMULATE, {**about, "public": True}).said["verdict"] == "hold"


@pytest.mark.parametrize(
    ("path", "document", "status"),
    [
        (VALIDATE, b"{", 400),
        (VALIDATE, b"[" * 100_000, 400),
        (VALIDATE, b'{"text": "\xff"}', 400),
        (VALIDATE, {"text": 3}, 400),
        (VALIDATE, {"text": GOOD, "more": 1}, 400),
        (SIMULATE, {"text": GOOD}, 400),
        (SIMULATE, {"labels": ["remit"], "by": "somebody:boss"}, 422),
        (SIMULATE, {"labels": ["remit", "REMIT"]}, 422),
        (SIMULATE, {"labels": ["remit"], "body": "x" * 65_537}, 422),
        (SIMULATE, {"labels": ["remit"], "body": "x", "body_length": 1}, 422),
        (SIMULATE, {"labels": ["remit"], "text": "version: 2\n"}, 422),
        (SIMULATE, {"labels": ["remit"], "counts": {"open_pulls": -1}}, 422),
        (VALIDATE, b"x" * ((1 << 20) + 1), 413),
    ],
)
def test_what_cannot_be_asked_is_refused(door, path, document, status):
    assert ask(door, path, document).status == status


def test_a_policy_that_is_too_large_is_invalid(door):
    assert ask(door, VALIDATE, {"text": "#" * 70_000}).said["valid"] is False


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 404),
        ({"x_forwarded_for": "10.0.0.1"}, 404),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"content_type": "text/plain"}, 415),
    ],
)
def test_pages_of_others_get_nothing(door, headers, status):
    assert ask(door, VALIDATE, {"text": GOOD}, **headers).status == status


def test_a_page_of_ours_may_ask(door):
    host = f"127.0.0.1:{door.port}"
    answer = ask(door, VALIDATE, {"text": GOOD}, host=host, origin=f"http://{host}", sec_fetch_site="same-origin")
    assert answer.status == 200


def test_only_post_and_never_a_row(door):
    assert door.ask("GET", VALIDATE).status == 405
    ask(door, SIMULATE, {"labels": ["remit", "bug"]})
    assert door.rows() == []
