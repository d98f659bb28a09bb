"""From a built commit to a pull request: checked once more, pushed, opened, reviewed.

Each step is recorded before the next one begins, and none is repeated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from github_app.core.decision import Reason
from github_app.core.finish import DONE
from github_app.core.names import Sha, branch_name
from github_app.core.policy import Policy
from github_app.core.proof import SECRETS, AttemptReport
from github_app.core.report import REVIEW_LABELS, finding_line, pull_body, pull_title, review_body
from github_app.core.secrets import find_secrets
from github_app.core.start import may_publish
from github_app.core.task import Task
from github_app.errors import GitHubRefusedError, LostAccessError, RemitError
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
from github_app.worker.diff import lines_of_new_side
from github_app.worker.live import LiveRun
from github_app.worker.workshop import Order

log = get_log("publish")
MOST_NOTES = 10


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
    look: Callable[[], tuple[Policy, Gathered]]
    secrets: Callable[[], tuple[str, ...]]
    may_exist: bool

    def step(self, name: str, data: Mapping[str, Any], **columns: Any) -> None:
        """Record a step; raises StaleError when the lease is lost."""
        record_step(self.db, self.task.id, self.fence, name, data, **columns)

    def check(self) -> None:
        """Raise StoppedError or StaleError when nothing may be written any more."""
        self.live.check()
        still_mine(self.db, self.task.id, self.fence)

    def adopt(self, earlier: Mapping[str, Any]) -> AttemptReport | None:
        """Go on with what an interrupted attempt had pushed already, or None when there is nothing to adopt."""
        built, pushed = earlier.get("built"), earlier.get("pushed")
        if not isinstance(built, dict) or not isinstance(pushed, dict):
            return None
        report, branch = report_from(built["report"]), str(pushed["branch"])
        token = self.client.git_token("read")
        if report.head is None or remote_head(self.remote, branch, Token(value=token.value)) != report.head:
            return None
        cleared = self.clear()
        if isinstance(cleared, Reason):
            return _withdrawn(report, cleared)
        log.info("publish.adopted", task=self.task.id, branch=branch)
        return open_and_review(self, replace(report, branch=branch), b"", cleared)

    def clear(self) -> Clearance | Reason:
        """Look once more whether the result may be published as things are now."""
        policy, gathered = self.look()
        refused, repository = may_publish(policy, gathered.facts, self.task), gathered.facts.repository
        if refused is not None or repository is None:
            return refused or Reason(code="issue.missing", sentence="The repository is gone.")
        return Clearance(base_branch=repository.default_branch, close_issue=policy.pull_requests.close_issue)


def _withdrawn(report: AttemptReport, why: Reason) -> AttemptReport:
    return replace(report, outcome="withdrawn", sentence=f"Not published: {why.sentence}", retryable=False)


def publish(publication: Publication, built: Built, order: Order) -> AttemptReport:
    """Publish a built commit. Raises StoppedError, StaleError and what GitHub or the network raise."""
    report, head = built.report, built.head
    if head is None:
        raise AssertionError("nothing was built")
    publication.check()
    cleared = publication.clear()
    if isinstance(cleared, Reason):
        return _withdrawn(report, cleared)
    always_draft = order.policy.pull_requests.draft == "always"
    report = replace(report, draft=report.draft or always_draft)
    texts = pull_title(order.task) + pull_body(order.task, report, close_issue=False)
    if found := find_secrets(texts.encode(), publication.secrets()):
        sentence = f"The result must not be published. {SECRETS}: {', '.join(found)} found in the summary."
        return replace(report, outcome="unpublishable", sentence=sentence, retryable=False)
    publication.step("built", {"report": report})
    branch = branch_name(order.task.category, order.task.issue_number, order.task.id)
    pushed = _push(publication, order.mirror, head, branch)
    if isinstance(pushed, Rejected) and pushed.kind is Refusal.EXISTS:
        branch = branch_name(order.task.category, order.task.issue_number, order.task.id, "b")
        pushed = _push(publication, order.mirror, head, branch)
    if isinstance(pushed, Rejected):
        return replace(report, outcome="push_rejected", sentence=f"GitHub did not take the push: {pushed.text[:1500]}")
    publication.step("pushed", {"branch": branch, "head": head}, branch=branch, head=head)
    report = replace(report, branch=branch)
    return open_and_review(publication, report, built.patch, cleared)


def open_and_review(publication: Publication, report: AttemptReport, patch: bytes, cleared: Clearance) -> AttemptReport:
    """Open the pull request of a pushed branch, or adopt the one that is there, and say what the review found."""
    pull = _open(publication, report, cleared)
    columns = {"pull_number": pull.number, "pull_url": pull.url}
    publication.step("pull", {"number": pull.number, "url": pull.url}, **columns)
    _review(publication, report, pull, patch)
    said = "A draft pull request is open." if report.draft else "A pull request is open."
    return replace(report, outcome=DONE, sentence=said, pull_number=pull.number, pull_url=pull.url, retryable=False)


def _push(publication: Publication, mirror: Mirror, head: Sha, branch: str) -> Pushed | Rejected:
    publication.check()
    token = publication.client.git_token("write")
    try:
        return push(
            mirror=mirror,
            remote=publication.remote,
            sha=head,
            branch=branch,
            token=Token(value=token.value),
            expected=None,
        )
    finally:
        publication.client.revoke(token)


def _open(publication: Publication, report: AttemptReport, cleared: Clearance) -> Pull:
    client, task = publication.client, publication.task
    branch = report.branch
    if branch is None:
        raise AssertionError("a pull request without a branch")
    found = client.find_pull(branch) if publication.may_exist else None
    if found is not None:
        return found
    publication.check()
    try:
        return client.open_pull(
            head=branch,
            base=cleared.base_branch,
            title=pull_title(task),
            body=pull_body(task, report, close_issue=cleared.close_issue),
            draft=report.draft,
        )
    except LostAccessError:
        raise
    except RemitError:
        # The answer may be lost and the pull request there all the same.
        found = client.find_pull(branch)
        if found is None:
            raise
        return found


def _review(publication: Publication, report: AttemptReport, pull: Pull, patch: bytes) -> None:
    """Post the advisory review; its failure is told in the log and never stops the pull request."""
    client, task, review = publication.client, publication.task, report.review
    body = review_body(review, report, task)
    lines = lines_of_new_side(patch)
    notes = [
        Note(path=finding.path, line=finding.line, body=finding_line(finding))
        for finding in review.findings
        if finding.line is not None and finding.line in lines.get(finding.path, frozenset())
    ][:MOST_NOTES]
    try:
        if publication.may_exist and client.find_review(pull.number, f"<!-- remit:review {task.id} -->") is not None:
            return
        publication.check()
        client.review(pull.number, body, notes, pull.head)
        name, color, description = REVIEW_LABELS[review.critical]
        client.ensure_label(name, color=color, description=description)
        client.add_labels(pull.number, [name])
    except (LostAccessError, GitHubRefusedError) as error:
        log.warning("publish.review_refused", task=task.id, why=error.sentence)
    publication.step("review", {"notes": len(notes), "critical": review.critical})
