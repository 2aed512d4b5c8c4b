"""What a company's settings say: currencies, numbers, the tax model (QuickBooks sheet 2, 8). Kept for a while."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from connectors.quickbooks.client import QuickBooksClient
from connectors.quickbooks.spec import VENDOR
from core.errors import Transient

# A setting that a person changes is noticed after this many seconds in a process that runs on.
_KEEP_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Preferences:
    """`own_numbers` says that whoever makes a document gives its number, else QuickBooks counts."""

    home_currency: str
    several_currencies: bool
    own_numbers: bool


class Books:
    """Asks a company for its settings, each once in a while."""

    def __init__(self, client: QuickBooksClient) -> None:
        """Take the client to ask with."""
        self._client = client
        self._known: tuple[float, Preferences] | None = None

    async def preferences(self) -> Preferences:
        """Return the company's preferences."""
        if self._known is None or time.monotonic() - self._known[0] > _KEEP_SECONDS:
            body = (await self._client.read("/preferences")).body
            self._known = (time.monotonic(), _preferences(body))
        return self._known[1]


def _preferences(body: dict[str, Any]) -> Preferences:
    try:
        prefs = body["Preferences"]
        currency = prefs.get("CurrencyPrefs") or {}
        return Preferences(
            home_currency=str(currency["HomeCurrency"]["value"]),
            several_currencies=bool(currency.get("MultiCurrencyEnabled")),
            own_numbers=bool((prefs.get("SalesFormsPrefs") or {}).get("CustomTxnNumbers")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Transient(f"{VENDOR}'s preferences cannot be read") from error
