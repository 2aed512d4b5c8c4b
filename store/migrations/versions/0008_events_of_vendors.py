"""events of vendors"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    """Apply; there is no way back but a backup."""
    op.create_table(
        "nudges",
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outstanding_since", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("integration_id", "entity", name=op.f("nudges_pkey")),
    )
    op.create_table(
        "received_events",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", "event_id", name=op.f("received_events_pkey")),
    )
    with op.batch_alter_table("received_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("received_events_received_at"), ["received_at"], unique=False)

    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("inbox_delivery_id_unique"), type_="unique")
        batch_op.drop_column("delivery_id")
