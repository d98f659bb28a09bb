"""The pages: for whoever sits at this machine, and inert whatever stands in an issue."""

import json
from dataclasses import replace

import pytest
from web_door import Door, labelled

from github_app.web.app import make_app
from github_app.web.pages import HEADERS
from github_app.web.server import listening, serving

PAGES = ("/", "/tasks/1", "/api/v1/tasks", "/api/v1/tasks/1")
HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(2)> "quoted" {{ 7 * 7 }} \u202e javascript:alert(3)'


@pytest.fixture
def task(db):
    """A task whose every text was written by somebody else."""
    columns = {
        "id": 1, "state": "held", "installation_id": 1, "repository_id": 42, "repository": "acme/widgets",
        "issue_number": 7, "title": HOSTILE, "category": "docs", "tier": "proposed",
        "digest": "abc", "subject": HOSTILE,
        "policy_version": "v", "requester_id": 5, "requester": HOSTILE, "reason_code": "tier.proposed",
        "reason": HOSTILE, "created_at": 1, "updated_at": 1_795_150_000_000, "run_after": 1, "rank": 1,
        "branch": HOSTILE, "pull_number": 9, "pull_url": "javascript:alert(4)",
    }  # fmt: skip
    with db.connect() as connection:
        known = {row[1]: row for row in connection.exec_driver_sql("PRAGMA table_info(task)").all()}
        for name, row in known.items():
            if row[3] and row[4] is None and name not in columns and not row[5]:
                columns[name] = 0 if "INT" in row[2].upper() else ""
        chosen = {name: value for name, value in columns.items() if name in known}
        names, marks = ", ".join(f'"{name}"' for name in chosen), ", ".join("?" * len(chosen))
        connection.exec_driver_sql(f"INSERT INTO task ({names}) VALUES ({marks})", tuple(chosen.values()))  # noqa: S608


def test_t38_what_others_wrote_is_shown_and_does_nothing(door, task):
    for path in ("/", "/tasks/1"):
        answer = door.ask("GET", path)
        text = answer.body.decode()
        assert answer.status == 200
        assert "<script" not in text
        assert "<img" not in text
        assert "&lt;script&gt;alert(1)" in text
        assert "{{ 7 * 7 }}" in text
        assert 'href="javascript' not in text
        assert HEADERS["Content-Security-Policy"] == answer.headers["content-security-policy"]
    assert "script-src" not in HEADERS["Content-Security-Policy"]
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'none'")


def test_links_lead_to_the_github_that_is_configured(door, task):
    text = door.ask("GET", "/").body.decode()
    assert 'href="https://github.com/acme/widgets/issues/7"' in text
    assert 'href="https://github.com/acme/widgets/pull/9"' in text
    assert 'href="/tasks/1"' in text


def test_pages_have_twins_as_data(door, task):
    [one] = json.loads(door.ask("GET", "/api/v1/tasks").body)
    assert (one["title"], one["state"]) == (HOSTILE, "held")
    assert json.loads(door.ask("GET", "/api/v1/tasks/1").body)["task"]["title"] == HOSTILE


def test_without_tasks_the_page_says_how_to_get_one(door):
    assert b"Label an issue" in door.ask("GET", "/").body
    assert b"No tasks are held" in door.ask("GET", "/?state=held").body
    assert b"no older tasks" in door.ask("GET", "/?before=1").body


def test_what_is_asked_for_wrongly_is_answered_all_the_same(door, task):
    for query in ("?state=nonsense", "?before=-1", "?before=x", "?before=" + "9" * 40, "?state=held&state=%00"):
        assert door.ask("GET", "/" + query).status == 200
    assert door.ask("GET", "/tasks/2").status == 404
    assert door.ask("GET", "/tasks/x").status == 404
    assert door.ask("GET", "/tasks/1/../../etc/passwd").status == 404
    assert door.ask("GET", "/static/../pages.py").status == 404


def test_a_page_that_shows_something_moving_is_asked_for_again(door, task, db):
    assert "refresh" not in door.ask("GET", "/").headers
    with db.connect() as connection:
        connection.exec_driver_sql("UPDATE task SET state = 'queued'")
    assert door.ask("GET", "/").headers["refresh"] == "3"
    assert "refresh" not in door.ask("GET", "/?before=5").headers


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:8000"])
def test_pages_are_for_whoever_asks_by_a_loopback_name(door, task, host):
    assert {200} == {door.ask("GET", path, headers=[("Host", host)]).status for path in PAGES}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "0.0.0.0", "",  # noqa: S104
     "127.0.0.1:80@evil.example",
     "localhost:80:80", "evil.example:127.0.0.1", "[::1].evil.example"],
)  # fmt: skip
def test_a_page_elsewhere_cannot_read_them_by_rebinding_its_name(door, task, host):
    assert {404} == {door.ask("GET", path, headers=[("Host", host)]).status for path in PAGES}


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via"])
def test_what_came_through_a_proxy_gets_no_pages(door, task, name):
    headers = [("Host", "127.0.0.1"), (name, "127.0.0.1")]
    assert {404} == {door.ask("GET", path, headers=headers).status for path in PAGES}


def test_a_server_that_listens_elsewhere_has_no_pages_but_takes_deliveries(site, db, task):
    made, nudged = site
    with listening("127.0.0.1", 0, hint="") as listener, serving(make_app(replace(made, local_pages=False)), listener):
        door = Door(listener.getsockname()[1], db, made.receiver, nudged)
        assert {404} == {door.ask("GET", path).status for path in (*PAGES, "/static/remit.css")}
        assert door.post(labelled()).status == 202
        assert door.ask("GET", "/healthz").status == 200


def test_the_style_sheet_is_ours_and_knows_both_colour_schemes(door):
    answer = door.ask("GET", "/static/remit.css")
    assert answer.status == 200
    assert b"prefers-color-scheme: dark" in answer.body
    assert b"http" not in answer.body
