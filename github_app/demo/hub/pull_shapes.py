"""The JSON of pull requests, reviews and check runs; the rest is in `shapes`."""

from github_app.demo.hub.accounts import association
from github_app.demo.hub.records import CheckRun, Issue, Pull, Repository, Review, ReviewComment
from github_app.demo.hub.shapes import Json, app_of, issue, repository, repository_stub, rollup, user, user_of
from github_app.demo.hub.world import World, node_id


def _side(world: World, where: Repository, ref: str, sha: str, *, full: bool) -> Json:
    owner = world.known(where.owner_id)
    return {
        "label": f"{owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": user(world, owner),
        "repo": repository(world, where) if full else repository_stub(world, where),
    }


def pull(world: World, where: Repository, one: Issue, *, full: bool = True) -> Json:
    """Return a pull request; the list form (`full` False) has no counts and no merge state."""
    extra = pull_of(one)
    shape = issue(world, where, one)
    name = world.full_name(where)
    url = f"{world.api_url}/repos/{name}/pulls/{one.number}"
    for absent in ("repository_url", "labels_url", "events_url", "timeline_url", "pull_request", "closed_by"):
        del shape[absent]
    for absent in ("reactions", "performed_via_github_app", "state_reason", "comments"):
        del shape[absent]
    shape |= {
        "id": extra.id,
        "url": url,
        "issue_url": f"{world.api_url}/repos/{name}/issues/{one.number}",
        "diff_url": f"{shape['html_url']}.diff",
        "patch_url": f"{shape['html_url']}.patch",
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{world.api_url}/repos/{name}/pulls/comments{{/number}}",
        "comments_url": f"{world.api_url}/repos/{name}/issues/{one.number}/comments",
        "statuses_url": f"{world.api_url}/repos/{name}/statuses/{extra.head_sha}",
        "head": _side(world, where, extra.head_ref, extra.head_sha, full=True),
        "base": _side(world, where, extra.base_ref, extra.base_sha, full=True),
        "draft": extra.draft,
        "merged_at": extra.merged_at,
        "merge_commit_sha": extra.merge_commit_sha,
        "requested_reviewers": [user_of(world, who) for who in extra.requested_reviewers],
        "requested_teams": [],
        "auto_merge": None,
        "_links": {
            "self": {"href": url},
            "html": {"href": shape["html_url"]},
            "issue": {"href": f"{world.api_url}/repos/{name}/issues/{one.number}"},
            "comments": {"href": f"{world.api_url}/repos/{name}/issues/{one.number}/comments"},
            "review_comments": {"href": f"{url}/comments"},
            "review_comment": {"href": f"{world.api_url}/repos/{name}/pulls/comments{{/number}}"},
            "commits": {"href": f"{url}/commits"},
            "statuses": {"href": f"{world.api_url}/repos/{name}/statuses/{extra.head_sha}"},
        },
    }
    if full:
        shape |= _merge_state(world, where, one, extra)
    return shape


def _merge_state(world: World, where: Repository, one: Issue, extra: Pull) -> Json:
    bare = world.bare(where)
    fork = bare.merge_base(extra.base_sha, extra.head_sha) or extra.base_sha
    changed = bare.changes(fork, extra.head_sha)
    tip = bare.branch(extra.base_ref)
    clean = bare.merges_cleanly(tip, extra.head_sha) if one.state == "open" and tip else None
    state = {True: "draft" if extra.draft else "clean", False: "dirty", None: "unknown"}[clean]
    return {
        "merged": extra.merged_at is not None,
        "mergeable": clean,
        "rebaseable": clean,
        "mergeable_state": state,
        "merged_by": user_of(world, extra.merged_by),
        "comments": len(one.comments),
        "review_comments": len(extra.review_comments),
        "maintainer_can_modify": False,
        "commits": len(bare.commits(fork, extra.head_sha)),
        "additions": sum(file.additions for file in changed),
        "deletions": sum(file.deletions for file in changed),
        "changed_files": len(changed),
    }


def pull_of(one: Issue) -> Pull:
    """Return what makes this issue a pull request."""
    if one.pull is None:
        raise TypeError(f"#{one.number} is an issue")
    return one.pull


def review(world: World, where: Repository, about: Issue, one: Review) -> Json:
    """Return a review."""
    name = world.full_name(where)
    page = f"{world.url}/{name}/pull/{about.number}"
    api = f"{world.api_url}/repos/{name}/pulls/{about.number}"
    return {
        "id": one.id,
        "node_id": node_id("PRR", one.id),
        "user": user_of(world, one.author_id),
        "body": one.body,
        "state": one.state,
        "html_url": f"{page}#pullrequestreview-{one.id}",
        "pull_request_url": api,
        "author_association": association(world, where, one.author_id),
        "_links": {"html": {"href": f"{page}#pullrequestreview-{one.id}"}, "pull_request": {"href": api}},
        "submitted_at": one.submitted_at,
        "commit_id": one.commit_id,
    }


def review_comment(world: World, where: Repository, about: Issue, one: ReviewComment) -> Json:
    """Return a comment on a line."""
    name = world.full_name(where)
    page = f"{world.url}/{name}/pull/{about.number}#discussion_r{one.id}"
    url = f"{world.api_url}/repos/{name}/pulls/comments/{one.id}"
    api = f"{world.api_url}/repos/{name}/pulls/{about.number}"
    shape = {
        "id": one.id,
        "node_id": node_id("PRRC", one.id),
        "pull_request_review_id": one.review_id,
        "url": url,
        "html_url": page,
        "pull_request_url": api,
        "diff_hunk": one.diff_hunk,
        "path": one.path,
        "commit_id": one.commit_id,
        "original_commit_id": one.commit_id,
        "line": one.line,
        "original_line": one.line,
        "start_line": one.start_line,
        "original_start_line": one.start_line,
        "side": one.side,
        "start_side": one.side if one.start_line else None,
        "position": one.line,
        "original_position": one.line,
        "subject_type": "line",
        "user": user_of(world, one.author_id),
        "body": one.body,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "author_association": association(world, where, one.author_id),
        "reactions": rollup(url, one.reactions),
        "_links": {"self": {"href": url}, "html": {"href": page}, "pull_request": {"href": api}},
    }
    return shape | ({"in_reply_to_id": one.in_reply_to} if one.in_reply_to else {})


def _head(about: Issue) -> str:
    return about.pull.head_sha if about.pull else ""


def _pull_stub(world: World, where: Repository, about: Issue) -> Json:
    extra, api = pull_of(about), f"{world.api_url}/repos/{world.full_name(where)}"
    repo = {"id": where.id, "url": api, "name": where.name}
    return {
        "id": extra.id,
        "number": about.number,
        "url": f"{api}/pulls/{about.number}",
        "head": {"ref": extra.head_ref, "sha": extra.head_sha, "repo": repo},
        "base": {"ref": extra.base_ref, "sha": extra.base_sha, "repo": repo},
    }


def check_run(world: World, where: Repository, one: CheckRun) -> Json:
    """Return a check run."""
    url = f"{world.api_url}/repos/{world.full_name(where)}/check-runs/{one.id}"
    heads = [_pull_stub(world, where, about) for about in where.issues.values() if _head(about) == one.head_sha]
    return {
        "id": one.id,
        "node_id": node_id("CR", one.id),
        "head_sha": one.head_sha,
        "external_id": one.external_id,
        "url": url,
        "html_url": f"{world.url}/{world.full_name(where)}/runs/{one.id}",
        "details_url": one.details_url or world.url,
        "status": one.status,
        "conclusion": one.conclusion,
        "started_at": one.started_at,
        "completed_at": one.completed_at,
        "output": {
            "title": one.title,
            "summary": one.summary,
            "text": one.text,
            "annotations_count": len(one.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "name": one.name,
        "check_suite": {"id": one.app_id + 500_000_000},
        "app": app_of(world, one.app_id),
        "pull_requests": heads,
    }
