"""Everything a decision may know from GitHub, read once and frozen.

One GraphQL call, one more for each owner and minute, and one permission call for each person who matters. Whoever
cannot be identified is `NOBODY`; a bot has no permission of its own. What GitHub cannot say right now raises: it must
never look like "allowed" or "not there".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from github_app.core.events import Actor
from github_app.core.facts import NOBODY, Approval, Facts, Issue, Label, Person, Repository
from github_app.core.names import Instant, Permission, RepositoryId, Sha, UserId, fold
from github_app.errors import GitHubRefusedError
from github_app.github import shapes
from github_app.github.markdown import paragraphs
from github_app.github.organisation import REPOSITORY_NAME, PolicyFile
from github_app.github.repository import Comment, CommentKind, RepositoryClient
from github_app.github.shapes import instant

POLICY_PATH: Final = ".github/remit.yml"
MOST_TIMELINE_PAGES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The facts, and the policy files as the default branches have them: the repository's own and its owner's.

    The repository's is that at `facts.repository.head`. A file without text cannot be read as a policy: that is an
    error of the policy, not its absence. In an owner's repository `.github` the file is the owner's only.
    """

    facts: Facts
    policy: PolicyFile | None = None
    organisation: PolicyFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """What an issue's timeline tells: who put each label there last, the newest change of title, a transfer."""

    labelled: dict[str, tuple[shapes.Who | None, Instant]]
    retitled: tuple[Instant, shapes.Who | None] | None
    transferred: bool


class _People:
    """Accounts with their permission now, each asked for once."""

    def __init__(self, client: RepositoryClient) -> None:
        self._client = client
        self._known: dict[tuple[int, str], Permission] = {}

    def person(self, user_id: int | None, login: str, *, human: bool) -> Person:
        if user_id is None or user_id <= 0:
            return NOBODY if human else Person(id=UserId(0), login=login, human=False, permission=Permission.NONE)
        identity = UserId(user_id)
        if not human:
            return Person(id=identity, login=login, human=False, permission=Permission.NONE)
        key = (user_id, login)
        if key not in self._known:
            self._known[key] = self._client.permission(login, identity)
        return Person(id=identity, login=login, human=True, permission=self._known[key])

    def of_graph(self, who: shapes.Who | None) -> Person:
        return NOBODY if who is None else self.person(who.database_id, who.login, human=who.typename == "User")

    def of_actor(self, actor: Actor | None) -> Person:
        return NOBODY if actor is None else self.person(actor.id, actor.login, human=actor.human)


def gather_issue(
    client: RepositoryClient,
    number: int,
    sender: Actor | None,
    now: Instant,
    own_user_id: UserId,
    approvals: Sequence[Approval] = (),
    *,
    comment: tuple[CommentKind, int] | None = None,
    policy_path: str = POLICY_PATH,
) -> Gathered:
    """Read what a decision about an issue may look at.

    `approvals` are looked at again as GitHub shows them now. `comment` is the comment that asked: `comment_at` is when
    it was written, None when it is gone or was edited. Raises LostAccessError when the repository is not ours to see.
    """
    found = client.issue_facts(number, policy_path)
    people = _People(client)
    branch = found.default_branch_ref
    repository = None
    if branch is not None and branch.target is not None:
        repository = Repository(
            id=RepositoryId(found.database_id),
            installation_id=client.installation_id,
            full_name=found.name_with_owner,
            private=found.is_private,
            archived=found.is_archived or found.is_disabled,
            default_branch=branch.name,
            head=Sha(branch.target.oid),
        )
    facts = Facts(
        now=now,
        own_user_id=own_user_id,
        repository=repository,
        issue=_issue(client, found.issue_or_pull_request, people, own_user_id),
        sender=people.of_actor(sender),
        comment_at=_written_at(client, number, comment),
        approvals=tuple(_looked_at_again(client, number, approval, people) for approval in approvals),
    )
    if fold(found.name_with_owner.partition("/")[2]) == REPOSITORY_NAME:
        path = f"{found.name_with_owner}/{policy_path}"
        return Gathered(facts=facts, organisation=PolicyFile.of(path, found.policy))
    return Gathered(
        facts=facts,
        policy=PolicyFile.of(policy_path, found.policy),
        organisation=client.organisation_policy(policy_path),
    )


def _issue(
    client: RepositoryClient, found: shapes.IssueOrPull | None, people: _People, own_user_id: UserId
) -> Issue | None:
    if found is None:
        return None
    is_pull = found.typename != "Issue"
    history = _history(client, found)
    editor, edited_at = _editor(found, history, people)
    return Issue(
        number=found.number,
        title=found.title,
        body=found.body,
        url=found.url,
        open=not found.closed,
        locked=found.locked,
        is_pull=is_pull,
        transferred=history.transferred,
        labels=tuple(_label(label.name, history.labelled.get(label.name), people) for label in _labels(found)),
        author=people.of_graph(found.author),
        editor=editor,
        edited_at=edited_at,
        assignees=tuple(node.login for node in found.assignees.nodes) if found.assignees else (),
        linked_pulls=tuple(_not_ours(found.closed_by_pull_requests_references, own_user_id)),
    )


def _label(name: str, event: tuple[shapes.Who | None, Instant] | None, people: _People) -> Label:
    if event is None:
        return Label(name=name, by=NOBODY)
    return Label(name=name, by=people.of_graph(event[0]), at=event[1])


def _labels(found: shapes.IssueOrPull) -> tuple[shapes.Label, ...]:
    if found.labels is None:
        return ()
    if found.labels.page_info.has_next_page:
        # a stricter label may be on the page that was not read
        raise GitHubRefusedError("the issue carries more than 100 labels: nothing is decided about it", status=200)
    return found.labels.nodes


def _not_ours(linked: shapes.LinkedPulls | None, own_user_id: UserId) -> Iterable[int]:
    for node in linked.nodes if linked else ():
        if (
            node is not None
            and node.state == "OPEN"
            and (node.author is None or node.author.database_id != own_user_id)
        ):
            yield node.number


def _history(client: RepositoryClient, found: shapes.IssueOrPull) -> _History:
    """Read the timeline back as far as it can matter.

    Raises GitHubRefusedError when an issue has more than a thousand such events: who labelled it is not known then.
    """
    labelled: dict[str, tuple[shapes.Who | None, Instant]] = {}
    retitled: tuple[Instant, shapes.Who | None] | None = None
    transferred = False
    part = found.timeline_items
    for _ in range(MOST_TIMELINE_PAGES):
        if part is None:
            return _History(labelled=labelled, retitled=retitled, transferred=transferred)
        for node in reversed(part.nodes):
            match node:
                case shapes.Happening(typename="LabeledEvent", label=shapes.Label(name=name)):
                    labelled.setdefault(name, (node.actor, instant(node.created_at)))
                case shapes.Happening(typename="RenamedTitleEvent") if retitled is None:
                    retitled = (instant(node.created_at), node.actor)
                case shapes.Happening(typename="TransferredEvent"):
                    transferred = True
                case _:
                    continue
        cursor = part.page_info.start_cursor if part.page_info.has_previous_page else None
        part = client.issue_timeline(found.number, cursor) if cursor else None
    raise GitHubRefusedError("the issue's history is too long to be read: nothing is decided about it", status=200)


def _editor(found: shapes.IssueOrPull, history: _History, people: _People) -> tuple[Person | None, Instant | None]:
    """Return who last changed title or body. At the same second the one with less permission counts."""
    changes = [history.retitled] if history.retitled else []
    if found.last_edited_at is not None:
        changes.append((instant(found.last_edited_at), found.editor))
    if not changes:
        return None, None
    last = max(at for at, _ in changes)
    editors = [people.of_graph(who) for at, who in changes if at == last]
    return min(editors, key=lambda person: person.permission), last


def _written_at(client: RepositoryClient, number: int, comment: tuple[CommentKind, int] | None) -> Instant | None:
    if comment is None:
        return None
    kind, comment_id = comment
    found = client.get_comment(kind, comment_id, number=number)
    return found.created_at if found is not None and found.edited is not True else None


def _looked_at_again(client: RepositoryClient, number: int, approval: Approval, people: _People) -> Approval:
    """Return the approval with what is so now; it stands only as the same person's comment, as it was written."""
    found = _approving_comment(client, number, approval)
    if found is None:
        return Approval(comment_id=approval.comment_id, by=NOBODY, digest=approval.digest, at=approval.at, stands=False)
    return Approval(
        comment_id=approval.comment_id,
        by=people.person(found.author_id, found.author, human=found.human),
        digest=approval.digest,
        at=approval.at,
        stands=found.human and _as_written(found),
    )


def _approving_comment(client: RepositoryClient, number: int, approval: Approval) -> Comment | None:
    """Return the comment of that id by the same account; ids of the three kinds are counted apart."""
    kinds: tuple[CommentKind, ...] = ("issue_comment", "review_comment", "review")
    for kind in kinds:
        found = client.get_comment(kind, approval.comment_id, number=number)
        if found is not None and found.author_id == approval.by.id:
            return found
    return None


def _as_written(comment: Comment) -> bool:
    if comment.edited is None:
        # GitHub does not tell whether a review's body was edited; it must at least still be a command
        said, _ = paragraphs(comment.body)
        return any(paragraph.startswith("/") for paragraph in said)
    return not comment.edited
