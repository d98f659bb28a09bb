import httpx
import pytest

from github_app.errors import GitHubRefusedError, GitHubUnreachableError, LostAccessError, RateLimitedError
from github_app.github.wire import graphql_url, proxy_for

PATH = "/repos/acme/widgets/issues/3/comments"
NOW = 1_795_000_000
DATE = "Wed, 18 Nov 2026 11:06:40 GMT"


@pytest.mark.parametrize(
    ("status", "headers", "message", "expected"),
    [
        (429, {"retry-after": "7"}, "", 7),
        (403, {"retry-after": "120", "x-ratelimit-remaining": "4000"}, "You have exceeded a secondary rate limit", 120),
        (403, {"retry-after": "0"}, "", 1),
        (403, {"retry-after": "soon"}, "", 60),
        (403, {"retry-after": "9" * 400}, "", 3900),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 90)}, "API rate limit exceeded", 90),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 90)}, "", 90),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW - 90)}, "", 1),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 10**9)}, "", 3900),
        (403, {"x-ratelimit-remaining": "0"}, "", 60),
        (403, {"x-ratelimit-remaining": "12"}, "You have exceeded a secondary rate limit. Please wait", 60),
        (403, {}, "You have triggered an abuse detection mechanism", 60),
        (429, {}, "", 60),
        (403, {}, "API rate limit exceeded for installation ID 7", 60),
    ],
)
def test_t32_a_rate_limit_says_how_long_to_wait(script, repo, slept, status, headers, message, expected):
    script.on(f"POST {PATH}", {"message": message}, status, **headers)
    with pytest.raises(RateLimitedError) as caught:
        repo.comment(3, "hi")
    assert expected == caught.value.retry_after
    assert slept == []


def test_f14_the_reset_is_measured_by_githubs_clock_not_ours(script, repo, clock):
    clock.now += 7200
    script.on(f"POST {PATH}", {}, 403, **{"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 90)}, date=DATE)
    with pytest.raises(RateLimitedError) as caught:
        repo.comment(3, "hi")
    assert caught.value.retry_after == 90


def test_a_rate_limited_read_is_not_repeated(script, repo, slept):
    script.on("GET /repos/acme/widgets/pulls/3", {}, 429, **{"retry-after": "5"})
    with pytest.raises(RateLimitedError):
        repo.get_pull(3)
    assert len(script.sent("GET /repos/acme/widgets/pulls/3")) == 1
    assert slept == []


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (403, {"message": "This installation has been suspended"}, LostAccessError, "suspended"),
        (403, {"message": "Repository was archived so is read-only."}, LostAccessError, "archived"),
        (403, {"message": "Resource not accessible by integration"}, GitHubRefusedError, "does not permit"),
        (403, {"message": "Unable to create comment because issue is locked."}, GitHubRefusedError, "locked"),
        (410, {"message": "This issue was deleted"}, GitHubRefusedError, "not found or not permitted"),
        (404, {"message": "Not Found"}, GitHubRefusedError, "not found or not permitted"),
        (451, {"message": "Repository access blocked"}, LostAccessError, "not found or not permitted"),
        (
            422,
            {"message": "Validation Failed", "errors": [{"resource": "IssueComment", "field": "body", "code": "x"}]},
            GitHubRefusedError,
            "Validation Failed; IssueComment.body x",
        ),
        (422, {"message": "no", "errors": ["plain words"]}, GitHubRefusedError, "plain words"),
        (400, b"<html>", GitHubRefusedError, "no reason given"),
        (500, {"message": "Server Error"}, GitHubUnreachableError, "cannot answer now"),
        (502, b"<html>bad gateway</html>", GitHubUnreachableError, "cannot answer now"),
        (200, b"<html>captive portal</html>", GitHubUnreachableError, "not JSON"),
        (200, b'{"id":' * 100_000, GitHubUnreachableError, "not JSON"),
        (201, {"no": "id"}, GitHubUnreachableError, "what was made"),
    ],
)
def test_an_answer_becomes_one_error_of_ours(script, repo, status, body, kind, told):
    script.on("GET /repos/acme/widgets", {"id": 42, "full_name": "acme/widgets", "private": True})
    script.on(f"POST {PATH}", body, status)
    with pytest.raises(kind, match=told) as caught:
        repo.comment(3, "hi")
    assert kind is type(caught.value)


def test_not_found_in_a_repository_that_is_gone_is_lost_access(script, repo):
    with pytest.raises(LostAccessError, match="not found or not permitted"):
        repo.comment(3, "hi")


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_a_failing_network_names_neither_token_nor_body(script, repo, failure):
    def fail(request):
        raise failure(f"{request.headers['authorization']} went wrong", request=request)

    script.on(f"POST {PATH}", fail)
    with pytest.raises(GitHubUnreachableError) as caught:
        repo.comment(3, "the text")
    assert f"no answer from github.example (create_comment: {failure.__name__})" == caught.value.sentence


@pytest.mark.parametrize("status", [500, 502, 503, 429, 403, 404, 422, 301, 307])
def test_no_write_is_repeated_by_itself(script, repo, slept, status):
    script.on("GET /repos/acme/widgets", {"id": 42, "full_name": "acme/widgets", "private": True})
    script.on(f"POST {PATH}", {"message": "x"}, status)
    script.on("GET /repositories/42", {"message": "x"}, 500)
    with pytest.raises((GitHubUnreachableError, GitHubRefusedError)):
        repo.comment(3, "hi")
    assert len(script.sent(f"POST {PATH}")) == 1


def test_a_lost_reply_to_a_write_is_not_followed_by_another(script, repo, slept):
    def drop(request):
        raise httpx.ReadTimeout("lost", request=request)

    script.on(f"POST {PATH}", drop)
    with pytest.raises(GitHubUnreachableError):
        repo.comment(3, "hi")
    assert len(script.sent(f"POST {PATH}")) == 1
    assert slept == []


def test_a_read_is_tried_three_times_within_seconds(script, repo, slept):
    script.on("GET /repos/acme/widgets/pulls/3", {}, 502)
    with pytest.raises(GitHubUnreachableError):
        repo.get_pull(3)
    assert len(script.sent("GET /repos/acme/widgets/pulls/3")) == 3
    assert len(slept) == 2
    assert sum(slept) <= 6


def test_a_read_that_recovers_is_an_answer(script, repo):
    script.on("GET /repos/acme/widgets/collaborators/ann/permission", {}, 503)
    script.on("GET /repos/acme/widgets/collaborators/ann/permission", {"role_name": "write", "user": {"id": 5}})
    assert repo.permission("ann") == 3


def test_t34_a_redirect_out_of_the_api_is_not_followed(script, repo):
    for target in ("https://evil.example/api/v3/x", "http://github.example/api/v3/x", "https://github.example/login"):
        script.answers.clear()
        script.on("GET /repos/acme/widgets/pulls/3", None, 301, location=target)
        with pytest.raises(GitHubUnreachableError, match="not its API"):
            repo.get_pull(3)
    assert {"github.example"} == {request.url.host for request in script.requests}


def test_redirects_in_a_circle_end(script, repo):
    script.on("GET /repos/acme/widgets/pulls/3", None, 301, location="/api/v3/repos/acme/widgets/pulls/3")
    with pytest.raises(GitHubUnreachableError, match="circles"):
        repo.get_pull(3)


def test_f20_a_write_to_a_renamed_repository_is_sent_once_to_its_new_name(script, repo):
    script.on(
        f"POST {PATH}", {"message": "Moved Permanently"}, 307, location="/api/v3/repositories/42/issues/3/comments"
    )
    script.on("GET /repositories/42", {"id": 42, "full_name": "acme/gadgets", "private": True})
    script.on("POST /repos/acme/gadgets/issues/3/comments", {"id": 11}, 201)
    assert repo.comment(3, "hi") == 11
    assert repo.full_name == "acme/gadgets"


def test_t07_a_name_that_leads_to_another_repository_is_lost_access(script, repo):
    script.on(f"POST {PATH}", None, 301, location="/api/v3/repositories/43/issues/3/comments")
    script.on("GET /repositories/42", {"id": 43, "full_name": "acme/other", "private": True})
    with pytest.raises(LostAccessError, match="another repository"):
        repo.comment(3, "hi")


def test_f20_a_read_follows_a_rename_within_the_api(script, repo):
    script.on(
        "GET /repos/acme/widgets/compare/a...main", None, 301, location="/api/v3/repositories/42/compare/a...main"
    )
    script.on("GET /repositories/42/compare/a...main", {"status": "ahead"})
    assert repo.branch_contains("main", "a")


def test_every_request_has_a_time_limit(script, repo):
    repo.get_pull(3)
    assert len(script.requests) == 2
    for request in script.requests:
        assert None not in request.extensions["timeout"].values()


def test_f14_the_difference_of_the_clocks_is_known(script, repo, github, clock):
    assert github.clock_skew is None
    clock.now += 45
    script.on("GET /repos/acme/widgets/pulls/3", {}, 404, date=DATE)
    repo.get_pull(3)
    assert github.clock_skew == 45


@pytest.mark.parametrize(
    ("api_url", "expected"),
    [
        ("https://api.github.com", "http://proxy.example:3128"),
        ("https://github.inside.example/api/v3", None),
        ("http://127.0.0.1:8080/api/v3", None),
    ],
)
def test_the_environments_proxy_stands_before_github_only(monkeypatch, api_url, expected):
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for(api_url) == expected


@pytest.mark.parametrize(
    ("api_url", "expected"),
    [
        ("https://api.github.com", "https://api.github.com/graphql"),
        ("https://api.github.com/", "https://api.github.com/graphql"),
        ("https://github.example/api/v3", "https://github.example/api/graphql"),
        ("http://127.0.0.1:8080/api/v3/", "http://127.0.0.1:8080/api/graphql"),
    ],
)
def test_graphql_lives_beside_rest(api_url, expected):
    assert graphql_url(api_url) == expected
