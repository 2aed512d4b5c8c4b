"""keep why a record is not ready"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"


def upgrade() -> None:
    """Apply; there is no way back but a backup."""
    with op.batch_alter_table("staged", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unready", sa.String(), nullable=True))
