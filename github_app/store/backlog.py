"""Deliveries that wait to be handled: taken in lanes, one lane for each issue, each lane by one worker at a time.

A try is counted and committed before the handling starts, so a delivery that kills its process runs out of tries too.
A lane that fails waits for itself only; after `MAX_TRIES` the delivery is quarantined and the lane goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from github_app.core.names import DeliveryId, InstallationId, Instant, RepositoryId, UserId
from github_app.store.codec import clean
from github_app.store.presence import WorkerId
from github_app.store.session import Database, Guarded

MAX_TRIES = 6
TAKEN_FOR = 120_000

LANE = 200  # deliveries of one issue that are handled together at most

# The oldest delivery of a lane leads it; a lane whose leader is under way or waits for its retry waits as a whole.
# Deliveries without an issue are lanes of their own.
LEADERS = text("""
SELECT id, repository_id, number FROM delivery d
WHERE state = 'pending' AND due_at <= :now AND (taken_until IS NULL OR taken_until <= :now)
  AND NOT EXISTS (SELECT 1 FROM delivery o WHERE o.state = 'pending' AND o.repository_id = d.repository_id
                  AND o.number = d.number AND o.id < d.id)
ORDER BY due_at, id LIMIT :limit
""")
FOLLOWERS = text("""
SELECT id FROM delivery WHERE state = 'pending' AND repository_id = :repository AND number = :number AND id > :leader
  AND due_at <= :now ORDER BY id LIMIT :limit
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A recorded delivery; `tries` counts the one that is under way."""

    id: DeliveryId
    guid: str
    event: str
    action: str
    source: str
    installation_id: InstallationId | None
    repository_id: RepositoryId | None
    number: int | None
    sender_id: UserId | None
    body: bytes
    received_at: Instant
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What waits for one issue, oldest first."""

    repository_id: RepositoryId | None
    number: int | None
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How much waits, and how much was given up for a person to look at."""

    pending: int
    quarantined: int
    oldest_received_at: Instant | None


def take(db: Database, now: Instant | None = None, *, limit: int = 64, by: WorkerId | None = None) -> list[Batch]:
    """Take what is due of at most `limit` issues, and count a try of each delivery.

    What has no tries left is quarantined instead. What a dead process took is free again (`rescue.free_taken`).
    """
    mark = "" if by is None else by.mark

    def work(session: Session) -> list[dict[str, Any]]:
        db.lock(session, Guarded.INBOX)
        at = db.now(session) if now is None else now
        ids = []
        for leader in session.execute(LEADERS, {"now": at, "limit": limit}).all():
            lane_of = {"repository": leader.repository_id, "number": leader.number, "leader": leader.id}
            ids += [leader.id, *session.execute(FOLLOWERS, {**lane_of, "now": at, "limit": LANE}).scalars()]
        taken = []
        for delivery_id in ids:
            note = f"given up after {MAX_TRIES} tries"
            sql = (
                "UPDATE delivery SET state = 'quarantined', taken_until = NULL, note = CASE WHEN note = '' THEN :note "
            )
            sql += "ELSE note END WHERE id = :id AND state = 'pending' AND strikes >= :most"
            given_up: Any = session.execute(text(sql), {"id": delivery_id, "most": MAX_TRIES, "note": note})
            if given_up.rowcount:
                continue
            sql = "UPDATE delivery SET tries = tries + 1, strikes = strikes + 1, taken_until = :until, "
            sql += "taken_by = :by WHERE id = :id RETURNING *"
            row = session.execute(text(sql), {"id": delivery_id, "until": at + TAKEN_FOR, "by": mark}).mappings().one()
            taken.append(dict(row))
        return taken

    def lane(row: dict[str, Any]) -> tuple[int, int, int]:
        alone = row["repository_id"] is None or row["number"] is None
        return (0, 0, row["id"]) if alone else (row["repository_id"], row["number"], 0)

    rows = sorted(db.transaction(work), key=lambda row: (lane(row), row["id"]))
    batches = [_batch([delivery_of(row) for row in rows]) for _, rows in groupby(rows, key=lane)]
    return sorted(batches, key=lambda batch: batch.deliveries[0].id)


def settle(session: Session, ids: Sequence[int], state: str, note: str, now: Instant) -> None:
    """Mark deliveries handled, superseded or ignored, inside the transaction that had their effect."""
    sql = "UPDATE delivery SET state = :state, note = :note, handled_at = :now, taken_until = NULL WHERE id = :id "
    for delivery_id in ids:
        session.execute(
            text(sql + "AND state <> 'handled'"), {"id": delivery_id, "state": state, "note": clean(note), "now": now}
        )


def ignore(db: Database, delivery_id: DeliveryId, note: str) -> None:
    """Mark a delivery as nothing Remit acts on."""
    db.transaction(lambda session: settle(session, [delivery_id], "ignored", note, db.now(session)))


def failed(db: Database, delivery_id: DeliveryId, why: str, retry_at: Instant, *, blame: bool = True) -> bool:
    """Give a delivery back until `retry_at`; returns whether it was quarantined because its tries are used up.

    `blame` is false when the delivery had no part in it (GitHub is away, a rate limit): such a try is not held against
    it. What was taken together with it waits as long.
    """

    def work(session: Session) -> bool:
        counted = 0 if blame else 1
        state = f"CASE WHEN strikes >= {MAX_TRIES} AND :counted = 0 THEN 'quarantined' ELSE state END"
        sql = f"UPDATE delivery SET state = {state}, strikes = strikes - :counted, note = :why, due_at = :at, "  # noqa: S608
        sql += "taken_until = NULL WHERE id = :id AND state = 'pending' RETURNING state, repository_id, number"
        values = {"id": delivery_id, "why": clean(why), "at": retry_at, "counted": counted}
        found = session.execute(text(sql), values).first()
        if found is None:
            return False
        together = (
            "UPDATE delivery SET taken_until = NULL, strikes = strikes - 1, due_at = :at WHERE state = 'pending' "
        )
        together += "AND repository_id = :repository AND number = :number AND taken_until IS NOT NULL"
        lane_of = {"repository": found.repository_id, "number": found.number}
        session.execute(text(together), {**lane_of, "at": retry_at})
        return found.state == "quarantined"

    return db.transaction(work)


def quarantine(db: Database, delivery_id: DeliveryId, why: str) -> None:
    """Put a delivery aside for a person to look at: repeating it cannot help."""
    sql = "UPDATE delivery SET state = 'quarantined', note = :why, taken_until = NULL WHERE id = :id"
    sql += " AND state = 'pending'"
    db.transaction(lambda session: session.execute(text(sql), {"id": delivery_id, "why": clean(why)}) and None)


def replay(db: Database, delivery_id: DeliveryId) -> bool:
    """Make a recorded delivery pending again, as if it had just arrived; False when there is none."""

    def work(session: Session) -> bool:
        sql = "UPDATE delivery SET state = 'pending', strikes = 0, due_at = :now, taken_until = NULL WHERE id = :id"
        result: Any = session.execute(text(sql), {"id": delivery_id, "now": db.now(session)})
        return result.rowcount == 1

    return db.transaction(work)


def counts(db: Database) -> Waiting:
    """Count what waits and what is quarantined; what is settled is never counted, it only grows."""
    with db.read() as session:
        row = session.execute(
            text(
                "SELECT (SELECT count(*) FROM delivery WHERE state = 'pending') AS pending, "
                "(SELECT count(*) FROM delivery WHERE state = 'quarantined') AS quarantined, "
                "(SELECT min(received_at) FROM delivery WHERE state = 'pending') AS oldest"
            )
        ).one()
    return Waiting(pending=row.pending, quarantined=row.quarantined, oldest_received_at=row.oldest)


def delivery_of(row: Any) -> Delivery:
    """Return a row of the delivery table as everybody outside sees it."""
    names = (name for name in Delivery.__dataclass_fields__ if name != "body")
    return Delivery(**{name: row[name] for name in names}, body=bytes(row["body"]))


def _batch(deliveries: list[Delivery]) -> Batch:
    first = deliveries[0]
    return Batch(repository_id=first.repository_id, number=first.number, deliveries=tuple(deliveries))
