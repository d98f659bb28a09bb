"""Stored decisions, read to be made again: newest first, a chunk at a time, so that a month fits into memory.

Decisions are numbered in the order of their time, so the primary key is all that is needed to find the newest.
"""

from collections.abc import Iterator

from sqlalchemy import select

from github_app.core.names import Instant
from github_app.core.replay import Recording, recording
from github_app.store.session import Database
from github_app.store.view import DECISION, POLICY

CHUNK = 500


def recordings(
    db: Database, *, since: Instant, repository: str | None = None, limit: int | None = None
) -> Iterator[Recording | None]:
    """Yield the decisions since an instant that can be made again, newest first, and None for each that cannot.

    `repository` is `owner/name`, compared without case; `limit` is how many rows are read at most.
    """
    before: int | None = None
    read = 0
    wanted = None if repository is None else repository.lower()
    while limit is None or read < limit:
        statement = select(DECISION.c.id, DECISION.c.at, DECISION.c.document).order_by(DECISION.c.id.desc())
        if before is not None:
            statement = statement.where(DECISION.c.id < before)
        with db.read() as session:
            size = CHUNK if limit is None else min(CHUNK, limit - read)
            rows = session.execute(statement.limit(size)).all()
        for row in rows:
            if row.at < since:
                return
            found = recording(row.id, row.at, row.document)
            if wanted is None or (found is not None and found.event.place.full_name.lower() == wanted):
                yield found
        if len(rows) < size:
            return
        before, read = rows[-1].id, read + len(rows)


def recorded_decision(db: Database, decision_id: int) -> Recording | None:
    """Return one decision as one that can be made again; None when there is none, or it cannot."""
    with db.read() as session:
        wanted = select(DECISION.c.id, DECISION.c.at, DECISION.c.document).where(DECISION.c.id == decision_id)
        row = session.execute(wanted).first()
    return None if row is None else recording(row.id, row.at, row.document)


def known_sources(db: Database) -> dict[str, dict[str, str]]:
    """Return the texts of every policy that a decision was made under, by version."""
    with db.read() as session:
        return {row.version: row.sources for row in session.execute(select(POLICY.c.version, POLICY.c.sources)).all()}
