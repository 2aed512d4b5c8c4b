"""Alguna's products as lines need them: the sku of a product, and the product of a sku (Alguna sheet 2.7).

The list is small, has no filter by sku and changes rarely, so it is read as a whole and kept for a minute.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from urllib.parse import quote

from connectors.alguna.client import AlgunaClient
from connectors.alguna.spec import PAGE_ROWS
from core.errors import NotFound

_KEPT_SECONDS = 60.0


class Products:
    """The products of one organisation."""

    def __init__(self, client: AlgunaClient) -> None:
        """Take the client to ask with; nothing is asked yet."""
        self._client = client
        self._skus: dict[str, str | None] = {}
        self._read_at: float | None = None

    async def skus(self, ids: Collection[str]) -> dict[str, str | None]:
        """Return the sku of each of these products; None for one without. A deleted product is asked for by its id."""
        if ids:
            await self._refresh()
        for product_id in sorted(set(ids) - self._skus.keys()):
            self._skus[product_id] = await self._sku_of(product_id)
        return {one: self._skus[one] for one in ids}

    async def of_skus(self, skus: Collection[str]) -> dict[str, list[str]]:
        """Return the ids of the products with each of these skus, in order."""
        if skus:
            await self._refresh()
        return {sku: sorted(one for one, known in self._skus.items() if known == sku) for sku in skus}

    async def _refresh(self) -> None:
        if self._read_at is not None and time.monotonic() - self._read_at < _KEPT_SECONDS:
            return
        rows = await self._client.rows(lambda sdk, offset: sdk.products.list(limit=PAGE_ROWS, offset=offset))
        self._skus, self._read_at = {one.id: one.sku or None for one in rows}, time.monotonic()

    async def _sku_of(self, product_id: str) -> str | None:
        try:
            return (await self._client.read(lambda sdk: sdk.products.get(quote(product_id, safe="")))).sku or None
        except NotFound:
            return None
