import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import jwt
import pytest

from github_app.errors import GitHubRefusedError, GitHubUnreachableError, LostAccessError, NotConfiguredError
from github_app.github.auth import AppAuth, Scope
from github_app.github.endpoints import READ, SPEAK

MINT = "POST /app/installations/7/access_tokens"
API = "https://github.example/api/v3"
NOW = 1_795_000_000.0
SCOPE = Scope.of(7, 42, READ)
PATH = "/repos/acme/widgets/issues/3/comments"


def test_the_jwt_is_dated_back_and_names_the_app(auth, github, script):
    github.app()
    bearer = script.requests[0].headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(bearer, options={"verify_signature": False})
    assert {"iat": int(NOW) - 60, "exp": int(NOW) + 540, "iss": "1"} == claims


def test_t07_a_token_is_for_one_repository_and_the_least_permissions(auth, script):
    auth.tokens.get(SCOPE)
    expected = {"repository_ids": [42], "permissions": dict(READ)}
    assert [expected] == script.sent(MINT)


def test_reads_cannot_write_and_writes_cannot_touch_contents(repo, script):
    script.on("GET /repos/acme/widgets/pulls/3", {}, 404)
    script.on(f"POST {PATH}", {"id": 1}, 201)
    repo.get_pull(3)
    repo.comment(3, "hi")
    assert [dict(READ), dict(SPEAK)] == [body["permissions"] for body in script.sent(MINT)]
    assert SPEAK["contents"] == "read"


def test_ten_threads_asking_first_mint_one_token(auth, script):
    gate = threading.Barrier(10)

    def ask(_):
        gate.wait(5)
        return auth.tokens.get(SCOPE).value

    with ThreadPoolExecutor(10) as pool:
        values = set(pool.map(ask, range(10)))
    assert (len(values), script.minted) == (1, 1)


def test_those_who_wait_share_the_error_and_the_next_one_tries_again(auth, script):
    entered, release = threading.Event(), threading.Event()

    def slow(request):
        entered.set()
        release.wait(5)
        return httpx.Response(500, json={})

    script.on(MINT, slow)
    script.on(MINT, {"token": "ghs_after", "expires_at": "2026-11-20T06:00:00Z"}, 201)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(auth.tokens.get, SCOPE)
        entered.wait(5)
        second = pool.submit(auth.tokens.get, SCOPE)
        deadline = time.monotonic() + 5
        while not second.running():
            assert time.monotonic() < deadline
        release.set()
        kinds = {type(first.exception(5)), type(second.exception(5))}
    assert kinds <= {GitHubUnreachableError, type(None)}
    assert auth.tokens.get(SCOPE).value == "ghs_after"


def test_t30_a_token_is_kept_for_fifty_minutes(auth, script, clock):
    auth.tokens.get(SCOPE)
    clock.now += 50 * 60 - 1
    auth.tokens.get(SCOPE)
    assert script.minted == 1
    clock.now += 1
    auth.tokens.get(SCOPE)
    assert script.minted == 2


def test_t30_a_write_refused_for_its_token_is_sent_again_with_a_new_one_once(repo, script):
    script.on(f"POST {PATH}", {"message": "Bad credentials"}, 401)
    script.on(f"POST {PATH}", {"id": 5}, 201)
    assert repo.comment(3, "hi") == 5
    assert script.minted == 2


def test_t30_a_second_refusal_is_lost_access(repo, script):
    script.on(f"POST {PATH}", {"message": "Bad credentials"}, 401)
    with pytest.raises(LostAccessError, match="new token"):
        repo.comment(3, "hi")
    assert (script.minted, len(script.sent(f"POST {PATH}"))) == (2, 2)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (404, "Not Found", LostAccessError),
        (403, "This installation has been suspended", LostAccessError),
        (422, "There is at least one repository that does not exist or is not accessible", LostAccessError),
        (422, "The permissions requested are not granted to this installation.", GitHubRefusedError),
        (503, "unavailable", GitHubUnreachableError),
    ],
)
def test_f18_f19_a_token_that_cannot_be_had_says_why(auth, script, status, message, kind):
    script.on(MINT, {"message": message}, status)
    with pytest.raises(kind) as caught:
        auth.tokens.get(SCOPE)
    assert kind is type(caught.value)


@pytest.mark.parametrize(
    "answer", [{}, {"token": "x"}, {"token": "", "expires_at": "x"}, {"token": "x", "expires_at": "?"}, []]
)
def test_an_answer_without_a_token_is_no_token(auth, script, answer):
    script.on(MINT, answer, 201)
    with pytest.raises(GitHubUnreachableError):
        auth.tokens.get(SCOPE)


def test_an_expiry_is_whole_seconds(auth, script):
    script.on(MINT, {"token": "x", "expires_at": "2026-11-20T06:00:00.250Z"}, 201)
    assert auth.tokens.get(SCOPE).expires_at == 1_795_154_400


def test_secrets_are_listed_and_never_shown(auth, keys, clock):
    token = auth.tokens.get(SCOPE)
    assert {keys[0], token.value} <= set(auth.secrets())
    shown = f"{auth!r} {token!r} {auth.tokens!r} {auth.wire!r}"
    assert token.value not in shown
    assert "PRIVATE" not in shown
    clock.now += 3600
    assert token.value not in auth.secrets()


def test_a_push_token_is_nobody_elses_and_can_be_revoked(repo, auth, script):
    script.on("DELETE /installation/token", None, 204)
    fetch, again = repo.git_token("read"), repo.git_token("read")
    push, other = repo.git_token("write"), repo.git_token("write")
    assert fetch == again
    assert push != other
    repo.revoke(push)
    assert script.sent("DELETE /installation/token") == [None]
    assert push.value not in auth.secrets()
    assert script.sent(MINT)[0]["permissions"] == {"contents": "read", "metadata": "read"}
    assert script.sent(MINT)[1]["permissions"] == {"contents": "write", "metadata": "read"}


def test_revoking_what_is_already_worthless_is_no_error(repo, script):
    script.on("DELETE /installation/token", {"message": "Bad credentials"}, 401)
    token = repo.git_token("read")
    repo.revoke(token)
    assert token != repo.git_token("read")


def test_t44_of_two_live_keys_the_one_github_accepts_is_used_from_then_on(keys, clock, script):
    script.answers.pop(("GET", "/app"))
    accepted = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).prepare_key(keys[1]).public_key()

    def check(request):
        try:
            jwt.decode(
                request.headers["authorization"].removeprefix("Bearer "),
                accepted,
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidSignatureError:
            return httpx.Response(401, json={"message": "A JSON web token could not be decoded"})
        return httpx.Response(200, json={"id": 1, "slug": "remit"})

    script.on("GET /app", check)
    auth = AppAuth(1, keys, API, transport=httpx.MockTransport(script), clock=clock)
    auth.call("app")
    auth.call("app")
    assert len(script.requests) == 3


def test_an_app_whose_keys_are_all_refused_has_lost_access(auth, github, script):
    script.answers.clear()
    script.on("GET /app", {"message": "A JSON web token could not be decoded"}, 401)
    with pytest.raises(LostAccessError, match="private keys"):
        github.app()


@pytest.mark.parametrize(
    "bad", ["", "not a key", "-----BEGIN RSA PRIVATE KEY-----\nsecretsecret\n-----END RSA PRIVATE KEY-----"]
)
def test_a_bad_key_is_refused_at_the_start_without_being_quoted(bad, script):
    with pytest.raises(NotConfiguredError) as caught:
        AppAuth(1, (bad,), API, transport=httpx.MockTransport(script))
    assert "secretsecret" not in str(caught.value)


def test_an_app_without_a_key_is_refused():
    with pytest.raises(NotConfiguredError):
        AppAuth(1, (), API)
