"""From a recorded delivery to a carried-out decision: parse, gather, decide, apply.

Each delivery of a batch is settled on its own, in order; a burst of changes of one issue is decided once, by the
newest. What cannot be handled now is given back with a delay; what can never be, is put aside for a person.
"""

from dataclasses import dataclass, replace
from typing import Any

from github_app.core.commands import parse as parse_command
from github_app.core.decide import decide
from github_app.core.events import (
    AccessLost,
    ApprovalAwaited,
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
from github_app.core.names import DeliveryId, Instant, Permission, RepositoryId, UserId
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
from github_app.policies import Policies
from github_app.store import backlog
from github_app.store.apply import apply
from github_app.store.backlog import Batch, Delivery
from github_app.store.codec import event_from
from github_app.store.session import Database
from github_app.store.view import last_policy, task_by_pull

log = get_log("handle")
INTERNAL = "remit."


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Handles batches of deliveries; thread-safe."""

    db: Database
    github: GitHub
    policies: Policies

    def handle(self, batch: Batch) -> None:
        """Settle every delivery of a batch: the newest change of an issue decides for the older ones.

        What a person did goes before a look of our own, so that the person is answered.
        """
        read = [(delivery, event) for delivery in batch.deliveries if (event := self._read(delivery)) is not None]
        changes = [delivery for delivery, event in read if isinstance(event, IssueChanged)]
        decides = ([delivery for delivery in changes if not delivery.event.startswith(INTERNAL)] or changes)[-1:]
        older = tuple(delivery for delivery in changes if delivery not in decides)
        for delivery, event in read:
            if delivery not in older:
                self._settle(delivery, event, older if delivery in decides else ())

    def _read(self, delivery: Delivery) -> Event | None:
        """Return what happened, or None when the delivery is settled by that alone."""
        try:
            event = self._event(delivery)
        except PayloadError as error:
            log.warning("delivery.quarantined", delivery=delivery.guid, kind=delivery.event, why=error.sentence)
            backlog.quarantine(self.db, delivery.id, error.sentence)
            return None
        except RemitError as error:
            self._later(delivery, (), error)
            return None
        if isinstance(event, NotOurs):
            backlog.ignore(self.db, delivery.id, event.reason)
            return None
        if isinstance(event, CommentCreated) and parse_command(event.paragraphs) is None:
            backlog.ignore(self.db, delivery.id, "says nothing to Remit")
            return None
        return event

    def _settle(self, delivery: Delivery, event: Event, older: tuple[Delivery, ...]) -> None:
        try:
            self._decide(delivery, event, tuple(one.id for one in older))
        except PayloadError as error:
            log.warning("delivery.quarantined", delivery=delivery.guid, kind=delivery.event, why=error.sentence)
            for one in (delivery, *older):
                backlog.quarantine(self.db, one.id, error.sentence)
        except RemitError as error:
            self._later(delivery, older, error)

    def _later(self, delivery: Delivery, older: tuple[Delivery, ...], error: RemitError) -> None:
        """Give deliveries back for a while; GitHub being away is not held against them."""
        away = isinstance(error, GitHubUnreachableError)
        wait = error.retry_after if isinstance(error, RateLimitedError) else min(300.0, 2.0**delivery.tries)
        until = Instant(self.db.now() + int(wait * 1000))
        told = log.bind(delivery=delivery.guid, kind=delivery.event, why=error.sentence, seconds=wait)
        lost = [backlog.failed(self.db, one.id, error.sentence, until, blame=not away) for one in (delivery, *older)]
        told.warning("delivery.waits" if away else "delivery.failed", tries=delivery.tries, quarantined=any(lost))

    def _event(self, delivery: Delivery) -> Event | NotOurs:
        if delivery.event.startswith(INTERNAL):
            return event_from(delivery.event, delivery.body)
        return parse(delivery.event, delivery.body, self.github.own_user_id(delivery.installation_id))

    def _decide(self, delivery: Delivery, event: Event, superseded: tuple[DeliveryId, ...]) -> None:
        gathered = self._gather(event)
        facts = gathered.facts if gathered is not None else self._bare(event)
        policy, sources = self._policy(event, gathered)
        applied = apply(self.db, delivery, event, policy, facts, decide, superseded=superseded, sources=sources)
        decision = applied.decision
        log.info(
            "delivery.decided",
            delivery=delivery.guid,
            kind=delivery.event,
            verdict=str(decision.verdict),
            reason=decision.reasons[0].code if decision.reasons else "",
            task=None if applied.task is None else applied.task.id,
        )

    def _policy(self, event: Event, gathered: Gathered | None) -> tuple[Policy, dict[str, str] | None]:
        """Return the policy as it was read now with its texts, or the last that was known of the repository."""
        if gathered is not None:
            return self.policies.policy_for(gathered), self.policies.sources_of(gathered)
        if isinstance(event, AccessLost):
            return self.policies.base, None
        return self.policies.policy_from(last_policy(self.db, event.place.repository_id)), None

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
            case AttemptFinished() | CommentWithdrawn() | PullClosed() | AccessLost():
                return None
            case ApprovalExpired() | ApprovalAwaited():
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
            return Gathered(facts=Facts(now=now, own_user_id=own))
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
