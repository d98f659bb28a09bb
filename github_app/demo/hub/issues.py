"""What happens to issues and to the conversation of pull requests, whoever does it.

Operations check content first and change afterwards; who may do it is asked at the two doors (`people`, `rest_*`).
https://docs.github.com/en/rest/issues
"""

import re
from collections.abc import Iterable, Sequence

from github_app.demo.hub import shapes
from github_app.demo.hub.announce import announce, announce_issue
from github_app.demo.hub.records import Comment, Issue, Reaction, Repository, ReviewComment, TimelineItem
from github_app.demo.hub.refusal import RefusedError, invalid, not_found
from github_app.demo.hub.repositories import create_label, find_label, writable
from github_app.demo.hub.world import Actor, World

TITLE, BODY, LABELS, ASSIGNEES = 256, 65_536, 100, 10
MENTION = re.compile(r"(?<![\w/&])#(\d{1,9})\b")


def check_title(resource: str, title: str) -> None:
    """Refuse a title GitHub does not take."""
    if not title.strip():
        raise invalid(resource, "title", "missing_field")
    if len(title) > TITLE:
        raise invalid(resource, "title", "custom", f"title is too long (maximum is {TITLE} characters)")


def check_body(resource: str, body: str | None, *, required: bool = False) -> None:
    """Refuse a body GitHub does not take."""
    if required and not (body or "").strip():
        raise invalid(resource, "body", "missing_field")
    if body is not None and len(body) > BODY:
        raise invalid(resource, "body", "custom", f"body is too long (maximum is {BODY} characters)")


def note(world: World, about: Issue, event: str, by: Actor, *, label: str = "", old: str = "", new: str = "") -> None:
    """Write a line of the timeline and touch the issue."""
    about.updated_at = world.now()
    about.timeline.append(
        TimelineItem(
            id=world.next_id("event"),
            event=event,
            actor_id=by.id,
            created_at=about.updated_at,
            label=label,
            old=old,
            new=new,
            app_id=by.app_id,
        )
    )


def refer(world: World, where: Repository, about: Issue, text: str | None, by: Actor) -> None:
    """Leave a cross-reference on every issue that a text mentions."""
    for number in dict.fromkeys(int(found) for found in MENTION.findall(text or "")):
        other = where.issues.get(number)
        if other is not None and other is not about:
            moment = world.now()
            item = TimelineItem(
                id=world.next_id("event"),
                event="cross-referenced",
                actor_id=by.id,
                created_at=moment,
                number=about.number,
            )
            other.timeline.append(item)


def number_next(where: Repository) -> int:
    """Return the number of the next issue or pull request."""
    number, where.next_number = where.next_number, where.next_number + 1
    return number


def open_issue(
    world: World,
    where: Repository,
    by: Actor,
    title: str,
    body: str | None,
    *,
    labels: Iterable[str] = (),
    assignees: Iterable[int] = (),
) -> Issue:
    """Open an issue: `opened` with the labels already in it, then one `labeled` and `assigned` each."""
    check_title("Issue", title)
    check_body("Issue", body)
    with world.change():
        writable(where)
        if not where.has_issues:
            raise RefusedError(410, "Issues are disabled for this repo")
        now = world.now()
        made = Issue(
            id=world.next_id("issue"),
            number=number_next(where),
            title=title,
            body=body,
            author_id=by.id,
            app_id=by.app_id,
            created_at=now,
            updated_at=now,
        )
        where.issues[made.number] = made
        made.labels = [_ready_label(world, where, name, by) for name in dict.fromkeys(labels)]
        made.assignees = list(assignees)
        announce_issue(world, "opened", where, made, by)
        for name in made.labels:
            note(world, made, "labeled", by, label=name)
            _announce_label(world, "labeled", where, made, name, by)
        for who in made.assignees:
            note(world, made, "assigned", by)
            announce_issue(world, "assigned", where, made, by, assignee=shapes.user_of(world, who))
        refer(world, where, made, body, by)
        return made


def _ready_label(world: World, where: Repository, name: str, by: Actor) -> str:
    found = find_label(where, name)
    return found.name if found else create_label(world, where, name, by).name


def _announce_label(world: World, action: str, where: Repository, about: Issue, name: str, by: Actor) -> None:
    one = find_label(where, name)
    shape = shapes.label(world, where, one) if one else {"name": name}
    announce_issue(world, action, where, about, by, label=shape)


def add_labels(world: World, where: Repository, about: Issue, names: Sequence[str], by: Actor) -> None:
    """Add labels, making those the repository does not have; one `labeled` each for what is new."""
    with world.change():
        writable(where)
        fresh = [one for name in names if (one := _ready_label(world, where, name, by)) not in about.labels]
        fresh = list(dict.fromkeys(fresh))
        if len(about.labels) + len(fresh) > LABELS:
            raise invalid("Issue", "labels", "custom", f"may not have more than {LABELS} labels")
        for name in fresh:
            about.labels.append(name)
            note(world, about, "labeled", by, label=name)
            _announce_label(world, "labeled", where, about, name, by)


def remove_label(world: World, where: Repository, about: Issue, name: str, by: Actor) -> None:
    """Take a label off; refuse one that is not on."""
    with world.change():
        writable(where)
        found = find_label(where, name)
        if found is None or found.name not in about.labels:
            raise RefusedError(404, "Label does not exist")
        about.labels.remove(found.name)
        note(world, about, "unlabeled", by, label=found.name)
        _announce_label(world, "unlabeled", where, about, found.name, by)


def set_labels(world: World, where: Repository, about: Issue, names: Sequence[str], by: Actor) -> None:
    """Leave exactly these labels on."""
    with world.change():
        wanted = [_ready_label(world, where, name, by) for name in names]
        for name in [one for one in about.labels if one not in wanted]:
            remove_label(world, where, about, name, by)
        add_labels(world, where, about, wanted, by)


def edit(
    world: World,
    where: Repository,
    about: Issue,
    by: Actor,
    *,
    title: str | None = None,
    body: str | None = None,
) -> None:
    """Change title or body (None leaves it); one `edited` with what it was before."""
    with world.change():
        writable(where)
        changes: dict[str, dict[str, str | None]] = {}
        kind = "PullRequest" if about.pull else "Issue"
        if title is not None and title != about.title:
            check_title(kind, title)
        check_body(kind, body)
        if title is not None and title != about.title:
            changes["title"] = {"from": about.title}
            note(world, about, "renamed", by, old=about.title, new=title)
            about.title = title
        if body is not None and body != (about.body or ""):
            changes["body"] = {"from": about.body}
            about.body, about.body_edited_at, about.body_editor_id = body, world.now(), by.id
            refer(world, where, about, body, by)
        if changes:
            about.updated_at = world.now()
            announce_issue(world, "edited", where, about, by, changes=changes)


def close(world: World, where: Repository, about: Issue, by: Actor, *, reason: str | None = None) -> None:
    """Close; closing what is closed changes nothing."""
    with world.change():
        writable(where)
        if about.state == "closed":
            return
        about.state, about.closed_at, about.closed_by = "closed", world.now(), by.id
        about.state_reason = None if about.pull else reason or "completed"
        note(world, about, "closed", by)
        announce_issue(world, "closed", where, about, by)


def reopen(world: World, where: Repository, about: Issue, by: Actor) -> None:
    """Open again; a merged pull request, or one whose branch is gone, stays closed."""
    with world.change():
        writable(where)
        if about.state == "open":
            return
        if about.pull:
            tip = world.bare(where).branch(about.pull.head_ref)
            if about.pull.merged_at or tip is None:
                raise invalid("PullRequest", "state", "invalid", "state cannot be changed.")
            about.pull.head_sha = tip
        about.state, about.closed_at, about.closed_by = "open", None, None
        about.state_reason = None if about.pull else "reopened"
        note(world, about, "reopened", by)
        announce_issue(world, "reopened", where, about, by)


def lock(world: World, where: Repository, about: Issue, by: Actor, *, on: bool, reason: str | None = None) -> None:
    """Lock or unlock the conversation."""
    with world.change():
        if about.locked != on:
            about.locked, about.lock_reason = on, reason if on else None
            word = "locked" if on else "unlocked"
            note(world, about, word, by)
            announce_issue(world, word, where, about, by)


def assign(world: World, where: Repository, about: Issue, who: Iterable[int], by: Actor, *, on: bool) -> None:
    """Assign or unassign people; GitHub keeps ten and drops the others silently."""
    with world.change():
        writable(where)
        for one in who:
            if (one in about.assignees) == on or (on and len(about.assignees) >= ASSIGNEES):
                continue
            (about.assignees.append if on else about.assignees.remove)(one)
            word = "assigned" if on else "unassigned"
            note(world, about, word, by)
            announce_issue(world, word, where, about, by, assignee=shapes.user_of(world, one))


def delete(world: World, where: Repository, about: Issue, by: Actor) -> None:
    """Delete for good; the number answers 410 from now on."""
    with world.change():
        del where.issues[about.number]
        where.deleted_issues.append(about.number)
        announce_issue(world, "deleted", where, about, by)


def transfer(world: World, where: Repository, about: Issue, there: Repository, by: Actor) -> Issue:
    """Move an issue to another repository of the same owner; labels that exist there stay on."""
    if where.owner_id != there.owner_id or about.pull:
        raise RefusedError(422, "Issues can only be transferred between repositories of the same owner")
    with world.change():
        now = world.now()
        moved = Issue(
            id=world.next_id("issue"),
            number=number_next(there),
            title=about.title,
            body=about.body,
            author_id=about.author_id,
            app_id=about.app_id,
            created_at=about.created_at,
            updated_at=now,
            state=about.state,
            comments=about.comments,
            timeline=about.timeline,
            labels=[one.name for name in about.labels if (one := find_label(there, name))],
        )
        there.issues[moved.number] = moved
        del where.issues[about.number]
        where.moved_issues[about.number] = (there.id, moved.number)
        note(world, moved, "transferred", by)
        old = {"old_issue": shapes.issue(world, where, about), "old_repository": shapes.repository(world, where)}
        new = {"new_issue": shapes.issue(world, there, moved), "new_repository": shapes.repository(world, there)}
        announce_issue(world, "transferred", where, about, by, changes=new)
        announce_issue(world, "opened", there, moved, by, changes=old)
        return moved


# Comments


def comment(world: World, where: Repository, about: Issue, body: str, by: Actor) -> Comment:
    """Add a comment."""
    check_body("IssueComment", body, required=True)
    with world.change():
        writable(where)
        now = world.now()
        made = Comment(
            id=world.next_id("comment"),
            author_id=by.id,
            app_id=by.app_id,
            body=body,
            created_at=now,
            updated_at=now,
        )
        about.comments.append(made)
        about.updated_at = now
        _announce_comment(world, "created", where, about, made, by)
        refer(world, where, about, body, by)
        return made


def edit_comment(world: World, where: Repository, about: Issue, one: Comment, body: str, by: Actor) -> None:
    """Change a comment's text."""
    check_body("IssueComment", body, required=True)
    with world.change():
        writable(where)
        old, one.body, one.updated_at = one.body, body, world.now()
        _announce_comment(world, "edited", where, about, one, by, changes={"body": {"from": old}})


def delete_comment(world: World, where: Repository, about: Issue, one: Comment, by: Actor) -> None:
    """Remove a comment."""
    with world.change():
        writable(where)
        about.comments.remove(one)
        _announce_comment(world, "deleted", where, about, one, by)


def find_comment(where: Repository, comment_id: int) -> tuple[Issue, Comment]:
    """Return a comment and what it was said about."""
    for about in where.issues.values():
        for one in about.comments:
            if one.id == comment_id:
                return about, one
    raise not_found()


def _announce_comment(
    world: World, action: str, where: Repository, about: Issue, one: Comment, by: Actor, **parts: object
) -> None:
    said = {"issue": shapes.issue(world, where, about), "comment": shapes.comment(world, where, about, one)}
    announce(world, "issue_comment", action, where, by, **said, **parts)


def react(
    world: World, where: Repository, target: Issue | Comment | ReviewComment, content: str, by: Actor
) -> tuple[Reaction, bool]:
    """Return this account's reaction and whether it is new; reactions send no webhook."""
    if content not in shapes.CONTENTS:
        raise invalid("Reaction", "content", "invalid")
    with world.change():
        writable(where)
        for known in target.reactions:
            if known.author_id == by.id and known.content == content:
                return known, False
        made = Reaction(id=world.next_id("reaction"), content=content, author_id=by.id, created_at=world.now())
        target.reactions.append(made)
        return made, True
