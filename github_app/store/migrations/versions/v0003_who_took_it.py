"""Deliveries and effects remember which worker took them, so that nobody waits for the dead."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add who took it; nobody is known for what is under way now, so that waits its time as before."""
    for table in ("delivery", "outbox"):
        op.add_column(table, sa.Column("taken_by", sa.Text(), server_default=sa.text("''"), nullable=False))
