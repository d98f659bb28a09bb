import pytest

ISSUES = "/repos/acme/widgets/issues"


@pytest.fixture
def number(hub, installation, widgets, receiver):
    number = hub.open_issue(widgets, "Crash on start", "It crashes every time.", "rob")
    hub.settle()
    receiver.take()
    return number


def test_an_opened_issue_is_announced_with_its_labels_and_then_label_by_label(hub, installation, widgets, receiver):
    hub.create_label(widgets, "remit", "ada")
    hub.settle()
    receiver.take()
    hub.open_issue(widgets, "Crash", "text", "rob", labels=["remit", "bug"], form=True)
    hub.settle()
    assert receiver.names() == ["issues.opened", "issues.labeled", "issues.labeled"]
    opened, first, second = (one.said for one in receiver.got)
    assert {"remit", "bug"} == {label["name"] for label in opened["issue"]["labels"]}
    assert [first["label"]["name"], second["label"]["name"]] == ["remit", "bug"]
    assert first["sender"]["login"] == "rob"
    assert {"id": installation} == {"id": first["installation"]["id"]}


def test_an_outsiders_labels_are_dropped_without_a_form(hub, widgets, installation):
    number = hub.open_issue(widgets, "Crash", "text", "rob", labels=["bug"])
    assert hub.repository("acme/widgets").issue(number).labels == ()


def test_a_reader_may_not_label(hub, widgets, number):
    with pytest.raises(Exception, match="403"):
        hub.label(widgets, number, "bug", "rob")


def test_labels_are_added_replaced_and_removed(api, hub, widgets, number):
    assert [one["name"] for one in api.post(f"{ISSUES}/{number}/labels", json={"labels": ["BUG"]}).json()] == ["bug"]
    api.post(f"{ISSUES}/{number}/labels", json=["a/b"])
    assert api.delete(f"{ISSUES}/{number}/labels/a%2Fb").status_code == 200
    gone = api.delete(f"{ISSUES}/{number}/labels/nope")
    assert (gone.status_code, gone.json()["message"]) == (404, "Label does not exist")
    api.put(f"{ISSUES}/{number}/labels", json={"labels": ["remit:held"]})
    assert widgets.issue(number).labels == ("remit:held",)


def test_a_full_width_label_is_another_label(api, hub, widgets, number):
    api.post(f"{ISSUES}/{number}/labels", json={"labels": ["bug", "\uff42ug"]})
    assert widgets.issue(number).labels == ("bug", "\uff42ug")


def test_label_names_have_githubs_limits(api, installation):
    labels = "/repos/acme/widgets/labels"
    assert api.post(labels, json={"name": "n" * 51}).status_code == 422
    assert api.post(labels, json={"name": "n", "color": "red"}).status_code == 422
    assert api.post(labels, json={"name": "n", "description": "d" * 101}).status_code == 422
    assert api.post(labels, json={"name": "n", "color": "00FF00"}).status_code == 201
    again = api.post(labels, json={"name": "N"})
    assert again.json()["errors"][0]["code"] == "already_exists"


def test_the_apps_own_comment_is_the_bots_and_is_announced(api, hub, app, widgets, number, receiver):
    made = api.post(f"{ISSUES}/{number}/comments", json={"body": "Working on it."})
    assert made.status_code == 201
    assert (made.json()["user"]["login"], made.json()["user"]["type"]) == ("remit[bot]", "Bot")
    assert app.app_id == made.json()["performed_via_github_app"]["id"]
    changed = api.patch(f"{ISSUES}/comments/{made.json()['id']}", json={"body": "Done."})
    assert changed.json()["body"] == "Done."
    assert api.delete(f"{ISSUES}/comments/{made.json()['id']}").status_code == 204
    hub.settle()
    assert receiver.names() == ["issue_comment.created", "issue_comment.edited", "issue_comment.deleted"]
    assert receiver.got[1].said["changes"]["body"]["from"] == "Working on it."


@pytest.mark.parametrize("body", ["", "  ", "x" * 65_537, None, 5])
def test_a_comment_github_would_not_take_is_refused(api, number, body):
    assert api.post(f"{ISSUES}/{number}/comments", json={"body": body}).status_code == 422


def test_titles_have_a_limit(api, number):
    assert api.patch(f"{ISSUES}/{number}", json={"title": "t" * 257}).status_code == 422
    assert api.patch(f"{ISSUES}/{number}", json={"title": "t" * 256}).status_code == 200


def test_an_edit_says_what_was_there_before(hub, widgets, number, receiver, api):
    hub.edit_issue(widgets, number, by="wren", title="New title", body="New body")
    hub.settle()
    (edited,) = receiver.take()
    assert edited.said["changes"] == {"title": {"from": "Crash on start"}, "body": {"from": "It crashes every time."}}
    renamed = [one for one in api.get(f"{ISSUES}/{number}/timeline").json() if one["event"] == "renamed"]
    assert renamed[0]["rename"] == {"from": "Crash on start", "to": "New title"}


def test_a_reaction_is_new_once_and_sends_nothing(api, hub, widgets, number, receiver):
    door = f"{ISSUES}/{number}/reactions"
    assert [api.post(door, json={"content": "eyes"}).status_code for _ in range(2)] == [201, 200]
    assert api.post(door, json={"content": "wave"}).status_code == 422
    hub.settle()
    assert receiver.got == []
    assert [(one.content, one.by) for one in widgets.issue(number).reactions] == [("eyes", "remit[bot]")]


def test_what_is_gone_moved_or_never_was_is_told_apart(api, hub, widgets, installation, number):
    hub.create_repository("acme", "other")
    second = hub.open_issue(widgets, "Second", "text", "rob")
    hub.delete_issue(widgets, number, "ada")
    there = hub.transfer(widgets, second, "acme/other", "ada")
    assert tuple(api.get(f"{ISSUES}/{one}").status_code for one in (number, second, 99)) == (410, 301, 404)
    followed = api.get(f"{ISSUES}/{second}", follow_redirects=True)
    assert ("Second", there) == (followed.json()["title"], followed.json()["number"])


def test_closing_locking_assigning_are_announced(hub, widgets, number, receiver):
    hub.close(widgets, number, "rob")
    hub.reopen(widgets, number, "tess")
    hub.lock(widgets, number, "wren")
    hub.assign(widgets, number, "wren", "tess")
    hub.settle()
    assert receiver.names() == ["issues.closed", "issues.reopened", "issues.locked", "issues.assigned"]
    with pytest.raises(Exception, match="locked"):
        hub.comment(widgets, number, "hello", "rob")


def test_issues_are_filtered_and_paged(api, hub, widgets, installation):
    for index in range(5):
        hub.open_issue(widgets, f"Issue {index}", "text", "wren", labels=["bug"] if index % 2 else [])
    assert [one["title"] for one in api.get(ISSUES, params={"labels": "bug"}).json()] == ["Issue 3", "Issue 1"]
    titles, url = [], f"{ISSUES}?per_page=2&state=all"
    while url:
        page = api.get(url)
        titles += [one["title"] for one in page.json()]
        url = page.links.get("next", {}).get("url")
    assert [f"Issue {index}" for index in (4, 3, 2, 1, 0)] == titles


@pytest.mark.parametrize(
    ("login", "permission", "role"),
    [("ada", "admin", "admin"), ("wren", "write", "write"), ("tess", "read", "triage"), ("rob", "read", "read")],
)
def test_a_role_shows_as_permission_and_role_name(api, login, permission, role):
    said = api.get(f"/repos/acme/widgets/collaborators/{login}/permission").json()
    assert (permission, role, login) == (said["permission"], said["role_name"], said["user"]["login"])


def test_an_unknown_person_has_no_permission_to_ask_for(api, hub, widgets):
    assert api.get("/repos/acme/widgets/collaborators/nobody/permission").status_code == 404
    hub.create_user("passer-by")
    assert api.get("/repos/acme/widgets/collaborators/passer-by/permission").json()["permission"] == "none"


def test_an_archived_repository_takes_nothing(api, hub, widgets, number):
    hub.archive(widgets, "ada")
    assert api.post(f"{ISSUES}/{number}/comments", json={"body": "hello"}).status_code == 403


def test_a_renamed_repository_redirects_and_a_deleted_author_is_a_ghost(api, hub, widgets, number):
    hub.rename_repository(widgets, "gadgets", "ada")
    hub.delete_user("rob")
    moved = api.get(f"{ISSUES}/{number}")
    assert (301, f"{hub.api_url}/repositories/{widgets.id}/issues/{number}") == (
        moved.status_code,
        moved.headers["location"],
    )
    assert api.get(moved.headers["location"]).json()["user"]["login"] == "ghost"


def test_half_a_surrogate_pair_does_not_get_in(api, widgets, number):
    door, headers = f"{ISSUES}/{number}/comments", {"Content-Type": "application/json"}
    for sent in (b'{"body": "a\\ud800b"}', b'{"body": "\\ud83d\\ude00"}'):
        assert api.post(door, content=sent, headers=headers).status_code == 201
    assert [one.body for one in widgets.issue(number).comments] == ["a\ufffdb", "\U0001f600"]
