"""What a test or the demo may look at: frozen copies with logins in place of ids, taken under the world's lock."""

from dataclasses import dataclass
from pathlib import Path

from github_app.demo.hub.records import CheckRun, Comment, Issue, Pull, Reaction, Repository, Review, ReviewComment
from github_app.demo.hub.refusal import not_found
from github_app.demo.hub.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenReaction:
    """A reaction."""

    content: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenComment:
    """A comment, in the conversation or on a line (`path`, `line`)."""

    id: int
    author: str
    body: str
    created_at: str
    updated_at: str
    reactions: tuple[SeenReaction, ...]
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenReview:
    """A review; `state` is GitHub's word in capitals."""

    id: int
    author: str
    body: str
    state: str
    commit_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPull:
    """What a pull request has beyond an issue."""

    head: str
    head_sha: str
    base: str
    draft: bool
    merged: bool
    merge_commit_sha: str | None
    reviews: tuple[SeenReview, ...]
    review_comments: tuple[SeenComment, ...]
    requested_reviewers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenIssue:
    """An issue or pull request."""

    id: int
    number: int
    title: str
    body: str
    author: str
    state: str
    locked: bool
    labels: tuple[str, ...]
    assignees: tuple[str, ...]
    comments: tuple[SeenComment, ...]
    reactions: tuple[SeenReaction, ...]
    events: tuple[str, ...]
    pull: SeenPull | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCheckRun:
    """A check run."""

    id: int
    name: str
    head_sha: str
    status: str
    conclusion: str | None
    title: str | None
    summary: str | None
    text: str | None
    annotations: int
    actions: tuple[str, ...]


class RepositoryState:
    """A repository to look at; every look is fresh."""

    def __init__(self, world: World, record: Repository) -> None:
        self._world, self._record = world, record

    @property
    def id(self) -> int:
        """Return the repository's id."""
        return self._record.id

    @property
    def full_name(self) -> str:
        """Return OWNER/NAME as it is now."""
        return self._world.full_name(self._record)

    @property
    def path(self) -> Path:
        """Return the bare repository on disk."""
        return self._world.git_path(self._record)

    @property
    def clone_url(self) -> str:
        """Return where git finds it while the server runs."""
        return f"{self._world.url}/{self.full_name}.git"

    @property
    def default_branch(self) -> str:
        """Return the name of the default branch."""
        return self._record.default_branch

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the names of the repository's labels."""
        with self._world.lock:
            return tuple(one.name for one in self._record.labels)

    def issue(self, number: int) -> SeenIssue:
        """Return an issue or pull request."""
        with self._world.lock:
            return self._seen(self._world.issue(self._record, number))

    @property
    def issues(self) -> tuple[SeenIssue, ...]:
        """Return the issues, without pull requests."""
        with self._world.lock:
            return tuple(self._seen(one) for one in self._record.issues.values() if one.pull is None)

    @property
    def pulls(self) -> tuple[SeenIssue, ...]:
        """Return the pull requests."""
        with self._world.lock:
            return tuple(self._seen(one) for one in self._record.issues.values() if one.pull)

    @property
    def check_runs(self) -> tuple[SeenCheckRun, ...]:
        """Return the check runs, oldest first."""
        with self._world.lock:
            return tuple(_check(one) for one in self._record.check_runs)

    def branches(self) -> dict[str, str]:
        """Return the branches and their commits."""
        return self._world.bare(self._record).refs()

    def messages(self, revision: str) -> tuple[str, ...]:
        """Return the commit messages up to a revision, oldest first."""
        bare = self._world.bare(self._record)
        commit = bare.resolve(revision)
        if commit is None:
            raise not_found()
        return tuple(one.message for one in bare.commits(None, commit))

    def file(self, path: str, revision: str = "HEAD") -> bytes:
        """Return a file's content at a revision; refuse with 404 what is not there."""
        bare = self._world.bare(self._record)
        commit = bare.resolve(revision)
        found = bare.entry(commit, path) if commit else None
        if found is None or found.kind != "blob":
            raise not_found()
        return bare.blob(found.sha)

    def _login(self, account_id: int) -> str:
        return self._world.known(account_id).login

    def _seen(self, one: Issue) -> SeenIssue:
        return SeenIssue(
            id=one.id,
            number=one.number,
            title=one.title,
            body=one.body or "",
            author=self._login(one.author_id),
            state=one.state,
            locked=one.locked,
            labels=tuple(one.labels),
            assignees=tuple(self._login(who) for who in one.assignees),
            comments=tuple(self._comment(said) for said in one.comments),
            reactions=self._reactions(one.reactions),
            events=tuple(item.event for item in one.timeline),
            pull=self._pull(one.pull) if one.pull else None,
        )

    def _comment(self, one: Comment | ReviewComment) -> SeenComment:
        return SeenComment(
            id=one.id,
            author=self._login(one.author_id),
            body=one.body,
            created_at=one.created_at,
            updated_at=one.updated_at,
            reactions=self._reactions(one.reactions),
            path=one.path if isinstance(one, ReviewComment) else "",
            line=one.line if isinstance(one, ReviewComment) else 0,
        )

    def _reactions(self, found: list[Reaction]) -> tuple[SeenReaction, ...]:
        return tuple(SeenReaction(content=one.content, by=self._login(one.author_id)) for one in found)

    def _review(self, one: Review) -> SeenReview:
        return SeenReview(
            id=one.id, author=self._login(one.author_id), body=one.body, state=one.state, commit_id=one.commit_id
        )

    def _pull(self, one: Pull) -> SeenPull:
        return SeenPull(
            head=one.head_ref,
            head_sha=one.head_sha,
            base=one.base_ref,
            draft=one.draft,
            merged=one.merged_at is not None,
            merge_commit_sha=one.merge_commit_sha,
            reviews=tuple(self._review(said) for said in one.reviews),
            review_comments=tuple(self._comment(said) for said in one.review_comments),
            requested_reviewers=tuple(self._login(who) for who in one.requested_reviewers),
        )


def _check(one: CheckRun) -> SeenCheckRun:
    return SeenCheckRun(
        id=one.id,
        name=one.name,
        head_sha=one.head_sha,
        status=one.status,
        conclusion=one.conclusion,
        title=one.title,
        summary=one.summary,
        text=one.text,
        annotations=len(one.annotations),
        actions=tuple(action["identifier"] for action in one.actions),
    )
