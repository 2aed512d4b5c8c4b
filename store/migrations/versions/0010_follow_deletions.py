"""follow deletions"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"


def upgrade() -> None:
    """Apply; there is no way back but a backup."""
    op.create_table(
        "sightings",
        sa.Column("pass_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("pass_id", "side", "link_id", name=op.f("sightings_pkey")),
    )
    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gone", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("verdict", sa.String(), nullable=True))

    with op.batch_alter_table("readings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scan", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("verified", sa.Boolean(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("alone", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("shared_scans", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scan", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("alone", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("staged", schema=None) as batch_op:
        batch_op.add_column(sa.Column("merged_into", sa.String(), nullable=True))
