import hashlib
import hmac
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from github_app.core.events import AccessLost, Actor, CommentCreated, CommentWithdrawn, IssueChanged, Place, PullClosed
from github_app.errors import PayloadError
from github_app.github.webhook import WANTED, Head, NotOurs, head, parse, verify

OWN = 900
SECRETS = (b"new secret", b"old secret")
BODY = b'{"zen":"\xc3\xa4"}'


def signed(secret, body=BODY):
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([signed(b"new secret")], 0),
        ([signed(b"old secret")], 1),
        ([signed(b"old secret").encode()], 1),
        ([], None),
        ([signed(b"new secret"), signed(b"new secret")], None),
        ([""], None),
        ([signed(b"new secret").upper()], None),
        ([signed(b"new secret").replace("sha256=", "SHA256=")], None),
        (["sha256=" + signed(b"new secret")[7:].upper()], None),
        (["sha1=" + hmac.new(b"new secret", BODY, "sha1").hexdigest()], None),
        ([signed(b"new secret")[:-1]], None),
        ([signed(b"new secret") + "0"], None),
        ([" " + signed(b"new secret")], None),
        ([signed(b"new secret") + "\n"], None),
        ([signed(b"other")], None),
        ([signed(b"")], None),
        (["sha256=" + "\uff10" * 64], None),
        ([b"sha256=" + b"\xff" * 64], None),
        ([signed(b"new secret", BODY + b" ")], None),
    ],
)
def test_t01_only_one_exact_header_made_with_a_live_secret_is_accepted(headers, expected):
    assert expected == verify(headers, BODY, SECRETS)


def test_t02_an_empty_secret_signs_nothing():
    assert verify([signed(b"")], BODY, (b"",)) is None
    assert verify([signed(b"")], BODY, ()) is None


USER = {"id": 5, "login": "maintainer", "type": "User"}
BOT = {"id": 6, "login": "renovate[bot]", "type": "Bot"}
OURS = {"id": OWN, "login": "remit[bot]", "type": "Bot"}
REPOSITORY = {"id": 42, "full_name": "acme/widgets", "private": True, "owner": {"login": "acme"}}
BASE = {"installation": {"id": 7, "node_id": "x"}, "repository": REPOSITORY, "sender": USER}
ISSUE = {"number": 3, "title": "t", "body": "b", "user": USER, "performed_via_github_app": None}
ON_PULL = ISSUE | {"pull_request": {"url": "u"}}
COMMENT = {"id": 77, "user": USER, "body": "/approve", "performed_via_github_app": None}
PULL = {
    "number": 9,
    "user": OURS,
    "merged": True,
    "merge_commit_sha": "a" * 40,
    "head": {"ref": "remit/docs/3-1", "sha": "b" * 40, "repo": REPOSITORY},
    "labels": [],
}
INSTALLATION = {"id": 7, "account": {"login": "acme", "id": 1}, "app_id": 1}
PLACE = Place(installation_id=7, repository_id=42, full_name="acme/widgets")
PERSON = Actor(id=5, login="maintainer", human=True)
MACHINE = Actor(id=6, login="renovate[bot]", human=False)
GHOST = Actor(id=0, login="ghost", human=False)


def body(**extra):
    return json.dumps(BASE | extra).encode()


def comment_created(**change):
    said = {
        "place": PLACE,
        "number": 3,
        "on_pull": False,
        "comment_kind": "issue_comment",
        "comment_id": 77,
        "author": PERSON,
        "sender": PERSON,
        "paragraphs": ("/approve",),
        "alone": True,
    }
    return CommentCreated(**(said | change))


def withdrawn(**change):
    said = {"place": PLACE, "number": 3, "on_pull": False, "comment_id": 77, "action": "edited", "sender": PERSON}
    return CommentWithdrawn(**(said | change))


@pytest.mark.parametrize("action", sorted(WANTED["issues"]))
def test_each_wanted_change_of_an_issue_is_heard(action):
    expected = IssueChanged(place=PLACE, number=3, action=action, sender=PERSON)
    assert expected == parse("issues", body(action=action, issue=ISSUE, label={"name": "x"}), OWN)


HEARD = [
    ("issues", {"action": "opened", "issue": ISSUE | {"performed_via_github_app": {"id": 4}}},
     IssueChanged(place=PLACE, number=3, action="opened", sender=Actor(id=5, login="maintainer", human=False))),
    ("issues", {"action": "labeled", "issue": ISSUE | {"performed_via_github_app": {"id": 4}}},
     IssueChanged(place=PLACE, number=3, action="labeled", sender=PERSON)),
    ("issues", {"action": "labeled", "issue": ISSUE, "sender": BOT},
     IssueChanged(place=PLACE, number=3, action="labeled", sender=MACHINE)),
    ("issues", {"action": "labeled", "issue": ISSUE, "sender": None},
     IssueChanged(place=PLACE, number=3, action="labeled", sender=GHOST)),
    ("issue_comment", {"action": "created", "issue": ISSUE, "comment": COMMENT}, comment_created()),
    ("issue_comment", {"action": "created", "issue": ON_PULL, "comment": COMMENT}, comment_created(on_pull=True)),
    ("issue_comment", {"action": "created", "issue": ISSUE, "comment": COMMENT | {"user": None}},
     comment_created(author=GHOST)),
    ("issue_comment",
     {"action": "created", "issue": ISSUE, "comment": COMMENT | {"performed_via_github_app": {"id": 4}}},
     comment_created(author=Actor(id=5, login="maintainer", human=False),
                     sender=Actor(id=5, login="maintainer", human=False))),
    ("issue_comment", {"action": "created", "issue": ISSUE, "comment": COMMENT | {"body": "hi\n\n/approve"}},
     comment_created(paragraphs=("hi", "/approve"), alone=False)),
    ("issue_comment", {"action": "edited", "issue": ISSUE, "comment": COMMENT, "changes": {}}, withdrawn()),
    ("issue_comment", {"action": "deleted", "issue": ON_PULL, "comment": COMMENT, "sender": BOT},
     withdrawn(on_pull=True, action="deleted", sender=MACHINE)),
    ("pull_request_review", {"action": "submitted", "pull_request": PULL, "review": COMMENT | {"state": "approved"}},
     comment_created(number=9, on_pull=True, comment_kind="review")),
    ("pull_request_review", {"action": "dismissed", "pull_request": PULL, "review": COMMENT},
     withdrawn(number=9, on_pull=True)),
    ("pull_request_review_comment", {"action": "created", "pull_request": PULL, "comment": COMMENT},
     comment_created(number=9, on_pull=True, comment_kind="review_comment")),
    ("pull_request", {"action": "closed", "number": 9, "pull_request": PULL},
     PullClosed(place=PLACE, number=9, head_branch="remit/docs/3-1", merged_as="a" * 40, sender=PERSON)),
    ("pull_request", {"action": "closed", "number": 9, "pull_request": PULL | {"merged": False}},
     PullClosed(place=PLACE, number=9, head_branch="remit/docs/3-1", merged_as=None, sender=PERSON)),
    ("installation", {"action": "deleted", "installation": INSTALLATION, "repository": None, "repositories": []},
     AccessLost(installation_id=7, repository_ids=None, why="installation deleted")),
    ("installation", {"action": "suspend", "installation": INSTALLATION, "repository": None},
     AccessLost(installation_id=7, repository_ids=None, why="installation suspend")),
    ("installation_repositories",
     {"action": "removed", "installation": INSTALLATION, "repository": None, "repositories_removed": [REPOSITORY],
      "repositories_added": []},
     AccessLost(installation_id=7, repository_ids=(42,), why="repository removed from the installation")),
    ("repository", {"action": "archived"},
     AccessLost(installation_id=7, repository_ids=(42,), why="repository archived")),
    ("repository", {"action": "transferred", "changes": {"owner": {}}},
     AccessLost(installation_id=7, repository_ids=(42,), why="repository transferred")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "extra", "expected"), HEARD)
def test_each_wanted_event_becomes_what_happened(name, extra, expected):
    assert expected == parse(name, body(**extra), OWN)


NOT_OURS = [
    ("ping", {"zen": "x"}),
    ("push", {"ref": "refs/heads/main"}),
    ("discussion_comment", {"action": "created", "comment": COMMENT}),
    ("issues", {"action": "pinned", "issue": ISSUE}),
    ("issues", {"action": "labeled", "issue": ON_PULL}),
    ("issues", {"action": "labeled", "issue": ISSUE, "sender": OURS}),
    ("issue_comment", {"action": "created", "issue": ISSUE, "comment": COMMENT | {"user": OURS}, "sender": OURS}),
    ("issue_comment", {"action": "edited", "issue": ISSUE, "comment": COMMENT | {"user": OURS}}),
    ("issue_comment", {"action": "created", "issue": ISSUE, "comment": COMMENT | {"body": "> /approve"}}),
    ("pull_request_review", {"action": "submitted", "pull_request": PULL, "review": COMMENT | {"body": None}}),
    ("pull_request", {"action": "opened", "pull_request": PULL}),
    ("pull_request", {"action": "closed", "pull_request": PULL | {"user": USER}}),
    ("pull_request", {"action": "closed", "pull_request": PULL | {"head": PULL["head"] | {"ref": "main"}}}),
    ("pull_request", {"action": "closed", "pull_request": PULL | {"head": PULL["head"] | {"repo": None}}}),
    ("pull_request", {"action": "closed",
                      "pull_request": PULL | {"head": PULL["head"] | {"repo": {"id": 43, "full_name": "x/widgets"}}}}),
    ("installation", {"action": "created", "installation": INSTALLATION, "repository": None}),
    ("installation_repositories", {"action": "removed", "installation": INSTALLATION, "repository": None,
                                   "repositories_removed": []}),
    ("repository", {"action": "renamed"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "extra"), NOT_OURS)
def test_p16_p29_what_is_ours_or_nothing_to_us_does_nothing(name, extra):
    assert isinstance(parse(name, body(**extra), OWN), NotOurs)


def test_t03_no_event_passes_for_another():
    bodies = {(name, json.dumps(BASE | extra)) for name, extra, _ in HEARD}
    for name, text in bodies:
        for claimed in set(WANTED) - {name}:
            for action in WANTED[claimed]:
                lie = json.dumps(json.loads(text) | {"action": action}).encode()
                with pytest.raises(PayloadError):
                    parse(claimed, lie, OWN)


@pytest.mark.parametrize("key", ["label", "discussion", "release", "key", "rule", "team", "member", "alert", "hook"])
def test_t03_another_kind_of_deletion_is_not_the_deletion_of_a_repository(key):
    with pytest.raises(PayloadError):
        head("repository", body(action="deleted", **{key: {"id": 1}}))


def test_t03_an_organization_event_is_not_the_end_of_an_installation():
    with pytest.raises(PayloadError):
        head("installation", body(action="deleted", repository=None, organization={"id": 1}))


DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000
BROKEN = [
    b"",
    b"null",
    b"[]",
    b"not json",
    b"\xff\xfe{}",
    body(action="labeled", issue=ISSUE)[:-1],
    body(action="labeled", issue=ISSUE) + b"x",
    body(issue=ISSUE),
    body(action=None, issue=ISSUE),
    body(action=["labeled"], issue=ISSUE),
    body(action="labeled"),
    body(action="labeled", issue=[]),
    body(action="labeled", issue=ISSUE | {"number": "3"}),
    body(action="labeled", issue=ISSUE | {"number": 3.0}),
    body(action="labeled", issue=ISSUE | {"number": True}),
    body(action="labeled", issue=ISSUE | {"number": 0}),
    body(action="labeled", issue=ISSUE | {"number": -3}),
    body(action="labeled", issue=ISSUE | {"number": 10**30}),
    body(action="labeled", issue=ISSUE, installation=None),
    body(action="labeled", issue=ISSUE, installation={"id": 2**63}),
    body(action="labeled", issue=ISSUE, repository={"id": 42, "full_name": "../app"}),
    body(action="labeled", issue=ISSUE, repository={"id": 42, "full_name": "acme/.."}),
    body(action="labeled", issue=ISSUE, repository={"id": 42, "full_name": "acme/widgets\n"}),
    body(action="labeled", issue=ISSUE, repository={"id": 42, "full_name": "acme/wid/gets"}),
    body(action="labeled", issue=ISSUE, sender=USER | {"login": "a\x00b"}),
    body(action="labeled", issue=ISSUE, sender=USER | {"login": "\ud800"}),
    body(action="labeled", issue=ISSUE, sender=USER | {"id": 10**400}),
    body(action="labeled", issue=ISSUE)[:-1] + b',"x":' + DEEP + b"}",
    body(action="labeled", issue=ISSUE)[:-1] + b',"sender":{"id":5,"login":"\xed\xa0\x80"}}',
]


@pytest.mark.parametrize("broken", BROKEN)
def test_t05_t06_a_body_that_does_not_fit_is_refused_with_a_sentence(broken):
    with pytest.raises(PayloadError):
        parse("issues", broken, OWN)


@pytest.mark.parametrize("said", ["/approve \ud800", "\udfff"])
def test_t06_a_lone_surrogate_in_a_comment_is_refused(said):
    with pytest.raises(PayloadError):
        parse("issue_comment", body(action="created", issue=ISSUE, comment=COMMENT | {"body": said}), OWN)


def test_t06_a_nul_in_a_comment_is_not_a_command():
    heard = parse("issue_comment", body(action="created", issue=ISSUE, comment=COMMENT | {"body": "/approve\x00"}), OWN)
    assert comment_created(paragraphs=("/approve\ufffd",)) == heard


def test_a_merge_without_its_commit_is_refused():
    with pytest.raises(PayloadError):
        parse("pull_request", body(action="closed", pull_request=PULL | {"merge_commit_sha": None}), OWN)


def test_the_head_says_how_to_file_a_delivery():
    expected = Head(
        event="issues",
        action="labeled",
        installation_id=7,
        repository_id=42,
        full_name="acme/widgets",
        number=3,
        sender_id=5,
    )
    assert expected == head("issues", body(action="labeled", issue=ISSUE))
    assert isinstance(head("issues", body(action="pinned", issue=ISSUE)), NotOurs)


def test_an_unknown_event_is_put_aside_without_being_read():
    assert NotOurs(reason="push is not an event we act on") == head("push", b"not even json")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "login", "number"]), inner),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_t06_whatever_a_body_holds_it_is_heard_put_aside_or_refused(data):
    name, extra, _ = data.draw(st.sampled_from(HEARD))
    said = BASE | extra
    for key in data.draw(st.lists(st.sampled_from(sorted(said)), min_size=1, max_size=3)):
        inner = said[key]
        if isinstance(inner, dict) and inner and data.draw(st.booleans()):
            said = said | {key: inner | {data.draw(st.sampled_from(sorted(inner))): data.draw(ANYTHING)}}
        else:
            said = said | {key: data.draw(ANYTHING)}
    with suppress(PayloadError):
        assert parse(name, json.dumps(said).encode(), OWN) is not None


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(noise=st.binary(max_size=64), at=st.integers(0, 400))
def test_t06_broken_bytes_are_refused_never_a_crash(noise, at):
    whole = body(action="created", issue=ISSUE, comment=COMMENT)
    with suppress(PayloadError):
        assert parse("issue_comment", whole[:at] + noise + whole[at + len(noise) :], OWN) is not None
