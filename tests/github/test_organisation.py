"""The policy of an owner: read from `OWNER/.github`, with a token for that alone, once a minute."""

import pytest

from github_app.errors import GitHubRefusedError, GitHubUnreachableError, LostAccessError
from github_app.github.organisation import Organisations, PolicyFile

BLOB = {"__typename": "Blob", "oid": "f" * 40, "text": "mode: active\n", "byteSize": 13, "isTruncated": False}
ABOUT = {"databaseId": 77, "nameWithOwner": "acme/.github", "policy": BLOB}
PATH = ".github/remit.yml"
FILE = PolicyFile(path="acme/.github/.github/remit.yml", text="mode: active\n", oid="f" * 40)
MINT = "POST /app/installations/1/access_tokens"
NOT_THERE = {"message": "There is at least one repository that does not exist or is not accessible to the parent."}
MISSING = {"data": {"repository": None}, "errors": [{"type": "NOT_FOUND", "path": ["repository"], "message": "no"}]}


def minted():
    return {"token": "ghs_other", "expires_at": "2026-11-20T06:00:00Z"}


def ask(auth, owner="acme", ttl=60):
    return Organisations(auth, ttl=ttl).policy_file(1, 42, owner, PATH)


def test_the_token_is_for_that_one_repository_and_reads_only(auth, script):
    script.on("POST /api/graphql", {"data": {"repository": ABOUT}})
    assert ask(auth) == FILE
    (asked,) = script.sent(MINT)
    assert asked == {"repositories": [".github"], "permissions": {"contents": "read", "metadata": "read"}}
    (query,) = script.sent("POST /api/graphql")
    assert query["variables"] == {"owner": "acme", "name": ".github", "policy": f"HEAD:{PATH}"}


def test_it_is_asked_once_a_minute_for_each_owner(auth, script, clock):
    script.on("POST /api/graphql", {"data": {"repository": ABOUT}})
    organisations = Organisations(auth)
    for owner, seconds in (("acme", 0), ("Acme", 59), ("acme", 2), ("other", 0)):
        clock.now += seconds
        organisations.policy_file(1, 42, owner, PATH)
    assert [asked["variables"]["owner"] for asked in script.sent("POST /api/graphql")] == ["acme", "acme", "other"]


def test_an_owner_without_a_policy_is_remembered_too(auth, script):
    script.on("POST /api/graphql", {"data": {"repository": ABOUT | {"policy": None}}})
    organisations = Organisations(auth)
    assert [organisations.policy_file(1, 42, "acme", PATH) for _ in range(3)] == [None] * 3
    assert len(script.sent("POST /api/graphql")) == 1


def test_a_public_one_that_the_installation_does_not_have_counts(auth, script):
    script.on(MINT, NOT_THERE, status=422)
    script.on(MINT, minted(), status=201)
    script.on("POST /api/graphql", {"data": {"repository": ABOUT}})
    assert ask(auth) == FILE
    assert script.sent(MINT)[1]["repository_ids"] == [42]


@pytest.mark.parametrize(
    "answer",
    [
        MISSING,
        {"data": {"repository": None}, "errors": [{"type": "FORBIDDEN", "path": ["repository"], "message": "x"}]},
    ],
)
def test_a_private_one_that_the_installation_does_not_have_is_not_there(auth, script, answer):
    script.on(MINT, NOT_THERE, status=422)
    script.on(MINT, minted(), status=201)
    script.on("POST /api/graphql", answer)
    assert ask(auth) is None


def test_a_repository_that_only_used_to_have_that_name_is_not_the_owners_policy(auth, script):
    script.on("POST /api/graphql", {"data": {"repository": ABOUT | {"nameWithOwner": "acme/old-settings"}}})
    assert ask(auth) is None


@pytest.mark.parametrize("change", [{"isBinary": True}, {"isTruncated": True}, {"__typename": "Tree"}])
def test_what_cannot_be_read_is_a_file_without_text(auth, script, change):
    script.on("POST /api/graphql", {"data": {"repository": ABOUT | {"policy": BLOB | change}}})
    assert ask(auth).text is None


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        ({"message": "down"}, 503, GitHubUnreachableError),
        ({"data": {"repository": {}}}, 200, GitHubUnreachableError),
        ({"data": None, "errors": [{"type": "FORBIDDEN", "message": "no"}]}, 200, GitHubRefusedError),
    ],
)
def test_not_being_able_to_say_never_looks_like_an_owner_without_a_policy(auth, script, answer, status, error):
    script.on("POST /api/graphql", answer, status=status)
    organisations = Organisations(auth)
    for _ in range(2):
        with pytest.raises(error):
            organisations.policy_file(1, 42, "acme", PATH)


def test_an_installation_that_is_gone_is_lost(auth, script):
    script.on(MINT, {"message": "Not Found"}, status=404)
    with pytest.raises(LostAccessError):
        ask(auth)
