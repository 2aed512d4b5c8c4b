"""Tokens: the encrypted credentials of connections, their generation and state, shared by all processes.

A person's reconnect raises the generation; a token refresh does not. Whatever waits for a reconnect compares
generations, so it can miss no reconnect and be woken by none that came before the failure (design 3.7).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from core.errors import AuthExpired, NotFound
from core.ports import Credentials
from store.crypto import Vault
from store.database import Database
from store.leases import StoreLeases
from store.tables.connections import Connection
from store.types import utc_now


class ConnectionState(StrEnum):
    """Whether a connection's credentials work."""

    CONNECTED = "connected"
    AUTH_EXPIRED = "auth_expired"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """What may be shown of a connection: everything but its secrets."""

    id: str
    provider: str
    state: ConnectionState
    reason: str | None
    generation: int
    limits: Mapping[str, Any]
    updated_at: datetime


class StoreTokens:
    """Implements `core.ports.TokenStore` on the database."""

    def __init__(self, db: Database, vault: Vault, *, lease_seconds: float = 30.0) -> None:
        """Take the database, the keys, and the seconds after which a dead holder's right to refresh is free."""
        self._db = db
        self._vault = vault
        self._leases = StoreLeases(db, ttl=lease_seconds)

    async def load(self, connection_id: str) -> Credentials:
        """Return the newest credentials. Raises AuthExpired unless connected, NotFound for an unknown connection."""
        row = await self._row(connection_id)
        if row.state != ConnectionState.CONNECTED:
            raise _dead(row)
        return self._credentials(row)

    async def save_tokens(self, credentials: Credentials, tokens: Mapping[str, str]) -> Credentials:
        """Merge refreshed tokens into the stored credentials of the same generation and return the result.

        After a reconnect in the meantime nothing is stored: the newer credentials are returned.
        """
        async with self._db.transaction() as session:
            row = await locked(session, credentials.connection_id)
            if row.generation == credentials.generation:
                row.secrets = self._vault.encrypt({**self._vault.decrypt(row.secrets), **tokens})
                row.tokens_version += 1
                row.updated_at = utc_now()
            return self._credentials(row)

    @asynccontextmanager
    async def refresh_lock(self, connection_id: str) -> AsyncIterator[None]:
        """Hold the right to refresh this connection's tokens; waits while another process holds it.

        Raises Transient after a minute. Load the credentials again inside: another holder may have refreshed them.
        """
        async with self._leases.hold([f"refresh/{connection_id}"]):
            yield

    async def mark_expired(self, connection_id: str, generation: int, reason: str) -> None:
        """Record that the credentials of this generation are dead. No effect when newer ones are stored."""
        async with self._db.transaction() as session:
            await session.execute(
                update(Connection)
                .where(
                    col(Connection.id) == connection_id,
                    col(Connection.generation) <= generation,
                    col(Connection.state) == ConnectionState.CONNECTED,
                )
                .values(state=ConnectionState.AUTH_EXPIRED, reason=reason, updated_at=utc_now())
            )

    async def describe(self, connection_id: str) -> ConnectionInfo:
        """Return what may be shown of a connection. Raises NotFound."""
        row = await self._row(connection_id)
        return ConnectionInfo(
            row.id, row.provider, ConnectionState(row.state), row.reason, row.generation, row.limits, row.updated_at
        )

    async def state(self, connection_id: str) -> ConnectionState:
        """Return the state. Raises NotFound."""
        return (await self.describe(connection_id)).state

    async def generation(self, connection_id: str) -> int:
        """Return the generation of the stored credentials. Raises NotFound."""
        return (await self.describe(connection_id)).generation

    async def _row(self, connection_id: str) -> Connection:
        async with self._db.session() as session:
            return _found(await session.get(Connection, connection_id), connection_id)

    def _credentials(self, row: Connection) -> Credentials:
        return Credentials(row.id, row.generation, self._vault.decrypt(row.secrets))


async def locked(session: AsyncSession, connection_id: str) -> Connection:
    """Return the row, locked until the caller's transaction ends. Raises NotFound."""
    row = await session.get(Connection, connection_id, with_for_update=True, populate_existing=True)
    return _found(row, connection_id)


def _found(row: Connection | None, connection_id: str) -> Connection:
    if row is None:
        raise NotFound(f"there is no connection {connection_id!r}")
    return row


async def dead_connection(session: AsyncSession, connection_ids: Collection[str]) -> AuthExpired | None:
    """Return why one of these connections cannot be used, if one cannot, as the failure to raise."""
    query = select(Connection).where(
        col(Connection.id).in_(list(connection_ids)), col(Connection.state) != ConnectionState.CONNECTED
    )
    row = (await session.execute(query)).scalars().first()
    return None if row is None else _dead(row)


def _dead(row: Connection) -> AuthExpired:
    message = row.reason or f"{row.id} is {row.state}"
    return AuthExpired(message, connection_id=row.id, generation=row.generation)
