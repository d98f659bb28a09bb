"""Repositories as things: made, renamed, archived, opened; their labels; and what a moved branch sets off."""

import re
from collections.abc import Mapping

from github_app.core.names import fold
from github_app.demo.hub import shapes
from github_app.demo.hub.announce import announce, announce_to
from github_app.demo.hub.bare import ZERO, BareRepository, Commit
from github_app.demo.hub.records import Label, Repository
from github_app.demo.hub.refusal import RefusedError, invalid, malformed, not_found
from github_app.demo.hub.world import Actor, World, node_id

NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
DEFAULT_LABELS = (
    ("bug", "d73a4a", "Something isn't working"),
    ("documentation", "0075ca", "Improvements or additions to documentation"),
    ("duplicate", "cfd3d7", "This issue or pull request already exists"),
    ("enhancement", "a2eeef", "New feature or request"),
    ("good first issue", "7057ff", "Good for newcomers"),
    ("help wanted", "008672", "Extra attention is needed"),
    ("invalid", "e4e669", "This doesn't seem right"),
    ("question", "d876e3", "Further information is requested"),
    ("wontfix", "ffffff", "This will not be worked on"),
)


def identity(actor: Actor) -> tuple[str, str]:
    """Return the name and address GitHub puts into commits it makes for somebody."""
    return actor.account.login, f"{actor.account.id}+{actor.account.login}@users.noreply.github.com"


def create(
    world: World,
    owner: Actor,
    name: str,
    files: Mapping[str, str | bytes],
    *,
    private: bool,
    default_branch: str,
) -> Repository:
    """Make a repository with one commit and GitHub's default labels."""
    if not NAME.fullmatch(name) or name in (".", "..") or name.endswith(".git"):
        raise invalid("Repository", "name", "invalid")
    with world.change():
        if world.repository(f"{owner.account.login}/{name}"):
            raise invalid("Repository", "name", "custom", "name already exists on this account")
        now = world.now()
        made = Repository(
            id=world.next_id("repository"),
            owner_id=owner.id,
            name=name,
            default_branch=default_branch,
            private=private,
            created_at=now,
            pushed_at=now,
            updated_at=now,
        )
        made.labels = [
            Label(id=world.next_id("label"), name=title, color=color, description=text)
            for title, color, text in DEFAULT_LABELS
        ]
        world.state.repositories[made.id] = made
        world.state.former_names.pop(world.full_name(made).lower(), None)
        bare = BareRepository.create(world.git_path(made), default_branch)
        content = dict(files) or {"README.md": f"# {name}\n"}
        bare.write(default_branch, content, "Initial commit", who=identity(owner), at=world.clock(), parent=None)
        announce(world, "repository", "created", made, owner)
        return made


def rename(world: World, where: Repository, name: str, by: Actor) -> None:
    """Rename; the old name redirects until somebody takes it."""
    if not NAME.fullmatch(name):
        raise invalid("Repository", "name", "invalid")
    with world.change():
        before, path = world.full_name(where), world.git_path(where)
        old = where.name
        if world.repository(f"{before.split('/')[0]}/{name}"):
            raise invalid("Repository", "name", "custom", "name already exists on this account")
        where.name = name
        path.rename(world.git_path(where))
        world.state.former_names[before.lower()] = where.id
        announce(world, "repository", "renamed", where, by, changes={"repository": {"name": {"from": old}}})


def change_settings(
    world: World,
    where: Repository,
    by: Actor,
    *,
    private: bool | None = None,
    archived: bool | None = None,
    default_branch: str | None = None,
) -> None:
    """Change what the settings page changes, one event each."""
    with world.change():
        if private is not None and private != where.private:
            where.private = private
            announce(world, "repository", "privatized" if private else "publicized", where, by)
        if archived is not None and archived != where.archived:
            where.archived = archived
            announce(world, "repository", "archived" if archived else "unarchived", where, by)
        if default_branch is not None and default_branch != where.default_branch:
            bare = world.bare(where)
            if bare.branch(default_branch) is None:
                raise not_found()
            old, where.default_branch = where.default_branch, default_branch
            (bare.path / "HEAD").write_text(f"ref: refs/heads/{default_branch}\n")
            announce(world, "repository", "edited", where, by, changes={"default_branch": {"from": old}})


def writable(where: Repository) -> None:
    """Refuse any write to an archived repository."""
    if where.archived:
        raise RefusedError(403, "Repository was archived so is read-only.")


# Labels


def find_label(where: Repository, name: str) -> Label | None:
    """Return a label by name; ASCII letters' case does not matter."""
    return next((one for one in where.labels if fold(one.name) == fold(name)), None)


def _check_label(name: str, color: str, description: str | None) -> None:
    if not name.strip():
        raise invalid("Label", "name", "missing_field")
    if len(name) > 50:
        raise invalid("Label", "name", "custom", "name is too long (maximum is 50 characters)")
    if not re.fullmatch("[0-9a-fA-F]{6}", color):
        raise invalid("Label", "color", "invalid")
    if description is not None and len(description) > 100:
        raise invalid("Label", "description", "custom", "description is too long (maximum is 100 characters)")


def create_label(
    world: World, where: Repository, name: str, by: Actor, *, color: str = "ededed", description: str | None = None
) -> Label:
    """Make a label.

    https://docs.github.com/en/rest/issues/labels#create-a-label
    """
    _check_label(name, color, description)
    with world.change():
        writable(where)
        if find_label(where, name):
            raise invalid("Label", "name", "already_exists")
        made = Label(id=world.next_id("label"), name=name, color=color.lower(), description=description)
        where.labels.append(made)
        announce(world, "label", "created", where, by, label=shapes.label(world, where, made))
        return made


def edit_label(
    world: World, where: Repository, about: Label, by: Actor, *, name: str | None, color: str | None, text: str | None
) -> None:
    """Change a label; a new name is the new name on every issue."""
    fresh = (about.name if name is None else name, about.color if color is None else color)
    _check_label(*fresh, text)
    with world.change():
        writable(where)
        other = find_label(where, fresh[0])
        if other is not None and other is not about:
            raise invalid("Label", "name", "already_exists")
        changes = {} if fresh[0] == about.name else {"name": {"from": about.name}}
        for issue in where.issues.values():
            issue.labels = [fresh[0] if one == about.name else one for one in issue.labels]
        about.name, about.color = fresh
        about.description = about.description if text is None else text
        announce(world, "label", "edited", where, by, label=shapes.label(world, where, about), changes=changes)


def delete_label(world: World, where: Repository, about: Label, by: Actor) -> None:
    """Remove a label from the repository and from every issue; no `unlabeled` is sent for it."""
    with world.change():
        writable(where)
        where.labels.remove(about)
        for issue in where.issues.values():
            issue.labels = [one for one in issue.labels if one != about.name]
        announce(world, "label", "deleted", where, by, label=shapes.label(world, where, about))


# Branches


def commit_shape(world: World, where: Repository, one: Commit, bare: BareRepository) -> dict[str, object]:
    """Return a commit as a push event shows it."""
    files = bare.changes(one.parents[0], one.sha) if one.parents else []
    return {
        "id": one.sha,
        "tree_id": one.tree,
        "distinct": True,
        "message": one.message,
        "timestamp": one.committer[2],
        "url": f"{world.url}/{world.full_name(where)}/commit/{one.sha}",
        "author": {"name": one.author[0], "email": one.author[1]},
        "committer": {"name": one.committer[0], "email": one.committer[1]},
        "added": [file.path for file in files if file.status == "added"],
        "removed": [file.path for file in files if file.status == "removed"],
        "modified": [file.path for file in files if file.status not in ("added", "removed")],
    }


def pushed(world: World, where: Repository, ref: str, before: str, after: str, by: Actor) -> None:
    """Tell the world that a ref has moved: `create`/`delete`, `push`, and `check_suite` for apps that run checks."""
    bare = world.bare(where)
    kind, _, short = ref.removeprefix("refs/").partition("/")
    where.pushed_at = where.updated_at = world.now()
    word = {"heads": "branch", "tags": "tag"}.get(kind)
    if word and ZERO in (before, after):
        event = "create" if before == ZERO else "delete"
        announce(world, event, None, where, by, ref=short, ref_type=word, pusher_type="user")
    gone, fresh = after == ZERO, before == ZERO
    forced = not gone and not fresh and bare.merge_base(before, after) != before
    start = bare.branch(where.default_branch) if fresh else before
    fork = bare.merge_base(start, after) if start and not gone else None
    commits = [] if gone else bare.commits(fork, after, 20)
    listed = [commit_shape(world, where, one, bare) for one in commits]
    name, mail = identity(by)
    announce(
        world,
        "push",
        None,
        where,
        by,
        ref=ref,
        before=before,
        after=after,
        created=fresh,
        deleted=gone,
        forced=forced,
        base_ref=None,
        compare=f"{world.url}/{world.full_name(where)}/compare/{before[:12]}...{after[:12]}",
        commits=listed,
        head_commit=None if gone else commit_shape(world, where, bare.commit(after), bare),
        pusher={"name": name, "email": mail},
    )
    if kind == "heads" and not gone:
        for one in world.installations_on(where):
            suite = _suite(world, where, one.app_id, short, before, bare.commit(after), bare)
            announce_to(world, one.app_id, "check_suite", "requested", where, by, {"check_suite": suite})


def _suite(
    world: World,
    where: Repository,
    app_id: int,
    branch: str,
    before: str,
    tip: Commit,
    bare: BareRepository,
) -> dict[str, object]:
    number = app_id + 500_000_000
    url = f"{world.api_url}/repos/{world.full_name(where)}/check-suites/{number}"
    head = commit_shape(world, where, tip, bare)
    return {
        "id": number,
        "node_id": node_id("CS", number),
        "head_branch": branch,
        "head_sha": tip.sha,
        "status": "queued",
        "conclusion": None,
        "url": url,
        "before": before,
        "after": tip.sha,
        "pull_requests": [],
        "app": shapes.app_of(world, app_id),
        "created_at": world.now(),
        "updated_at": world.now(),
        "rerequestable": True,
        "runs_rerequestable": True,
        "latest_check_runs_count": 0,
        "check_runs_url": f"{url}/check-runs",
        "head_commit": {name: head[name] for name in ("id", "tree_id", "message", "timestamp", "author", "committer")},
    }


def text_field(value: object, name: str) -> str:
    """Return a JSON string, refuse anything else as GitHub's schema check does."""
    if not isinstance(value, str):
        shown = "null" if value is None else repr(value)
        raise malformed(f"For 'properties/{name}', {shown} is not a string.")
    return value
