"""Versioned sync configs. A version is written once; saving makes the next one and makes it the active one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import col

from core.values import fingerprint
from store.database import Database
from store.tables.configs import Config
from store.tables.connections import Integration
from store.types import utc_now


class Configs:
    """The configs of all integrations. Documents are dumps of `core.config.IntegrationConfig`."""

    def __init__(self, db: Database) -> None:
        """Take the database."""
        self._db = db

    async def current(self, integration_id: str) -> tuple[int, dict[str, Any]] | None:
        """The active version and its document, or None when there is none."""
        query = select(Config).where(col(Config.integration_id) == integration_id, col(Config.active))
        async with self._db.session() as session:
            row = (await session.execute(query)).scalar_one_or_none()
        return None if row is None else (row.version, row.document)

    async def at(self, integration_id: str, version: int) -> dict[str, Any] | None:
        """The document of one version, or None."""
        async with self._db.session() as session:
            row = await session.get(Config, (integration_id, version))
        return None if row is None else row.document

    async def save(self, integration_id: str, document: dict[str, Any]) -> int:
        """Make this document the active one and return its version; the same document again makes no new version."""
        async with self._db.transaction() as session:
            # The integration's row is the lock under which versions are counted (PostgreSQL; SQLite has one writer).
            await session.get(Integration, integration_id, with_for_update=True)
            mine = col(Config.integration_id) == integration_id
            active: Config | None = (
                await session.execute(select(Config).where(mine, col(Config.active)))
            ).scalar_one_or_none()
            if active is not None and fingerprint(active.document) == fingerprint(document):
                return active.version
            count = select(func.coalesce(func.max(col(Config.version)), 0)).where(mine)
            version = int((await session.execute(count)).scalar_one()) + 1
            await session.execute(update(Config).where(mine, col(Config.active)).values(active=False))
            session.add(Config(integration_id=integration_id, version=version, document=document, created_at=utc_now()))
        return version
