"""REST for pull requests and reviews.

https://docs.github.com/en/rest/pulls
"""

from typing import Any

from github_app.demo.hub import accounts, issues, pull_shapes, pulls, shapes
from github_app.demo.hub.call import Answer, Call, route
from github_app.demo.hub.records import Issue, Review
from github_app.demo.hub.refusal import RefusedError, invalid, malformed, not_found
from github_app.demo.hub.repositories import text_field
from github_app.demo.hub.rest_repositories import commit_shape, file_shape

PULLS = "/repos/{owner}/{repo}/pulls"
PULL = f"{PULLS}/{{number}}"
READ, WRITE = "pull_requests:read", "pull_requests:write"


def pull(call: Call) -> Issue:
    """Return the pull request of the path."""
    found = call.world.issue(call.where, call.number("number"))
    if found.pull is None:
        raise not_found()
    return found


@route("GET", PULLS, needs=READ)
def list_pulls(call: Call) -> Answer:
    """Answer with pull requests, newest first."""
    state, owner = call.query.get("state", "open"), call.world.known(call.where.owner_id).login.lower()
    found = [one for one in call.where.issues.values() if one.pull and state in ("all", one.state)]
    if head := call.query.get("head"):
        whose, colon, name = head.partition(":")
        # GitHub ignores a filter without `owner:`.
        if colon:
            found = [one for one in found if (owner, pull_shapes.pull_of(one).head_ref) == (whose.lower(), name)]
    if base := call.query.get("base"):
        found = [one for one in found if pull_shapes.pull_of(one).base_ref == base]
    sort = {"updated": "updated_at"}.get(call.query.get("sort", "created"), "created_at")
    newest_first = call.query.get("direction", "desc" if sort == "created_at" else "asc") != "asc"
    found.sort(key=lambda one: (getattr(one, sort), one.number), reverse=newest_first)
    return call.page(found, lambda one: pull_shapes.pull(call.world, call.where, one, full=False))


@route("POST", PULLS, needs=WRITE)
def create_pull(call: Call) -> Answer:
    """Open a pull request."""
    for name in ("head", "base"):
        if not call.text(name):
            raise invalid("PullRequest", name, "missing_field")
    made = pulls.open_pull(
        call.world,
        call.where,
        call.actor,
        title=call.text("title") or "",
        head=call.text("head") or "",
        base=call.text("base") or "",
        body=call.text("body"),
        draft=call.flag("draft"),
    )
    shape = pull_shapes.pull(call.world, call.where, made)
    return Answer(201, shape, {"Location": shape["url"]})


@route("GET", PULL, needs=READ)
def get_pull(call: Call) -> Answer:
    """Answer with a pull request."""
    return Answer(200, pull_shapes.pull(call.world, call.where, pull(call)))


@route("PATCH", PULL, needs=WRITE)
def patch_pull(call: Call) -> Answer:
    """Change title, body, state or base; `draft` is not among them, as on GitHub."""
    found, state, base = pull(call), call.text("state"), call.text("base")
    if state not in (None, "open", "closed"):
        raise invalid("PullRequest", "state", "invalid")
    with call.world.change():
        issues.edit(call.world, call.where, found, call.actor, title=call.text("title"), body=call.text("body"))
        if base is not None:
            tip = call.world.bare(call.where).branch(base)
            if tip is None:
                raise invalid("PullRequest", "base", "invalid")
            pull_shapes.pull_of(found).base_ref, pull_shapes.pull_of(found).base_sha = base, tip
        if state == "closed":
            issues.close(call.world, call.where, found, call.actor)
        elif state == "open":
            issues.reopen(call.world, call.where, found, call.actor)
    return Answer(200, pull_shapes.pull(call.world, call.where, found))


@route("GET", f"{PULL}/files", needs=READ)
def list_files(call: Call) -> Answer:
    """Answer with the changed files."""
    found = pull(call)
    head = pull_shapes.pull_of(found).head_sha
    return call.page(pulls.files(call.world, call.where, found), lambda one: file_shape(call, one, head))


@route("GET", f"{PULL}/commits", needs=READ)
def list_commits(call: Call) -> Answer:
    """Answer with the commits, oldest first."""
    extra = pull_shapes.pull_of(pull(call))
    bare = call.world.bare(call.where)
    return call.page(bare.commits(extra.base_sha, extra.head_sha), lambda one: commit_shape(call, one))


@route("GET", f"{PULL}/merge", needs=READ)
def is_merged(call: Call) -> Answer:
    """Answer 204 when merged."""
    if pull_shapes.pull_of(pull(call)).merged_at is None:
        raise not_found()
    return Answer(204)


@route("PUT", f"{PULL}/merge", needs="contents:write")
def merge(call: Call) -> Answer:
    """Merge."""
    sha = pulls.merge(
        call.world,
        call.where,
        pull(call),
        call.actor,
        method=call.text("merge_method") or "merge",
        sha=call.text("sha"),
        title=call.text("commit_title"),
        message=call.text("commit_message"),
    )
    return Answer(200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


# Reviews


def _inline(value: object) -> pulls.Inline:
    if not isinstance(value, dict):
        raise malformed("For 'items', the value is not an object.")
    for name in ("path", "body"):
        text_field(value.get(name), name)
    line, start, side = value.get("line"), value.get("start_line"), value.get("side", "RIGHT")
    if type(line) is not int:
        raise RefusedError(422, "Unprocessable Entity", errors=["Line could not be resolved"])
    if start is not None and type(start) is not int:
        raise malformed(f"For 'properties/start_line', {start!r} is not an integer.")
    if side not in ("LEFT", "RIGHT"):
        raise invalid("PullRequestReviewComment", "side", "invalid")
    return pulls.Inline(path=value["path"], body=value["body"], line=line, side=side, start_line=start)


@route("POST", f"{PULL}/reviews", needs=WRITE)
def create_review(call: Call) -> Answer:
    """Submit a review."""
    comments = call.fields().get("comments") or []
    if not isinstance(comments, list):
        raise malformed("For 'properties/comments', the value is not an array.")
    found = pull(call)
    made = pulls.review(
        call.world,
        call.where,
        found,
        call.actor,
        event=call.text("event") or "",
        body=call.text("body") or "",
        commit_id=call.text("commit_id"),
        comments=[_inline(one) for one in comments],
    )
    return Answer(200, pull_shapes.review(call.world, call.where, found, made))


def _review(call: Call) -> tuple[Issue, Review]:
    found, number = pull(call), call.number("review")
    for one in pull_shapes.pull_of(found).reviews:
        if one.id == number:
            return found, one
    raise not_found()


@route("GET", f"{PULL}/reviews", needs=READ)
def list_reviews(call: Call) -> Answer:
    """Answer with the reviews, oldest first."""
    found = pull(call)
    return call.page(
        pull_shapes.pull_of(found).reviews, lambda one: pull_shapes.review(call.world, call.where, found, one)
    )


@route("GET", f"{PULL}/reviews/{{review}}", needs=READ)
def get_review(call: Call) -> Answer:
    """Answer with a review."""
    return Answer(200, pull_shapes.review(call.world, call.where, *_review(call)))


@route("PUT", f"{PULL}/reviews/{{review}}", needs=WRITE)
def put_review(call: Call) -> Answer:
    """Change a review's text; only its author may."""
    found, one = _review(call)
    if one.author_id != call.actor.id:
        raise RefusedError(403, "You are not allowed to update this review.")
    pulls.edit_review(call.world, call.where, found, one, text_field(call.fields().get("body"), "body"), call.actor)
    return Answer(200, pull_shapes.review(call.world, call.where, found, one))


@route("PUT", f"{PULL}/reviews/{{review}}/dismissals", needs=WRITE)
def dismiss_review(call: Call) -> Answer:
    """Dismiss a review."""
    found, one = _review(call)
    pulls.dismiss(call.world, call.where, found, one.id, call.actor)
    return Answer(200, pull_shapes.review(call.world, call.where, found, one))


@route("GET", f"{PULL}/reviews/{{review}}/comments", needs=READ)
def list_comments_of_review(call: Call) -> Answer:
    """Answer with the inline comments of one review."""
    found, under = _review(call)
    mine = [one for one in pull_shapes.pull_of(found).review_comments if one.review_id == under.id]
    return call.page(mine, lambda one: pull_shapes.review_comment(call.world, call.where, found, one))


@route("GET", f"{PULL}/comments", needs=READ)
def list_review_comments(call: Call) -> Answer:
    """Answer with all inline comments."""
    found = pull(call)
    listed = pull_shapes.pull_of(found).review_comments
    return call.page(listed, lambda one: pull_shapes.review_comment(call.world, call.where, found, one))


@route("POST", f"{PULL}/comments", needs=WRITE)
def create_review_comment(call: Call) -> Answer:
    """Add one inline comment, or an answer to one."""
    found, fields = pull(call), call.fields()
    answered = call.integer("in_reply_to")
    if answered is None and not call.text("commit_id"):
        raise invalid("PullRequestReviewComment", "commit_id", "missing_field")
    told: dict[str, Any] = fields if answered is None else {"path": "", "line": 0, "body": fields.get("body")}
    made = pulls.comment_on_line(call.world, call.where, found, call.actor, _inline(told), answered)
    return Answer(201, pull_shapes.review_comment(call.world, call.where, found, made))


@route("POST", f"{PULL}/comments/{{comment}}/replies", needs=WRITE)
def reply(call: Call) -> Answer:
    """Answer an inline comment."""
    found = pull(call)
    told = pulls.Inline(path="", line=0, body=text_field(call.fields().get("body"), "body"))
    made = pulls.comment_on_line(call.world, call.where, found, call.actor, told, call.number("comment"))
    return Answer(201, pull_shapes.review_comment(call.world, call.where, found, made))


@route("GET", f"{PULLS}/comments/{{comment}}", needs=READ)
def get_review_comment(call: Call) -> Answer:
    """Answer with an inline comment."""
    found, one = pulls.find_line_comment(call.where, call.number("comment"))
    return Answer(200, pull_shapes.review_comment(call.world, call.where, found, one))


@route("PATCH", f"{PULLS}/comments/{{comment}}", needs=WRITE)
def patch_review_comment(call: Call) -> Answer:
    """Change an inline comment."""
    found, one = pulls.find_line_comment(call.where, call.number("comment"))
    body = text_field(call.fields().get("body"), "body")
    pulls.edit_line_comment(call.world, call.where, found, one, body, call.actor)
    return Answer(200, pull_shapes.review_comment(call.world, call.where, found, one))


@route("DELETE", f"{PULLS}/comments/{{comment}}", needs=WRITE)
def delete_review_comment(call: Call) -> Answer:
    """Remove an inline comment."""
    found, one = pulls.find_line_comment(call.where, call.number("comment"))
    pulls.delete_line_comment(call.world, call.where, found, one, call.actor)
    return Answer(204)


def _reviewers(call: Call) -> list[int]:
    found = []
    for login in call.texts("reviewers") or ():
        one = call.world.account(login)
        if one is None or not accounts.at_least(call.world, call.where, one.id, "read"):
            raise RefusedError(
                422,
                "Reviews may only be requested from collaborators. One or more of the users or teams you specified is "
                f"not a collaborator of the {call.world.full_name(call.where)} repository.",
            )
        found.append(one.id)
    return found


@route("GET", f"{PULL}/requested_reviewers", needs=READ)
def list_reviewers(call: Call) -> Answer:
    """Answer with who was asked."""
    asked = pull_shapes.pull_of(pull(call)).requested_reviewers
    return Answer(200, {"users": [shapes.user_of(call.world, one) for one in asked], "teams": []})


@route("POST", f"{PULL}/requested_reviewers", needs=WRITE)
def request_reviewers(call: Call) -> Answer:
    """Ask people for a review."""
    found = pull(call)
    pulls.request_reviewers(call.world, call.where, found, _reviewers(call), call.actor)
    return Answer(201, pull_shapes.pull(call.world, call.where, found, full=False))


@route("DELETE", f"{PULL}/requested_reviewers", needs=WRITE)
def unrequest_reviewers(call: Call) -> Answer:
    """Ask no longer."""
    found = pull(call)
    pulls.request_reviewers(call.world, call.where, found, _reviewers(call), call.actor, on=False)
    return Answer(200, pull_shapes.pull(call.world, call.where, found, full=False))
