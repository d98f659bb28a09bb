"""A task's audit trail as one document that can be checked without this database."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from github_app.core.audit import FIELDS, sealed
from github_app.core.names import TaskId
from github_app.store.codec import plain
from github_app.store.session import Database
from github_app.store.tables import ApprovalRow, DecisionRow, PolicyRow
from github_app.store.tasks import HISTORY, TASK, table_of, task_of

APPROVAL, DECISION, POLICY = (table_of(row) for row in (ApprovalRow, DecisionRow, PolicyRow))


def export(db: Database, task_id: TaskId) -> dict[str, Any] | None:
    """Return everything that is on record about a task, as of one moment, with head and seal; None: no such task."""
    with db.read() as session:
        if not db.sqlite:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        row = session.execute(select(TASK).where(TASK.c.id == task_id)).mappings().one_or_none()
        if row is None:
            return None
        task = task_of(row)
        lines = _rows(session, HISTORY, HISTORY.c.seq, HISTORY.c.task_id == task_id)
        decisions = _decisions(session, task_id, lines)
        versions = {line["policy_version"] for line in lines} | {one["document"]["policy_version"] for one in decisions}
        policies = _rows(session, POLICY, POLICY.c.version, POLICY.c.version.in_(versions))
        approvals = _rows(session, APPROVAL, APPROVAL.c.id, APPROVAL.c.task_id == task_id)
    return sealed(
        {
            "task": {**plain(task), "tier": str(task.tier)},
            "lines": [{name: line[name] for name in (*FIELDS, "digest")} for line in lines],
            "approvals": [{name: value for name, value in one.items() if name != "id"} for one in approvals],
            "decisions": decisions,
            "policies": {one.pop("version"): one for one in policies},
        }
    )


def _decisions(session: Session, task_id: TaskId, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the decisions about a task, those included that were about several and are filed under another."""
    own = _rows(session, DECISION, DECISION.c.id, DECISION.c.task_id == task_id)
    elsewhere = {line["delivery_id"] for line in lines if line["decision"]} - {one["delivery_id"] for one in own}
    if elsewhere:
        own += _rows(session, DECISION, DECISION.c.id, DECISION.c.delivery_id.in_(sorted(elsewhere)))
    return own


def _rows(session: Session, table: Any, order: Any, *wanted: Any) -> list[dict[str, Any]]:
    return [plain(dict(row)) for row in session.execute(select(table).where(*wanted).order_by(order)).mappings()]
