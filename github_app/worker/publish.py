"""From a built commit to a pull request: recorded, checked once more, pushed, opened, reviewed.

Each step is recorded before the next one begins, and none is repeated: after a crash the next attempt finds what was
built or pushed, by its commit, and goes on there. What is ours to overwrite is known by its commit, too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from github_app.core.decision import Reason
from github_app.core.finish import DONE
from github_app.core.names import Sha, branch_name
from github_app.core.policy import Policy
from github_app.core.proof import SECRETS, AttemptReport, Review
from github_app.core.report import REVIEW_LABELS, finding_line, pull_body, pull_title, review_body
from github_app.core.secrets import find_secrets
from github_app.core.start import may_publish
from github_app.core.task import Task
from github_app.errors import (
    GitError,
    GitHubRefusedError,
    GitHubUnreachableError,
    LostAccessError,
    RateLimitedError,
    RemitError,
)
from github_app.git.command import Token
from github_app.git.mirror import Mirror
from github_app.git.publish import Pushed, Refusal, Rejected, push
from github_app.git.remote import Remote, remote_head
from github_app.github.gather import Gathered
from github_app.github.repository import Note, Pull, RepositoryClient
from github_app.log import get_log
from github_app.store.codec import report_from
from github_app.store.lease import record_step, still_mine
from github_app.store.session import Database
from github_app.worker.build import Built
from github_app.worker.diff import lines_for_remarks
from github_app.worker.live import LiveRun
from github_app.worker.workshop import PATCH_LIMIT

log = get_log("publish")
MOST_NOTES = 10
SUFFIXES = ("", "b")
SPENT, NOT_PROCESSABLE = 401, 422

T = TypeVar("T")


def reading(client: RepositoryClient, use: Callable[[Token], T]) -> T:
    """Use the token kept for fetching; one that GitHub no longer accepts is replaced, once."""
    kept = client.git_token("read")
    try:
        return use(Token(value=kept.value))
    except GitHubRefusedError as error:
        if error.status != SPENT:
            raise
    client.revoke(kept)
    return use(Token(value=client.git_token("read").value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """What was seen when it was decided that a result may be published."""

    base_branch: str
    close_issue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """Where and under which lease something is published. `may_exist`: an earlier attempt may have come this far."""

    db: Database
    client: RepositoryClient
    task: Task
    fence: int
    live: LiveRun
    remote: Remote
    mirror: Mirror
    policy: Policy
    look: Callable[[], tuple[Policy, Gathered]]
    secrets: Callable[[], tuple[str, ...]]
    may_exist: bool
    earlier: Mapping[str, Any]

    def step(self, name: str, data: Mapping[str, Any], **columns: Any) -> None:
        """Record a step; raises StaleError when the lease is lost."""
        record_step(self.db, self.task.id, self.fence, name, data, **columns)

    def check(self) -> None:
        """Raise StoppedError or StaleError when nothing may be written any more."""
        self.live.check()
        still_mine(self.db, self.task.id, self.fence)

    def remote_head(self, branch: str) -> Sha | None:
        """Return where a branch of the remote is now."""
        return reading(self.client, lambda token: remote_head(self.remote, branch, token))

    def adopt(self) -> AttemptReport | None:
        """Go on with what an interrupted attempt had built or pushed, or None when there is nothing to go on with.

        Only what was built for the same text under the same policy: anything else is built anew.
        """
        built = self.earlier.get("built")
        if not isinstance(built, dict) or (built.get("subject"), built.get("policy")) != self._under():
            return None
        report = report_from(built["report"])
        head = report.head
        if head is None:
            return None
        branch = next((name for name in self._branches() if self.remote_head(name) == head), None)
        if branch is None and not self.mirror.has(head):
            return None
        log.info("publish.adopted", task=self.task.id, branch=branch)
        self.step("built", built)
        patch = _patch_of(self.mirror, report)
        if branch is None:
            return _push_and_open(self, report, head, patch)
        cleared = self.clear()
        if isinstance(cleared, Reason):
            return _withdrawn(report, cleared)
        self.step("pushed", {"branch": branch, "head": head}, branch=branch, head=head)
        return _open_and_review(self, replace(report, branch=branch), patch, cleared)

    def clear(self) -> Clearance | Reason:
        """Look once more whether the result may be published as things are now."""
        policy, gathered = self.look()
        refused, repository = may_publish(policy, gathered.facts, self.task), gathered.facts.repository
        if refused is not None or repository is None:
            return refused or Reason(code="issue.missing", sentence="The repository is gone.")
        return Clearance(base_branch=repository.default_branch, close_issue=policy.pull_requests.close_issue)

    def record_built(self, report: AttemptReport) -> None:
        """Record what is about to be published, so that whoever comes next knows it by its commit."""
        subject, policy = self._under()
        self.step("built", {"report": report, "subject": subject, "policy": policy})

    def heads_of_ours(self) -> frozenset[str]:
        """Return every commit that an attempt of this task may have pushed."""
        built, pushed = self.earlier.get("built"), self.earlier.get("pushed")
        known = {self.task.head, pushed.get("head") if isinstance(pushed, dict) else None}
        if isinstance(built, dict):
            known.add(report_from(built["report"]).head)
        return frozenset(head for head in known if head is not None)

    def _branches(self) -> tuple[str, ...]:
        return tuple(
            branch_name(self.task.category, self.task.issue_number, self.task.id, suffix) for suffix in SUFFIXES
        )

    def _under(self) -> tuple[str, str]:
        return self.task.subject, self.policy.version


def publish(publication: Publication, built: Built) -> AttemptReport:
    """Publish a built commit. Raises StoppedError, StaleError and what GitHub or the network raise."""
    report, head = built.report, built.head
    if head is None:
        raise AssertionError("nothing was built")
    publication.check()
    report = replace(report, draft=report.draft or publication.policy.pull_requests.draft == "always")
    texts = pull_title(publication.task) + pull_body(publication.task, report, close_issue=False)
    raw = "\n".join([texts, report.summary, publication.task.title, *(check.note for check in report.proof.checks)])
    if found := find_secrets(raw.encode(), publication.secrets()):
        sentence = f"The result must not be published. {SECRETS}: {', '.join(found)} found in the summary."
        return replace(report, outcome="unpublishable", sentence=sentence, retryable=False)
    publication.record_built(report)
    return _push_and_open(publication, report, head, built.patch)


def _push_and_open(publication: Publication, report: AttemptReport, head: Sha, patch: bytes) -> AttemptReport:
    cleared = publication.clear()
    if isinstance(cleared, Reason):
        return _withdrawn(report, cleared)
    branch = _place(publication, head)
    if isinstance(branch, Rejected):
        return replace(report, outcome="push_rejected", sentence=f"GitHub did not take the push: {branch.text[:1500]}")
    publication.step("pushed", {"branch": branch, "head": head}, branch=branch, head=head)
    return _open_and_review(publication, replace(report, branch=branch), patch, cleared)


def _withdrawn(report: AttemptReport, why: Reason) -> AttemptReport:
    return replace(report, outcome="withdrawn", sentence=f"Not published: {why.sentence}", retryable=False)


def _patch_of(mirror: Mirror, report: AttemptReport) -> bytes:
    """Return the patch of an earlier attempt's commit; nothing when it is not on this machine or too large."""
    if report.head is None or report.base is None:
        return b""
    try:
        return mirror.patch(report.base, report.head, 2 * PATCH_LIMIT)
    except GitError as error:
        log.info("publish.patch_unknown", why=error.sentence)
        return b""


def _place(publication: Publication, head: Sha) -> str | Rejected:
    """Push a commit to the task's branch and return its name.

    A branch that holds a commit of ours is moved on from exactly that commit; one that holds anything else is left
    alone, and the task takes a second name, once.
    """
    task, ours = publication.task, publication.heads_of_ours()
    refused = Rejected(
        kind=Refusal.EXISTS, text="both names of the task's branch are taken by commits that are not ours"
    )
    for suffix in SUFFIXES:
        branch = branch_name(task.category, task.issue_number, task.id, suffix)
        expected = task.head if task.branch == branch else None
        for _ in range(2):
            pushed = _push(publication, head, branch, expected)
            if isinstance(pushed, Pushed):
                return branch
            if pushed.kind not in {Refusal.EXISTS, Refusal.NON_FAST_FORWARD}:
                return pushed
            expected = publication.remote_head(branch)
            if expected is not None and expected not in ours:
                break
    return refused


def _push(publication: Publication, head: Sha, branch: str, expected: Sha | None) -> Pushed | Rejected:
    """Push with a token of its own; one that died meanwhile is replaced once. The lease is looked at last."""
    try:
        return _push_once(publication, head, branch, expected)
    except GitHubRefusedError as error:
        if error.status != SPENT:
            raise
    return _push_once(publication, head, branch, expected)


def _push_once(publication: Publication, head: Sha, branch: str, expected: Sha | None) -> Pushed | Rejected:
    client, remote = publication.client, publication.remote
    minted = client.git_token("write")
    token = Token(value=minted.value)
    try:
        publication.check()
        return push(mirror=publication.mirror, remote=remote, sha=head, branch=branch, token=token, expected=expected)
    finally:
        try:
            client.revoke(minted)
        except RemitError as error:  # it dies by itself within the hour; what the push came to counts more
            log.warning("publish.token_not_revoked", task=publication.task.id, why=error.sentence)


def _open_and_review(
    publication: Publication, report: AttemptReport, patch: bytes, cleared: Clearance
) -> AttemptReport:
    """Open the pull request of a pushed branch, or adopt the one that is there, and say what the review found."""
    pull = _open(publication, report, cleared)
    if not pull.open and pull.merged_as is None:
        sentence = f"Its pull request #{pull.number} was closed before the run ended."
        return _withdrawn(report, Reason(code="pull.closed", sentence=sentence))
    columns = {"pull_number": pull.number, "pull_url": pull.url}
    publication.step("pull", {"number": pull.number, "url": pull.url}, **columns)
    _review(publication, report, pull, patch)
    said = "A draft pull request is open." if report.draft else "A pull request is open."
    return replace(report, outcome=DONE, sentence=said, pull_number=pull.number, pull_url=pull.url, retryable=False)


def _open(publication: Publication, report: AttemptReport, cleared: Clearance) -> Pull:
    client, task = publication.client, publication.task
    branch = report.branch
    if branch is None:
        raise AssertionError("a pull request without a branch")
    title, body = pull_title(task), pull_body(task, report, close_issue=cleared.close_issue)
    found = client.find_pull(branch) if publication.may_exist else None
    if found is None:
        publication.check()
        try:
            return client.open_pull(head=branch, base=cleared.base_branch, title=title, body=body, draft=report.draft)
        except LostAccessError:
            raise
        except RemitError:
            # The answer may be lost and the pull request there all the same.
            found = client.find_pull(branch)
            if found is None:
                raise
    if found.open and found.body != body:
        publication.check()
        client.edit_pull(found.number, title=title, body=body)  # its proof must be that of what was pushed
    return found


def _review(publication: Publication, report: AttemptReport, pull: Pull, patch: bytes) -> None:
    """Post the advisory review. That GitHub refuses it is told in the log and never stops the pull request."""
    client, task = publication.client, publication.task
    review = _without_secrets(report.review, publication)
    try:
        if not (publication.may_exist and _reviewed(publication, pull)):
            _post(publication, pull, review, replace(report, review=review), patch)
        publication.check()
        name, color, description = REVIEW_LABELS[review.critical]
        client.ensure_label(name, color=color, description=description)
        client.add_labels(pull.number, [name])
    except (LostAccessError, GitHubRefusedError) as error:
        log.warning("publish.review_refused", task=task.id, why=error.sentence)
    publication.step("review", {"critical": review.critical})


def _post(publication: Publication, pull: Pull, review: Review, report: AttemptReport, patch: bytes) -> None:
    """Post the review once; without its inline remarks when GitHub does not take those: the summary has them, too."""
    body, head = review_body(review, report, publication.task), report.head or pull.head
    lines = lines_for_remarks(patch)
    notes = [
        Note(path=finding.path, line=finding.line, body=finding_line(finding))
        for finding in review.findings
        if finding.line is not None and finding.line in lines.get(finding.path, frozenset())
    ][:MOST_NOTES]
    publication.check()
    try:
        publication.client.review(pull.number, body, notes, head)
    except RateLimitedError:
        raise
    except GitHubUnreachableError:
        # The answer may be lost and the review there all the same.
        if not _reviewed(publication, pull):
            raise
    except GitHubRefusedError as error:
        if error.status != NOT_PROCESSABLE or not notes:
            raise
        log.info("publish.notes_refused", task=publication.task.id, why=error.sentence)
        publication.client.review(pull.number, body, (), head)


def _reviewed(publication: Publication, pull: Pull) -> bool:
    return publication.client.find_review(pull.number, f"<!-- remit:review {publication.task.id} -->") is not None


def _without_secrets(review: Review, publication: Publication) -> Review:
    """Return the review, or what is left of one that would tell a secret."""
    texts = [review.summary, review.note, *(f"{finding.path}\n{finding.sentence}" for finding in review.findings)]
    if not find_secrets("\n".join(texts).encode(), publication.secrets()):
        return review
    bare = tuple(replace(finding, path="", line=None, sentence="withheld") for finding in review.findings)
    return Review(findings=bare, note="A secret was found in what the reviewer wrote; it is withheld.")
