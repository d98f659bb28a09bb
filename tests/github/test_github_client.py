import base64
import json

import pytest

from github_app.core.names import Permission
from github_app.errors import GitHubRefusedError, GitHubUnreachableError, LostAccessError, NotConfiguredError
from github_app.github.client import Budget
from github_app.github.repository import Note

OWN = 900
REPO = "/repos/acme/widgets"
OURS = {"id": OWN, "login": "remit[bot]", "type": "Bot"}
THEIRS = {"id": 5, "login": "remit", "type": "User"}
MARK = "<!-- remit:task=1 -->"


def pull(number=9, **change):
    return {
        "number": number,
        "html_url": f"https://github.example/acme/widgets/pull/{number}",
        "title": "t",
        "body": None,
        "state": "open",
        "user": OURS,
        "head": {"ref": "remit/docs/3-1", "sha": "b" * 40, "repo": {"id": 42, "full_name": "acme/widgets"}},
        "base": {"ref": "main", "sha": "a" * 40, "repo": {"id": 42, "full_name": "acme/widgets"}},
    } | change


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"role_name": "admin", "user": {"id": 5}}, Permission.ADMIN),
        ({"role_name": "maintain", "user": {"id": 5}}, Permission.MAINTAIN),
        ({"role_name": "write", "user": {"id": 5}}, Permission.WRITE),
        ({"role_name": "triage", "user": {"id": 5}, "permission": "read"}, Permission.TRIAGE),
        ({"role_name": "read", "user": {"id": 5}}, Permission.READ),
        ({"role_name": "none", "user": {"id": 5}}, Permission.NONE),
        ({"role_name": "release-captain", "permission": "admin", "user": {"id": 5}}, Permission.NONE),
        ({"role_name": "WRITE", "user": {"id": 5}}, Permission.NONE),
        ({"role_name": None, "user": {"id": 5}}, Permission.NONE),
        ({"permission": "admin", "user": {"id": 5}}, Permission.NONE),
        ({"role_name": "admin", "user": {"id": 6}}, Permission.NONE),
        ({"role_name": "admin", "user": None}, Permission.NONE),
        ({"role_name": "admin"}, Permission.NONE),
        ([], Permission.NONE),
        ("admin", Permission.NONE),
        (None, Permission.NONE),
    ],
)
def test_t10_only_a_known_role_of_that_very_account_is_a_permission(script, repo, said, expected):
    script.on(f"GET {REPO}/collaborators/ann/permission", said)
    assert expected == repo.permission("ann", 5)


def test_a_stranger_has_no_permission(repo):
    assert repo.permission("nobody") == Permission.NONE


def test_an_outage_is_not_a_permission(script, repo):
    script.on(f"GET {REPO}/collaborators/ann/permission", {}, 503)
    with pytest.raises(GitHubUnreachableError):
        repo.permission("ann")


def test_t46_a_marker_counts_only_in_a_comment_of_our_own_account(script, repo):
    script.on(
        f"GET {REPO}/issues/3/comments",
        [
            {"id": 1, "user": THEIRS, "body": MARK},
            {"id": 2, "user": None, "body": MARK},
            {"id": 3, "user": OURS, "body": "something else"},
            {"id": 4, "user": OURS, "body": f"x\n{MARK}"},
        ],
    )
    assert repo.find_comment(3, MARK) == 4
    assert repo.find_comment(3, "<!-- other -->") is None


def test_t45_comments_are_read_to_the_last_page_or_not_at_all(script, repo):
    others = [{"id": n, "user": THEIRS, "body": "x"} for n in range(1, 101)]
    script.on(f"GET {REPO}/issues/3/comments", others)
    script.on(f"GET {REPO}/issues/3/comments", [{"id": 500, "user": OURS, "body": MARK}])
    assert repo.find_comment(3, MARK) == 500
    script.on(f"GET {REPO}/issues/4/comments", others)
    with pytest.raises(GitHubRefusedError, match="not read to the end"):
        repo.find_comment(4, MARK)


def test_t46_a_pull_request_is_adopted_only_if_our_account_opened_it_from_our_branch(script, repo):
    fork = {"ref": "remit/docs/3-1", "sha": "b" * 40, "repo": {"id": 43, "full_name": "eve/widgets"}}
    script.on(f"GET {REPO}/pulls", [pull(5), pull(7, user=THEIRS), pull(8, head=fork), pull(6)])
    found = repo.find_pull("remit/docs/3-1")
    assert found is not None
    assert found.number == 6
    assert script.requests[-1].url.params["head"] == "acme:remit/docs/3-1"


def test_a_pull_request_is_opened_as_asked(script, repo):
    script.on(f"POST {REPO}/pulls", pull(draft=True), 201)
    opened = repo.open_pull(head="remit/docs/3-1", base="main", title="t", body="b", draft=True)
    assert (opened.number, opened.draft, opened.open, opened.merged_as) == (9, True, True, None)
    expected = {"head": "remit/docs/3-1", "base": "main", "title": "t", "body": "b", "draft": True}
    assert script.sent(f"POST {REPO}/pulls") == [expected]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"merge_commit_sha": "c" * 40}, None),
        ({"merge_commit_sha": "c" * 40, "merged": True}, "c" * 40),
        ({"merge_commit_sha": "c" * 40, "merged_at": "2026-11-20T00:00:00Z"}, "c" * 40),
    ],
)
def test_a_test_merge_commit_is_not_a_merge(script, repo, change, expected):
    script.on(f"GET {REPO}/pulls/9", pull(**change))
    assert repo.get_pull(9).merged_as == expected


def test_t25_a_review_is_always_a_comment(script, repo):
    script.on(f"POST {REPO}/pulls/9/reviews", {"id": 31}, 200)
    assert repo.review(9, "looks fine", [Note(path="a.py", line=3, body="hm")], "b" * 40) == 31
    expected = {
        "event": "COMMENT",
        "body": "looks fine",
        "commit_id": "b" * 40,
        "comments": [{"path": "a.py", "line": 3, "side": "RIGHT", "body": "hm"}],
    }
    assert script.sent(f"POST {REPO}/pulls/9/reviews") == [expected]


def test_labels_are_made_once_and_removed_without_a_fuss(script, repo):
    script.on(f"POST {REPO}/labels", {"name": "remit:held"}, 201)
    repo.ensure_label("remit:held", color="ededed", description="waits")
    assert len(script.sent(f"POST {REPO}/labels")) == 1
    script.on(f"GET {REPO}/labels/remit:held", {"name": "remit:held"})
    repo.ensure_label("remit:held", color="ededed", description="waits")
    assert len(script.sent(f"POST {REPO}/labels")) == 1
    assert repo.remove_label(3, "remit:held") is False


def test_a_label_made_by_somebody_else_meanwhile_is_fine(script, repo):
    script.on(f"GET {REPO}/labels/remit:held", {}, 404)
    script.on(f"GET {REPO}/labels/remit:held", {"name": "remit:held"})
    script.on(f"POST {REPO}/labels", {"message": "Validation Failed", "errors": [{"code": "already_exists"}]}, 422)
    repo.ensure_label("remit:held", color="ededed", description="waits")


def test_a_label_github_does_not_like_is_an_error(script, repo):
    script.on(f"POST {REPO}/labels", {"message": "Validation Failed"}, 422)
    with pytest.raises(GitHubRefusedError):
        repo.ensure_label("remit:held", color="zz", description="waits")


def test_reactions_go_where_they_belong(script, repo):
    for path in ("issues/3/reactions", "issues/comments/7/reactions", "pulls/comments/8/reactions"):
        script.on(f"POST {REPO}/{path}", {"id": 1}, 201)
    repo.react("issue", "eyes", number=3)
    repo.react("issue_comment", "+1", number=3, comment_id=7)
    repo.react("review_comment", "-1", number=3, comment_id=8)
    assert script.sent(f"POST {REPO}/issues/3/reactions") == [{"content": "eyes"}]
    assert script.sent(f"POST {REPO}/issues/comments/7/reactions") == [{"content": "+1"}]
    assert script.sent(f"POST {REPO}/pulls/comments/8/reactions") == [{"content": "-1"}]
    with pytest.raises(ValueError, match="comment's id"):
        repo.react("issue_comment", "eyes", number=3)


def test_a_file_is_read_as_bytes(script, repo):
    text = base64.encodebytes(b"mode: active\n" * 20).decode()
    script.on(f"GET {REPO}/contents/.github/remit.yml", {"type": "file", "encoding": "base64", "content": text})
    assert repo.get_file(".github/remit.yml", "main") == b"mode: active\n" * 20
    script.on(f"GET {REPO}/contents/docs", [{"type": "file", "name": "x"}])
    assert repo.get_file("docs", "main") is None
    assert repo.get_file("missing", "main") is None
    script.on(f"GET {REPO}/contents/big", {"type": "file", "encoding": "none", "content": ""})
    with pytest.raises(GitHubRefusedError, match="larger"):
        repo.get_file("big", "main")


def test_the_default_branch_is_checked_by_the_repositorys_id(script, repo):
    about = {"id": 42, "full_name": "acme/widgets", "private": True, "default_branch": "trunk"}
    script.on(f"GET {REPO}", about)
    script.on(f"GET {REPO}", about | {"id": 43})
    script.on(f"GET {REPO}/branches/trunk", {"name": "trunk", "commit": {"sha": "d" * 40}})
    found = repo.default_branch()
    assert (found.name, found.head) == ("trunk", "d" * 40)
    with pytest.raises(LostAccessError, match="another repository"):
        repo.default_branch()


@pytest.mark.parametrize(
    ("status", "expected"), [("ahead", True), ("identical", True), ("behind", False), ("diverged", False)]
)
def test_a_branch_contains_what_it_is_ahead_of(script, repo, status, expected):
    script.on(f"GET {REPO}/compare/{'c' * 40}...main", {"status": status})
    assert repo.branch_contains("main", "c" * 40) is expected
    assert repo.branch_contains("main", "e" * 40) is False


def test_labelled_issues_are_numbers_without_pull_requests(script, repo):
    script.on(f"GET {REPO}/issues", [{"number": 3}, {"number": 4, "pull_request": {}}, {"number": 5}])
    assert repo.labelled_issues("remit") == (3, 5)


COMMENT = {
    "id": 7,
    "user": {"id": 5, "login": "ann", "type": "User"},
    "body": "/approve",
    "created_at": "2026-11-20T00:00:00Z",
    "updated_at": "2026-11-20T00:00:00Z",
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, (5, True, False)),
        ({"updated_at": "2026-11-20T00:00:01Z"}, (5, True, True)),
        ({"user": None}, (None, False, False)),
        ({"user": {"id": 6, "login": "x[bot]", "type": "Bot"}}, (6, False, False)),
        ({"performed_via_github_app": {"id": 1}}, (5, False, False)),
    ],
)
def test_a_comment_says_who_wrote_it_and_whether_it_was_edited(script, repo, change, expected):
    script.on(f"GET {REPO}/issues/comments/7", COMMENT | change)
    found = repo.get_comment("issue_comment", 7)
    assert found is not None
    assert (found.author_id, found.human, found.edited) == expected
    assert found.created_at == 1_795_132_800_000


def test_a_comment_that_is_gone_is_none(repo):
    assert repo.get_comment("issue_comment", 7) is None
    assert repo.get_comment("review_comment", 7) is None
    assert repo.get_comment("review", 7, number=9) is None
    assert repo.get_comment("review", 7) is None


def test_own_account_is_asked_for_once(script, github):
    assert (github.own_user_id(7), github.own_user_id(7), github.bot_login()) == (OWN, OWN, "remit[bot]")
    assert len(script.sent("GET /users/remit[bot]")) == 1
    assert script.sent("POST /app/installations/7/access_tokens") == [{"permissions": {"metadata": "read"}}]


def test_own_account_is_found_through_any_live_installation(script, github):
    script.on(
        "GET /app/installations",
        [
            {"id": 6, "account": {"id": 1, "login": "gone"}, "suspended_at": "2026-01-01T00:00:00Z"},
            {"id": 7, "account": {"id": 2, "login": "acme"}, "suspended_at": None},
        ],
    )
    assert github.own_user_id() == OWN


def test_an_app_that_is_installed_nowhere_says_where_to_install_it(script, github):
    script.on("GET /app/installations", [])
    with pytest.raises(NotConfiguredError) as caught:
        github.own_user_id()
    assert caught.value.hint == "https://github.example/apps/remit"


def test_an_installation_that_is_gone_is_lost_access(github):
    with pytest.raises(LostAccessError):
        github.installation(7)
    with pytest.raises(LostAccessError):
        github.repository_installation("acme/widgets")


def test_the_repositories_of_an_installation_are_paged(script, github):
    row = {"full_name": "acme/x", "private": True}
    first = [row | {"id": n} for n in range(1, 101)]
    script.on("GET /installation/repositories", {"total_count": 101, "repositories": first})
    script.on("GET /installation/repositories", {"total_count": 101, "repositories": [row | {"id": 101}]})
    assert len(github.installation_repositories(7)) == 101


def test_the_delivery_log_is_read_by_cursor(script, github):
    line = {"id": 12, "guid": "g", "event": "issues", "delivered_at": "2026-11-20T00:00:00Z", "status_code": 500}
    link = '<https://github.example/api/v3/app/hook/deliveries?per_page=100&cursor=v1_12>; rel="next"'
    script.on("GET /app/hook/deliveries", [line], link=link)
    script.on("GET /app/hook/deliveries", [line | {"id": 11}])
    lines, cursor = github.deliveries()
    assert ([one.id for one in lines], cursor) == ([12], "v1_12")
    lines, cursor = github.deliveries(cursor)
    assert ([one.id for one in lines], cursor) == ([11], None)
    assert script.requests[-1].url.params["cursor"] == "v1_12"


def test_one_delivery_comes_with_its_headers_and_payload(script, github):
    line = {"id": 12, "guid": "g", "event": "issues", "delivered_at": "2026-11-20T00:00:00Z"}
    request = {"headers": {"X-GitHub-Event": "issues"}, "payload": {"action": "labeled", "text": "ä"}}
    script.on("GET /app/hook/deliveries/12", line | {"request": request})
    found = github.delivery(12)
    assert found is not None
    assert found.headers == {"x-github-event": "issues"}
    assert json.loads(found.payload) == request["payload"]
    assert github.delivery(13) is None
    script.on("POST /app/hook/deliveries/12/attempts", {}, 202)
    github.redeliver(12)
    assert github.calls["redeliver"] == 1


def test_every_call_is_counted_by_what_it_costs(script, github, repo):
    script.on(f"POST {REPO}/issues/3/comments", {"id": 1}, 201)
    script.on(f"POST {REPO}/issues/3/reactions", {"id": 1}, 201)
    repo.comment(3, "hi")
    repo.react("issue", "eyes", number=3)
    repo.get_pull(3)
    assert github.budget() == Budget(reads=1, content_writes=1, other_writes=1, tokens=2)
    assert dict(github.calls) == {"mint_token": 2, "create_comment": 1, "react_to_issue": 1, "pull": 1}
