"""circuits"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"


def upgrade() -> None:
    """Apply; there is no way back but a backup."""
    op.create_table(
        "circuits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("pass_id", sa.String(), nullable=False),
        sa.Column("probe", sa.Integer(), nullable=True),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("circuits_pkey")),
        sa.UniqueConstraint("integration_id", "entity", "pattern", name="circuits_pattern"),
    )
    op.create_table(
        "held_records",
        sa.Column("circuit_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("circuit_id", "source_id", name=op.f("held_records_pkey")),
    )
    with op.batch_alter_table("held_records", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("held_records_source_id"), ["source_id"], unique=False)
