"""What is stored of an event and its facts with a decision: enough to decide the same again, and none of the words.

Titles, descriptions and comments are left out; of a command only the command itself is kept. `facts_from` and
`event_from` read it back. What an older version stored, or what no longer makes sense alone, is `None`: it cannot be
decided again, and whoever replays says how much of that there was.
"""

from typing import Any, Literal

from github_app.core.commands import Command, parse
from github_app.core.commands import named_digest as digest_named
from github_app.core.events import Actor, CommentCreated, Event, IssueChanged, Place
from github_app.core.facts import Approval, Facts, Issue, Label, Ledger, Person, Repository, reading_of
from github_app.core.names import (
    Category,
    InstallationId,
    Instant,
    Permission,
    RepositoryId,
    Sha,
    State,
    TaskId,
    Tier,
    UserId,
)
from github_app.core.reading import Reading
from github_app.core.task import Task

FORM = 2  # of what is stored; another number is not read
COUNTS = (
    "pending_repository",
    "pending_installation",
    "requester_last_hour",
    "open_pulls",
    "created_today",
    "deferred_before",
)
_KINDS: dict[str, Literal["issue_comment", "review", "review_comment"]] = {
    "issue_comment": "issue_comment",
    "review": "review",
    "review_comment": "review_comment",
}


def facts_as_json(facts: Facts) -> dict[str, Any]:
    """Return the facts of a decision without anybody's words."""
    issue, repository, ledger = facts.issue, facts.repository, facts.ledger
    return {
        "form": FORM,
        "now": facts.now,
        "own_user_id": facts.own_user_id,
        "repository": None
        if repository is None
        else {
            "id": repository.id,
            "installation_id": repository.installation_id,
            "name": repository.full_name,
            "private": repository.private,
            "archived": repository.archived,
            "default_branch": repository.default_branch,
            "head": repository.head,
        },
        "issue": None if issue is None else _issue(issue),
        "sender": _who(facts.sender),
        "comment_at": facts.comment_at,
        "counts": {name: getattr(ledger, name) for name in COUNTS},
        "task": None if ledger.task is None else _task(ledger.task),
        "same_title": None if ledger.same_title is None else _task(ledger.same_title),
        "approvals": [_approval(approval) for approval in ledger.approvals],
    }


def facts_from(document: Any) -> Facts | None:
    """Return the facts that were stored, or None when they are not enough to decide again."""
    if not isinstance(document, dict) or document.get("form") != FORM:
        return None
    repository, issue, counts = document["repository"], document["issue"], document["counts"]
    return Facts(
        now=Instant(document["now"]),
        own_user_id=UserId(document["own_user_id"]),
        repository=None
        if repository is None
        else Repository(
            id=RepositoryId(repository["id"]),
            installation_id=InstallationId(repository["installation_id"]),
            full_name=repository["name"],
            private=repository["private"],
            archived=repository["archived"],
            default_branch=repository["default_branch"],
            head=Sha(repository["head"]),
        ),
        issue=None if issue is None else _issue_from(issue),
        sender=_person(document["sender"]),
        comment_at=document["comment_at"],
        ledger=Ledger(
            task=None if document["task"] is None else _task_from(document["task"], repository),
            same_title=None if document["same_title"] is None else _task_from(document["same_title"], repository),
            approvals=tuple(_approval_from(approval) for approval in document["approvals"]),
            **{name: counts[name] for name in COUNTS},
        ),
    )


def event_as_json(event: Event) -> dict[str, Any]:
    """Return an event without anybody's words; of events that are no question about an issue only the name."""
    match event:
        case IssueChanged():
            return {"kind": "IssueChanged", "action": event.action, **_where(event)}
        case CommentCreated():
            return {
                "kind": "CommentCreated",
                "on_pull": event.on_pull,
                "comment_kind": event.comment_kind,
                "comment_id": event.comment_id,
                "author": _actor(event.author),
                "said": command_of(event),
                "alone": event.alone,
                **_where(event),
            }
        case _:
            return {"kind": type(event).__name__}


def event_from(document: Any) -> IssueChanged | CommentCreated | None:
    """Return the event that was stored, or None when it was no question about an issue."""
    if not isinstance(document, dict) or document.get("kind") not in {"IssueChanged", "CommentCreated"}:
        return None
    where = document["place"]
    place = Place(
        installation_id=InstallationId(where["installation_id"]),
        repository_id=RepositoryId(where["repository_id"]),
        full_name=where["name"],
    )
    sender = _actor_from(document["sender"])
    if document["kind"] == "IssueChanged":
        return IssueChanged(place=place, number=document["number"], action=document["action"], sender=sender)
    return CommentCreated(
        place=place,
        number=document["number"],
        on_pull=document["on_pull"],
        comment_kind=_KINDS[document["comment_kind"]],
        comment_id=document["comment_id"],
        author=_actor_from(document["author"]),
        sender=sender,
        paragraphs=(document["said"],),
        alone=document["alone"],
    )


def command_of(event: CommentCreated) -> str:
    """Return the command of a comment as it would be written without anything of the person's own."""
    said = parse(event.paragraphs)
    bare = bool(event.paragraphs) and not event.paragraphs[0].strip().startswith("/remit")
    if not isinstance(said, Command):
        return "" if said is None else "/remit unknown"
    argument = ""
    if said.verb.name == "approve" and said.argument:
        argument = f" {said.argument if digest_named(said.argument) else '?'}"
    return f"{'/' if bare and said.verb.bare else '/remit '}{said.verb.name}{argument}"


def _issue(issue: Issue) -> dict[str, Any]:
    reading = reading_of(issue)
    return {
        "number": issue.number,
        "open": issue.open,
        "locked": issue.locked,
        "is_pull": issue.is_pull,
        "transferred": issue.transferred,
        "labels": [{"name": label.name, "by": _who(label.by), "at": label.at} for label in issue.labels],
        "author": _who(issue.author),
        "editor": None if issue.editor is None else _who(issue.editor),
        "edited_at": issue.edited_at,
        "assignees": list(issue.assignees),
        "linked_pulls": list(issue.linked_pulls),
        "removed": list(reading.removed),
        "body_characters": reading.characters,
        "title_hash": reading.title_hash,
        "body_hash": reading.body_hash,
    }


def _issue_from(document: dict[str, Any]) -> Issue:
    return Issue(
        number=document["number"],
        title="",
        body="",
        url="",
        open=document["open"],
        locked=document["locked"],
        is_pull=document["is_pull"],
        transferred=document["transferred"],
        labels=tuple(
            Label(name=label["name"], by=_person(label["by"]), at=label.get("at")) for label in document["labels"]
        ),
        author=_person(document["author"]),
        editor=None if document["editor"] is None else _person(document["editor"]),
        edited_at=document["edited_at"],
        assignees=tuple(document["assignees"]),
        linked_pulls=tuple(document["linked_pulls"]),
        reading=Reading(
            title="",
            body="",
            removed=tuple(document["removed"]),
            characters=document["body_characters"],
            title_hash=document["title_hash"],
            body_hash=document["body_hash"],
        ),
    )


def _task(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "version": task.version,
        "state": str(task.state),
        "issue_number": task.issue_number,
        "category": task.category,
        "tier": str(task.tier),
        "digest": task.digest,
        "subject": task.subject,
        "policy_version": task.policy_version,
        "base": task.base,
        "requester_id": task.requester_id,
        "requester": task.requester,
        "reason_code": task.reason_code,
        "attempts": task.attempts,
        "fence": task.fence,
        "proposed_at": task.proposed_at,
        "expires_at": task.expires_at,
        "at": task.created_at,
    }


def _task_from(document: dict[str, Any], repository: dict[str, Any] | None) -> Task:
    at = Instant(document["at"])
    where = repository or {"id": 0, "installation_id": 0, "name": ""}
    return Task(
        id=TaskId(document["id"]),
        version=document["version"],
        state=State(document["state"]),
        installation_id=InstallationId(where["installation_id"]),
        repository_id=RepositoryId(where["id"]),
        repository=where["name"],
        issue_number=document["issue_number"],
        title="",
        category=Category(document["category"]),
        tier=Tier.named(document["tier"]),
        digest=document["digest"],
        subject=document["subject"],
        policy_version=document["policy_version"],
        base=document["base"],
        requester_id=UserId(document["requester_id"]),
        requester=document["requester"],
        reason_code=document["reason_code"],
        reason="",
        attempts=document["attempts"],
        fence=document["fence"],
        created_at=at,
        updated_at=at,
        run_after=at,
        proposed_at=document["proposed_at"],
        expires_at=document["expires_at"],
    )


def _approval(approval: Approval) -> dict[str, Any]:
    return {
        "comment_id": approval.comment_id,
        "by": _who(approval.by),
        "digest": approval.digest,
        "at": approval.at,
        "stands": approval.stands,
    }


def _approval_from(document: dict[str, Any]) -> Approval:
    return Approval(
        comment_id=document["comment_id"],
        by=_person(document["by"]),
        digest=document["digest"],
        at=Instant(document["at"]),
        stands=document["stands"],
    )


def _where(event: IssueChanged | CommentCreated) -> dict[str, Any]:
    place = event.place
    return {
        "number": event.number,
        "sender": _actor(event.sender),
        "place": {
            "installation_id": place.installation_id,
            "repository_id": place.repository_id,
            "name": place.full_name,
        },
    }


def _actor(actor: Actor) -> dict[str, Any]:
    return {"id": actor.id, "login": actor.login, "human": actor.human}


def _actor_from(document: dict[str, Any]) -> Actor:
    return Actor(id=UserId(document["id"]), login=document["login"], human=document["human"])


def _who(person: Person) -> dict[str, Any]:
    return {"id": person.id, "login": person.login, "human": person.human, "permission": str(person.permission)}


def _person(document: dict[str, Any]) -> Person:
    return Person(
        id=UserId(document["id"]),
        login=document["login"],
        human=document["human"],
        permission=Permission.__members__.get(document["permission"].upper(), Permission.NONE),
    )
