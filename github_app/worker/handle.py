"""From a recorded delivery to a carried-out decision: parse, gather, decide, apply.

Each delivery of a batch is settled on its own, in order; a burst of changes of one issue is decided once, by the
newest. What cannot be handled now is given back with a delay; what can never be, is put aside for a person.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from github_app.core.decide import decide
from github_app.core.events import (
    AccessLost,
    ApprovalExpired,
    AttemptFinished,
    CommentCreated,
    CommentWithdrawn,
    Event,
    IssueChanged,
    Place,
    PullClosed,
    StartRefused,
)
from github_app.core.facts import Facts, Person
from github_app.core.names import Instant, Permission, RepositoryId, UserId
from github_app.core.policy import Policy
from github_app.errors import (
    GitHubRefusedError,
    GitHubUnreachableError,
    LostAccessError,
    PayloadError,
    RateLimitedError,
    RemitError,
)
from github_app.github.client import GitHub
from github_app.github.gather import Gathered, gather_issue
from github_app.github.webhook import NotOurs, parse
from github_app.log import get_log
from github_app.store import backlog
from github_app.store.apply import apply
from github_app.store.backlog import Batch, Delivery
from github_app.store.codec import event_from
from github_app.store.session import Database
from github_app.store.view import task_by_pull

log = get_log("handle")
INTERNAL = "remit."
PolicyFor = Callable[[Gathered | None], Policy]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Handles batches of deliveries; thread-safe."""

    db: Database
    github: GitHub
    policy_for: PolicyFor

    def handle(self, batch: Batch) -> None:
        """Settle every delivery of a batch: the newest change of an issue decides for the older ones."""
        superseded = set(batch.superseded)
        for delivery in batch.deliveries:
            if delivery.id not in superseded:
                decides = delivery.event in {"issues", "remit.room", "remit.reconciled"}
                self._settle(delivery, tuple(superseded) if decides else ())

    def _settle(self, delivery: Delivery, superseded: tuple[int, ...]) -> None:
        told = log.bind(delivery=delivery.guid, event=delivery.event)
        try:
            event = self._event(delivery)
            if isinstance(event, NotOurs):
                backlog.ignore(self.db, delivery.id, event.reason)
                return
            self._decide(delivery, event, superseded)
        except PayloadError as error:
            told.warning("delivery.quarantined", why=error.sentence)
            backlog.quarantine(self.db, delivery.id, error.sentence)
        except RateLimitedError as error:
            told.warning("delivery.waits", why=error.sentence, seconds=error.retry_after)
            backlog.failed(self.db, delivery.id, error.sentence, self._later(error.retry_after))
        except RemitError as error:
            wait = min(300.0, 2.0**delivery.tries)
            lost = backlog.failed(self.db, delivery.id, error.sentence, self._later(wait))
            told.warning("delivery.failed", why=error.sentence, tries=delivery.tries, quarantined=lost)

    def _event(self, delivery: Delivery) -> Event | NotOurs:
        if delivery.event.startswith(INTERNAL):
            return event_from(delivery.event, delivery.body)
        return parse(delivery.event, delivery.body, self.github.own_user_id(delivery.installation_id))

    def _decide(self, delivery: Delivery, event: Event, superseded: tuple[int, ...]) -> None:
        gathered = self._gather(event)
        facts = gathered.facts if gathered is not None else self._bare(event)
        policy = self.policy_for(gathered)
        applied = apply(self.db, delivery, event, policy, facts, decide, superseded=superseded)
        decision = applied.decision
        log.info(
            "delivery.decided",
            delivery=delivery.guid,
            event=delivery.event,
            verdict=str(decision.verdict),
            reason=decision.reasons[0].code if decision.reasons else "",
            task=None if applied.task is None else applied.task.id,
        )

    def _gather(self, event: Event) -> Gathered | None:
        """Read GitHub for events about an issue; a repository that is gone gives facts without an issue."""
        match event:
            case IssueChanged() | StartRefused():
                return self._issue(event.place, event.number, getattr(event, "sender", None))
            case CommentCreated():
                number = self._issue_number(event.place, event.number, on_pull=event.on_pull)
                if number is None:
                    return None
                return self._issue(event.place, number, event.sender, comment=(event.comment_kind, event.comment_id))
            case AttemptFinished() | CommentWithdrawn() | PullClosed() | AccessLost() | ApprovalExpired():
                return None

    def _issue(self, place: Place, number: int, sender: Any, **more: Any) -> Gathered:
        client = self.github.repository(place.installation_id, place.repository_id, place.full_name)
        own = self.github.own_user_id(place.installation_id)
        now = self.db.now()
        try:
            return gather_issue(client, number, sender, now, own, **more)
        except (RateLimitedError, GitHubUnreachableError):
            raise
        except LostAccessError as error:
            log.warning("access.lost", repository=place.full_name, why=error.sentence)
            return Gathered(facts=Facts(now=now, own_user_id=own), policy_text=None, policy_oid=None)
        except GitHubRefusedError as error:
            raise PayloadError(f"GitHub does not let this be read: {error.sentence}") from error

    def _issue_number(self, place: Place, number: int, *, on_pull: bool) -> int | None:
        """Return the issue a comment is about: its own, or that of the task whose pull request it stands on."""
        if not on_pull:
            return number
        task = task_by_pull(self.db, RepositoryId(place.repository_id), number)
        return None if task is None else task.issue_number

    def _bare(self, event: Event) -> Facts:
        """Return facts for events that say all there is to know themselves."""
        facts = Facts(now=self.db.now(), own_user_id=UserId(0))
        match event:
            case PullClosed(sender=sender):
                who = Person(id=sender.id, login=sender.login, human=sender.human, permission=Permission.NONE)
                return replace(facts, sender=who)
            case _:
                return facts

    def _later(self, seconds: float) -> Instant:
        return Instant(self.db.now() + int(seconds * 1000))
