"""The JSON of GitHub's things, the same in REST answers and in webhook payloads.

Shapes follow the schemas of https://docs.github.com/en/rest and https://docs.github.com/en/webhooks; only URLs nobody
follows are left out.
"""

from typing import Any

from github_app.demo.hub.accounts import association
from github_app.demo.hub.records import (
    Account,
    App,
    Comment,
    Installation,
    Issue,
    Label,
    Reaction,
    Repository,
)
from github_app.demo.hub.world import World, node_id

Json = dict[str, Any]

CONTENTS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def user(world: World, account: Account) -> Json:
    """Return the short form of an account."""
    name = account.login
    slug = name.removesuffix("[bot]")
    api = f"{world.api_url}/users/{name.replace('[', '%5B').replace(']', '%5D')}"
    return {
        "login": name,
        "id": account.id,
        "node_id": node_id({"Bot": "BOT", "Organization": "O"}.get(account.kind, "U"), account.id),
        "avatar_url": f"{world.url}/avatars/{account.id}",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{world.url}/apps/{slug}" if account.kind == "Bot" else f"{world.url}/{name}",
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": account.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def organization(world: World, account: Account) -> Json:
    """Return the form of an organisation in webhooks."""
    api = f"{world.api_url}/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("O", account.id),
        "url": api,
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events",
        "hooks_url": f"{api}/hooks",
        "issues_url": f"{api}/issues",
        "members_url": f"{api}/members{{/member}}",
        "public_members_url": f"{api}/public_members{{/member}}",
        "avatar_url": f"{world.url}/avatars/{account.id}",
        "description": None,
    }


def user_of(world: World, account_id: int | None) -> Json | None:
    """Return the short form of an account by id; None stays None."""
    return None if account_id is None else user(world, world.known(account_id))


def repository(world: World, one: Repository) -> Json:
    """Return a repository."""
    full = world.full_name(one)
    api, page = f"{world.api_url}/repos/{full}", f"{world.url}/{full}"
    return {
        "id": one.id,
        "node_id": node_id("R", one.id),
        "name": one.name,
        "full_name": full,
        "private": one.private,
        "owner": user(world, world.known(one.owner_id)),
        "html_url": page,
        "description": one.description,
        "fork": one.fork,
        "url": api,
        **{
            f"{name}_url": f"{api}/{path}"
            for name, path in (
                ("archive", "{archive_format}{/ref}"),
                ("assignees", "assignees{/user}"),
                ("blobs", "git/blobs{/sha}"),
                ("branches", "branches{/branch}"),
                ("collaborators", "collaborators{/collaborator}"),
                ("comments", "comments{/number}"),
                ("commits", "commits{/sha}"),
                ("compare", "compare/{base}...{head}"),
                ("contents", "contents/{+path}"),
                ("contributors", "contributors"),
                ("deployments", "deployments"),
                ("downloads", "downloads"),
                ("events", "events"),
                ("forks", "forks"),
                ("git_commits", "git/commits{/sha}"),
                ("git_refs", "git/refs{/sha}"),
                ("git_tags", "git/tags{/sha}"),
                ("hooks", "hooks"),
                ("issue_comment", "issues/comments{/number}"),
                ("issue_events", "issues/events{/number}"),
                ("issues", "issues{/number}"),
                ("keys", "keys{/key_id}"),
                ("labels", "labels{/name}"),
                ("languages", "languages"),
                ("merges", "merges"),
                ("milestones", "milestones{/number}"),
                ("notifications", "notifications{?since,all,participating}"),
                ("pulls", "pulls{/number}"),
                ("releases", "releases{/id}"),
                ("stargazers", "stargazers"),
                ("statuses", "statuses/{sha}"),
                ("subscribers", "subscribers"),
                ("subscription", "subscription"),
                ("tags", "tags"),
                ("teams", "teams"),
                ("trees", "git/trees{/sha}"),
            )
        },
        "clone_url": f"{page}.git",
        "git_url": f"git:{page.split(':', 1)[1]}.git",
        "ssh_url": f"git@127.0.0.1:{full}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "size": 1,
        "stargazers_count": 0,
        "watchers_count": 0,
        "watchers": 0,
        "forks_count": 0,
        "forks": 0,
        "open_issues_count": (opened := sum(issue.state == "open" for issue in one.issues.values())),
        "open_issues": opened,
        "default_branch": one.default_branch,
        "is_template": False,
        "topics": [],
        "has_issues": one.has_issues,
        "has_projects": False,
        "has_wiki": False,
        "has_pages": False,
        "has_downloads": True,
        "has_discussions": False,
        "archived": one.archived,
        "disabled": False,
        "visibility": "private" if one.private else "public",
        "allow_forking": True,
        "web_commit_signoff_required": False,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "pushed_at": one.pushed_at,
    }


def repository_stub(world: World, one: Repository) -> Json:
    """Return the form of a repository in installation events."""
    full = world.full_name(one)
    return {
        "id": one.id,
        "node_id": node_id("R", one.id),
        "name": one.name,
        "full_name": full,
        "private": one.private,
    }


def app(world: World, one: App) -> Json:
    """Return an app, without its secrets."""
    return {
        "id": one.id,
        "client_id": one.client_id,
        "slug": one.slug,
        "node_id": node_id("A", one.id),
        "owner": user(world, world.known(one.owner_id)),
        "name": one.name,
        "description": "",
        "external_url": world.url,
        "html_url": f"{world.url}/apps/{one.slug}",
        "created_at": one.created_at,
        "updated_at": one.created_at,
        "permissions": dict(one.permissions),
        "events": list(one.events),
    }


def app_of(world: World, app_id: int | None) -> Json | None:
    """Return an app by id; None stays None."""
    return None if app_id is None else app(world, world.state.apps[app_id])


def installation(world: World, one: Installation) -> Json:
    """Return an installation."""
    holder = world.known(one.account_id)
    api = world.api_url
    return {
        "id": one.id,
        "account": user(world, holder),
        "repository_selection": "all" if one.repository_ids is None else "selected",
        "access_tokens_url": f"{api}/app/installations/{one.id}/access_tokens",
        "repositories_url": f"{api}/installation/repositories",
        "html_url": f"{world.url}/settings/installations/{one.id}",
        "app_id": one.app_id,
        "client_id": world.state.apps[one.app_id].client_id,
        "app_slug": world.state.apps[one.app_id].slug,
        "target_id": one.account_id,
        "target_type": holder.kind,
        "permissions": dict(one.permissions),
        "events": list(one.events),
        "created_at": one.created_at,
        "updated_at": one.created_at,
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": user_of(world, one.suspended_by),
        "suspended_at": one.suspended_at,
    }


def label(world: World, where: Repository, one: Label) -> Json:
    """Return a label."""
    return {
        "id": one.id,
        "node_id": node_id("LA", one.id),
        "url": f"{world.api_url}/repos/{world.full_name(where)}/labels/{one.name}",
        "name": one.name,
        "color": one.color,
        "default": False,
        "description": one.description,
        "archived_at": None,
        "archived_by": None,
    }


def labels(world: World, where: Repository, names: list[str]) -> list[Json]:
    """Return the labels of these names."""
    return [label(world, where, one) for one in where.labels if one.name in names]


def reaction(world: World, one: Reaction) -> Json:
    """Return a reaction."""
    return {
        "id": one.id,
        "node_id": node_id("REA", one.id),
        "user": user_of(world, one.author_id),
        "content": one.content,
        "created_at": one.created_at,
    }


def rollup(url: str, reactions: list[Reaction]) -> Json:
    """Return the counts of reactions."""
    counts = {content: sum(one.content == content for one in reactions) for content in CONTENTS}
    return {"url": f"{url}/reactions", "total_count": len(reactions), **counts}


def issue(world: World, where: Repository, one: Issue) -> Json:
    """Return an issue, or a pull request as the issues API shows it."""
    full = world.full_name(where)
    api = f"{world.api_url}/repos/{full}"
    url = f"{api}/issues/{one.number}"
    page = f"{world.url}/{full}/{'pull' if one.pull else 'issues'}/{one.number}"
    shape = {
        "id": one.id,
        "node_id": node_id("PR" if one.pull else "I", one.id),
        "url": url,
        "repository_url": api,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": page,
        "timeline_url": f"{url}/timeline",
        "number": one.number,
        "title": one.title,
        "user": user_of(world, one.author_id),
        "labels": labels(world, where, one.labels),
        "state": one.state,
        "state_reason": one.state_reason,
        "locked": one.locked,
        "active_lock_reason": one.lock_reason,
        "assignee": user_of(world, one.assignees[0]) if one.assignees else None,
        "assignees": [user_of(world, who) for who in one.assignees],
        "milestone": None,
        "comments": len(one.comments),
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "closed_at": one.closed_at,
        "closed_by": user_of(world, one.closed_by),
        "author_association": association(world, where, one.author_id),
        "body": one.body,
        "reactions": rollup(url, one.reactions),
        "performed_via_github_app": app_of(world, one.app_id),
    }
    if one.pull:
        shape["draft"] = one.pull.draft
        shape["pull_request"] = {
            "url": f"{api}/pulls/{one.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": one.pull.merged_at,
        }
    return shape


def comment(world: World, where: Repository, about: Issue, one: Comment) -> Json:
    """Return a comment in a conversation."""
    full = world.full_name(where)
    url = f"{world.api_url}/repos/{full}/issues/comments/{one.id}"
    kind = "pull" if about.pull else "issues"
    return {
        "id": one.id,
        "node_id": node_id("IC", one.id),
        "url": url,
        "html_url": f"{world.url}/{full}/{kind}/{about.number}#issuecomment-{one.id}",
        "issue_url": f"{world.api_url}/repos/{full}/issues/{about.number}",
        "user": user_of(world, one.author_id),
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "author_association": association(world, where, one.author_id),
        "body": one.body,
        "reactions": rollup(url, one.reactions),
        "performed_via_github_app": app_of(world, one.app_id),
    }
