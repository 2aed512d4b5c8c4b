"""Keys of the API as calls see them."""

from __future__ import annotations

from typing import Any

from core.access import AccessScope
from starter.services.backend import Backend
from store.tables.access import ApiKeyRow


async def create(backend: Backend, name: str, scope: AccessScope) -> dict[str, Any]:
    """Make a key and return it with its secret, this once. Raises Duplicate for a name in use."""
    row, token = await backend.api_keys.create(name, scope)
    return {**view(row), "key": token}


async def some(backend: Backend, *, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Return a page of keys and how many there are."""
    rows, total = await backend.api_keys.list(limit=limit, offset=offset)
    return [view(row) for row in rows], total


def view(row: ApiKeyRow) -> dict[str, Any]:
    """A key as it may be shown."""
    return {
        "id": row.id,
        "name": row.name,
        "scope": row.scope,
        "createdAt": row.created_at.isoformat(),
        "lastUsedAt": row.used_at.isoformat() if row.used_at else None,
        "revokedAt": row.revoked_at.isoformat() if row.revoked_at else None,
    }
