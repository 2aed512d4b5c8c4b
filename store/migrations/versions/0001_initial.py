"""The schema of 0.1.0."""

from __future__ import annotations

from store.migrations.initial import connections, engine, history, webhooks

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Apply; there is no way back but a backup."""
    connections.create()
    engine.create()
    history.create()
    webhooks.create()
