"""One attempt of one task: look once more, build, publish, review; and whatever happens, say how it ended.

The lease's fence guards every write. What is done outside is recorded as a step before the next one begins, so that an
attempt after a crash adopts what is there instead of doing it twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from github_app.agents.contract import AgentOutcome
from github_app.core.assess import Assessment
from github_app.core.brief import Work
from github_app.core.decision import Reason
from github_app.core.events import AttemptFinished, Place, StartRefused, place_of
from github_app.core.finish import DONE
from github_app.core.names import Category, Instant, Sha
from github_app.core.policy import Policy
from github_app.core.proof import AttemptReport, Proof, Review
from github_app.core.secrets import find_secrets
from github_app.core.start import may_start
from github_app.core.task import Task
from github_app.errors import (
    GitError,
    GitHubUnreachableError,
    LostAccessError,
    NotConfiguredError,
    RateLimitedError,
    RemitError,
    SandboxError,
    StaleError,
)
from github_app.git.command import GitTooLargeError
from github_app.git.mirror import Mirror
from github_app.git.remote import Protocol, Remote
from github_app.github.client import GitHub
from github_app.github.gather import Gathered, gather_issue
from github_app.github.repository import RepositoryClient
from github_app.log import get_log
from github_app.store.lease import Claimed, finish, record_step, refuse_start, release
from github_app.store.session import BusyError, Database
from github_app.worker.build import build
from github_app.worker.live import LiveRun, StoppedError
from github_app.worker.publish import Publication, publish, reading
from github_app.worker.workshop import PATCH_DAYS, Order, Workshop

log = get_log("attempt")
PATIENCE_SECONDS = 60
PROVIDER_SECONDS = 300
INSTRUCTIONS_LIMIT = 20_000
MOST_TRIES = 60  # about ten minutes; by then the lease has long run out


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Makes attempts; thread-safe."""

    db: Database
    github: GitHub
    shop: Workshop
    policy_for: Callable[[Gathered], Policy]
    brief_of: Callable[[str], str]
    github_url: str

    def run(self, claimed: Claimed, live: LiveRun) -> None:
        """Make one attempt and record how it ended; never raises for what an attempt can run into."""
        task = claimed.task
        told = log.bind(task=task.id, attempt=claimed.number, repository=task.repository)
        place = place_of(task)
        try:
            ending = self._attempt(claimed, live)
        except StoppedError as error:
            told.info("attempt.stopped", why=error.sentence)
            self._give_back(claimed, live)
            return
        except StaleError as error:
            told.warning("attempt.lease_lost", why=error.sentence)
            return
        except (RateLimitedError, GitHubUnreachableError) as error:
            wait = error.retry_after if isinstance(error, RateLimitedError) else PATIENCE_SECONDS
            told.warning("attempt.waits", why=error.sentence, seconds=wait)
            self._postpone(claimed, live, Reason(code="github.unreachable", sentence=error.sentence), wait)
            return
        except RemitError as error:
            told.warning("attempt.failed", why=error.sentence, kind=type(error).__name__)
            ending = _fault(error)
        except Exception as error:  # noqa: BLE001 - a fault of ours must end the attempt, told, not the worker
            told.exception("attempt.broke")
            ending = AttemptReport(outcome="internal_error", sentence=f"Remit failed: {type(error).__name__}.")
        except BaseException:  # somebody presses Ctrl-C: the task goes back before the process ends
            self._postpone(claimed, live, Reason(code="worker.drained", sentence="Remit is being stopped."), 0)
            raise
        if isinstance(ending, AttemptReport):
            if ending.outcome == AgentOutcome.PROVIDER_LIMIT:
                told.warning("attempt.waits", why=ending.sentence, seconds=PROVIDER_SECONDS)
                reason = Reason(code="provider.limit", sentence=ending.sentence)
                self._postpone(claimed, live, reason, PROVIDER_SECONDS)
                return
            ending = self._told_of_patch(claimed, self._without_secrets(ending))
        self._end(claimed, live, place, ending)
        told.info("attempt.ended", how=ending.outcome if isinstance(ending, AttemptReport) else ending.code)

    def _end(self, claimed: Claimed, live: LiveRun, place: Place, ending: AttemptReport | Reason) -> None:
        """Record the end until the database answers; a lost lease means that it counts for nothing."""
        task = claimed.task
        if isinstance(ending, Reason):
            event = StartRefused(place=place, task_id=task.id, fence=claimed.fence, number=task.issue_number)
            self._insist(claimed, live, lambda: refuse_start(self.db, event, ending.sentence))
            return
        finished = AttemptFinished(place=place, task_id=task.id, fence=claimed.fence, report=ending)
        if not self._insist(claimed, live, lambda: finish(self.db, finished)):
            bare = AttemptReport(outcome="internal_error", sentence="Remit could not record how this ended.")
            last = replace(finished, report=bare)
            self._insist(claimed, live, lambda: finish(self.db, last))

    def _insist(self, claimed: Claimed, live: LiveRun, record: Callable[[], Any]) -> bool:
        """Record something until the database takes it; False when it never will.

        A process that is being stopped tries once more and leaves the rest to the lease, as does one whose database
        stays away: the attempt then counts as interrupted, and the next one adopts what it published.
        """
        task_id, wait = claimed.task.id, 0.2
        for _ in range(MOST_TRIES):
            stopping = live.stopped is not None
            try:
                record()
            except StaleError as error:
                log.warning("attempt.lease_lost", task=task_id, why=error.sentence)
                return True
            except RemitError as error:
                if not isinstance(error, BusyError):
                    log.exception("attempt.not_recordable", task=task_id)
                    return False
                log.warning("attempt.end_not_recorded", task=task_id, why=error.sentence, retry_in=wait)
            except Exception:
                log.exception("attempt.end_not_recorded", task=task_id, retry_in=wait)
            else:
                return True
            if stopping:
                break
            live.wait(wait)
            wait = min(10.0, wait * 2)
        log.error("attempt.left_to_its_lease", task=task_id)
        return True

    def _give_back(self, claimed: Claimed, live: LiveRun) -> None:
        if live.stopped is not None and live.stopped.drain:
            self._postpone(claimed, live, Reason(code="worker.drained", sentence=live.stopped.why), 0)

    def _postpone(self, claimed: Claimed, live: LiveRun, reason: Reason, seconds: float) -> None:
        def let_go() -> None:
            until = Instant(self.db.now() + int(seconds * 1000))
            release(self.db, claimed.task.id, claimed.fence, reason, run_after=until)

        self._insist(claimed, live, let_go)

    def _without_secrets(self, report: AttemptReport) -> AttemptReport:
        """Return the report, or what is left of one whose words would tell a secret: people read them on GitHub."""
        checks = report.proof.checks
        texts = [report.sentence, report.summary, report.review.summary, *(check.note for check in checks)]
        texts += [f"{finding.path}\n{finding.sentence}" for finding in report.review.findings]
        found = find_secrets("\n".join(texts).encode("utf-8", "replace"), self.shop.secrets())
        if not found:
            return report
        done = report.outcome == DONE
        withheld = f"What it says is withheld: {', '.join(found)} found in it."
        return replace(
            report,
            sentence=report.sentence if done else f"It ended as {report.outcome}. {withheld}",
            summary="",
            review=Review(note=withheld),
            proof=Proof(checks=tuple(replace(check, note="withheld" if check.note else "") for check in checks)),
        )

    def _told_of_patch(self, claimed: Claimed, report: AttemptReport) -> AttemptReport:
        """Say where the work is when it was not published; forget it when it was."""
        task_id = claimed.task.id
        if report.outcome == DONE:
            self.shop.drop_patches(task_id)
        elif names := self.shop.kept_patches(task_id):
            kept = f" The work is kept on the server as `{names[-1]}` for {PATCH_DAYS} days."
            return replace(report, sentence=report.sentence + kept)
        return report

    def _attempt(self, claimed: Claimed, live: LiveRun) -> AttemptReport | Reason:
        task = claimed.task
        live.check()
        client = self.github.repository(task.installation_id, task.repository_id, task.repository)
        gathered = self._look(client, claimed)
        policy = self.policy_for(gathered)
        checked = may_start(policy, gathered.facts, task)
        if isinstance(checked, Reason):
            return checked
        self.shop.require_wall(policy)
        publication = Publication(
            db=self.db,
            client=client,
            task=task,
            fence=claimed.fence,
            live=live,
            remote=self._remote(client.full_name),
            mirror=Mirror.open(self.shop.work_dir / "mirrors", str(task.repository_id)),
            policy=policy,
            look=lambda: self._look_again(client, claimed),
            secrets=self.shop.secrets,
            may_exist=claimed.number > 1 or bool(claimed.earlier) or task.branch is not None,
            earlier=claimed.earlier,
        )
        adopted = publication.adopt()
        if adopted is not None:
            return adopted
        order = self._order(publication, claimed, gathered, policy, checked)
        with build(order, self.shop, live, lambda phase: self._phase(claimed, phase)) as built:
            if built.head is None:
                return built.report
            return publish(publication, built)

    def _look(self, client: RepositoryClient, claimed: Claimed) -> Gathered:
        """Read once more what the decision stood on, the approvals included."""
        task = claimed.task
        own = self.github.own_user_id(task.installation_id)
        gathered = gather_issue(client, task.issue_number, None, self.db.now(), own, claimed.approvals)
        ledger = replace(gathered.facts.ledger, task=task)
        return replace(gathered, facts=gathered.facts.with_ledger(ledger))

    def _look_again(self, client: RepositoryClient, claimed: Claimed) -> tuple[Policy, Gathered]:
        gathered = self._look(client, replace(claimed, approvals=()))
        return self.policy_for(gathered), gathered

    def _remote(self, full_name: str) -> Remote:
        protocol = Protocol.HTTPS if self.github_url.startswith("https://") else Protocol.HTTP
        return Remote(url=f"{self.github_url}/{full_name}.git", protocol=protocol)

    def _order(
        self, publication: Publication, claimed: Claimed, gathered: Gathered, policy: Policy, checked: Assessment
    ) -> Order:
        task, repository, mirror = claimed.task, gathered.facts.repository, publication.mirror
        if repository is None:
            raise AssertionError("a task may start without its repository")
        self._phase(claimed, "fetch")
        branch = repository.default_branch
        base = reading(publication.client, lambda token: mirror.fetch(publication.remote, branch, token))
        return make_order(task, checked, policy, mirror, base, self.brief_of, self._email(task), self.db.now())

    def _email(self, task: Task) -> str:
        host = "github.com" if self.github_url == "https://github.com" else self.github_url.split("//", 1)[1]
        return f"{task.requester_id}+{task.requester}@users.noreply.{host.partition(':')[0]}"

    def _phase(self, claimed: Claimed, phase: str) -> None:
        record_step(self.db, claimed.task.id, claimed.fence, f"phase.{phase}", {})


def make_order(
    task: Task,
    checked: Assessment,
    policy: Policy,
    mirror: Mirror,
    base: Sha,
    brief_of: Callable[[str], str],
    requester_email: str,
    now: Instant,
) -> Order:
    """Return the order for one attempt: the approved text, the category's brief, the repository's own instructions."""
    category = Category(task.category)
    work = Work(
        repository=task.repository,
        issue_number=task.issue_number,
        title=checked.title,
        body=checked.body,
        category=category,
        how=brief_of(category),
        instructions=_instructions(mirror, base),
        history=(task.last_failure,) if task.last_failure else (),
    )
    return Order(
        task=task,
        work=work,
        policy=policy,
        review_how=brief_of("review"),
        mirror=mirror,
        base=base,
        requester_email=requester_email,
        now=now,
    )


def _instructions(mirror: Mirror, base: Sha) -> str:
    """Return what the default branch tells agents; of a text that is too long, that it is."""
    try:
        found = mirror.read_file(base, "AGENTS.md", INSTRUCTIONS_LIMIT)
    except GitTooLargeError:
        return "AGENTS.md is too long to be repeated here: read it in the worktree."
    return (found or b"").decode(errors="replace")


def _fault(error: RemitError) -> AttemptReport:
    """Say whose fault it was; only faults of this machine that may pass are tried again."""
    match error:
        case LostAccessError():
            outcome, retryable = "access_lost", False
        case NotConfiguredError():
            outcome, retryable = "not_configured", False
        case GitError() | SandboxError():
            outcome, retryable = "infrastructure", True
        case _:
            outcome, retryable = "refused", False
    hint = f" Try: {error.hint}." if error.hint else ""
    return AttemptReport(outcome=outcome, sentence=f"{error.sentence}{hint}", retryable=retryable)
