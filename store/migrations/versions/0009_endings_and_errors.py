"""endings and errors"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    """Apply; there is no way back but a backup."""
    with op.batch_alter_table("outcomes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("source_id", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("chunk", sa.Integer(), nullable=True))

    # Endings of older passes are kept apart by their own number.
    op.execute("UPDATE outcomes SET source_id = CAST(id AS VARCHAR)")
    with op.batch_alter_table("outcomes", schema=None) as batch_op:
        batch_op.create_unique_constraint(
            batch_op.f("outcomes_pass_id_target_source_id_unique"), ["pass_id", "target", "source_id"]
        )

    with op.batch_alter_table("record_errors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("place", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("digest", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("resolved_by", sa.String(), nullable=True))
        batch_op.drop_constraint(
            batch_op.f("record_errors_integration_id_entity_target_source_id_unique"), type_="unique"
        )
        batch_op.create_unique_constraint(
            "record_errors_place", ["integration_id", "entity", "target", "source_id", "place"]
        )
