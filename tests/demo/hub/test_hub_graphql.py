import pytest

FACTS = """
query IssueFacts($owner: String!, $name: String!, $number: Int!, $policy: String!) {
  repository(owner: $owner, name: $name) {
    databaseId nameWithOwner isPrivate isArchived isDisabled isFork hasIssuesEnabled
    defaultBranchRef { name target { oid } }
    policy: object(expression: $policy) { ... on Blob { oid text byteSize isTruncated isBinary } }
    issueOrPullRequest(number: $number) {
      __typename
      ... on Issue {
        databaseId number title body state locked createdAt updatedAt lastEditedAt url
        author { __typename login ... on User { databaseId } ... on Bot { databaseId } }
        editor { __typename login ... on User { databaseId } ... on Bot { databaseId } }
        assignees(first: 20) { nodes { login databaseId } }
        labels(first: 100) { nodes { name } pageInfo { hasNextPage } }
        timelineItems(last: 100, itemTypes: [LABELED_EVENT, RENAMED_TITLE_EVENT, TRANSFERRED_EVENT]) {
          pageInfo { hasPreviousPage }
          nodes {
            __typename
            ... on LabeledEvent {
              createdAt label { name }
              actor { __typename login ... on User { databaseId } ... on Bot { databaseId } }
            }
            ... on RenamedTitleEvent { createdAt actor { __typename login ... on User { databaseId } } }
            ... on TransferredEvent { createdAt }
          }
        }
        closedByPullRequestsReferences(first: 10) { nodes { number state url author { login } } }
      }
    }
  }
}
"""


@pytest.fixture
def ask(hub, api):
    def ask(query=FACTS, **variables):
        wanted = {"owner": "acme", "name": "widgets", "number": 1, "policy": "HEAD:.github/remit.yml"} | variables
        answer = api.post(hub.graphql_url, json={"query": query, "variables": wanted})
        assert answer.status_code == 200
        return answer.json()

    return ask


def test_the_facts_of_an_issue_come_in_one_question(hub, widgets, ask, installation):
    number = hub.open_issue(widgets, "Crash", "It crashes.", "rob")
    hub.label(widgets, number, "bug", "tess")
    hub.edit_issue(widgets, number, by="wren", title="Crash on start")
    hub.assign(widgets, number, "wren", "tess")
    said = ask()
    assert "errors" not in said
    repository = said["data"]["repository"]
    assert (repository["databaseId"], repository["nameWithOwner"]) == (widgets.id, "acme/widgets")
    assert repository["defaultBranchRef"] == {"name": "main", "target": {"oid": widgets.branches()["main"]}}
    assert (repository["policy"]["text"], repository["policy"]["isBinary"]) == ("version: 1\n", False)
    issue = repository["issueOrPullRequest"]
    assert (issue["__typename"], issue["state"], issue["title"]) == ("Issue", "OPEN", "Crash on start")
    assert issue["author"] == {"__typename": "User", "login": "rob", "databaseId": hub.user_id("rob")}
    assert issue["databaseId"] == widgets.issue(number).id
    assert (issue["editor"], issue["lastEditedAt"]) == (None, None)
    assert [one["__typename"] for one in issue["timelineItems"]["nodes"]] == ["LabeledEvent", "RenamedTitleEvent"]
    assert issue["timelineItems"]["nodes"][0]["actor"]["login"] == "tess"
    assert [one["login"] for one in issue["assignees"]["nodes"]] == ["wren"]
    hub.edit_issue(widgets, number, by="wren", body="Another text.")
    assert ask()["data"]["repository"]["issueOrPullRequest"]["editor"]["login"] == "wren"


def test_a_deleted_author_is_null(hub, widgets, ask, installation):
    hub.open_issue(widgets, "Crash", "It crashes.", "rob")
    hub.delete_user("rob")
    assert ask()["data"]["repository"]["issueOrPullRequest"]["author"] is None


def test_the_apps_own_login_has_no_suffix_here(hub, widgets, api, ask):
    api.post("/repos/acme/widgets/issues", json={"title": "Mine"})
    author = ask()["data"]["repository"]["issueOrPullRequest"]["author"]
    assert (author["__typename"], author["login"]) == ("Bot", "remit")


def test_a_pull_request_that_closes_an_issue_is_named(hub, widgets, ask, installation):
    hub.open_issue(widgets, "Crash", "It crashes.", "rob")
    hub.push(widgets, "topic", {"a": "b"}, "Change", "wren")
    number = hub.open_pull(widgets, "Fix", "Fixes #1", head="topic", by="wren")
    nodes = ask()["data"]["repository"]["issueOrPullRequest"]["closedByPullRequestsReferences"]["nodes"]
    assert [(one["number"], one["state"]) for one in nodes] == [(number, "OPEN")]
    assert ask(number=number)["data"]["repository"]["issueOrPullRequest"]["__typename"] == "PullRequest"


def test_a_missing_policy_file_is_null(hub, widgets, ask, installation):
    hub.open_issue(widgets, "Crash", "It crashes.", "rob")
    assert ask(policy="HEAD:.github/nope.yml")["data"]["repository"]["policy"] is None


def test_what_is_not_there_is_not_found(ask, installation, widgets):
    said = ask(name="nope")
    assert said["data"] == {"repository": None}
    assert said["errors"][0]["type"] == "NOT_FOUND"
    assert said["errors"][0]["message"] == "Could not resolve to a Repository with the name 'acme/nope'."
    missing = ask(number=99)
    assert missing["data"]["repository"]["issueOrPullRequest"] is None
    assert missing["errors"][0]["path"] == ["repository", "issueOrPullRequest"]
    assert missing["errors"][0]["message"] == "Could not resolve to an issue or pull request with the number of 99."


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ repository(owner: 1, name: 2) { nope } }", "nope"),
        ("{ repository", "Syntax Error"),
        (
            '{ repository(owner: "acme", name: "widgets") { issue(number: 1) { labels { nodes { name } } } } }',
            "`first`",
        ),
    ],
)
def test_what_github_does_not_know_fails(hub, widgets, installation, ask, query, words):
    hub.open_issue(widgets, "Crash", "It crashes.", "rob")
    assert words in str(ask(query)["errors"])


def test_issues_need_their_permission(hub, widgets, as_app, installation):
    hub.open_issue(widgets, "Crash", "It crashes.", "rob")
    door = f"/app/installations/{installation}/access_tokens"
    token = as_app.post(door, json={"permissions": {"contents": "read"}}).json()["token"]
    query = '{ repository(owner: "acme", name: "widgets") { issue(number: 1) { title } } }'
    headers = {"Authorization": f"Bearer {token}"}
    said = as_app.post(hub.graphql_url, json={"query": query}, headers=headers).json()
    assert said["errors"][0]["type"] == "FORBIDDEN"
