"""A connection's credentials in use: read from the shared store, renewed by one process at a time, declared dead once.

A refresh token of which each use gives a new one (Salesforce sheet 1.4) is lost for ever when two workers use it at
once, or when a new one is not stored before it is needed. So a renewal holds the store's lock, first looks whether
somebody else has renewed already, stores what it got before anyone uses it, and cannot be cut short by a
cancellation.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import structlog

from core import failpoints
from core.errors import AuthExpired
from core.ports import Credentials, TokenStore

_log = structlog.get_logger(__name__)

# How long a process may work with what it read, so that a reconnect reaches all of them soon.
_FRESH_SECONDS = 5.0

Exchange = Callable[[Credentials], Awaitable[Mapping[str, str]]]


class GrantDead(Exception):
    """The vendor says that a grant cannot be used any more; only a person's new consent helps."""

    def __init__(self, reason: str, vendor_code: str | None = None) -> None:
        """Take the reason, which is shown to people, and the vendor's own code."""
        super().__init__(reason)
        self.reason = reason
        self.vendor_code = vendor_code


class Access:
    """The credentials of one connection as this process knows them.

    `token_key` names the credential that calls are authorised with. `exchange` gets new tokens from the vendor and
    raises `GrantDead` or a `SyncError`; None where the credential is a fixed key. A credential whose `expiresAt` is
    less than `early_seconds` away is renewed before it is used (0: only when it is refused).
    """

    def __init__(
        self,
        connection_id: str,
        tokens: TokenStore,
        token_key: str,
        exchange: Exchange | None = None,
        *,
        early_seconds: float = 0.0,
    ) -> None:
        """Take the connection, where its credentials live, and how they are renewed."""
        self._early_seconds = early_seconds
        self._connection_id = connection_id
        self._tokens = tokens
        self._token_key = token_key
        self._exchange = exchange
        self._known: Credentials | None = None
        self._read_at = 0.0
        # Held here, so that a renewal outlives the call that asked for it.
        self._renewals: set[asyncio.Task[Credentials]] = set()

    async def credentials(self) -> Credentials:
        """Return credentials with a token, renewed first when there is none. Raises `AuthExpired`."""
        known = self._known
        if known is None or time.monotonic() - self._read_at > _FRESH_SECONDS:
            known = self._keep(await self._tokens.load(self._connection_id))
        return known if known.values.get(self._token_key) and not self._ends(known) else await self.renew(known)

    async def renew(self, failed: Credentials) -> Credentials:
        """Return credentials other than those that the vendor has just refused.

        Raises `AuthExpired` when there are none to be had, and whatever the exchange raises.
        """
        renewal = asyncio.create_task(self._renew(failed))
        self._renewals.add(renewal)
        renewal.add_done_callback(self._renewals.discard)
        return await asyncio.shield(renewal)

    async def expire(self, failed: Credentials, reason: str, vendor_code: str | None = None) -> AuthExpired:
        """Record that these credentials are dead and return the error to raise."""
        self._known = None
        await self._tokens.mark_expired(self._connection_id, failed.generation, reason)
        _log.warning("grant_expired", connection=self._connection_id, generation=failed.generation, code=vendor_code)
        return AuthExpired(
            reason, connection_id=self._connection_id, generation=failed.generation, vendor_code=vendor_code
        )

    async def _renew(self, failed: Credentials) -> Credentials:
        async with self._tokens.refresh_lock(self._connection_id):
            newest = self._keep(await self._tokens.load(self._connection_id))
            if newest.values.get(self._token_key) and self._differs(newest, failed):
                return newest
            if self._exchange is None:
                raise await self.expire(newest, "the key was refused")
            failpoints.reach("token:renewing")
            try:
                tokens = await self._exchange(newest)
            except GrantDead as dead:
                raise await self.expire(newest, dead.reason, dead.vendor_code) from dead
            _log.info("token_renewed", connection=self._connection_id, generation=newest.generation)
            failpoints.reach("token:renewed")
            kept = self._keep(await self._tokens.save_tokens(newest, tokens))
            failpoints.reach("token:stored")
            return kept

    def _ends(self, known: Credentials) -> bool:
        """Whether the credential is about to expire and can be renewed. Where no end is told, it lives."""
        until = known.values.get("expiresAt")
        if not self._early_seconds or self._exchange is None or not until or not known.values.get("refreshToken"):
            return False
        try:
            left = datetime.fromisoformat(until) - datetime.now(UTC)
        except (ValueError, TypeError):
            return False
        return left.total_seconds() < self._early_seconds

    def _differs(self, one: Credentials, other: Credentials) -> bool:
        return one.generation != other.generation or one.values.get(self._token_key) != other.values.get(
            self._token_key
        )

    def _keep(self, credentials: Credentials) -> Credentials:
        self._known = credentials
        self._read_at = time.monotonic()
        return credentials
