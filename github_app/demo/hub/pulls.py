"""Pull requests: opened, synchronised when their branch moves, reviewed, merged.

https://docs.github.com/en/rest/pulls
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from github_app.demo.hub import issues, pull_shapes, shapes
from github_app.demo.hub.announce import announce, announce_issue
from github_app.demo.hub.bare import ZERO, FileChange
from github_app.demo.hub.records import Issue, Pull, Repository, Review, ReviewComment
from github_app.demo.hub.refusal import RefusedError, invalid, not_found
from github_app.demo.hub.repositories import identity, pushed, writable
from github_app.demo.hub.world import Actor, World

CLOSING = re.compile(r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d{1,9})\b")
STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inline:
    """A comment on a line, as submitted."""

    path: str
    line: int
    body: str
    side: str = "RIGHT"
    start_line: int | None = None


def closes(about: Issue) -> list[int]:
    """Return the issue numbers a pull request's text would close.

    https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue
    """
    return list(dict.fromkeys(int(found) for found in CLOSING.findall(about.body or "")))


def open_pull(
    world: World,
    where: Repository,
    by: Actor,
    *,
    title: str,
    head: str,
    base: str,
    body: str | None,
    draft: bool = False,
) -> Issue:
    """Open a pull request between two branches of one repository."""
    issues.check_title("PullRequest", title)
    issues.check_body("PullRequest", body)
    with world.change():
        writable(where)
        bare = world.bare(where)
        owner, _, name = head.rpartition(":")
        base_sha = bare.branch(base)
        head_sha = bare.branch(name)
        if owner and owner.lower() != world.known(where.owner_id).login.lower():
            head_sha = None
        if base_sha is None:
            raise invalid("PullRequest", "base", "invalid")
        if head_sha is None:
            raise invalid("PullRequest", "head", "invalid")
        fork = bare.merge_base(base_sha, head_sha)
        if fork is None:
            raise _custom(f"The {name} branch has no history in common with {base}")
        if fork == head_sha:
            raise _custom(f"No commits between {base} and {name}")
        for other in where.issues.values():
            if other.pull and other.state == "open" and (other.pull.head_ref, other.pull.base_ref) == (name, base):
                raise _custom(f"A pull request already exists for {world.known(where.owner_id).login}:{name}.")
        now = world.now()
        made = Issue(
            id=world.next_id("issue"),
            number=issues.number_next(where),
            title=title,
            body=body,
            author_id=by.id,
            app_id=by.app_id,
            created_at=now,
            updated_at=now,
            pull=Pull(
                id=world.next_id("issue"),
                head_ref=name,
                head_sha=head_sha,
                base_ref=base,
                base_sha=base_sha,
                draft=draft,
            ),
        )
        where.issues[made.number] = made
        _show_ref(world, where, made.number, head_sha)
        announce_issue(world, "opened", where, made, by)
        issues.refer(world, where, made, body, by)
        return made


def _custom(message: str) -> RefusedError:
    return RefusedError(
        422, "Validation Failed", errors=[{"resource": "PullRequest", "code": "custom", "message": message}]
    )


def _show_ref(world: World, where: Repository, number: int, sha: str) -> None:
    world.bare(where).run("update-ref", f"refs/pull/{number}/head", sha)


def branch_moved(world: World, where: Repository, ref: str, before: str, after: str, by: Actor) -> None:
    """Do what GitHub does after any ref moved: tell of the push, synchronise, close or merge pull requests."""
    with world.change():
        pushed(world, where, ref, before, after, by)
        branch = ref.removeprefix("refs/heads/")
        opened = [one for one in where.issues.values() if one.pull and one.state == "open"]
        for one in opened if branch != ref else ():
            extra = pull_shapes.pull_of(one)
            if extra.head_ref == branch and after == ZERO:
                issues.close(world, where, one, by)
            elif extra.head_ref == branch:
                extra.head_sha = after
                one.updated_at = world.now()
                _show_ref(world, where, one.number, after)
                announce_issue(world, "synchronize", where, one, by, before=before, after=after)
            elif extra.base_ref == branch and after != ZERO and _contains(world, where, after, extra.head_sha):
                _merged(world, where, one, by, after, extra.head_sha)


def _contains(world: World, where: Repository, tip: str, commit: str) -> bool:
    return world.bare(where).merge_base(tip, commit) == commit


def _merged(world: World, where: Repository, about: Issue, by: Actor, tip: str, commit: str) -> None:
    extra = pull_shapes.pull_of(about)
    extra.merged_at, extra.merged_by, extra.merge_commit_sha = world.now(), by.id, commit
    issues.note(world, about, "merged", by)
    issues.close(world, where, about, by)
    if extra.base_ref == where.default_branch and tip:
        for number in closes(about):
            target = where.issues.get(number)
            if target is not None and not target.pull:
                issues.close(world, where, target, by)


def merge(
    world: World,
    where: Repository,
    about: Issue,
    by: Actor,
    *,
    method: str = "merge",
    sha: str | None = None,
    title: str | None = None,
    message: str | None = None,
) -> str:
    """Merge for real and return the new commit; the issues its text names are closed.

    `rebase` is refused as in a repository that does not allow it.
    https://docs.github.com/en/rest/pulls/pulls#merge-a-pull-request
    """
    extra = pull_shapes.pull_of(about)
    if method == "rebase":
        raise RefusedError(405, "Rebase merges are not allowed on this repository.")
    if method not in ("merge", "squash"):
        raise invalid("PullRequest", "merge_method", "invalid")
    with world.change():
        writable(where)
        if sha is not None and sha != extra.head_sha:
            raise RefusedError(409, "Head branch was modified. Review and try the merge again.")
        if extra.draft:
            raise RefusedError(405, "Pull Request is still a draft")
        bare = world.bare(where)
        before = bare.branch(extra.base_ref)
        if about.state != "open" or before is None:
            raise RefusedError(405, "Pull Request is not mergeable")
        squash = method == "squash"
        login = world.known(where.owner_id).login
        first = title or (
            f"{about.title} (#{about.number})"
            if squash
            else f"Merge pull request #{about.number} from {login}/{extra.head_ref}"
        )
        text = f"{first}\n\n{about.title if message is None and not squash else message or ''}".strip() + "\n"
        parents = [before] if squash else [before, extra.head_sha]
        made = bare.merge(before, extra.head_sha, text, who=identity(by), at=world.clock(), parents=parents)
        if made is None:
            raise RefusedError(405, "Pull Request is not mergeable")
        bare.update(f"refs/heads/{extra.base_ref}", made, before)
        _merged(world, where, about, by, made, made)
        branch_moved(world, where, f"refs/heads/{extra.base_ref}", before, made, by)
        return made


def set_draft(world: World, where: Repository, about: Issue, by: Actor, *, draft: bool) -> None:
    """Mark ready or make a draft; a button for people (and GraphQL), not in the REST API."""
    extra = pull_shapes.pull_of(about)
    with world.change():
        if extra.draft != draft:
            extra.draft = draft
            announce_issue(world, "converted_to_draft" if draft else "ready_for_review", where, about, by)


def files(world: World, where: Repository, about: Issue) -> list[FileChange]:
    """Return what a pull request changes, from where it left its base."""
    extra, bare = pull_shapes.pull_of(about), world.bare(where)
    return bare.changes(bare.merge_base(extra.base_sha, extra.head_sha) or extra.base_sha, extra.head_sha)


def _unprocessable(sentence: str) -> RefusedError:
    return RefusedError(422, "Unprocessable Entity", errors=[sentence])


def review(
    world: World,
    where: Repository,
    about: Issue,
    by: Actor,
    *,
    event: str,
    body: str = "",
    commit_id: str | None = None,
    comments: Sequence[Inline] = (),
) -> Review:
    """Submit a review; inline comments must stand on lines of the diff.

    https://docs.github.com/en/rest/pulls/reviews#create-a-review-for-a-pull-request
    """
    extra = pull_shapes.pull_of(about)
    if event not in STATES:
        raise invalid("PullRequestReview", "event", "invalid")
    issues.check_body("PullRequestReview", body)
    if event != "APPROVE" and by.id == about.author_id and event != "COMMENT":
        raise _unprocessable("Can not request changes on your own pull request")
    if event == "APPROVE" and by.id == about.author_id:
        raise _unprocessable("Can not approve your own pull request")
    if not body.strip() and (event == "REQUEST_CHANGES" or (event == "COMMENT" and not comments)):
        raise _unprocessable("Pull request review body can't be blank")
    with world.change():
        writable(where)
        commit = commit_id or extra.head_sha
        if commit_id is not None and commit_id != extra.head_sha and world.bare(where).kind(commit_id) != "commit":
            raise _unprocessable("The commit_id is not part of the pull request")
        hunks = [_place(world, where, about, one) for one in comments]
        now = world.now()
        made = Review(
            id=world.next_id("review"),
            author_id=by.id,
            app_id=by.app_id,
            body=body,
            state=STATES[event],
            commit_id=commit,
            submitted_at=now,
        )
        extra.reviews.append(made)
        about.updated_at = now
        if by.id in extra.requested_reviewers:
            extra.requested_reviewers.remove(by.id)
        _announce_review(world, "submitted", where, about, made, by)
        for one, hunk in zip(comments, hunks, strict=True):
            _add_inline(world, where, about, made, one, hunk, by)
        return made


def _announce_review(
    world: World, action: str, where: Repository, about: Issue, one: Review, by: Actor, **parts: object
) -> None:
    # Webhooks spell the state in lower case, REST in capitals.
    shape = pull_shapes.review(world, where, about, one) | {"state": one.state.lower()}
    pull = pull_shapes.pull(world, where, about, full=False)
    announce(world, "pull_request_review", action, where, by, review=shape, pull_request=pull, **parts)


def dismiss(world: World, where: Repository, about: Issue, review_id: int, by: Actor) -> Review:
    """Dismiss an approval or a request for changes."""
    with world.change():
        for one in pull_shapes.pull_of(about).reviews:
            if one.id == review_id:
                if one.state not in ("APPROVED", "CHANGES_REQUESTED"):
                    raise _unprocessable("Can not dismiss a commented pull request review")
                one.state = "DISMISSED"
                _announce_review(world, "dismissed", where, about, one, by)
                return one
    raise not_found()


def edit_review(world: World, where: Repository, about: Issue, one: Review, body: str, by: Actor) -> None:
    """Change a review's text."""
    issues.check_body("PullRequestReview", body, required=True)
    with world.change():
        old, one.body = one.body, body
        _announce_review(world, "edited", where, about, one, by, changes={"body": {"from": old}})


def _place(world: World, where: Repository, about: Issue, one: Inline) -> str:
    issues.check_body("PullRequestReviewComment", one.body, required=True)
    changed = next((file for file in files(world, where, about) if file.path == one.path), None)
    if changed is None:
        raise _unprocessable("Path could not be resolved")
    hunk = changed.lines().get((one.side, one.line))
    if hunk is None or (one.start_line is not None and (one.side, one.start_line) not in changed.lines()):
        raise _unprocessable("Line could not be resolved")
    return hunk


def _add_inline(
    world: World,
    where: Repository,
    about: Issue,
    under: Review,
    one: Inline,
    hunk: str,
    by: Actor,
    in_reply_to: int | None = None,
) -> ReviewComment:
    now = world.now()
    made = ReviewComment(
        id=world.next_id("review_comment"),
        review_id=under.id,
        author_id=by.id,
        app_id=by.app_id,
        body=one.body,
        path=one.path,
        line=one.line,
        side=one.side,
        start_line=one.start_line,
        commit_id=under.commit_id,
        diff_hunk=hunk,
        created_at=now,
        updated_at=now,
        in_reply_to=in_reply_to,
    )
    pull_shapes.pull_of(about).review_comments.append(made)
    _announce_inline(world, "created", where, about, made, by)
    return made


def _announce_inline(
    world: World, action: str, where: Repository, about: Issue, one: ReviewComment, by: Actor, **parts: object
) -> None:
    said = {
        "comment": pull_shapes.review_comment(world, where, about, one),
        "pull_request": pull_shapes.pull(world, where, about, full=False),
    }
    announce(world, "pull_request_review_comment", action, where, by, **said, **parts)


def comment_on_line(
    world: World, where: Repository, about: Issue, by: Actor, one: Inline, in_reply_to: int | None = None
) -> ReviewComment:
    """Add a single comment to the diff, or an answer to one; GitHub wraps it in a review of its own."""
    extra = pull_shapes.pull_of(about)
    with world.change():
        writable(where)
        if in_reply_to is None:
            hunk, place = _place(world, where, about, one), one
        else:
            issues.check_body("PullRequestReviewComment", one.body, required=True)
            root = next((known for known in extra.review_comments if known.id == in_reply_to), None)
            if root is None:
                raise not_found()
            hunk, place = root.diff_hunk, Inline(path=root.path, line=root.line, side=root.side, body=one.body)
        under = Review(
            id=world.next_id("review"),
            author_id=by.id,
            app_id=by.app_id,
            body="",
            state="COMMENTED",
            commit_id=extra.head_sha,
            submitted_at=world.now(),
        )
        extra.reviews.append(under)
        _announce_review(world, "submitted", where, about, under, by)
        return _add_inline(world, where, about, under, place, hunk, by, in_reply_to)


def edit_line_comment(world: World, where: Repository, about: Issue, one: ReviewComment, body: str, by: Actor) -> None:
    """Change the text of a comment on a line."""
    issues.check_body("PullRequestReviewComment", body, required=True)
    with world.change():
        old, one.body, one.updated_at = one.body, body, world.now()
        _announce_inline(world, "edited", where, about, one, by, changes={"body": {"from": old}})


def delete_line_comment(world: World, where: Repository, about: Issue, one: ReviewComment, by: Actor) -> None:
    """Remove a comment on a line."""
    with world.change():
        pull_shapes.pull_of(about).review_comments.remove(one)
        _announce_inline(world, "deleted", where, about, one, by)


def find_line_comment(where: Repository, comment_id: int) -> tuple[Issue, ReviewComment]:
    """Return a comment on a line and its pull request."""
    for about in where.issues.values():
        for one in about.pull.review_comments if about.pull else ():
            if one.id == comment_id:
                return about, one
    raise not_found()


def request_reviewers(
    world: World, where: Repository, about: Issue, who: Sequence[int], by: Actor, *, on: bool = True
) -> None:
    """Ask people for a review, or no longer."""
    extra = pull_shapes.pull_of(about)
    with world.change():
        for one in who:
            if on and one == about.author_id:
                raise RefusedError(422, "Review cannot be requested from pull request author.")
            if (one in extra.requested_reviewers) == on:
                continue
            (extra.requested_reviewers.append if on else extra.requested_reviewers.remove)(one)
            word = "review_requested" if on else "review_request_removed"
            announce_issue(world, word, where, about, by, requested_reviewer=shapes.user_of(world, one))
