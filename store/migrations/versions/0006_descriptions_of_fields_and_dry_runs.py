"""descriptions of fields and dry runs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    """Apply; there is no way back but a backup."""
    op.create_table(
        "descriptions",
        sa.Column("connection_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("described_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "entity", name=op.f("descriptions_pkey")),
    )
    op.create_table(
        "rehearsals",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("copied_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "entity", name=op.f("rehearsals_pkey")),
    )
    with op.batch_alter_table("outcomes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("changes", sa.Text(), nullable=True))

    with op.batch_alter_table("passes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("revived", sa.Text(), nullable=True))

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dry_run", sa.Boolean(), nullable=False, server_default=sa.false()))
