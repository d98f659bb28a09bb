import copy

import pytest

from github_app.core.events import Actor
from github_app.core.facts import NOBODY, Approval, Person
from github_app.core.names import Permission
from github_app.errors import GitHubRefusedError, GitHubUnreachableError, LostAccessError
from github_app.github.gather import gather_issue

REPO = "/repos/acme/widgets"
OWN = 900
NOW = 1_795_132_800_000
ANN = {"__typename": "User", "login": "ann", "databaseId": 5}
EVE = {"__typename": "User", "login": "eve", "databaseId": 6}
BOT = {"__typename": "Bot", "login": "renovate", "databaseId": 7}
WRITER = Person(id=5, login="ann", human=True, permission=Permission.WRITE)
READER = Person(id=6, login="eve", human=True, permission=Permission.READ)
SENDER = Actor(id=5, login="ann", human=True)


def labelled(name, actor, at="2026-11-20T00:00:00Z"):
    return {"__typename": "LabeledEvent", "createdAt": at, "label": {"name": name}, "actor": actor}


def renamed(actor, at):
    return {"__typename": "RenamedTitleEvent", "createdAt": at, "actor": actor}


ISSUE = {
    "__typename": "Issue",
    "number": 3,
    "title": "Explain the flag",
    "body": "The flag is not explained.",
    "url": "https://github.example/acme/widgets/issues/3",
    "closed": False,
    "locked": False,
    "lastEditedAt": None,
    "author": ANN,
    "editor": None,
    "assignees": {"nodes": []},
    "labels": {"nodes": [{"name": "documentation"}], "pageInfo": {"hasNextPage": False}},
    "timelineItems": {
        "pageInfo": {"hasPreviousPage": False, "startCursor": "c1"},
        "nodes": [labelled("documentation", ANN)],
    },
    "closedByPullRequestsReferences": {"nodes": []},
}
REPOSITORY = {
    "databaseId": 42,
    "nameWithOwner": "acme/widgets",
    "isPrivate": True,
    "isArchived": False,
    "isDisabled": False,
    "defaultBranchRef": {"name": "main", "target": {"oid": "a" * 40}},
    "policy": None,
    "issueOrPullRequest": ISSUE,
}


@pytest.fixture
def say(script):
    """Let GitHub answer the query with these changes to the issue and the repository."""
    for login, who, role in (("ann", 5, "write"), ("eve", 6, "read")):
        script.on(f"GET {REPO}/collaborators/{login}/permission", {"role_name": role, "user": {"id": who}})

    def answer(issue=None, repository=None):
        said = copy.deepcopy(REPOSITORY) | (repository or {})
        if issue is not None and "issueOrPullRequest" not in (repository or {}):
            said["issueOrPullRequest"] = said["issueOrPullRequest"] | issue
        script.on("POST /api/graphql", {"data": {"repository": said}})

    return answer


def gather(repo, sender=SENDER, approvals=(), **more):
    return gather_issue(repo, 3, sender, NOW, OWN, approvals, **more)


def test_an_issue_costs_one_query_and_one_call_for_each_person(say, repo, github):
    say({"lastEditedAt": "2026-11-20T00:00:00Z", "editor": EVE})
    facts = gather(repo).facts
    assert (facts.issue.author, facts.issue.editor, facts.sender) == (WRITER, READER, WRITER)
    assert [(label.name, label.by) for label in facts.issue.labels] == [("documentation", WRITER)]
    assert (facts.now, facts.own_user_id, facts.repository.head) == (NOW, OWN, "a" * 40)
    assert github.budget().reads == 4, "one of them for the owner's policy, kept for a minute"
    assert github.budget().content_writes == 0


def test_a_missing_issue_is_none(script, repo):
    said = {"data": {"repository": REPOSITORY | {"issueOrPullRequest": None}}}
    errors = [{"type": "NOT_FOUND", "path": ["repository", "issueOrPullRequest"], "message": "Could not resolve"}]
    script.on("POST /api/graphql", said | {"errors": errors})
    assert gather(repo, sender=None).facts.issue is None


def test_a_pull_request_is_an_issue_that_is_one(say, repo):
    pull = {key: ISSUE[key] for key in ("number", "title", "body", "url", "locked", "author")}
    say(repository={"issueOrPullRequest": pull | {"__typename": "PullRequest", "closed": True}})
    found = gather(repo).facts.issue
    assert (found.is_pull, found.open, found.labels, found.editor) == (True, False, (), None)


@pytest.mark.parametrize(
    ("errors", "data", "kind"),
    [
        ([{"type": "NOT_FOUND", "path": ["repository"], "message": "x"}], {"repository": None}, LostAccessError),
        ([], {"repository": None}, LostAccessError),
        ([], {"repository": REPOSITORY | {"databaseId": 43}}, LostAccessError),
        ([{"type": "FORBIDDEN", "path": ["repository", "policy"]}], {"repository": REPOSITORY}, GitHubRefusedError),
        ([{"message": "Field 'x' doesn't exist"}], None, GitHubRefusedError),
        ([{"message": "Something went wrong while executing your query"}], None, GitHubUnreachableError),
        ([{"type": "NOT_FOUND", "path": ["repository", "x"]}], {"repository": REPOSITORY}, GitHubRefusedError),
        ("?", {"repository": REPOSITORY}, GitHubUnreachableError),
        ([], None, GitHubUnreachableError),
        ([], {"repository": {"databaseId": 42}}, GitHubUnreachableError),
        ([], {"repository": REPOSITORY | {"issueOrPullRequest": {"number": "3"}}}, GitHubUnreachableError),
    ],
)
def test_half_an_answer_is_an_error_never_a_fact(script, repo, errors, data, kind):
    script.on("POST /api/graphql", {"data": data, "errors": errors})
    with pytest.raises(kind) as caught:
        gather(repo)
    assert type(caught.value) is kind


def test_t32_a_graphql_rate_limit_is_one(script, repo):
    script.on("POST /api/graphql", {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]})
    with pytest.raises(GitHubUnreachableError) as caught:
        gather(repo)
    assert caught.value.retry_after == 60


def test_t08_the_newest_labelling_counts_and_an_unknown_one_is_nobodys(say, repo):
    nodes = [labelled("a", EVE), labelled("a", ANN), labelled("b", ANN), labelled("b", None), None]
    say(
        {
            "labels": {"nodes": [{"name": n} for n in ("a", "b", "c")], "pageInfo": {"hasNextPage": False}},
            "timelineItems": {"pageInfo": {"hasPreviousPage": False, "startCursor": None}, "nodes": nodes},
        }
    )
    found = gather(repo).facts.issue.labels
    assert [(label.name, label.by) for label in found] == [("a", WRITER), ("b", NOBODY), ("c", NOBODY)]


def test_t09_a_bot_has_no_permission_and_is_not_asked_for(say, repo, script):
    say({"author": BOT}, None)
    found = gather(repo, sender=Actor(id=7, login="renovate[bot]", human=False)).facts
    assert found.issue.author == Person(id=7, login="renovate", human=False, permission=Permission.NONE)
    assert found.sender.permission is Permission.NONE
    assert not [r for r in script.requests if "renovate" in r.url.path]


@pytest.mark.parametrize(
    "author",
    [
        None,
        {"__typename": "Mannequin", "login": "old"},
        {"__typename": "Organization", "login": "acme"},
        {"__typename": "EnterpriseUserAccount", "login": "ann"},
        {"__typename": "User", "login": "ann", "databaseId": None},
    ],
)
def test_whoever_cannot_be_identified_has_no_permission(say, repo, author):
    say({"author": author})
    found = gather(repo).facts.issue.author
    assert (found.permission, found.human) == (Permission.NONE, False)


def test_t10_a_login_that_belongs_to_somebody_else_now_has_no_permission(say, repo):
    say({"author": ANN | {"databaseId": 55}})
    assert gather(repo, sender=None).facts.issue.author.permission is Permission.NONE


@pytest.mark.parametrize(
    ("edited", "title", "expected"),
    [
        (None, None, (None, None)),
        (("2026-11-20T00:00:01Z", EVE), None, (READER, NOW + 1000)),
        (None, ("2026-11-20T00:00:02Z", EVE), (READER, NOW + 2000)),
        (("2026-11-20T00:00:01Z", ANN), ("2026-11-20T00:00:02Z", EVE), (READER, NOW + 2000)),
        (("2026-11-20T00:00:03Z", ANN), ("2026-11-20T00:00:02Z", EVE), (WRITER, NOW + 3000)),
        (("2026-11-20T00:00:03Z", ANN), ("2026-11-20T00:00:03Z", EVE), (READER, NOW + 3000)),
        (("2026-11-20T00:00:03Z", EVE), ("2026-11-20T00:00:03Z", ANN), (READER, NOW + 3000)),
        (("2026-11-20T00:00:03Z", None), ("2026-11-20T00:00:02Z", ANN), (NOBODY, NOW + 3000)),
    ],
)
def test_the_last_editor_is_of_title_or_body_whichever_is_later(say, repo, edited, title, expected):
    nodes = [labelled("documentation", ANN)]
    if title:
        nodes += [renamed(ANN, "2026-11-19T00:00:00Z"), renamed(title[1], title[0])]
    say(
        {
            "lastEditedAt": edited and edited[0],
            "editor": edited and edited[1],
            "timelineItems": {"pageInfo": {"hasPreviousPage": False}, "nodes": nodes},
        }
    )
    found = gather(repo).facts.issue
    assert (found.editor, found.edited_at) == expected


def test_t45_a_long_history_is_read_to_its_beginning(say, script, repo):
    say({"timelineItems": {"pageInfo": {"hasPreviousPage": True, "startCursor": "c1"}, "nodes": [labelled("x", EVE)]}})
    older = {
        "pageInfo": {"hasPreviousPage": False, "startCursor": "c0"},
        "nodes": [
            {"__typename": "TransferredEvent", "createdAt": "2026-01-01T00:00:00Z"},
            renamed(EVE, "2026-02-01T00:00:00Z"),
            labelled("documentation", ANN),
            labelled("x", ANN),
        ],
    }
    part = {"databaseId": 42, "issueOrPullRequest": {"timelineItems": older}}
    script.on("POST /api/graphql", {"data": {"repository": part}})
    script.on("POST /api/graphql", {"data": {"repository": REPOSITORY}})
    found = gather(repo).facts.issue
    assert found.transferred
    assert found.editor == READER
    assert [(label.name, label.by) for label in found.labels] == [("documentation", WRITER)]
    assert script.sent("POST /api/graphql")[1]["variables"]["before"] == "c1"


def test_t45_a_history_without_end_decides_nothing(say, script, repo, github):
    endless = {"pageInfo": {"hasPreviousPage": True, "startCursor": "c"}, "nodes": []}
    say({"timelineItems": endless})
    part = {"databaseId": 42, "issueOrPullRequest": {"timelineItems": endless}}
    script.on("POST /api/graphql", {"data": {"repository": part}})
    with pytest.raises(GitHubRefusedError, match="too long"):
        gather(repo)
    assert github.calls["graphql"] <= 11


def test_t45_more_labels_than_can_be_read_decide_nothing(say, repo):
    say({"labels": {"nodes": [], "pageInfo": {"hasNextPage": True}}})
    with pytest.raises(GitHubRefusedError, match="more than 100 labels"):
        gather(repo)


def test_an_open_linked_pull_request_counts_unless_it_is_ours(say, repo):
    ours = {"__typename": "Bot", "login": "remit", "databaseId": OWN}
    lookalike = {"__typename": "User", "login": "remit", "databaseId": 901}
    nodes = [
        {"number": 11, "state": "OPEN", "author": ANN},
        {"number": 12, "state": "CLOSED", "author": ANN},
        {"number": 13, "state": "OPEN", "author": ours},
        {"number": 14, "state": "OPEN", "author": lookalike},
        {"number": 15, "state": "OPEN", "author": None},
        None,
    ]
    say({"closedByPullRequestsReferences": {"nodes": nodes}})
    assert gather(repo).facts.issue.linked_pulls == (11, 14, 15)


BLOB = {"__typename": "Blob", "oid": "f" * 40, "text": "mode: active\n", "byteSize": 13, "isTruncated": False}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, (None, None)),
        (BLOB | {"isBinary": False}, ("mode: active\n", "f" * 40)),
        (BLOB | {"isBinary": True, "text": None}, (None, "f" * 40)),
        (BLOB | {"isBinary": False, "isTruncated": True}, (None, "f" * 40)),
        ({"__typename": "Tree", "oid": "e" * 40}, (None, "e" * 40)),
    ],
)
def test_t35_no_policy_and_an_unreadable_policy_are_told_apart(say, repo, policy, expected):
    say(repository={"policy": policy})
    found = gather(repo)
    assert (found.policy and found.policy.text, found.policy and found.policy.oid) == expected


def test_an_empty_repository_has_nothing_to_work_from(say, repo):
    say(repository={"defaultBranchRef": None})
    assert gather(repo).facts.repository is None


def test_a_disabled_repository_counts_as_archived(say, repo):
    say(repository={"isDisabled": True})
    assert gather(repo).facts.repository.archived


def approval(by=5):
    person = Person(id=by, login="whoever", human=True, permission=Permission.ADMIN)
    return Approval(comment_id=77, by=person, digest="0123456789ab", at=NOW, stands=True)


COMMENT = {
    "id": 77,
    "user": {"id": 5, "login": "ann", "type": "User"},
    "body": "/approve",
    "created_at": "2026-11-20T00:00:00Z",
    "updated_at": "2026-11-20T00:00:00Z",
}


@pytest.mark.parametrize(
    ("change", "stands", "permission"),
    [
        ({}, True, Permission.WRITE),
        ({"updated_at": "2026-11-20T00:00:01Z"}, False, Permission.WRITE),
        ({"user": {"id": 6, "login": "eve", "type": "User"}}, False, Permission.NONE),
        ({"user": None}, False, Permission.NONE),
        ({"performed_via_github_app": {"id": 1}}, False, Permission.NONE),
    ],
)
def test_t12_an_approval_is_looked_at_again(say, script, repo, change, stands, permission):
    say()
    script.on(f"GET {REPO}/issues/comments/77", COMMENT | change)
    (found,) = gather(repo, approvals=[approval()]).facts.approvals
    assert (found.stands, found.by.permission, found.digest) == (stands, permission, "0123456789ab")


def test_t12_a_deleted_approval_does_not_stand(say, repo):
    say()
    (found,) = gather(repo, approvals=[approval()]).facts.approvals
    assert (found.stands, found.by) == (False, NOBODY)


def test_an_approver_who_lost_the_right_is_shown_so(say, script, repo):
    say()
    script.on(f"GET {REPO}/issues/comments/77", COMMENT | {"user": {"id": 6, "login": "eve", "type": "User"}})
    (found,) = gather(repo, approvals=[approval(by=6)]).facts.approvals
    assert (found.stands, found.by) == (True, READER)


@pytest.mark.parametrize(("body", "stands"), [("/approve", True), ("> /approve", False), ("never mind", False)])
def test_an_approval_in_a_review_stands_while_it_is_a_command(say, script, repo, body, stands):
    say()
    review = {"id": 77, "user": COMMENT["user"], "body": body, "submitted_at": "2026-11-20T00:00:00Z"}
    script.on(f"GET {REPO}/issues/comments/77", COMMENT | {"user": {"id": 6, "login": "eve", "type": "User"}})
    script.on(f"GET {REPO}/pulls/3/reviews/77", review)
    (found,) = gather(repo, approvals=[approval()]).facts.approvals
    assert found.stands is stands


def test_an_outage_while_looking_again_is_not_a_withdrawal(say, script, repo):
    say()
    script.on(f"GET {REPO}/issues/comments/77", {}, 502)
    with pytest.raises(GitHubUnreachableError):
        gather(repo, approvals=[approval()])


def test_the_comment_that_asks_has_a_time_only_while_it_is_as_it_was_written(say, script, repo):
    say()
    say()
    script.on(f"GET {REPO}/issues/comments/77", COMMENT)
    script.on(f"GET {REPO}/issues/comments/77", COMMENT | {"updated_at": "2026-11-20T00:00:01Z"})
    assert gather(repo, comment=("issue_comment", 77)).facts.comment_at == NOW
    assert gather(repo, comment=("issue_comment", 77)).facts.comment_at is None
    assert gather(repo, comment=("issue_comment", 78)).facts.comment_at is None
