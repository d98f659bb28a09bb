"""Effects on the outside that a decision asked for: performed at least once, in order, under a key.

Put in the transaction of the decision; taken one per installation at a time. A try is counted and committed before the
effect is tried, so whoever performs it knows a repetition (`tries > 1`) and looks for what the first try may have left.
One that fails waits alone: only effects on the same issue wait behind it; after `MAX_TRIES` it is put aside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from github_app.core.decision import Action, Propose, Refresh, Reply
from github_app.core.events import Place
from github_app.core.names import InstallationId, Instant, RepositoryId, TaskId
from github_app.errors import PayloadError
from github_app.store.codec import action_from, clean, plain
from github_app.store.presence import WorkerId
from github_app.store.session import Database, Guarded
from github_app.store.tables import OutboxRow
from github_app.store.tasks import table_of

MAX_TRIES = 6
TAKEN_FOR = 120_000
SETTLING = 1_000  # milliseconds
OUTBOX = table_of(OutboxRow)

# The first due effect of every installation that has none under way, and nothing older waiting for the same issue.
DUE = text("""
SELECT min(id) AS id FROM outbox o
WHERE state = 'pending' AND due_at <= :now AND (taken_until IS NULL OR taken_until <= :now)
  AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.state = 'pending' AND b.taken_until IS NOT NULL
                  AND b.taken_until > :now AND b.installation_id = o.installation_id)
  AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.state = 'pending' AND b.repository_id = o.repository_id
                  AND b.number = o.number AND b.id < o.id AND b.due_at > :now)
GROUP BY installation_id ORDER BY 1 LIMIT :limit
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One action to perform now; `tries` counts this one. `number` is the issue in whose line it stood."""

    id: int
    key: str
    place: Place
    number: int
    task_id: TaskId | None
    action: Action
    tries: int
    created_at: Instant


def put(
    session: Session, action: Action, *, key: str, place: Place, number: int, task_id: TaskId | None, now: Instant
) -> bool:
    """Add an effect; False when one with its key is there already, or a refresh of the task still waits anyway.

    A refresh waits `SETTLING` first: a task that is queued and claimed within a moment is told of once.
    """
    values = {
        "key": clean(key),
        "task_id": task_id,
        "installation_id": place.installation_id,
        "repository_id": place.repository_id,
        "repository": clean(place.full_name),
        "number": number,
        "kind": type(action).__name__,
        "payload": plain(action),
        "due_at": now + SETTLING if isinstance(action, Refresh) else now,
        "created_at": now,
    }
    insert_here = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert_here(OUTBOX).values(values).on_conflict_do_nothing().returning(OUTBOX.c.id)
    return session.execute(statement).first() is not None


def key_of(action: Action, cause: str, index: int, task_id: TaskId | None) -> str:
    """Return what makes an action unrepeatable: its own word, the proposed text, or its place in its decision."""
    match action:
        case Reply(once=once) if once:
            return f"once:{once}"
        case Propose():
            return f"propose:{task_id}:{action.digest}:{action.expires_at}"
        case _:
            return f"{cause}:{index}"


def due(db: Database, now: Instant | None = None, *, limit: int = 16, by: WorkerId | None = None) -> list[Effect]:
    """Take at most one effect per installation, in order, and count its try; unreadable ones are put aside."""
    mark = "" if by is None else by.mark

    def work(session: Session) -> list[Any]:
        db.lock(session, Guarded.OUTBOX)
        at = db.now(session) if now is None else now
        taken = []
        for effect_id in session.execute(DUE, {"now": at, "limit": limit}).scalars().all():
            sql = (
                "UPDATE outbox SET state = 'quarantined', taken_until = NULL, last_error = CASE WHEN last_error = '' "
                "THEN :note ELSE last_error END WHERE id = :id AND strikes >= :most"
            )
            note = f"given up after {MAX_TRIES} tries"
            given_up: Any = session.execute(text(sql), {"id": effect_id, "most": MAX_TRIES, "note": note})
            if given_up.rowcount == 0:
                sql = (
                    "UPDATE outbox SET tries = tries + 1, strikes = strikes + 1, taken_until = :until, taken_by = :by "
                )
                values = {"id": effect_id, "until": at + TAKEN_FOR, "by": mark}
                session.execute(text(sql + "WHERE id = :id"), values)
                taken.append(session.execute(OUTBOX.select().where(OUTBOX.c.id == effect_id)).mappings().one())
        return taken

    effects = []
    for row in db.transaction(work):
        try:
            effects.append(_effect(row))
        except PayloadError as error:
            quarantine(db, row["id"], error.sentence)
    return effects


def done(db: Database, effect_id: int, result: Mapping[str, Any] | None = None) -> None:
    """Say that an effect is there; `result` is what it left behind (ids)."""

    def work(session: Session) -> None:
        values = {"state": "done", "taken_until": None, "result": plain(dict(result or {})), "done_at": db.now(session)}
        session.execute(OUTBOX.update().where(OUTBOX.c.id == effect_id).values(values))

    db.transaction(work)


def failed(db: Database, effect_id: int, error: str, retry_at: Instant, *, blame: bool = True) -> bool:
    """Give an effect back until `retry_at`; returns whether it was put aside because its tries are used up.

    `blame` is false when the effect had no part in it (GitHub is away): the try stays counted, because it may have left
    something behind, but is not held against it.
    """

    def work(session: Session) -> bool:
        if _replaced_by_newer(session, effect_id, error, db.now(session)):
            return False
        state = f"CASE WHEN strikes >= {MAX_TRIES} AND :counted = 0 THEN 'quarantined' ELSE state END"
        sql = f"UPDATE outbox SET state = {state}, strikes = strikes - :counted, last_error = :error, "  # noqa: S608
        sql += "due_at = :at, taken_until = NULL WHERE id = :id AND state = 'pending' RETURNING state"
        values = {"id": effect_id, "error": clean(error), "at": retry_at, "counted": 0 if blame else 1}
        return session.execute(text(sql), values).scalar_one_or_none() == "quarantined"

    return db.transaction(work)


def quarantine(db: Database, effect_id: int, error: str) -> None:
    """Put an effect aside for a person to look at: GitHub refused it, and repeating cannot help."""
    sql = "UPDATE outbox SET state = 'quarantined', taken_until = NULL, last_error = :error WHERE id = :id"
    db.transaction(lambda session: session.execute(text(sql), {"id": effect_id, "error": clean(error)}) and None)


def postpone(db: Database, installation_id: InstallationId, until: Instant) -> None:
    """Let everything of an installation wait (GitHub's rate limit): no try is lost, other installations go on."""
    sql = "UPDATE outbox SET due_at = :until WHERE state = 'pending' AND installation_id = :id AND due_at < :until"
    db.transaction(lambda session: session.execute(text(sql), {"id": installation_id, "until": until}) and None)


def drop(
    session: Session,
    installation_id: InstallationId,
    repository_ids: Sequence[RepositoryId] | None,
    why: str,
    now: Instant,
) -> None:
    """Settle what still waits for repositories that are not ours to write to any more; None: for all of them."""
    here = [OUTBOX.c.installation_id == installation_id, OUTBOX.c.state == "pending"]
    if repository_ids is not None:
        here.append(OUTBOX.c.repository_id.in_(repository_ids))
    values = {"state": "done", "taken_until": None, "last_error": clean(why), "done_at": now}
    session.execute(OUTBOX.update().where(*here).values(values))


def give_back(db: Database, effect_id: int, retry_at: Instant) -> None:
    """Give an effect back untried (drain, rate limit): its try does not count."""
    sql = "UPDATE outbox SET tries = tries - 1, strikes = strikes - 1, taken_until = NULL, due_at = :at "
    sql += "WHERE id = :id AND state = 'pending'"

    def work(session: Session) -> None:
        if not _replaced_by_newer(session, effect_id, "given back", db.now(session)):
            session.execute(text(sql), {"id": effect_id, "at": retry_at})

    db.transaction(work)


def _replaced_by_newer(session: Session, effect_id: int, error: str, now: Instant) -> bool:
    """Settle a refresh that a newer one makes needless: it would say the same."""
    sql = (
        "UPDATE outbox SET state = 'done', taken_until = NULL, last_error = :error, done_at = :now WHERE id = :id "
        "AND kind = 'Refresh' AND EXISTS (SELECT 1 FROM outbox n WHERE n.task_id = outbox.task_id "
        "AND n.id <> outbox.id AND n.kind = 'Refresh' AND n.state = 'pending' AND n.taken_until IS NULL)"
    )
    result: Any = session.execute(text(sql), {"id": effect_id, "error": clean(error), "now": now})
    return result.rowcount == 1


def _effect(row: Any) -> Effect:
    place = Place(
        installation_id=InstallationId(row["installation_id"]),
        repository_id=RepositoryId(row["repository_id"]),
        full_name=row["repository"],
    )
    copied = {name: row[name] for name in ("id", "key", "number", "task_id", "tries", "created_at")}
    return Effect(**copied, place=place, action=action_from(row["kind"], row["payload"]))
