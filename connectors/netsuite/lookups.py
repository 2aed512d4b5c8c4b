"""What documents refer to by id: currencies, items, tax codes, subsidiaries, accounts, kept for a while (sheet 8)."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from connectors.netsuite.client import NetSuiteClient
from connectors.netsuite.records import Row
from connectors.netsuite.statements import Statement, among, parts
from connectors.values import as_number
from core.errors import Permission

_KEEP_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency of the account: `digits` is how many decimals its amounts have there."""

    id: str
    symbol: str
    digits: int
    base: bool


@dataclass(frozen=True, slots=True)
class TaxCode:
    """A tax code: `rate` is a percentage."""

    id: str
    name: str
    rate: Decimal
    tax_type: str | None


class Lookups:
    """Asks for lists that change seldom, each once in a while."""

    def __init__(self, client: NetSuiteClient) -> None:
        """Take the client."""
        self._client = client
        self._kept: dict[str, tuple[float, list[Row]]] = {}
        self._items: dict[str, tuple[float, list[Row]]] = {}

    async def currencies(self) -> dict[str, Currency]:
        """Return the currencies by ISO code."""
        rows = await self._list("SELECT id, symbol, currencyprecision, isbasecurrency FROM currency ORDER BY id")
        found = [
            Currency(row["id"], row["symbol"], int(row.get("currencyprecision", "2")), row.get("isbasecurrency") == "T")
            for row in rows
            if "symbol" in row
        ]
        return {one.symbol: one for one in found}

    async def tax_codes(self) -> dict[str, TaxCode]:
        """Return the tax codes by name and by id; empty where the role or the account has none."""
        try:
            rows = await self._list("SELECT id, itemid, rate, taxtype FROM salestaxitem ORDER BY id")
        except Permission:
            return {}
        found = [
            TaxCode(row["id"], row.get("itemid", row["id"]), _rate(row.get("rate")), row.get("taxtype")) for row in rows
        ]
        return {one.id: one for one in found} | {one.name: one for one in found}

    async def subsidiaries(self) -> list[Row]:
        """Return the active subsidiaries; empty where the account is not a OneWorld one."""
        try:
            return await self._list("SELECT id, name FROM subsidiary WHERE NVL(isinactive, 'F') = 'F' ORDER BY id")
        except Permission:
            return []

    async def bank_accounts(self) -> list[Row]:
        """Return the accounts that payments can be booked to."""
        text = "SELECT id, acctnumber, accountsearchdisplayname AS name, accttype FROM account"
        return await self._list(f"{text} WHERE accttype = 'Bank' AND NVL(isinactive, 'F') = 'F' ORDER BY id")

    async def items(self) -> list[Row]:
        """Return the first active items of the account, a page of them."""
        text = "SELECT id, itemid, displayname FROM item WHERE NVL(isinactive, 'F') = 'F' ORDER BY id"
        return await self._list(text)

    async def items_named(self, names: Collection[str]) -> dict[str, list[Row]]:
        """Return the items with these names (stock-keeping codes) or internal ids, by what they were asked for."""
        now = time.monotonic()
        fresh = {name for name, (at, _) in self._items.items() if now - at < _KEEP_SECONDS}
        for part in parts(sorted(set(names) - fresh), 400):
            numbers = [one for one in part if one.isdecimal()] or ["-1"]
            where = f"{among('itemid', part)} OR {among('id', numbers)}"
            found = await self._client.query(Statement(f"SELECT id, itemid FROM item WHERE {where}", (*part, *numbers)))
            for name in part:
                self._items[name] = (now, [row for row in found.rows if name in (row.get("itemid"), row["id"])])
        return {name: self._items[name][1] for name in names}

    def name_of(self, item_id: str) -> str | None:
        """Return an item's name, where it was asked for before."""
        rows = (row for _, found in self._items.values() for row in found)
        return next((row.get("itemid") for row in rows if row["id"] == item_id), None)

    async def _list(self, text: str) -> list[Row]:
        kept = self._kept.get(text)
        if kept is None or time.monotonic() - kept[0] >= _KEEP_SECONDS:
            rows: list[Row] = list((await self._client.query(Statement(text))).rows)
            kept = self._kept[text] = (time.monotonic(), rows)
        return kept[1]


def _rate(text: str | None) -> Decimal:
    """`20`, or `20.00%` as some accounts show it."""
    return as_number((text or "0").removesuffix("%")) or Decimal(0)
