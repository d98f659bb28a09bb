import httpx
import pytest

PULLS = "/repos/acme/widgets/pulls"


@pytest.fixture
def topic(hub, widgets, installation, receiver):
    tip = hub.push(widgets, "topic", {"README.md": "one\n2\nthree\n", "new.txt": "new\n"}, "Change", "wren")
    hub.settle()
    receiver.take()
    return tip


@pytest.fixture
def pull(api, hub, topic, receiver):
    made = api.post(PULLS, json={"title": "Change", "head": "topic", "base": "main", "body": "Closes #9"})
    assert made.status_code == 201, made.text
    hub.settle()
    receiver.take()
    return made.json()["number"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"head": "nope", "base": "main"}, '"field":"head"'),
        ({"head": "topic", "base": "nope"}, '"field":"base"'),
        ({"head": "main", "base": "main"}, "No commits between main and main"),
        ({"head": "topic", "base": "main", "title": " "}, '"field":"title"'),
    ],
)
def test_a_pull_request_without_a_difference_is_refused(api, topic, body, words):
    answer = api.post(PULLS, json={"title": "Change"} | body)
    assert answer.status_code == 422
    assert words in answer.text


def test_there_is_one_pull_request_a_branch(api, pull):
    again = api.post(PULLS, json={"title": "Change", "head": "acme:topic", "base": "main"})
    assert again.status_code == 422
    assert "A pull request already exists for acme:topic." in again.text
    assert [one["number"] for one in api.get(PULLS, params={"head": "acme:topic"}).json()] == [pull]
    assert api.get(PULLS, params={"head": "acme:other"}).json() == []


def test_a_pull_request_says_what_it_changes(api, pull, topic):
    said = api.get(f"{PULLS}/{pull}").json()
    assert (said["changed_files"], said["additions"], said["deletions"], said["mergeable"]) == (2, 2, 1, True)
    assert said["head"]["sha"] == topic
    files = api.get(f"{PULLS}/{pull}/files").json()
    assert [(one["filename"], one["status"]) for one in files] == [("README.md", "modified"), ("new.txt", "added")]
    assert files[0]["patch"] == "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three"
    assert [one["sha"] for one in api.get(f"{PULLS}/{pull}/commits").json()] == [topic]


def test_a_push_to_the_branch_synchronises(hub, widgets, pull, topic, receiver):
    after = hub.push(widgets, "topic", {"more.txt": "x"}, "More", "wren")
    hub.settle()
    assert receiver.names() == ["push", "check_suite.requested", "pull_request.synchronize"]
    assert (receiver.got[2].said["before"], receiver.got[2].said["after"]) == (topic, after)


def test_a_merge_is_real_and_closes_what_the_text_names(hub, widgets, api, pull, receiver):
    issue = hub.open_issue(widgets, "Broken", "text", "wren")
    hub.edit_issue(widgets, pull, by="wren", body=f"Fixes #{issue}")
    hub.settle()
    receiver.take()
    sha = hub.merge(widgets, pull, "wren")
    hub.settle()
    assert receiver.names() == ["pull_request.closed", "issues.closed", "push", "check_suite.requested"]
    closed = receiver.got[0].said["pull_request"]
    assert (closed["merged"], closed["merge_commit_sha"], closed["merged_by"]["login"]) == (True, sha, "wren")
    assert widgets.branches()["main"] == sha
    assert widgets.file("new.txt") == b"new\n"
    assert widgets.issue(issue).state == "closed"
    assert api.get(f"/repos/acme/widgets/compare/{sha}...main").json()["status"] == "identical"


def test_a_squash_has_one_parent(hub, widgets, pull):
    hub.merge(widgets, pull, "wren", method="squash")
    assert widgets.messages("main") == ("Initial commit", "Change (#1)")


def test_a_conflict_is_not_merged(hub, widgets, api, pull):
    hub.push(widgets, "main", {"README.md": "one\nzwei\nthree\n"}, "Other", "ada")
    assert api.get(f"{PULLS}/{pull}").json()["mergeable_state"] == "dirty"
    answer = api.put(f"{PULLS}/{pull}/merge")
    assert (answer.status_code, answer.json()["message"]) == (405, "Pull Request is not mergeable")


def test_a_deleted_branch_closes_its_pull_request(hub, widgets, pull):
    hub.delete_branch(widgets, "topic", "wren")
    assert widgets.issue(pull).state == "closed"
    with pytest.raises(Exception, match="422"):
        hub.reopen(widgets, pull, "wren")


def test_a_draft_stays_one_until_a_person_says_otherwise(hub, widgets, api, topic, receiver):
    number = api.post(PULLS, json={"title": "Draft", "head": "topic", "base": "main", "draft": True}).json()["number"]
    api.patch(f"{PULLS}/{number}", json={"draft": False})
    assert widgets.issue(number).pull.draft
    hub.mark_ready(widgets, number, "wren")
    hub.settle()
    assert receiver.names()[-1] == "pull_request.ready_for_review"


def test_an_inline_comment_stands_on_a_line_of_the_diff(hub, widgets, api, pull, receiver):
    door = f"{PULLS}/{pull}/reviews"
    inline = {"path": "README.md", "line": 2, "body": "Why?"}
    made = api.post(door, json={"event": "COMMENT", "body": "One note.", "comments": [inline]})
    assert (made.status_code, made.json()["state"]) == (200, "COMMENTED")
    for wrong in ({"line": 50}, {"path": "src/app.py"}, {"line": 3, "side": "LEFT", "start_line": 40}):
        assert api.post(door, json={"event": "COMMENT", "comments": [inline | wrong]}).status_code == 422
    seen = widgets.issue(pull).pull
    assert [(one.path, one.line, one.author) for one in seen.review_comments] == [("README.md", 2, "remit[bot]")]
    hub.settle()
    assert receiver.names() == ["pull_request_review.submitted", "pull_request_review_comment.created"]
    assert receiver.got[0].said["review"]["state"] == "commented"


def test_nobody_approves_their_own_pull_request(hub, api, widgets, pull):
    own = api.post(f"{PULLS}/{pull}/reviews", json={"event": "APPROVE"})
    assert (own.status_code, own.json()["errors"]) == (422, ["Can not approve your own pull request"])
    hub.review(widgets, pull, "", "approved", "wren")
    assert [one.state for one in widgets.issue(pull).pull.reviews] == ["APPROVED"]


def test_a_persons_inline_comment_and_an_answer(hub, api, widgets, pull):
    first = hub.review_comment(widgets, pull, "/approve", "wren", path="new.txt", line=1)
    answer = api.post(f"{PULLS}/{pull}/comments/{first}/replies", json={"body": "Thanks."})
    assert answer.json()["in_reply_to_id"] == first
    door = f"{PULLS}/comments/{first}/reactions"
    assert [api.post(door, json={"content": "eyes"}).status_code for _ in range(2)] == [201, 200]


def test_reviewers_are_asked_for(api, pull):
    door = f"{PULLS}/{pull}/requested_reviewers"
    assert api.post(door, json={"reviewers": ["wren"]}).status_code == 201
    assert [one["login"] for one in api.get(door).json()["users"]] == ["wren"]
    assert api.post(door, json={"reviewers": ["nobody"]}).status_code == 422


def test_a_check_run_has_githubs_limits_and_its_buttons_work(hub, api, widgets, topic, receiver):
    door = "/repos/acme/widgets/check-runs"
    action = {"label": "Retry", "description": "Run again", "identifier": "retry"}
    body = {"name": "Remit", "head_sha": topic, "status": "in_progress", "actions": [action]}
    run = api.post(door, json=body).json()
    note = {"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}
    output = {"title": "Proof", "summary": "All good", "annotations": [note] * 50}
    done = api.patch(f"{door}/{run['id']}", json={"conclusion": "success", "output": output})
    assert (done.json()["status"], done.json()["output"]["annotations_count"]) == ("completed", 50)
    for wrong in (
        {"output": output | {"annotations": [note] * 51}},
        {"actions": [action] * 4},
        {"actions": [action | {"label": "l" * 21}]},
        {"actions": [action | {"description": "d" * 41}]},
        {"status": "completed"},
        {"head_sha": "1" * 40},
    ):
        assert api.post(door, json=body | wrong).status_code == 422, wrong
    hub.settle()
    receiver.take()
    hub.press(widgets, run["id"], "retry", "wren")
    hub.settle()
    assert [(one.name, one.said["requested_action"]) for one in receiver.got] == [
        ("check_run.requested_action", {"identifier": "retry"})
    ]
    assert api.get(f"/repos/acme/widgets/commits/{topic}/check-runs").json()["total_count"] == 1


def test_content_is_read_at_a_revision(api, topic):
    content = "/repos/acme/widgets/contents"
    assert api.get(f"{content}/README.md", params={"ref": "topic"}).json()["content"] == "b25lCjIKdGhyZWUK\n"
    assert api.get(f"{content}/README.md").json()["size"] == len("one\ntwo\nthree\n")
    assert [one["name"] for one in api.get(f"{content}/src").json()] == ["app.py"]
    assert api.get(f"{content}/nope").status_code == 404
    assert api.get("/repos/acme/widgets/branches/topic").json()["commit"]["sha"] == topic
    assert api.get("/repos/acme/widgets/git/ref/heads/topic").json()["object"]["sha"] == topic
    compared = api.get("/repos/acme/widgets/compare/main...topic").json()
    assert (compared["status"], compared["ahead_by"], len(compared["files"])) == ("ahead", 1, 2)


def test_a_page_escapes_what_people_write_and_runs_no_script(hub, widgets, pull):
    hub.comment(widgets, pull, "<script>alert(1)</script>", "rob")
    page = httpx.get(f"{hub.url}/acme/widgets/pull/{pull}", trust_env=False)
    assert "&lt;script&gt;" in page.text
    assert "<script>" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
