"""Consents under way: what was asked for, kept until the person comes back from the vendor, once, for ten minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlmodel import col

from core.errors import NotFound
from store.crypto import Vault
from store.database import Database
from store.tables.access import ConsentRow
from store.types import utc_now

LIVES = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class PendingConsent:
    """What a person was sent to the vendor for. `integration_id` is the one to make, or to reconnect (`exists`)."""

    provider: str
    integration_id: str | None
    exists: bool
    redirect_uri: str
    verifier: str
    values: Mapping[str, str]


class Consents:
    """Pending consents by their state parameter, of which only the hash is kept."""

    def __init__(self, db: Database, vault: Vault) -> None:
        """Take the database and the keys."""
        self._db = db
        self._vault = vault

    async def put(self, state: str, pending: PendingConsent) -> None:
        """Keep a consent until its person comes back; forget those that are too old."""
        row = ConsentRow(
            state_hash=_hash(state),
            provider=pending.provider,
            integration_id=pending.integration_id,
            reconnects=pending.exists,
            redirect_uri=pending.redirect_uri,
            secrets=self._vault.encrypt({**pending.values, "": pending.verifier}),
            expires_at=utc_now() + LIVES,
        )
        async with self._db.transaction() as session:
            await session.execute(delete(ConsentRow).where(col(ConsentRow.expires_at) < utc_now()))
            session.add(row)

    async def take(self, state: str, provider: str) -> PendingConsent:
        """Return a consent and forget it. Raises NotFound for one that is unknown, used, too old or another's."""
        async with self._db.transaction() as session:
            row = await session.get(ConsentRow, _hash(state), with_for_update=True)
            if row is None or row.provider != provider or row.expires_at < utc_now():
                raise NotFound("this consent is not known here, was used already, or is older than ten minutes")
            await session.delete(row)
        values = self._vault.decrypt(row.secrets)
        verifier = values.pop("")
        return PendingConsent(row.provider, row.integration_id, row.reconnects, row.redirect_uri, verifier, values)


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", errors="replace")).hexdigest()
