"""What a company's settings say: currencies, numbers, the tax model, its tax codes and items. Kept for a while."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Generic, Self, TypeVar

from connectors.quickbooks.client import QuickBooksClient
from connectors.quickbooks.rows import Rows
from connectors.quickbooks.spec import VENDOR
from connectors.values import as_number
from core.errors import Transient
from core.values import Value

T = TypeVar("T")
# A setting that a person changes is noticed after this many seconds in a process that runs on.
_KEEP_SECONDS = 300.0
_US = "US"


@dataclass(frozen=True, slots=True)
class Preferences:
    """`own_numbers` says that whoever makes a document gives its number, else QuickBooks counts."""

    home_currency: str
    several_currencies: bool
    own_numbers: bool
    sales_tax: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A product or service of the company."""

    id: str
    name: str
    sku: str | None


@dataclass(frozen=True, slots=True)
class Terms:
    """All that the body of an invoice depends on besides the invoice. `rates` are percentages by tax code, `items` ids
    by sku. With `line_taxes` each line has a tax code, else the invoice has one (sheet 8.2)."""

    home_currency: str
    several_currencies: bool
    own_numbers: bool
    line_taxes: bool
    rates: Mapping[str, list[Decimal]]
    items: Mapping[str, str]

    def value(self) -> dict[str, Value]:
        """Return it as a context of `Current`."""
        return asdict(self)

    @classmethod
    def of(cls, context: Mapping[str, Value] | None) -> Self:
        """Read it from a context."""
        given: Mapping[str, Any] = context or {}
        return cls(**given)


class _Kept(Generic[T]):
    """An answer that is asked for again after a while."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._at = 0.0
        self._value: T | None = None

    async def get(self) -> T:
        if self._value is None or time.monotonic() - self._at > _KEEP_SECONDS:
            self._value, self._at = await self._ask(), time.monotonic()
        return self._value


class Books:
    """Asks a company for its settings, each once in a while."""

    def __init__(self, client: QuickBooksClient, rows: Rows) -> None:
        """Take what to ask with."""
        self._client = client
        self._rows = rows
        self._preferences = _Kept(self._ask_preferences)
        self._country = _Kept(self._ask_country)
        self._rates = _Kept(self._ask_rates)
        self._items = _Kept(self._ask_items)

    async def preferences(self) -> Preferences:
        """Return the company's preferences."""
        return await self._preferences.get()

    async def rates(self) -> dict[str, tuple[str, list[Decimal]]]:
        """Return name and percentages of each tax code by its id."""
        return await self._rates.get()

    async def items(self) -> dict[str, Item]:
        """Return the active items by id."""
        return await self._items.get()

    async def deposit_accounts(self) -> dict[str, str]:
        """Return the accounts that payments can go to: names by id. Asked anew each time."""
        rows = await self._rows.all("Account", "AccountType IN ('Bank', 'Other Current Asset')")
        return {str(row["Id"]): str(row.get("Name") or row["Id"]) for row in rows}

    async def terms(self) -> Terms:
        """Return what invoices depend on."""
        prefs, codes, items = await self.preferences(), await self.rates(), await self.items()
        return Terms(
            home_currency=prefs.home_currency,
            several_currencies=prefs.several_currencies,
            own_numbers=prefs.own_numbers,
            line_taxes=await self._country.get() != _US,
            rates={code: percents for code, (_, percents) in codes.items()},
            items={item.sku: item.id for item in items.values() if item.sku is not None},
        )

    async def _ask_preferences(self) -> Preferences:
        body = (await self._client.read("/preferences")).body
        try:
            prefs = body["Preferences"]
            currency = prefs.get("CurrencyPrefs") or {}
            return Preferences(
                home_currency=str(currency["HomeCurrency"]["value"]),
                several_currencies=bool(currency.get("MultiCurrencyEnabled")),
                own_numbers=bool((prefs.get("SalesFormsPrefs") or {}).get("CustomTxnNumbers")),
                sales_tax=bool((prefs.get("TaxPrefs") or {}).get("UsingSalesTax")),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise Transient(f"{VENDOR}'s preferences cannot be read") from error

    async def _ask_country(self) -> str:
        body = (await self._client.read(f"/companyinfo/{await self._client.realm()}")).body
        info = body.get("CompanyInfo")
        if not isinstance(info, Mapping):
            raise Transient(f"{VENDOR}'s company information cannot be read")
        return str(info.get("Country") or _US)

    async def _ask_rates(self) -> dict[str, tuple[str, list[Decimal]]]:
        percents = {str(row["Id"]): as_number(row.get("RateValue")) or Decimal(0) for row in await self._all("TaxRate")}
        found = {}
        for row in await self._all("TaxCode"):
            details = (row.get("SalesTaxRateList") or {}).get("TaxRateDetail") or []
            rates = [percents.get(str(one["TaxRateRef"]["value"]), Decimal(0)) for one in details]
            found[str(row["Id"])] = (str(row.get("Name") or row["Id"]), rates)
        return found

    async def _ask_items(self) -> dict[str, Item]:
        return {
            str(row["Id"]): Item(str(row["Id"]), str(row.get("Name") or ""), row.get("Sku"))
            for row in await self._all("Item")
        }

    async def _all(self, name: str) -> list[Mapping[str, Any]]:
        return await self._rows.all(name)
