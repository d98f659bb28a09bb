"""REST for repositories, their labels, their content and who may what.

https://docs.github.com/en/rest/repos, https://docs.github.com/en/rest/collaborators/collaborators
"""

import base64
from typing import Any
from urllib.parse import quote

from github_app.demo.hub import accounts, repositories, shapes
from github_app.demo.hub.bare import Commit, Entry, FileChange
from github_app.demo.hub.call import Answer, Call, route
from github_app.demo.hub.refusal import RefusedError, malformed, not_found
from github_app.demo.hub.world import node_id

REPO = "/repos/{owner}/{repo}"


@route("GET", REPO, needs="metadata:read")
def get_repository(call: Call) -> Answer:
    """Answer with a repository."""
    counts = {"subscribers_count": 0, "network_count": 0}
    return Answer(200, shapes.repository(call.world, call.where) | counts)


@route("GET", "/users/{login}")
def get_user(call: Call) -> Answer:
    """Answer with an account."""
    found = call.world.account(call.params["login"])
    if found is None:
        raise not_found()
    return Answer(200, shapes.user(call.world, found) | {"name": None, "created_at": call.world.now()})


@route("GET", f"{REPO}/collaborators/{{login}}/permission", needs="metadata:read")
def get_permission(call: Call) -> Answer:
    """Answer with a person's permission; triage shows as read and maintain as write, `role_name` tells them apart.

    https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
    """
    login = call.params["login"]
    found = call.world.account(login)
    if found is None:
        raise RefusedError(404, f"{login} is not a user")
    role = accounts.role(call.world, call.where, found.id)
    rank = accounts.ROLES.index(role)
    held = {name: rank >= accounts.ROLES.index(name) for name in ("admin", "maintain", "triage")}
    held |= {"push": rank >= accounts.ROLES.index("write"), "pull": rank >= accounts.ROLES.index("read")}
    user = shapes.user(call.world, found) | {"permissions": held, "role_name": role}
    permission = {"triage": "read", "maintain": "write"}.get(role, role)
    return Answer(200, {"permission": permission, "user": user, "role_name": role})


# Content


def commit_shape(call: Call, one: Commit) -> dict[str, Any]:
    """Return a commit as REST shows it."""
    full = call.world.full_name(call.where)
    api = f"{call.world.api_url}/repos/{full}"
    author, committer = (
        dict(zip(("name", "email", "date"), person, strict=True)) for person in (one.author, one.committer)
    )
    return {
        "sha": one.sha,
        "node_id": f"C_{one.sha}",
        "commit": {
            "author": author,
            "committer": committer,
            "message": one.message,
            "tree": {"sha": one.tree, "url": f"{api}/git/trees/{one.tree}"},
            "url": f"{api}/git/commits/{one.sha}",
            "comment_count": 0,
            "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None},
        },
        "url": f"{api}/commits/{one.sha}",
        "html_url": f"{call.world.url}/{full}/commit/{one.sha}",
        "comments_url": f"{api}/commits/{one.sha}/comments",
        "author": None,
        "committer": None,
        "parents": [{"sha": parent, "url": f"{api}/commits/{parent}"} for parent in one.parents],
    }


def file_shape(call: Call, one: FileChange, ref: str) -> dict[str, Any]:
    """Return a changed file."""
    full = call.world.full_name(call.where)
    path = quote(one.path)
    shape = {
        "sha": one.sha,
        "filename": one.path,
        "status": one.status,
        "additions": one.additions,
        "deletions": one.deletions,
        "changes": one.additions + one.deletions,
        "blob_url": f"{call.world.url}/{full}/blob/{ref}/{path}",
        "raw_url": f"{call.world.url}/{full}/raw/{ref}/{path}",
        "contents_url": f"{call.world.api_url}/repos/{full}/contents/{path}?ref={ref}",
    }
    shape |= {"patch": one.patch} if one.patch else {}
    return shape | ({"previous_filename": one.previous} if one.previous else {})


@route("GET", f"{REPO}/branches", needs="contents:read")
def list_branches(call: Call) -> Answer:
    """Answer with the branches."""
    found = sorted(call.world.bare(call.where).refs().items())
    closed = {one.branch for one in call.where.protections}
    return call.page(found, lambda one: {"name": one[0], "commit": {"sha": one[1]}, "protected": one[0] in closed})


@route("GET", f"{REPO}/branches/{{branch*}}", needs="contents:read")
def get_branch(call: Call) -> Answer:
    """Answer with a branch and its commit."""
    name, bare = call.params["branch"], call.world.bare(call.where)
    tip = bare.branch(name)
    if tip is None:
        raise RefusedError(404, "Branch not found")
    protected = any(one.branch == name for one in call.where.protections)
    full = call.world.full_name(call.where)
    api, page = f"{call.world.api_url}/repos/{full}/branches/{name}", f"{call.world.url}/{full}/tree/{name}"
    return Answer(
        200,
        {
            "name": name,
            "commit": commit_shape(call, bare.commit(tip)),
            "protected": protected,
            "protection": {"enabled": protected},
            "protection_url": f"{api}/protection",
            "_links": {"self": api, "html": page},
        },
    )


@route("GET", f"{REPO}/commits", needs="contents:read")
def list_commits(call: Call) -> Answer:
    """Answer with the commits of a branch, newest first."""
    bare = call.world.bare(call.where)
    start = bare.resolve(call.query.get("sha") or "HEAD")
    if start is None:
        raise not_found()
    return call.page(bare.commits(None, start)[::-1], lambda one: commit_shape(call, one))


@route("GET", f"{REPO}/commits/{{ref*}}", needs="contents:read")
def get_commit(call: Call) -> Answer:
    """Answer with a commit and what it changed."""
    bare = call.world.bare(call.where)
    sha = bare.resolve(call.params["ref"])
    if sha is None:
        raise RefusedError(422, f"No commit found for SHA: {call.params['ref']}")
    found = bare.commit(sha)
    files = bare.changes(found.parents[0], sha) if found.parents else []
    added, deleted = sum(one.additions for one in files), sum(one.deletions for one in files)
    stats = {"additions": added, "deletions": deleted, "total": added + deleted}
    return Answer(200, commit_shape(call, found) | {"stats": stats, "files": [file_shape(call, f, sha) for f in files]})


@route("GET", f"{REPO}/compare/{{span*}}", needs="contents:read")
def compare(call: Call) -> Answer:
    """Answer with what `head` has that `base` has not."""
    base_name, dots, head_name = call.params["span"].partition("...")
    bare = call.world.bare(call.where)
    base, head = (bare.resolve(name.rpartition(":")[2]) for name in (base_name, head_name))
    if not dots or base is None or head is None:
        raise not_found()
    fork = bare.merge_base(base, head)
    if fork is None:
        raise RefusedError(404, f"No common ancestor between {base_name} and {head_name}.")
    ahead, behind = bare.count(base, head)
    status = "identical" if base == head else "diverged" if ahead and behind else "ahead" if ahead else "behind"
    page = f"{call.world.url}/{call.world.full_name(call.where)}/compare"
    return Answer(
        200,
        {
            "url": f"{call.world.api_url}{call.path}",
            "html_url": f"{page}/{base_name}...{head_name}",
            "permalink_url": f"{page}/{base}...{head}",
            "diff_url": f"{page}/{base_name}...{head_name}.diff",
            "patch_url": f"{page}/{base_name}...{head_name}.patch",
            "status": status,
            "ahead_by": ahead,
            "behind_by": behind,
            "total_commits": ahead,
            "base_commit": commit_shape(call, bare.commit(base)),
            "merge_base_commit": commit_shape(call, bare.commit(fork)),
            "commits": [commit_shape(call, one) for one in bare.commits(base, head)],
            "files": [file_shape(call, one, head) for one in bare.changes(fork, head)],
        },
    )


def _content_shape(call: Call, one: Entry, ref: str) -> dict[str, Any]:
    full = call.world.full_name(call.where)
    kind = {"blob": "symlink" if one.mode == "120000" else "file", "tree": "dir", "commit": "submodule"}[one.kind]
    url = f"{call.world.api_url}/repos/{full}/contents/{quote(one.path)}?ref={ref}"
    git = f"{call.world.api_url}/repos/{full}/git/{'trees' if kind == 'dir' else 'blobs'}/{one.sha}"
    page = f"{call.world.url}/{full}/{'tree' if kind == 'dir' else 'blob'}/{ref}/{quote(one.path)}"
    return {
        "name": one.path.rpartition("/")[2],
        "path": one.path,
        "sha": one.sha,
        "size": one.size,
        "url": url,
        "html_url": page,
        "git_url": git,
        "download_url": f"{call.world.url}/{full}/raw/{ref}/{quote(one.path)}" if kind == "file" else None,
        "type": kind,
        "_links": {"self": url, "git": git, "html": page},
    }


@route("GET", f"{REPO}/contents", needs="contents:read")
@route("GET", f"{REPO}/contents/{{path*}}", needs="contents:read")
def get_content(call: Call) -> Answer:
    """Answer with a file (base64, up to 1 MB) or a folder's names."""
    bare = call.world.bare(call.where)
    ref = call.query.get("ref") or call.where.default_branch
    commit, path = bare.resolve(ref), call.params.get("path", "").strip("/")
    if commit is None:
        raise RefusedError(404, f"No commit found for the ref {ref}")
    found = bare.entry(commit, path) if path else None
    if path and found is None:
        raise not_found()
    if found is None or found.kind == "tree":
        return Answer(200, [_content_shape(call, one, ref) for one in bare.entries(commit, path) or ()])
    shape = _content_shape(call, found, ref)
    if found.kind == "blob":
        small = found.size <= 1024 * 1024
        content = base64.encodebytes(bare.blob(found.sha)).decode() if small else ""
        shape |= {"content": content, "encoding": "base64" if small else "none"}
    return Answer(200, shape)


@route("GET", f"{REPO}/git/ref/{{ref*}}", needs="contents:read")
def get_ref(call: Call) -> Answer:
    """Answer with one ref."""
    name = f"refs/{call.params['ref']}"
    sha = call.world.bare(call.where).ref(name)
    if sha is None:
        raise not_found()
    api = f"{call.world.api_url}/repos/{call.world.full_name(call.where)}/git"
    kind = call.world.bare(call.where).kind(sha)
    target = {"type": kind, "sha": sha, "url": f"{api}/{kind}s/{sha}"}
    return Answer(200, {"ref": name, "node_id": f"REF_{sha[:12]}", "url": f"{api}/{name}", "object": target})


# Labels


@route("GET", f"{REPO}/labels", needs="issues:read|pull_requests:read")
def list_labels(call: Call) -> Answer:
    """Answer with the repository's labels."""
    return call.page(call.where.labels, lambda one: shapes.label(call.world, call.where, one))


@route("POST", f"{REPO}/labels", needs="issues:write|pull_requests:write")
def create_label(call: Call) -> Answer:
    """Make a label."""
    name = repositories.text_field(call.fields().get("name"), "name")
    made = repositories.create_label(
        call.world,
        call.where,
        name,
        call.actor,
        color=call.text("color") or "ededed",
        description=call.text("description"),
    )
    return Answer(201, shapes.label(call.world, call.where, made))


@route("GET", f"{REPO}/labels/{{name}}", needs="issues:read|pull_requests:read")
def get_label(call: Call) -> Answer:
    """Answer with a label."""
    found = repositories.find_label(call.where, call.params["name"])
    if found is None:
        raise not_found()
    return Answer(200, shapes.label(call.world, call.where, found))


@route("PATCH", f"{REPO}/labels/{{name}}", needs="issues:write|pull_requests:write")
def patch_label(call: Call) -> Answer:
    """Change a label."""
    found = repositories.find_label(call.where, call.params["name"])
    if found is None:
        raise not_found()
    repositories.edit_label(
        call.world,
        call.where,
        found,
        call.actor,
        name=call.text("new_name"),
        color=call.text("color"),
        text=call.text("description"),
    )
    return Answer(200, shapes.label(call.world, call.where, found))


@route("DELETE", f"{REPO}/labels/{{name}}", needs="issues:write|pull_requests:write")
def delete_label(call: Call) -> Answer:
    """Remove a label."""
    found = repositories.find_label(call.where, call.params["name"])
    if found is None:
        raise not_found()
    repositories.delete_label(call.world, call.where, found, call.actor)
    return Answer(204)


@route("GET", f"{REPO}/assignees/{{login}}", needs="issues:read|pull_requests:read")
def can_assign(call: Call) -> Answer:
    """Say whether a person can be assigned."""
    found = call.world.account(call.params["login"])
    if found is None or not accounts.at_least(call.world, call.where, found.id, "read"):
        raise not_found()
    return Answer(204)


@route("GET", f"{REPO}/git/trees/{{sha}}", needs="contents:read")
def get_tree(call: Call) -> Answer:
    """Answer with a folder of a commit."""
    bare = call.world.bare(call.where)
    commit = bare.resolve(call.params["sha"]) or call.params["sha"]
    if not commit.isalnum():
        raise malformed("tree_sha is not a name of an object.")
    listed = bare.entries(commit, "")
    if listed is None:
        raise not_found()
    names = [{"path": one.path, "mode": one.mode, "type": one.kind, "sha": one.sha, "size": one.size} for one in listed]
    return Answer(200, {"sha": commit, "node_id": node_id("T", 1), "tree": names, "truncated": False})
