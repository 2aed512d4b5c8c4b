"""${message}"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}


def upgrade() -> None:
    """Apply; there is no way back but a backup."""
    ${upgrades if upgrades else "pass"}
