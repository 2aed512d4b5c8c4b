"""Keep the parents of linked children"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"


def upgrade() -> None:
    """Apply; there is no way back but a backup."""
    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parents", sa.Text(), server_default=sa.text("'{}'"), nullable=False))
        batch_op.add_column(sa.Column("awaits", sa.String(), nullable=True))
        batch_op.create_index("links_awaiting", ["integration_id", "entity", "awaits"], unique=False)
