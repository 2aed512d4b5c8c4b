"""Integrations and the connections behind them: made, listed, reconnected, deleted.

An integration and its connection share one id. Deleting disconnects and keeps the row, because history refers to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from core.errors import Conflict, Duplicate, FieldValidation, NotFound
from store.database import upsert
from store.tables.connections import Connection, Integration
from store.tokens import ConnectionInfo, ConnectionState, StoreTokens, locked
from store.types import utc_now

__all__ = ["ALGUNA", "ConnectionInfo", "ConnectionState", "Connections"]

ALGUNA = "alguna"


class Connections(StoreTokens):
    """All integrations and connections; also the `core.ports.TokenStore`."""

    async def create_integration(
        self,
        integration_id: str,
        provider: str,
        values: Mapping[str, str],
        account_id: str | None,
        *,
        webhook_secret: str | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> Integration:
        """Store a new integration with its credentials, or revive a deleted one on the same provider account.

        Raises Duplicate when the id or the provider account is in use, FieldValidation for an id that means another.
        """
        if integration_id in (ALGUNA, provider):
            raise FieldValidation(
                f"{integration_id!r} cannot be the id of an integration: it names a side or a provider"
            )
        with _one_per_account(provider, account_id):
            async with self._db.transaction() as session:
                row = await session.get(Integration, integration_id, with_for_update=True)
                if row is None:
                    row = Integration(id=integration_id, provider=provider, created_at=utc_now())
                else:
                    _check_revival(row, provider, account_id)
                row.account_id = account_id
                row.enabled, row.paused, row.deleted_at = True, False, None
                row.webhook_secret = self._seal(webhook_secret)
                session.add(row)
                await session.flush()
                await self._put(session, integration_id, provider, values, limits or {})
        return row

    async def get_integration(self, name: str, *, deleted: bool = False) -> Integration:
        """Return an integration by id, or by provider name when only one live integration of it exists.

        Raises NotFound with the likely names otherwise. `deleted` also finds a deleted one, by its id.
        """
        everything = await self.list_integrations(deleted=True)
        live = [row for row in everything if row.deleted_at is None]
        by_id = [row for row in (everything if deleted else live) if row.id == name]
        of_provider = [row for row in live if row.provider == name]
        if by_id or len(of_provider) == 1:
            return (by_id or of_provider)[0]
        if of_provider:
            ids = ", ".join(row.id for row in of_provider)
            raise NotFound(f"there are several {name} integrations: use one of {ids}")
        raise NotFound(f"there is no integration {name!r}{_did_you_mean(name, live)}")

    async def list_integrations(self, *, deleted: bool = False) -> Sequence[Integration]:
        """Return the live integrations (with `deleted`, all) in order of id."""
        query = select(Integration).order_by(col(Integration.id))
        if not deleted:
            query = query.where(col(Integration.deleted_at).is_(None))
        async with self._db.session() as session:
            return (await session.execute(query)).scalars().all()

    async def set_enabled(self, integration_id: str, enabled: bool) -> None:
        """Enable or disable an integration. Raises NotFound."""
        async with self._db.transaction() as session:
            (await _live(session, integration_id)).enabled = enabled

    async def set_paused(self, integration_id: str, paused: bool) -> None:
        """Note that a person paused or resumed an integration. Raises NotFound."""
        async with self._db.transaction() as session:
            (await _live(session, integration_id)).paused = paused

    async def delete_integration(self, integration_id: str) -> None:
        """Disconnect: the secrets are forgotten, everything else stays as history. Raises NotFound."""
        async with self._db.transaction() as session:
            row = await _live(session, integration_id)
            row.deleted_at, row.enabled, row.webhook_secret = utc_now(), False, None
            # The generation stays, so that a failure from before the deletion can never look newer than a revival.
            connection = await locked(session, integration_id)
            connection.secrets = self._vault.encrypt({})
            connection.state, connection.reason = ConnectionState.DISCONNECTED, "the integration was deleted"
            connection.updated_at = utc_now()

    async def put_credentials(
        self,
        connection_id: str,
        provider: str,
        values: Mapping[str, str],
        account_id: str | None,
        *,
        limits: Mapping[str, Any] | None = None,
    ) -> int:
        """Reconnect: store new credentials, become `connected`, and return the new generation.

        Raises NotFound for an unknown integration, Conflict when the credentials are those of another provider account
        (its records would be matched with this one's links). `limits` None keeps the stored ones.
        """
        with _one_per_account(provider, account_id):
            async with self._db.transaction() as session:
                if connection_id != ALGUNA:
                    row = await _live(session, connection_id)
                    _check_account(row, provider, account_id)
                    row.account_id = account_id or row.account_id
                    await session.flush()
                return await self._put(session, connection_id, provider, values, limits)

    async def webhook_secret(self, integration_id: str) -> str | None:
        """Return the secret with which the provider signs its webhooks, if one is stored. Raises NotFound."""
        sealed = (await self.get_integration(integration_id)).webhook_secret
        return None if sealed is None else self._vault.decrypt(sealed)["secret"]

    async def set_webhook_secret(self, integration_id: str, secret: str) -> None:
        """Replace the secret with which the provider signs its webhooks. Raises NotFound."""
        async with self._db.transaction() as session:
            (await _live(session, integration_id)).webhook_secret = self._seal(secret)

    async def secret(self, connection_id: str, key: str) -> str | None:
        """Return one of a connection's secrets, whether it works or not. Raises NotFound."""
        return (await self.secrets(connection_id)).get(key)

    async def secrets(self, connection_id: str) -> Mapping[str, str]:
        """Return a connection's secrets, whether it works or not. Raises NotFound."""
        return self._credentials(await self._row(connection_id)).values

    async def seed_alguna(self, base_url: str, api_key: str, webhook_secret: str | None = None) -> bool:
        """Store Alguna's connection from the settings: on the first start, and when the settings changed since then.

        So a reconnect through the API outlives a restart. Returns whether it stored anything.
        """
        values = {"baseUrl": base_url, "apiKey": api_key}
        if webhook_secret:
            values["webhookSecret"] = webhook_secret
        async with self._db.transaction() as session:
            row = await _made(session, ALGUNA, ALGUNA)
            if row.seed is not None and self._vault.decrypt(row.seed) == values:
                return False
            row.seed = self._vault.encrypt(values)
            await self._put(session, ALGUNA, ALGUNA, values, None)
        return True

    async def _put(
        self,
        session: AsyncSession,
        connection_id: str,
        provider: str,
        values: Mapping[str, str],
        limits: Mapping[str, Any] | None,
    ) -> int:
        row = await _made(session, connection_id, provider)
        row.secrets = self._vault.encrypt(values)
        row.generation += 1
        row.tokens_version = 0
        row.state, row.reason = ConnectionState.CONNECTED, None
        if limits is not None:
            row.limits = dict(limits)
        row.updated_at = utc_now()
        return row.generation

    def _seal(self, secret: str | None) -> str | None:
        return self._vault.encrypt({"secret": secret}) if secret else None


async def _made(session: AsyncSession, connection_id: str, provider: str) -> Connection:
    """The connection's row, locked; an empty one of generation 0 where there was none."""
    empty = {"id": connection_id, "provider": provider, "secrets": "", "generation": 0, "updated_at": utc_now()}
    await upsert(session, Connection, [{**empty, "limits": {}, "tokens_version": 0, "state": "disconnected"}], ["id"])
    return await locked(session, connection_id)


async def _live(session: AsyncSession, integration_id: str) -> Integration:
    row = await session.get(Integration, integration_id, with_for_update=True)
    if row is None or row.deleted_at is not None:
        raise NotFound(f"there is no integration {integration_id!r}")
    return row


@contextmanager
def _one_per_account(provider: str, account_id: str | None) -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise Duplicate(f"{provider} account {account_id} already belongs to another integration") from None


def _check_account(row: Integration, provider: str, account_id: str | None) -> None:
    if row.provider != provider:
        raise Conflict(f"{row.id} is a {row.provider} integration, not {provider}")
    if account_id is not None and row.account_id not in (None, account_id):
        raise Conflict(
            f"these credentials are of {provider} account {account_id}, but {row.id} is connected to {row.account_id}"
        )


def _check_revival(row: Integration, provider: str, account_id: str | None) -> None:
    if row.deleted_at is None:
        raise Duplicate(f"the integration {row.id!r} exists already")
    if (row.provider, row.account_id) != (provider, account_id):
        raise Duplicate(
            f"{row.id!r} was an integration with {row.provider} account {row.account_id}, whose links it keeps;"
            " choose another id"
        )


def _did_you_mean(name: str, live: Sequence[Integration]) -> str:
    names = sorted({row.id for row in live} | {row.provider for row in live})
    close = get_close_matches(name, names, n=3)
    if close:
        return f"; did you mean {' or '.join(repr(one) for one in close)}?"
    return f"; there are {', '.join(row.id for row in live)}" if live else "; there are none yet"
