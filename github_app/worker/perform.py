"""One effect on GitHub, performed so that a repetition changes nothing.

A comment is looked for by its marker before it is written a second time; a status comment, a label and a reaction are
brought to what they should be now. What GitHub refuses for good is put aside; what it cannot do now waits.
"""

from dataclasses import dataclass
from typing import assert_never

from github_app.core.decision import Propose, React, Refresh, Reply
from github_app.core.names import Instant, State, TaskId
from github_app.core.report import (
    STATE_LABELS,
    Status,
    marker,
    proposal_comment,
    reply_comment,
    status_comment,
)
from github_app.core.task import Task
from github_app.errors import GitHubRefusedError, GitHubUnreachableError, LostAccessError, RateLimitedError, RemitError
from github_app.github.client import GitHub
from github_app.github.repository import RepositoryClient
from github_app.log import get_log
from github_app.store import outbox
from github_app.store.outbox import Effect
from github_app.store.pauses import pauses_of
from github_app.store.session import Database
from github_app.store.tasks import annotate, shown
from github_app.store.view import get, last_report

log = get_log("perform")
GONE = frozenset({301, 307, 308, 404, 410})  # issue or comment, not the repository: moved away or deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """Performs effects; thread-safe."""

    db: Database
    github: GitHub
    public_url: str | None

    def perform(self, effect: Effect) -> None:
        """Perform one effect and settle it."""
        told = log.bind(effect=effect.key, kind=type(effect.action).__name__, task=effect.task_id)
        place = effect.place
        client = self.github.repository(place.installation_id, place.repository_id, place.full_name)
        try:
            result = self._do(client, effect)
        except RateLimitedError as error:
            until = self._later(error.retry_after)
            told.warning("effect.waits", why=error.sentence, seconds=error.retry_after)
            outbox.give_back(self.db, effect.id, until)
            outbox.postpone(self.db, place.installation_id, until)
        except GitHubRefusedError as error:
            if error.status in GONE and not isinstance(error, LostAccessError):
                told.info("effect.needless", why=error.sentence)
                outbox.done(self.db, effect.id, {})
                return
            told.warning("effect.refused", why=error.sentence)
            outbox.quarantine(self.db, effect.id, error.sentence)
        except RemitError as error:
            away = isinstance(error, GitHubUnreachableError)
            until = self._later(min(300.0, 2.0**effect.tries))
            lost = outbox.failed(self.db, effect.id, error.sentence, until, blame=not away)
            told.warning("effect.failed", why=error.sentence, tries=effect.tries, quarantined=lost)
        else:
            outbox.done(self.db, effect.id, result)
            told.info("effect.done", **result)

    def _do(self, client: RepositoryClient, effect: Effect) -> dict[str, int]:
        action = effect.action
        match action:
            case React():
                client.react(action.on, action.content, number=action.number, comment_id=action.comment_id)
                return {}
            case Refresh():
                return self._refresh(client, effect)
            case Propose():
                task_id = _known(action.task_id or effect.task_id)
                body = proposal_comment(action, task_id)
                mark = marker("proposal", f"{task_id}:{action.digest}:{action.expires_at}")
                said = self._say(client, effect, action.number, mark, body)
                posted = client.get_comment("issue_comment", said["comment"])
                if posted is not None:
                    at = posted.created_at
                    self.db.transaction(lambda session: shown(session, task_id, action.digest, at))
                return said
            case Reply():
                task = None if effect.task_id is None else get(self.db, effect.task_id)
                if action.kind == "reminder" and (task is None or _answered(action, task)):
                    return {}
                body = reply_comment(action, effect.key, task)
                return self._say(client, effect, action.number, marker("reply", effect.key), body)
            case _:
                assert_never(action)

    def _say(self, client: RepositoryClient, effect: Effect, number: int, mark: str, body: str) -> dict[str, int]:
        """Write a comment once: a repeated try looks for what the earlier one may have left."""
        found = client.find_comment(number, mark) if effect.tries > 1 else None
        return {"comment": client.comment(number, body) if found is None else found}

    def _refresh(self, client: RepositoryClient, effect: Effect) -> dict[str, int]:
        task = get(self.db, _known(effect.task_id))
        if task is None:
            return {}
        # While a task is held its proposal says everything; a second comment would only be noise.
        told = task.state is State.HELD and task.status_comment_id is None
        comment = {} if told else self._status_comment(client, effect, task)
        self._state_label(client, task)
        return comment

    def _status_comment(self, client: RepositoryClient, effect: Effect, task: Task) -> dict[str, int]:
        page = None if self.public_url is None else f"{self.public_url.rstrip('/')}/tasks/{task.id}"
        body = status_comment(
            Status(task=task, report=last_report(self.db, task.id), page=page, pauses=pauses_of(self.db, task))
        )
        known = task.status_comment_id
        if known is None and effect.tries > 1:
            known = client.find_comment(task.issue_number, marker("status", task.id))
        if known is not None:
            try:
                client.edit_comment(known, body)
            except LostAccessError:
                raise
            except GitHubRefusedError as error:
                if error.status != 404:
                    raise
                known = None  # somebody deleted it: say it again
        if known is None:
            known = client.comment(task.issue_number, body)
        if known != task.status_comment_id:
            noted = known
            self.db.transaction(lambda session: annotate(session, task.id, status_comment_id=noted))
        return {"comment": known}

    def _state_label(self, client: RepositoryClient, task: Task) -> None:
        """Leave exactly the one state label that is true now, or none."""
        wanted = STATE_LABELS.get(task.state)
        issue_labels = client.labels(task.issue_number)
        ours = {name for name, _, _ in STATE_LABELS.values()}
        for name in issue_labels:
            if name in ours and (wanted is None or name != wanted[0]):
                client.remove_label(task.issue_number, name)
        if wanted is not None and wanted[0] not in issue_labels:
            name, color, description = wanted
            client.ensure_label(name, color=color, description=description)
            client.add_labels(task.issue_number, [name])

    def _later(self, seconds: float) -> Instant:
        return Instant(self.db.now() + int(seconds * 1000))


def _answered(reminder: Reply, task: Task) -> bool:
    """Say whether a reminder comes too late: somebody answered, or there is another proposal."""
    return task.state is not State.HELD or reminder.once != f"reminder:{task.proposal}"


def _known(task_id: TaskId | None) -> TaskId:
    if task_id is None:
        raise AssertionError("an effect on a task without its id")
    return task_id
