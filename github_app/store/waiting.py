"""The line of deferred tasks: who is in front of whom, and who is looked at again when there is room.

Fair across requesters within a repository (everybody's first before anybody's second), and across repositories within
an installation (the repository with the least pending first). Who has used up their hour does not hold up the others.
Being woken is only an invitation: an internal delivery `remit.room`, decided with fresh facts like any other.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from github_app.core.events import Actor, IssueChanged, Place
from github_app.core.names import InstallationId, Instant, RepositoryId, State, UserId
from github_app.core.task import PENDING, STARTABLE
from github_app.store.codec import event_body
from github_app.store.inbox import NewDelivery, Recorded, record
from github_app.store.session import Database
from github_app.store.tables import IS_DEFERRED, among

HOUR = 3_600_000
SELF = Actor(id=UserId(0), login="remit", human=False)
IS_PENDING = among("state", PENDING)
# An open pull request, or a run that is about to become one: else a cap of one lets in everybody who waits.
WITH_PULL = frozenset({State.IN_REVIEW, State.RUNNING, *STARTABLE})

DEFERRED = (
    "SELECT id, installation_id, repository_id, repository, issue_number, requester_id, created_at, requester_cap, "  # noqa: S608 - our words
    f"pulls_cap, pending_cap, pending_cap_installation FROM task WHERE {IS_DEFERRED} "
    "AND installation_id = :installation"
)
STARTED = text(
    "SELECT requester_id, count(*) AS n FROM task WHERE requester_id IN :people AND admitted_at > :since "
    "AND installation_id = :installation GROUP BY requester_id"
).bindparams(bindparam("people", expanding=True))


@dataclass(frozen=True, slots=True)
class _Place:
    """One deferred task in line; ordered by `rank`."""

    row: Any
    rank: tuple[bool, int, int, int]  # requester's hour used up, how many of the requester's are in front, then age


def line(session: Session, installation_id: int, repository_id: int, now: Instant) -> list[int]:
    """Return the ids of a repository's deferred tasks, first in line first."""
    rows = _deferred(session, installation_id, repository_id)
    return [place.row.id for place in _in_line(rows, _used_up(session, rows, now))]


def in_front(
    session: Session, installation_id: int, repository_id: int, task_id: int | None, requester_id: int, now: Instant
) -> int:
    """Count the deferred tasks of a repository in front of one, or of a new one of that requester."""
    rows = _deferred(session, installation_id, repository_id)
    if not rows:
        return 0
    places = _in_line(rows, _used_up(session, rows, now))
    if task_id is not None and any(place.row.id == task_id for place in places):
        return [place.row.id for place in places].index(task_id)
    own = sum(place.row.requester_id == requester_id for place in places)
    return sum(1 for place in places if not place.rank[0] and place.rank[1] <= own)


def wake(session: Session, installation_id: int, cause: str, now: Instant) -> int:
    """Invite as many deferred tasks of an installation as there is room for, in fair order; returns how many.

    `cause` makes the invitation unrepeatable; a task that is already invited is not invited twice.
    """
    rows = _deferred(session, installation_id)
    if not rows:
        return 0
    pending = _count(session, IS_PENDING, installation_id)
    pulls = _count(session, among("state", WITH_PULL), installation_id)
    used_up = _used_up(session, rows, now)
    candidates: list[tuple[int, int, Any]] = []
    for repository_id in {row.repository_id for row in rows}:
        places = [p for p in _in_line([r for r in rows if r.repository_id == repository_id], used_up) if not p.rank[0]]
        for index, place in enumerate(places, start=pending[repository_id]):
            row = place.row
            if index < row.pending_cap and (row.pulls_cap is None or pulls[repository_id] < row.pulls_cap):
                candidates.append((index, row.created_at, row))
    candidates.sort(key=lambda candidate: (candidate[0], candidate[1], candidate[2].id))
    room = max(row.pending_cap_installation for row in rows) - pending.total()
    return sum(_invite(session, row, cause, now) for _, _, row in candidates[: max(0, room)])


def wake_all(db: Database) -> int:
    """Look at every installation that has deferred tasks: room also comes with time, and after a restart."""

    def work(session: Session) -> int:
        db.lock(session)
        now = db.now(session)
        ids = session.execute(text(f"SELECT DISTINCT installation_id FROM task WHERE {IS_DEFERRED}")).scalars()  # noqa: S608
        return sum(wake(session, installation_id, f"sweep-{now}", now) for installation_id in ids.all())

    return db.transaction(work)


def _deferred(session: Session, installation_id: int, repository_id: int | None = None) -> Sequence[Any]:
    where, values = "", {"installation": installation_id}
    if repository_id is not None:
        where, values = " AND repository_id = :repository", {**values, "repository": repository_id}
    return session.execute(text(f"{DEFERRED}{where} ORDER BY created_at, id"), values).all()


def _used_up(session: Session, rows: Sequence[Any], now: Instant) -> frozenset[int]:
    """Return who has started as many tasks within the last hour as policy allows."""
    caps = {row.requester_id: row.requester_cap for row in rows if row.requester_cap is not None}
    if not caps:
        return frozenset()
    values = {"people": list(caps), "since": now - HOUR, "installation": rows[0].installation_id}
    found = session.execute(STARTED, values).all()
    return frozenset(row.requester_id for row in found if row.n >= caps[row.requester_id])


def _in_line(rows: Iterable[Any], used_up: frozenset[int]) -> list[_Place]:
    own: Counter[int] = Counter()
    places = []
    for row in rows:
        places.append(_Place(row, (row.requester_id in used_up, own[row.requester_id], row.created_at, row.id)))
        own[row.requester_id] += 1
    return sorted(places, key=lambda place: place.rank)


def _count(session: Session, condition: str, installation_id: int) -> Counter[int]:
    sql = f"SELECT repository_id, count(*) AS n FROM task WHERE {condition} AND installation_id = :i "  # noqa: S608
    rows = session.execute(text(sql + "GROUP BY repository_id"), {"i": installation_id}).all()
    return Counter({row.repository_id: row.n for row in rows})


def _invite(session: Session, row: Any, cause: str, now: Instant) -> bool:
    invited = (
        "SELECT 1 FROM delivery WHERE state = 'pending' AND repository_id = :r AND number = :n "
        "AND event = 'remit.room' AND taken_until IS NULL"
    )
    if session.execute(text(invited), {"r": row.repository_id, "n": row.issue_number}).first() is not None:
        return False
    place = Place(
        installation_id=InstallationId(row.installation_id),
        repository_id=RepositoryId(row.repository_id),
        full_name=row.repository,
    )
    event = IssueChanged(place=place, number=row.issue_number, action="reconciled", sender=SELF)
    delivery = NewDelivery(
        guid=f"room:{row.id}:{cause}",
        event="remit.room",
        source="internal",
        installation_id=place.installation_id,
        repository_id=place.repository_id,
        number=row.issue_number,
        body=event_body(event),
        received_at=now,
    )
    return record(session, delivery) is Recorded.NEW
