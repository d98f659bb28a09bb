"""Pauses: where nothing new starts. Written under the lock that claims take, so none slips through beside one.

A pause is never deleted; lifting it adds when and by whom. One whose end has come counts no more, without any writing.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from github_app.core.names import Instant, RepositoryId
from github_app.core.pause import Pause, Scope
from github_app.core.task import Task
from github_app.store.codec import clean
from github_app.store.session import Database

# Of the task `t`, at the instant :now; the claim's SELECT says the very same words.
NOT_PAUSED = """NOT EXISTS (
  SELECT 1 FROM pause p WHERE p.lifted_at IS NULL AND (p.until IS NULL OR p.until > :now)
  AND (p.scope = 'server' OR (p.scope = 'installation' AND p.target = t.installation_id)
       OR (p.scope = 'repository' AND p.target = t.repository_id)))"""
IN_FORCE = (
    'SELECT scope, target, name, reason, paused_by AS "by", at, until FROM pause '
    "WHERE lifted_at IS NULL AND (until IS NULL OR until > :now)"
)
HERE = (
    f"{IN_FORCE} AND (scope = 'server' OR (scope = 'installation' AND target = :installation) "
    "OR (scope = 'repository' AND target = :repository)) ORDER BY id"
)
LIFT = (
    "UPDATE pause SET lifted_at = :now, lifted_by = :by WHERE lifted_at IS NULL AND scope = :scope AND target = :target"
)


def pause(
    db: Database, scope: Scope, target: int, name: str, *, reason: str, by: str, until: Instant | None = None
) -> Pause:
    """Let nothing new start there from now on. A pause of the same place that is in force is replaced."""

    def work(session: Session) -> Pause:
        db.lock(session)
        now = db.now(session)
        session.execute(text(LIFT), {"now": now, "by": clean(by), "scope": scope, "target": target})
        made = Pause(
            scope=scope, target=target, name=clean(name), reason=clean(reason), by=clean(by), at=now, until=until
        )
        sql = "INSERT INTO pause (scope, target, name, reason, paused_by, at, until) "
        sql += "VALUES (:scope, :target, :name, :reason, :by, :at, :until)"
        session.execute(text(sql), {**asdict(made), "scope": str(scope)})
        return made

    return db.transaction(work)


def resume(db: Database, scope: Scope, target: int, *, by: str) -> bool:
    """Let work start there again; False when nothing was paused. Another pause over the same place goes on."""

    def work(session: Session) -> bool:
        db.lock(session)
        now = db.now(session)
        known = f"{IN_FORCE} AND scope = :scope AND target = :target"
        values = {"now": now, "scope": str(scope), "target": target}
        found = session.execute(text(known), values).first() is not None
        session.execute(text(LIFT), {**values, "by": clean(by)})
        return found

    return db.transaction(work)


def pauses(db: Database) -> list[Pause]:
    """Return every pause in force, oldest first."""
    with db.read() as session:
        return _read(session.execute(text(f"{IN_FORCE} ORDER BY id"), {"now": db.now(session)}).mappings().all())


def pauses_over(session: Session, installation_id: int, repository_id: int, now: Instant) -> tuple[Pause, ...]:
    """Return the pauses in force over a repository, oldest first."""
    values = {"now": now, "installation": installation_id, "repository": repository_id}
    return tuple(_read(session.execute(text(HERE), values).mappings().all()))


def pauses_of(db: Database, task: Task) -> tuple[Pause, ...]:
    """Return the pauses in force over a task's repository."""
    with db.read() as session:
        return pauses_over(session, task.installation_id, task.repository_id, db.now(session))


def repository_called(db: Database, name: str) -> tuple[RepositoryId, str] | None:
    """Return the repository that a name belonged to last, and the name as GitHub writes it; None: no task there yet."""
    sql = "SELECT repository_id, repository FROM task WHERE lower(repository) = lower(:name) ORDER BY id DESC LIMIT 1"
    with db.read() as session:
        row = session.execute(text(sql), {"name": name}).first()
    return None if row is None else (RepositoryId(row.repository_id), row.repository)


def _read(rows: Sequence[Any]) -> list[Pause]:
    return [Pause(scope=Scope(row["scope"]), **{name: row[name] for name in row if name != "scope"}) for row in rows]
