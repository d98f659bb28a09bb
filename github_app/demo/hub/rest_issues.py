"""REST for issues, comments, reactions and check runs.

https://docs.github.com/en/rest/issues, https://docs.github.com/en/rest/reactions, https://docs.github.com/en/rest/checks
"""

from typing import Any

from github_app.demo.hub import accounts, checks, issues, pull_shapes, pulls, shapes
from github_app.demo.hub.call import Answer, Call, route
from github_app.demo.hub.records import Comment, Issue, Reaction, ReviewComment, TimelineItem
from github_app.demo.hub.refusal import invalid, malformed
from github_app.demo.hub.repositories import find_label, text_field
from github_app.demo.hub.world import node_id

REPO = "/repos/{owner}/{repo}"
ISSUE = f"{REPO}/issues/{{number}}"
EITHER_READ, EITHER_WRITE = "issues:read|pull_requests:read", "issues:write|pull_requests:write"


def about(call: Call, level: str) -> Issue:
    """Return the issue of the path; an issue needs `issues`, a pull request is content with `pull_requests`."""
    found = call.world.issue(call.where, call.number("number"))
    call.require(f"issues:{level}|pull_requests:{level}" if found.pull else f"issues:{level}")
    return found


def people(call: Call, name: str) -> list[int]:
    """Return the accounts named in the body who can be assigned; GitHub silently drops the others."""
    found = [call.world.account(login) for login in call.texts(name) or ()]
    return [one.id for one in found if one and accounts.at_least(call.world, call.where, one.id, "read")]


def label_names(value: object) -> list[str]:
    """Return label names from the forms GitHub takes: names, objects with a name, or an object with `labels`."""
    if isinstance(value, dict):
        value = value.get("labels", [])
    if not isinstance(value, list):
        raise malformed("For 'properties/labels', the value is not an array.")
    names = [one.get("name") if isinstance(one, dict) else one for one in value]
    return [text_field(one, "labels") for one in names]


@route("GET", f"{REPO}/issues", needs=EITHER_READ)
def list_issues(call: Call) -> Answer:
    """Answer with issues (and pull requests) by label, state and time, newest first."""
    state = call.query.get("state", "open")
    if state not in ("open", "closed", "all"):
        raise invalid("Issue", "state", "invalid")
    wanted = [name for name in call.query.get("labels", "").split(",") if name]
    needed = [one.name if (one := find_label(call.where, name)) else None for name in wanted]
    since = call.query.get("since", "")
    found = [
        one
        for one in call.where.issues.values()
        if state in ("all", one.state)
        and all(name in one.labels for name in needed)
        and one.updated_at >= since
        and (one.pull is None or call.allows(EITHER_READ))
        and (one.pull is not None or call.allows("issues:read"))
    ]
    sort = {"updated": "updated_at", "created": "created_at"}.get(call.query.get("sort", "created"), "created_at")
    newest_first = call.query.get("direction", "desc") != "asc"
    found.sort(key=lambda one: (getattr(one, sort), one.number), reverse=newest_first)
    return call.page(found, lambda one: shapes.issue(call.world, call.where, one))


@route("POST", f"{REPO}/issues", needs="issues:write")
def create_issue(call: Call) -> Answer:
    """Open an issue."""
    made = issues.open_issue(
        call.world,
        call.where,
        call.actor,
        text_field(call.fields().get("title"), "title"),
        call.text("body"),
        labels=label_names(call.fields().get("labels") or []),
        assignees=people(call, "assignees"),
    )
    return Answer(201, shapes.issue(call.world, call.where, made))


@route("GET", ISSUE, needs=EITHER_READ)
def get_issue(call: Call) -> Answer:
    """Answer with an issue."""
    return Answer(200, shapes.issue(call.world, call.where, about(call, "read")))


@route("PATCH", ISSUE, needs=EITHER_WRITE)
def patch_issue(call: Call) -> Answer:
    """Change an issue."""
    found = about(call, "write")
    state, reason = call.text("state"), call.text("state_reason")
    if state not in (None, "open", "closed"):
        raise invalid("Issue", "state", "invalid")
    if reason not in (None, "completed", "not_planned", "duplicate", "reopened"):
        raise invalid("Issue", "state_reason", "invalid")
    body = call.text("body")
    if "body" in call.fields() and body is None:
        body = ""
    with call.world.change():
        issues.edit(call.world, call.where, found, call.actor, title=call.text("title"), body=body)
        if "labels" in call.fields():
            names = label_names(call.fields()["labels"] or [])
            issues.set_labels(call.world, call.where, found, names, call.actor)
        if "assignees" in call.fields():
            wanted = people(call, "assignees")
            others = [one for one in found.assignees if one not in wanted]
            issues.assign(call.world, call.where, found, others, call.actor, on=False)
            issues.assign(call.world, call.where, found, wanted, call.actor, on=True)
        if state == "closed":
            issues.close(call.world, call.where, found, call.actor, reason=reason)
        elif state == "open":
            issues.reopen(call.world, call.where, found, call.actor)
    return Answer(200, shapes.issue(call.world, call.where, found))


def _labels(call: Call, found: Issue) -> Answer:
    return Answer(200, shapes.labels(call.world, call.where, found.labels))


@route("GET", f"{ISSUE}/labels", needs=EITHER_READ)
def list_issue_labels(call: Call) -> Answer:
    """Answer with an issue's labels."""
    found = about(call, "read").labels
    return call.page(shapes.labels(call.world, call.where, found), lambda one: one)


@route("POST", f"{ISSUE}/labels", needs=EITHER_WRITE)
def add_issue_labels(call: Call) -> Answer:
    """Add labels."""
    found = about(call, "write")
    issues.add_labels(call.world, call.where, found, label_names(call.body), call.actor)
    return _labels(call, found)


@route("PUT", f"{ISSUE}/labels", needs=EITHER_WRITE)
def set_issue_labels(call: Call) -> Answer:
    """Replace the labels."""
    found = about(call, "write")
    issues.set_labels(call.world, call.where, found, label_names(call.body or []), call.actor)
    return _labels(call, found)


@route("DELETE", f"{ISSUE}/labels", needs=EITHER_WRITE)
def clear_issue_labels(call: Call) -> Answer:
    """Take all labels off."""
    issues.set_labels(call.world, call.where, about(call, "write"), [], call.actor)
    return Answer(204)


@route("DELETE", f"{ISSUE}/labels/{{name}}", needs=EITHER_WRITE)
def remove_issue_label(call: Call) -> Answer:
    """Take one label off."""
    found = about(call, "write")
    issues.remove_label(call.world, call.where, found, call.params["name"], call.actor)
    return _labels(call, found)


@route("POST", f"{ISSUE}/assignees", needs=EITHER_WRITE)
def add_assignees(call: Call) -> Answer:
    """Assign people."""
    found = about(call, "write")
    issues.assign(call.world, call.where, found, people(call, "assignees"), call.actor, on=True)
    return Answer(201, shapes.issue(call.world, call.where, found))


@route("DELETE", f"{ISSUE}/assignees", needs=EITHER_WRITE)
def remove_assignees(call: Call) -> Answer:
    """Unassign people."""
    found = about(call, "write")
    issues.assign(call.world, call.where, found, people(call, "assignees"), call.actor, on=False)
    return Answer(200, shapes.issue(call.world, call.where, found))


# Comments


@route("GET", f"{ISSUE}/comments", needs=EITHER_READ)
def list_comments(call: Call) -> Answer:
    """Answer with the conversation, oldest first."""
    found = about(call, "read")
    since = call.query.get("since", "")
    listed = [one for one in found.comments if one.updated_at >= since]
    return call.page(listed, lambda one: shapes.comment(call.world, call.where, found, one))


@route("POST", f"{ISSUE}/comments", needs=EITHER_WRITE)
def create_comment(call: Call) -> Answer:
    """Add a comment."""
    found = about(call, "write")
    body = text_field(call.fields().get("body"), "body")
    made = issues.comment(call.world, call.where, found, body, call.actor)
    shape = shapes.comment(call.world, call.where, found, made)
    return Answer(201, shape, {"Location": shape["url"]})


def _comment(call: Call, level: str) -> tuple[Issue, Comment]:
    found, one = issues.find_comment(call.where, call.number("comment"))
    call.require(f"issues:{level}|pull_requests:{level}" if found.pull else f"issues:{level}")
    return found, one


@route("GET", f"{REPO}/issues/comments/{{comment}}", needs=EITHER_READ)
def get_comment(call: Call) -> Answer:
    """Answer with a comment."""
    return Answer(200, shapes.comment(call.world, call.where, *_comment(call, "read")))


@route("PATCH", f"{REPO}/issues/comments/{{comment}}", needs=EITHER_WRITE)
def patch_comment(call: Call) -> Answer:
    """Change a comment."""
    found, one = _comment(call, "write")
    issues.edit_comment(call.world, call.where, found, one, text_field(call.fields().get("body"), "body"), call.actor)
    return Answer(200, shapes.comment(call.world, call.where, found, one))


@route("DELETE", f"{REPO}/issues/comments/{{comment}}", needs=EITHER_WRITE)
def delete_comment(call: Call) -> Answer:
    """Remove a comment."""
    found, one = _comment(call, "write")
    issues.delete_comment(call.world, call.where, found, one, call.actor)
    return Answer(204)


# Reactions


def _target(call: Call, level: str) -> Issue | Comment | ReviewComment:
    if "number" in call.params:
        return about(call, level)
    if "/pulls/" in call.path:
        call.require(f"pull_requests:{level}")
        return pulls.find_line_comment(call.where, call.number("comment"))[1]
    return _comment(call, level)[1]


@route("GET", f"{ISSUE}/reactions", needs=EITHER_READ)
@route("GET", f"{REPO}/issues/comments/{{comment}}/reactions", needs=EITHER_READ)
@route("GET", f"{REPO}/pulls/comments/{{comment}}/reactions", needs="pull_requests:read")
def list_reactions(call: Call) -> Answer:
    """Answer with the reactions."""
    wanted = call.query.get("content")
    found: list[Reaction] = [one for one in _target(call, "read").reactions if wanted in (None, one.content)]
    return call.page(found, lambda one: shapes.reaction(call.world, one))


@route("POST", f"{ISSUE}/reactions", needs=EITHER_WRITE)
@route("POST", f"{REPO}/issues/comments/{{comment}}/reactions", needs=EITHER_WRITE)
@route("POST", f"{REPO}/pulls/comments/{{comment}}/reactions", needs="pull_requests:write")
def create_reaction(call: Call) -> Answer:
    """React: 201 when new, 200 when it was there."""
    content = text_field(call.fields().get("content"), "content")
    made, new = issues.react(call.world, call.where, _target(call, "write"), content, call.actor)
    return Answer(201 if new else 200, shapes.reaction(call.world, made))


@route("DELETE", f"{ISSUE}/reactions/{{reaction}}", needs=EITHER_WRITE)
@route("DELETE", f"{REPO}/issues/comments/{{comment}}/reactions/{{reaction}}", needs=EITHER_WRITE)
@route("DELETE", f"{REPO}/pulls/comments/{{comment}}/reactions/{{reaction}}", needs="pull_requests:write")
def delete_reaction(call: Call) -> Answer:
    """Take one's own reaction back."""
    target, number = _target(call, "write"), call.number("reaction")
    with call.world.change():
        mine = [one for one in target.reactions if one.id == number and one.author_id == call.actor.id]
        if not mine:
            return Answer(404, {"message": "Not Found", "status": "404"})
        target.reactions.remove(mine[0])
    return Answer(204)


# The timeline


def timeline_item(call: Call, one: TimelineItem) -> dict[str, Any]:
    """Return a line of the timeline."""
    shape: dict[str, Any] = {
        "id": one.id,
        "node_id": node_id("EV", one.id),
        "event": one.event,
        "actor": shapes.user_of(call.world, one.actor_id),
        "commit_id": None,
        "created_at": one.created_at,
        "performed_via_github_app": shapes.app_of(call.world, one.app_id),
    }
    match one.event:
        case "labeled" | "unlabeled":
            found = find_label(call.where, one.label)
            shape["label"] = {"name": one.label, "color": found.color if found else "ededed"}
        case "renamed":
            shape["rename"] = {"from": one.old, "to": one.new}
        case "cross-referenced" if other := call.where.issues.get(one.number):
            shape["source"] = {"type": "issue", "issue": shapes.issue(call.world, call.where, other)}
        case _:
            pass
    return shape


@route("GET", f"{ISSUE}/timeline", needs=EITHER_READ)
@route("GET", f"{ISSUE}/events", needs=EITHER_READ)
def get_timeline(call: Call) -> Answer:
    """Answer with what happened, oldest first; the timeline has the comments too."""
    found = about(call, "read")
    lines = [(one.created_at, one.id, timeline_item(call, one)) for one in found.timeline]
    if call.path.endswith("/timeline"):
        lines += [
            (one.created_at, one.id, shapes.comment(call.world, call.where, found, one) | {"event": "commented"})
            for one in found.comments
        ]
    return call.page(sorted(lines, key=lambda line: line[:2]), lambda line: line[2])


# Check runs


@route("POST", f"{REPO}/check-runs", needs="checks:write")
def create_check_run(call: Call) -> Answer:
    """Make a check run."""
    made = checks.create(call.world, call.where, call.own_app, call.actor, call.fields())
    return Answer(201, pull_shapes.check_run(call.world, call.where, made))


@route("GET", f"{REPO}/check-runs/{{run}}", needs="checks:read")
def get_check_run(call: Call) -> Answer:
    """Answer with a check run."""
    return Answer(200, pull_shapes.check_run(call.world, call.where, checks.find(call.where, call.number("run"))))


@route("PATCH", f"{REPO}/check-runs/{{run}}", needs="checks:write")
def patch_check_run(call: Call) -> Answer:
    """Change a check run."""
    found = checks.find(call.where, call.number("run"))
    checks.update(call.world, call.where, call.own_app, call.actor, found, call.fields())
    return Answer(200, pull_shapes.check_run(call.world, call.where, found))


@route("GET", f"{REPO}/check-runs/{{run}}/annotations", needs="checks:read")
def list_annotations(call: Call) -> Answer:
    """Answer with a check run's annotations."""
    return call.page(checks.find(call.where, call.number("run")).annotations, lambda one: one)


@route("GET", f"{REPO}/commits/{{ref*}}/check-runs", needs="checks:read")
def list_check_runs(call: Call) -> Answer:
    """Answer with the check runs of a commit, the latest of each name."""
    sha = call.world.bare(call.where).resolve(call.params["ref"])
    latest = {(one.app_id, one.name): one for one in call.where.check_runs if one.head_sha == sha}
    wanted = call.query.get("check_name")
    found = [one for one in latest.values() if wanted in (None, one.name)]
    return call.page(found, lambda one: pull_shapes.check_run(call.world, call.where, one), wrap="check_runs")
