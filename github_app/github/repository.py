"""What Remit can ask of and say in one repository of one installation.

Synchronous, and safe to use from many threads. A write is sent exactly once: whoever asked for it looks for its marker
before asking again. What is ours is recognised by our own account's id, never by a marker alone.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal, assert_never

from github_app.core.names import InstallationId, Instant, Permission, RepositoryId, Sha, UserId
from github_app.errors import GitHubRefusedError, GitHubUnreachableError, LostAccessError
from github_app.github import queries, shapes
from github_app.github.auth import AppAuth, Scope, Token
from github_app.github.endpoints import ENDPOINTS, FETCH, PUSH, READ, SPEAK
from github_app.github.organisation import Organisations, PolicyFile
from github_app.github.pages import every_page, pages
from github_app.github.refusals import NOT_FOUND, Answer
from github_app.github.shapes import instant
from github_app.github.wire import MovedError

CommentKind = Literal["issue_comment", "review", "review_comment"]
Content = Literal["eyes", "+1", "-1", "confused", "rocket"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment as it is now. `edited` is None where GitHub does not say (the body of a review)."""

    id: int
    kind: CommentKind
    author_id: UserId | None
    author: str
    human: bool
    body: str
    created_at: Instant
    edited: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull request as it is now; `merged_as` is the merge commit, None unless merged."""

    number: int
    url: str
    title: str
    body: str
    open: bool
    draft: bool
    merged_as: Sha | None
    head_branch: str
    head: Sha
    head_repository_id: RepositoryId | None
    base_branch: str
    base: Sha
    author_id: UserId | None
    mergeable: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One inline remark of a review, on a line of the diff's new side."""

    path: str
    line: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultBranch:
    """The default branch and where it points now."""

    name: str
    head: Sha


class RepositoryClient:
    """One repository, addressed by its name and checked by its id; a rename is followed."""

    def __init__(
        self,
        auth: AppAuth,
        installation_id: InstallationId,
        repository_id: RepositoryId,
        full_name: str,
        *,
        own_user_id: Callable[[], UserId],
        organisations: Organisations,
    ) -> None:
        self.installation_id = installation_id
        self.repository_id = repository_id
        self._auth = auth
        self._full_name = full_name
        self._own_user_id = own_user_id
        self._organisations = organisations
        self._lock = Lock()

    @property
    def full_name(self) -> str:
        """Return the name GitHub knows it by, as far as we heard."""
        with self._lock:
            return self._full_name

    # what is there

    def issue_facts(self, number: int, policy_path: str) -> shapes.IssueFacts:
        """Return the issue, the repository and the policy file of the default branch, all of one moment.

        Raises LostAccessError when the repository is not ours to see, or is another one under the same name.
        """
        found = self._query(queries.ISSUE_FACTS, number=number, policy=f"HEAD:{policy_path}")
        facts = shapes.read(shapes.IssueFacts, found, "issue_facts")
        with self._lock:
            self._full_name = facts.name_with_owner
        return facts

    def organisation_policy(self, path: str) -> PolicyFile | None:
        """Return the policy file of the repository's owner; None when there is none. See `Organisations`."""
        owner = self.full_name.partition("/")[0]
        return self._organisations.policy_file(self.installation_id, self.repository_id, owner, path)

    def issue_timeline(self, number: int, before: str) -> shapes.Timeline:
        """Return the part of the issue's timeline that is older than a cursor."""
        found = self._query(queries.ISSUE_TIMELINE, number=number, before=before)
        issue = shapes.read(shapes.IssueTimeline, found, "issue_timeline").issue_or_pull_request
        if issue is None or issue.timeline_items is None:
            raise GitHubUnreachableError("the issue went away while its timeline was read")
        return issue.timeline_items

    def permission(self, login: str, user_id: UserId | None = None) -> Permission:
        """Return a person's role now; NONE for a stranger, an unknown role or, with `user_id`, another account.

        Raises GitHubUnreachableError when GitHub cannot say: that must not look like an answer.
        https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
        """
        found = self._look("permission", login=login)
        match found.json if found else None:
            case {"role_name": str(role), "user": {"id": int(who)}} if user_id is None or who == user_id:
                return Permission.__members__.get(role.upper(), Permission.NONE) if role.islower() else Permission.NONE
            case _:
                return Permission.NONE

    def default_branch(self) -> DefaultBranch:
        """Return the default branch and its commit."""
        about = shapes.read(shapes.Repository, self._call("repository").json, "repository")
        self._same(about.id)
        found = shapes.read(shapes.Branch, self._call("branch", branch=about.default_branch).json, "branch")
        return DefaultBranch(name=found.name, head=Sha(found.commit.sha))

    def branch_contains(self, branch: str, sha: Sha) -> bool:
        """Say whether a commit is part of a branch.

        https://docs.github.com/en/rest/commits/commits#compare-two-commits
        """
        said = self._look("compare", range=f"{sha}...{branch}", query={"per_page": 1})
        return said is not None and isinstance(said.json, dict) and said.json.get("status") in {"ahead", "identical"}

    def get_file(self, path: str, ref: str) -> bytes | None:
        """Return a file of at most 1 MB at a commit or branch; None when there is no file."""
        found = self._look("file", path=path, query={"ref": ref})
        match found.json if found else None:
            case {"type": "file", "encoding": "base64", "content": str(text)}:
                try:
                    return base64.b64decode(text)
                except binascii.Error:
                    raise GitHubUnreachableError("GitHub's answer holds an unreadable file") from None
            case {"type": "file"}:
                raise GitHubRefusedError(f"{path} is larger than GitHub shows at once", status=200)
            case _:
                return None

    def labelled_issues(self, label: str) -> tuple[int, ...]:
        """Return the numbers of open issues (never pull requests) that carry a label."""
        rows = self._every("issues", query={"labels": label, "state": "open"})
        return tuple(
            row["number"]
            for row in rows
            if isinstance(row, dict) and isinstance(row.get("number"), int) and "pull_request" not in row
        )

    # comments

    def comment(self, number: int, body: str) -> int:
        """Write a comment on an issue or pull request and return its id."""
        return self._id(self._call("create_comment", body={"body": body}, number=number))

    def edit_comment(self, comment_id: int, body: str) -> None:
        """Replace a comment of ours."""
        self._call("edit_comment", body={"body": body}, comment_id=comment_id)

    def find_comment(self, number: int, marker: str) -> int | None:
        """Return the oldest comment of our own account that contains `marker`; anybody else's marker is nothing."""
        own = self._own_user_id()
        for page in self._pages("comments", number=number):
            for found in shapes.read(list[shapes.Comment], page, "comments"):
                if found.user is not None and found.user.id == own and marker in (found.body or ""):
                    return found.id
        return None

    def get_comment(self, kind: CommentKind, comment_id: int, *, number: int | None = None) -> Comment | None:
        """Return a comment as it is now, None when it is gone. A review is only found with its pull's number."""
        match kind:
            case "issue_comment":
                found = self._look("comment", comment_id=comment_id)
            case "review_comment":
                found = self._look("review_comment", comment_id=comment_id)
            case "review":
                found = None if number is None else self._look("one_review", number=number, review_id=comment_id)
            case _:
                assert_never(kind)
        return None if found is None else _comment(kind, shapes.read(shapes.Comment, found.json, kind))

    def react(
        self,
        on: Literal["issue", "issue_comment", "review_comment"],
        content: Content,
        *,
        number: int,
        comment_id: int | None = None,
    ) -> None:
        """Add a reaction. GitHub keeps one of a kind, so that repeating it changes nothing."""
        match on:
            case "issue":
                self._call("react_to_issue", body={"content": content}, number=number)
            case "issue_comment" if comment_id is not None:
                self._call("react_to_comment", body={"content": content}, comment_id=comment_id)
            case "review_comment" if comment_id is not None:
                self._call("react_to_review_comment", body={"content": content}, comment_id=comment_id)
            case _:
                raise ValueError(f"a reaction on {on} needs the comment's id")

    # labels

    def labels(self, number: int) -> tuple[str, ...]:
        """Return the names of the labels on an issue or pull request now."""
        rows = every_page(lambda page: self._call("issue_labels", query=page, number=number).json, "issue_labels")
        return tuple(label.name for label in shapes.read(list[shapes.Label], rows, "issue_labels"))

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Put labels on an issue or pull request; those already there stay."""
        self._call("add_labels", body={"labels": list(labels)}, number=number)

    def remove_label(self, number: int, label: str) -> bool:
        """Take a label off; False when it was not there."""
        return self._look("remove_label", number=number, label=label) is not None

    def ensure_label(self, name: str, *, color: str, description: str) -> None:
        """Make sure the repository has a label; one that exists keeps its colour."""
        if self._look("label", label=name) is not None:
            return
        try:
            self._call("create_label", body={"name": name, "color": color, "description": description})
        except GitHubRefusedError as error:
            if error.status != 422 or self._look("label", label=name) is None:
                raise

    # pull requests

    def open_pull(self, *, head: str, base: str, title: str, body: str, draft: bool) -> Pull:
        """Open a pull request between two branches of this repository."""
        asked = {"title": title, "head": head, "base": base, "body": body, "draft": draft}
        return _pull(shapes.read(shapes.Pull, self._call("open_pull", body=asked).json, "open_pull"))

    def edit_pull(self, number: int, *, title: str, body: str) -> None:
        """Replace title and body of a pull request of ours."""
        self._call("edit_pull", body={"title": title, "body": body}, number=number)

    def find_pull(self, head: str) -> Pull | None:
        """Return the newest pull request that our own account opened from a branch of this repository."""
        own = self._own_user_id()
        owner = self.full_name.partition("/")[0]
        rows = self._every("pulls", query={"head": f"{owner}:{head}", "state": "all"})
        ours = [
            pull
            for pull in shapes.read(list[shapes.Pull], rows, "pulls")
            if pull.user is not None
            and pull.user.id == own
            and pull.head.ref == head
            and pull.head.repo is not None
            and pull.head.repo.id == self.repository_id
        ]
        return _pull(max(ours, key=lambda pull: pull.number)) if ours else None

    def get_pull(self, number: int) -> Pull | None:
        """Return a pull request as it is now, None when there is none."""
        found = self._look("pull", number=number)
        return None if found is None else _pull(shapes.read(shapes.Pull, found.json, "pull"))

    def review(self, number: int, body: str, comments: Sequence[Note], commit: Sha) -> int:
        """Say something about a pull request at a commit, and return the review's id.

        It is always a comment: Remit neither approves nor requests changes.
        https://docs.github.com/en/rest/pulls/reviews#create-a-review-for-a-pull-request
        """
        notes = [{"path": note.path, "line": note.line, "side": "RIGHT", "body": note.body} for note in comments]
        asked = {"event": "COMMENT", "body": body, "comments": notes, "commit_id": commit}
        return self._id(self._call("review", body=asked, number=number))

    def find_review(self, number: int, marker: str) -> int | None:
        """Return the review of our own account that contains `marker`."""
        own = self._own_user_id()
        for page in self._pages("reviews", number=number):
            for found in shapes.read(list[shapes.Comment], page, "reviews"):
                if found.user is not None and found.user.id == own and marker in (found.body or ""):
                    return found.id
        return None

    # git

    def git_token(self, permission: Literal["read", "write"]) -> Token:
        """Return a token for git: to fetch (kept and shared), or to push (nobody else's: `revoke` it afterwards)."""
        match permission:
            case "read":
                return self._auth.tokens.get(Scope.of(self.installation_id, self.repository_id, FETCH))
            case "write":
                return self._auth.tokens.fresh(Scope.of(self.installation_id, self.repository_id, PUSH))
            case _:
                assert_never(permission)

    def revoke(self, token: Token) -> None:
        """Make a token worthless now."""
        self._auth.tokens.revoke(token)

    # how it is asked

    def _call(
        self, name: str, *, query: Mapping[str, str | int] | None = None, body: Any = None, **parts: str | int
    ) -> Answer:
        """Call an endpoint of this repository. Not found: ask whether it is the repository that is gone."""
        try:
            return self._ask(name, query=query, body=body, **parts)
        except LostAccessError:
            raise
        except GitHubRefusedError as error:
            if error.status in {404, 410}:
                self._ask("repository")
            raise

    def _look(
        self, name: str, *, query: Mapping[str, str | int] | None = None, body: Any = None, **parts: str | int
    ) -> Answer | None:
        """Call an endpoint where not found is an answer: None."""
        try:
            return self._ask(name, query=query, body=body, **parts)
        except LostAccessError:
            raise
        except GitHubRefusedError as error:
            if error.status in {404, 410}:
                return None
            raise

    def _ask(
        self, name: str, *, query: Mapping[str, str | int] | None = None, body: Any = None, **parts: str | int
    ) -> Answer:
        endpoint = ENDPOINTS[name]
        scope = Scope.of(self.installation_id, self.repository_id, READ if endpoint.reads else SPEAK)

        def attempt() -> Answer:
            owner, _, repo = self.full_name.partition("/")
            named = {**parts, "owner": owner, "repo": repo} if "{owner}" in endpoint.template else parts
            return self._auth.call_as_installation(scope, name, query=query, body=body, **named)

        try:
            return self._auth.wire.patiently(endpoint, attempt)
        except MovedError:
            self._follow()
        return attempt()

    def _follow(self) -> None:
        """Learn the repository's present name by its id."""
        scope = Scope.of(self.installation_id, self.repository_id, READ)
        said = self._auth.wire.patiently(
            ENDPOINTS["repository_by_id"],
            lambda: self._auth.call_as_installation(scope, "repository_by_id", repository_id=self.repository_id),
        )
        about = shapes.read(shapes.Repository, said.json, "repository_by_id")
        self._same(about.id)
        with self._lock:
            self._full_name = about.full_name

    def _query(self, text: str, **variables: str | int) -> Any:
        owner, _, name = self.full_name.partition("/")
        asked = {"query": text, "variables": {"owner": owner, "name": name, **variables}}
        said = self._ask("graphql", body=asked)
        match said.json:
            case {"data": {"repository": {"databaseId": int(found)} as repository}}:
                self._same(found)
                return repository
            case _:
                raise LostAccessError(f"{NOT_FOUND} (graphql: {self.full_name})", status=404)

    def _same(self, repository_id: int) -> None:
        if repository_id != self.repository_id:
            raise LostAccessError(f"{self.full_name} is another repository now", status=404)

    def _pages(self, name: str, **parts: str | int) -> Iterator[list[Any]]:
        return pages(lambda page: self._call(name, query=page, **parts).json, name)

    def _every(self, name: str, *, query: Mapping[str, str | int]) -> list[Any]:
        return every_page(lambda page: self._call(name, query={**query, **page}).json, name)

    def _id(self, said: Answer) -> int:
        match said.json:
            case {"id": int(made)} if made > 0:
                return made
            case _:
                raise GitHubUnreachableError("GitHub's answer does not say what was made")


def _comment(kind: CommentKind, found: shapes.Comment) -> Comment:
    created = found.created_at or found.submitted_at
    if created is None:
        raise GitHubUnreachableError(f"GitHub's answer does not say when it was written ({kind})")
    edited = None if found.updated_at is None or found.created_at is None else found.updated_at != found.created_at
    return Comment(
        id=found.id,
        kind=kind,
        author_id=None if found.user is None else UserId(found.user.id),
        author="ghost" if found.user is None else found.user.login,
        human=found.user is not None and found.user.type == "User" and found.performed_via_github_app is None,
        body=found.body or "",
        created_at=instant(created),
        edited=edited,
    )


def _pull(found: shapes.Pull) -> Pull:
    merged = bool(found.merged or found.merged_at)
    head_repository = found.head.repo
    return Pull(
        number=found.number,
        url=found.html_url,
        title=found.title,
        body=found.body or "",
        open=found.state == "open",
        draft=found.draft,
        merged_as=Sha(found.merge_commit_sha) if merged and found.merge_commit_sha else None,
        head_branch=found.head.ref,
        head=Sha(found.head.sha),
        head_repository_id=None if head_repository is None else RepositoryId(head_repository.id),
        base_branch=found.base.ref,
        base=Sha(found.base.sha),
        author_id=None if found.user is None else UserId(found.user.id),
        mergeable=found.mergeable,
    )
