"""Tokens that die as soon as they are given: the grant lives, so nobody is asked to connect again (I7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import pytest

from core.ports import Credentials
from tests.connectors.support import Control, MemoryTokens, Services

PROVIDERS = ("salesforce", "hubspot", "quickbooks", "netsuite", "xero")
DEATHS = 3


class ShortLived(MemoryTokens):
    """A store whose first few new tokens the vendor takes back at once."""

    def __init__(self, connection_id: str, values: Mapping[str, str], vendor: Control) -> None:
        super().__init__(connection_id, values)
        self._vendor = vendor

    async def save_tokens(self, credentials: Credentials, tokens: Mapping[str, str]) -> Credentials:
        kept = await super().save_tokens(credentials, tokens)
        if self.saves <= DEATHS:
            await self._vendor.post("auth", {"action": "expire_access_token"})
        return kept


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_i7_a_living_grant_survives_tokens_that_die_young(
    account_of: Callable[[str], Awaitable[Control]], provider: str
) -> None:
    vendor = await account_of(provider)
    tokens = ShortLived(f"int_{provider}", await vendor.credentials(), vendor)
    connector = Services(tokens).connect(provider, f"int_{provider}")
    await vendor.post("auth", {"action": "expire_access_token"})
    try:
        assert await connector.check()
    finally:
        await connector.close()
    assert (tokens.saves, tokens.expired) == (DEATHS + 1, None)
