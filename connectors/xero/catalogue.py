"""What an organisation is set up with: base currency, lock dates, accounts, tax rates, items; kept for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.values import as_number
from connectors.xero.client import XeroClient
from connectors.xero.records import moment

# What somebody changes in the settings is known this many seconds later at the latest.
_KEEP_SECONDS = 600.0
# An item or tax rate that is missing is asked for again, but not for each chunk of a pass.
_AGAIN_SECONDS = 20.0
_REVENUE = frozenset({"REVENUE", "SALES"})
_ROUNDING = "ROUNDING"


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the chart. `takes_payments`: a bank account, or one that payments are enabled for."""

    code: str
    account_id: str
    name: str
    kind: str
    takes_payments: bool
    is_rounding: bool

    @property
    def key(self) -> str:
        """How a configuration names it: by its code, which bank accounts may lack."""
        return self.code or self.account_id

    @property
    def is_revenue(self) -> bool:
        """Whether sales are booked to it."""
        return self.kind in _REVENUE


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the price list, with what a line inherits from it."""

    code: str
    name: str
    account: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """`rates` are the tax types that sales can have, with their percentage; `locked_until` is the later lock date."""

    currency: str | None
    locked_until: date | None
    accounts: tuple[Account, ...]
    rates: dict[str, Decimal]
    items: dict[str, Item]

    @property
    def rounding_account(self) -> str | None:
        """The code of the account that Xero itself books rounding to."""
        return next((one.code for one in self.accounts if one.is_rounding and one.code), None)

    def account(self, key: str | None) -> Account | None:
        """Return the active account of that code or id."""
        return next((one for one in self.accounts if key and key in (one.code, one.account_id)), None)


class Catalogue:
    """Reads the settings of one connection's organisation: four calls, once in a while."""

    def __init__(self, client: XeroClient) -> None:
        """Take the client to ask with."""
        self._client = client
        self._kept: Settings | None = None
        self._read_at = 0.0
        self._turn = asyncio.Lock()

    async def get(self, *, items: Collection[str] = (), rates: Collection[str] = ()) -> Settings:
        """Return the settings as they were lately, or as they are now where these items or tax types are not known."""
        async with self._turn:
            kept, age = self._kept, time.monotonic() - self._read_at
            known = kept is not None and set(items) <= kept.items.keys() and set(rates) <= kept.rates.keys()
            if kept is not None and age < (_KEEP_SECONDS if known else _AGAIN_SECONDS):
                return kept
            return await self._ask()

    async def ask(self) -> Settings:
        """Return the settings as they are now."""
        async with self._turn:
            return await self._ask()

    async def _ask(self) -> Settings:
        organisation = next(iter((await self._client.read("/Organisation")).rows("Organisations")), {})
        locks = [moment(organisation.get(name)) for name in ("PeriodLockDate", "EndOfYearLockDate")]
        accounts = (await self._client.read("/Accounts")).rows("Accounts")
        rates = (await self._client.read("/TaxRates")).rows("TaxRates")
        items = (await self._client.read("/Items")).rows("Items")
        self._kept = Settings(
            currency=organisation.get("BaseCurrency"),
            locked_until=max((at.date() for at in locks if at), default=None),
            accounts=tuple(_account(row) for row in accounts if row.get("Status", "ACTIVE") == "ACTIVE"),
            rates=dict(_rates(rates)),
            items={str(row["Code"]): _item(row) for row in items if row.get("Code") and row.get("IsSold", True)},
        )
        self._read_at = time.monotonic()
        return self._kept


def _account(row: dict[str, Any]) -> Account:
    return Account(
        code=str(row.get("Code") or ""),
        account_id=str(row.get("AccountID") or ""),
        name=str(row.get("Name") or ""),
        kind=str(row.get("Type") or ""),
        takes_payments=row.get("Type") == "BANK" or bool(row.get("EnablePaymentsToAccount")),
        is_rounding=row.get("SystemAccount") == _ROUNDING,
    )


def _item(row: dict[str, Any]) -> Item:
    account = (row.get("SalesDetails") or {}).get("AccountCode")
    return Item(str(row["Code"]), str(row.get("Name") or row["Code"]), str(account) if account else None)


def _rates(rows: Iterable[dict[str, Any]]) -> Iterable[tuple[str, Decimal]]:
    for row in rows:
        rate = as_number(row.get("EffectiveRate"))
        if rate is not None and row.get("Status", "ACTIVE") == "ACTIVE" and row.get("CanApplyToRevenue", True):
            yield str(row["TaxType"]), rate
