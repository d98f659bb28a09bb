"""What a webhook delivery says: first whether it is GitHub's, then what happened, or that it is not for us.

Pure and fast: the web process loads this, so neither githubkit nor httpx comes with it. Unknown keys are ignored, ids
are strict, and a body that is not the event its header claims is refused: `X-GitHub-Event` is not signed.
https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, cast

import msgspec

from github_app.core.events import (
    AccessLost,
    Actor,
    CommentCreated,
    CommentWithdrawn,
    Event,
    IssueChanged,
    Place,
    PullClosed,
)
from github_app.core.names import BRANCH, SHA, InstallationId, RepositoryId, Sha, UserId
from github_app.errors import PayloadError
from github_app.github.markdown import paragraphs

_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
_FULL_NAME = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9._-]{1,100}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_LOGIN = re.compile(r"[A-Za-z0-9._\[\]-]{1,100}")
_GHOST: Final = Actor(id=UserId(0), login="ghost", human=False)


def verify(signature_header_values: Sequence[str | bytes], body: bytes, secrets: Sequence[bytes]) -> int | None:
    """Return which secret signed these bytes, None when none did.

    There must be exactly one header of exactly the documented form; every secret is tried in constant time.
    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    if len(signature_header_values) != 1:
        return None
    value = signature_header_values[0]
    text = value if isinstance(value, str) else value.decode("latin-1")
    signed = _SIGNATURE.fullmatch(text)
    if signed is None:
        return None
    given = bytes.fromhex(signed[1])
    found: int | None = None
    for index, secret in enumerate(secrets):
        same = hmac.compare_digest(hmac.digest(secret, body, "sha256"), given)
        if same and secret and found is None:
            found = index
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOurs:
    """A delivery that can never make Remit do anything, and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is needed to file a delivery before anything is decided; None where the event has no such thing."""

    event: str
    action: str
    installation_id: InstallationId
    repository_id: RepositoryId | None
    full_name: str | None
    number: int | None
    sender_id: UserId | None


WANTED: Final = {
    "issues": frozenset(
        {"opened", "edited", "labeled", "unlabeled", "closed", "reopened"}
        | {"locked", "unlocked", "assigned", "unassigned", "transferred", "deleted"}
    ),
    "issue_comment": frozenset({"created", "edited", "deleted"}),
    "pull_request_review": frozenset({"submitted", "edited", "dismissed"}),
    "pull_request_review_comment": frozenset({"created", "edited", "deleted"}),
    "pull_request": frozenset({"closed"}),
    "installation": frozenset({"deleted", "suspend"}),
    "installation_repositories": frozenset({"removed"}),
    "repository": frozenset({"archived", "deleted", "transferred"}),
}

_Id = Annotated[int, msgspec.Meta(gt=0, le=(1 << 63) - 1)]
_Present = msgspec.Raw | msgspec.UnsetType  # only whether it is there is of interest
_Number = Annotated[int, msgspec.Meta(gt=0, le=(1 << 31) - 1)]


class _Account(msgspec.Struct, frozen=True):
    id: _Id
    login: str
    type: str = ""


class _Installation(msgspec.Struct, frozen=True):
    id: _Id
    account: _Present = msgspec.UNSET


class _Repository(msgspec.Struct, frozen=True):
    id: _Id
    full_name: str


class _Issue(msgspec.Struct, frozen=True):
    number: _Number
    pull_request: _Present = msgspec.UNSET
    performed_via_github_app: Any = None


class _Comment(msgspec.Struct, frozen=True):
    id: _Id
    user: _Account | None
    body: str | None = None
    performed_via_github_app: Any = None


class _Branch(msgspec.Struct, frozen=True):
    ref: str
    repo: _Repository | None = None


class _Pull(msgspec.Struct, frozen=True):
    number: _Number
    user: _Account | None
    head: _Branch
    merged: bool | None = None
    merge_commit_sha: str | None = None


class _Body(msgspec.Struct, frozen=True):
    """What Remit reads of any event, and the keys by which events are told apart."""

    action: str
    installation: _Installation
    sender: _Account | None = None
    repository: _Repository | None = None
    issue: _Issue | None = None
    comment: _Comment | None = None
    pull_request: _Pull | None = None
    review: _Comment | None = None
    repositories_removed: tuple[_Repository, ...] | None = None
    label: _Present = msgspec.UNSET
    milestone: _Present = msgspec.UNSET
    membership: _Present = msgspec.UNSET
    member: _Present = msgspec.UNSET
    team: _Present = msgspec.UNSET
    discussion: _Present = msgspec.UNSET
    release: _Present = msgspec.UNSET
    key: _Present = msgspec.UNSET
    rule: _Present = msgspec.UNSET
    repository_ruleset: _Present = msgspec.UNSET
    alert: _Present = msgspec.UNSET
    package: _Present = msgspec.UNSET
    registry_package: _Present = msgspec.UNSET
    ref: _Present = msgspec.UNSET
    hook: _Present = msgspec.UNSET
    check_run: _Present = msgspec.UNSET
    check_suite: _Present = msgspec.UNSET
    workflow_run: _Present = msgspec.UNSET
    workflow_job: _Present = msgspec.UNSET
    deployment: _Present = msgspec.UNSET
    thread: _Present = msgspec.UNSET


_NEVER_TELLS = {"action", "installation", "sender"}
_SUBJECTS = tuple(name for name in _Body.__struct_fields__ if name not in _NEVER_TELLS)
_SHAPES: Final = {
    "issues": ({"repository", "issue"}, {"label", "milestone"}),
    "issue_comment": ({"repository", "issue", "comment"}, set()),
    "pull_request_review": ({"repository", "pull_request", "review"}, set()),
    "pull_request_review_comment": ({"repository", "pull_request", "comment"}, set()),
    "pull_request": ({"repository", "pull_request"}, {"label", "milestone"}),
    "installation": (set(), set()),
    "installation_repositories": ({"repositories_removed"}, set()),
    "repository": ({"repository"}, set()),
}
_DECODER: Final = msgspec.json.Decoder(_Body)


def head(event_name: str, body: bytes) -> Head | NotOurs:
    """Return how to file a delivery, or that it can never concern us.

    Raises PayloadError when the body does not fit the event it claims to be.
    """
    wanted = WANTED.get(event_name)
    if wanted is None:
        return NotOurs(reason=f"{event_name[:60]} is not an event we act on")
    said = _decode(event_name, body)
    if said.action not in wanted:
        return NotOurs(reason=f"{event_name}.{said.action[:60]} is not something we act on")
    subject = said.issue or said.pull_request
    return Head(
        event=event_name,
        action=said.action,
        installation_id=InstallationId(said.installation.id),
        repository_id=None if said.repository is None else RepositoryId(said.repository.id),
        full_name=None if said.repository is None else said.repository.full_name,
        number=None if subject is None else subject.number,
        sender_id=None if said.sender is None else UserId(said.sender.id),
    )


def parse(event_name: str, body: bytes, own_user_id: UserId) -> Event | NotOurs:
    """Return what happened, or that it is not for us: nothing our own account does ever is.

    Raises PayloadError when the body does not fit the event it claims to be.
    """
    filed = head(event_name, body)
    if isinstance(filed, NotOurs):
        return filed
    said = _decode(event_name, body)
    if said.sender is not None and said.sender.id == own_user_id:
        return NotOurs(reason="our own doing")
    match event_name:
        case "issues":
            return _issue(said)
        case "issue_comment" | "pull_request_review" | "pull_request_review_comment":
            return _comment(event_name, said, own_user_id)
        case "pull_request":
            return _pull_closed(said, own_user_id)
        case "installation":
            return AccessLost(
                installation_id=filed.installation_id, repository_ids=None, why=f"installation {filed.action}"
            )
        case "installation_repositories":
            removed = tuple(RepositoryId(repository.id) for repository in said.repositories_removed or ())
            if not removed:
                return NotOurs(reason="no repository was removed")
            return AccessLost(
                installation_id=filed.installation_id,
                repository_ids=removed,
                why="repository removed from the installation",
            )
        case "repository":
            place = _place(said)
            return AccessLost(
                installation_id=place.installation_id,
                repository_ids=(place.repository_id,),
                why=f"repository {filed.action}",
            )
        case _:
            raise AssertionError(f"{event_name} is wanted but not parsed")


def _decode(event_name: str, body: bytes) -> _Body:
    try:
        said = _DECODER.decode(body)
    except RecursionError:
        raise PayloadError(f"the body of {event_name} is nested too deeply") from None
    except (msgspec.MsgspecError, ValueError) as error:
        # a decoder's message names keys and types, never values
        raise PayloadError(f"the body is not a GitHub {event_name} event: {str(error)[:200]}") from None
    present = {name for name in _SUBJECTS if _there(getattr(said, name))}
    required, allowed = _SHAPES[event_name]
    if required - present or present - required - allowed:
        raise PayloadError(f"the body is not a GitHub {event_name} event: it speaks of {', '.join(sorted(present))}")
    if event_name.startswith("installation") and not _there(said.installation.account):
        raise PayloadError(f"the body is not a GitHub {event_name} event: the installation has no account")
    for account in _accounts(said):
        if _LOGIN.fullmatch(account.login) is None:
            raise PayloadError("the body names an account that cannot exist")
    if said.repository is not None and _FULL_NAME.fullmatch(said.repository.full_name) is None:
        raise PayloadError("the body names a repository that cannot exist")
    return said


def _there(value: object) -> bool:
    if isinstance(value, msgspec.Raw):
        return bytes(value) != b"null"
    return value is not None and value is not msgspec.UNSET


def _accounts(said: _Body) -> tuple[_Account, ...]:
    users = [holder.user for holder in (said.comment, said.review, said.pull_request) if holder is not None]
    return tuple(account for account in (said.sender, *users) if account is not None)


def _place(said: _Body) -> Place:
    if said.repository is None:
        raise PayloadError("the body names no repository")
    return Place(
        installation_id=InstallationId(said.installation.id),
        repository_id=RepositoryId(said.repository.id),
        full_name=said.repository.full_name,
    )


def _actor(account: _Account | None, via_app: object = None) -> Actor:
    if account is None:
        return _GHOST
    return Actor(id=UserId(account.id), login=account.login, human=account.type == "User" and via_app is None)


def _issue(said: _Body) -> IssueChanged | NotOurs:
    issue = said.issue
    if issue is None:
        raise PayloadError("the body names no issue")
    if _there(issue.pull_request):
        return NotOurs(reason="an issue event about a pull request")
    # only the opening is told to be an app's doing on a person's behalf; the mark stays on the issue for ever
    via_app = issue.performed_via_github_app if said.action == "opened" else None
    return IssueChanged(
        place=_place(said), number=issue.number, action=said.action, sender=_actor(said.sender, via_app)
    )


def _comment(event_name: str, said: _Body, own_user_id: UserId) -> CommentCreated | CommentWithdrawn | NotOurs:
    comment = said.review if event_name == "pull_request_review" else said.comment
    subject = said.pull_request or said.issue
    if comment is None or subject is None:
        raise PayloadError("the body names no comment")
    if comment.user is not None and comment.user.id == own_user_id:
        return NotOurs(reason="a comment of ours")
    on_pull = said.pull_request is not None or (said.issue is not None and _there(said.issue.pull_request))
    if said.action not in {"created", "submitted"}:
        return CommentWithdrawn(
            place=_place(said),
            number=subject.number,
            on_pull=on_pull,
            comment_id=comment.id,
            action="deleted" if said.action == "deleted" else "edited",
            sender=_actor(said.sender),
        )
    author = _actor(comment.user, comment.performed_via_github_app)
    spoken, alone = paragraphs(comment.body or "")
    if not spoken:
        return NotOurs(reason="no plain paragraph in it")
    same = said.sender is not None and said.sender.id == author.id
    return CommentCreated(
        place=_place(said),
        number=subject.number,
        on_pull=on_pull,
        comment_kind=_kind(event_name),
        comment_id=comment.id,
        author=author,
        sender=author if same else _actor(said.sender),
        paragraphs=spoken,
        alone=alone,
    )


def _kind(event_name: str) -> Literal["issue_comment", "review", "review_comment"]:
    known = {
        "issue_comment": "issue_comment",
        "pull_request_review": "review",
        "pull_request_review_comment": "review_comment",
    }
    return cast("Literal['issue_comment', 'review', 'review_comment']", known[event_name])


def _pull_closed(said: _Body, own_user_id: UserId) -> PullClosed | NotOurs:
    pull, place = said.pull_request, _place(said)
    if pull is None:
        raise PayloadError("the body names no pull request")
    if pull.user is None or pull.user.id != own_user_id:
        return NotOurs(reason="a pull request that we did not open")
    if pull.head.repo is None or pull.head.repo.id != place.repository_id or BRANCH.fullmatch(pull.head.ref) is None:
        return NotOurs(reason="a pull request from a branch that is not ours")
    merged_as: Sha | None = None
    if pull.merged:
        if pull.merge_commit_sha is None or SHA.fullmatch(pull.merge_commit_sha) is None:
            raise PayloadError("the body of a merged pull request names no merge commit")
        merged_as = Sha(pull.merge_commit_sha)
    return PullClosed(
        place=place,
        number=pull.number,
        head_branch=pull.head.ref,
        merged_as=merged_as,
        sender=_actor(said.sender),
    )
