"""Recurring revenue, which Alguna tells only per subscription and call (Alguna sheet 2.5).

What was told is kept in the notebook under the subscription's `updated_at` and version, so an unchanged subscription
costs no call. A customer's `mrr` is the sum over its active subscriptions; it is brought up to date by reading the
subscriptions newest first, down to where the last such reading began.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from alguna.types.subscription_response import SubscriptionResponse

from connectors.alguna.client import AlgunaClient
from connectors.alguna.records import moment_of
from connectors.alguna.spec import OVERLAP_SECONDS, PAGE_ROWS, REVENUE_FIELDS
from connectors.http import gather_bounded
from connectors.values import as_number, iso
from core.ports import Notebook
from core.values import Value

_SUBSCRIPTIONS = "alguna.revenue"
_CUSTOMERS = "alguna.customer_mrr"
_PROGRESS = "alguna.customer_mrr.progress"
_KEY = "until"


class Revenue:
    """Tells mrr, arr and acv of subscriptions, and mrr of customers, from the notebook as far as possible."""

    def __init__(self, client: AlgunaClient, notebook: Notebook) -> None:
        """Take the client to ask with and the notebook to keep answers in."""
        self._client = client
        self._notebook = notebook

    async def of(self, subscriptions: Sequence[SubscriptionResponse]) -> dict[str, dict[str, Value]]:
        """Return mrr, arr and acv by subscription id; None where Alguna has no figure."""
        kept = await self._notebook.get(_SUBSCRIPTIONS, [one.id for one in subscriptions])
        found: dict[str, dict[str, Value]] = {}
        missing = []
        for one in subscriptions:
            fact = kept.get(one.id)
            if isinstance(fact, dict) and fact.get("version") == _version(one):
                found[one.id] = {name: as_number(fact.get(name)) for name in sorted(REVENUE_FIELDS)}
            else:
                missing.append(one)
        asked = await gather_bounded([lambda one=one: self._ask(one) for one in missing])  # type: ignore[misc]
        if asked:
            await self._notebook.put(_SUBSCRIPTIONS, {one.id: fact for one, fact in zip(missing, asked, strict=True)})
        for one, fact in zip(missing, asked, strict=True):
            found[one.id] = {name: as_number(fact[name]) for name in sorted(REVENUE_FIELDS)}
        return found

    async def customers(self, customer_ids: Sequence[str]) -> dict[str, Decimal]:
        """Return mrr by customer id, as `advance` has last brought it up to date."""
        kept = await self._notebook.get(_CUSTOMERS, customer_ids)
        sums: dict[str, Decimal] = {}
        for customer_id in customer_ids:
            parts = kept.get(customer_id)
            values = parts.values() if isinstance(parts, dict) else ()
            sums[customer_id] = sum((as_number(part) or Decimal(0) for part in values), Decimal(0))
        return sums

    async def advance(self, offset: int, newest: str | None) -> tuple[int, str] | None:
        """Take in one page of changed subscriptions; return where to go on, None when all customers are up to date.

        `newest` is what the first page of this reading returned.
        """
        page = await self._client.read(
            lambda sdk: sdk.subscriptions.list(limit=PAGE_ROWS, offset=offset, sort="updated_at:desc")
        )
        rows = page.data or []
        until = await self._until()
        newest = newest or (iso(moment_of(rows[0])) if rows else iso(until))
        changed = [one for one in rows if moment_of(one) >= until]
        await self._take_in(changed)
        total = page.pagination.total_pages if page.pagination else 0
        if len(changed) == len(rows) and rows and offset // PAGE_ROWS + 1 < total:
            return offset + PAGE_ROWS, newest
        await self._notebook.put(_PROGRESS, {_KEY: newest})
        return None

    async def _until(self) -> datetime:
        kept = (await self._notebook.get(_PROGRESS, [_KEY])).get(_KEY)
        if not isinstance(kept, str):
            return datetime(1970, 1, 1, tzinfo=UTC)
        return datetime.fromisoformat(kept) - timedelta(seconds=OVERLAP_SECONDS)

    async def _take_in(self, changed: Sequence[SubscriptionResponse]) -> None:
        active = [one for one in changed if one.status == "active"]
        revenue = await self.of(active)
        ids = sorted({one.customer_id for one in changed})
        kept = await self._notebook.get(_CUSTOMERS, ids)
        facts: dict[str, Value] = {}
        for one in changed:
            before = facts.get(one.customer_id, kept.get(one.customer_id))
            parts = dict(before) if isinstance(before, dict) else {}
            parts.pop(one.id, None)
            if one.id in revenue:
                parts[one.id] = str(revenue[one.id]["mrr"] or 0)
            facts[one.customer_id] = parts
        if facts:
            await self._notebook.put(_CUSTOMERS, facts)

    async def _ask(self, one: SubscriptionResponse) -> dict[str, Value]:
        told = await self._client.read(lambda sdk: sdk.subscriptions.get_revenue(one.id))
        known = told.recurring_revenue_status != "unavailable"
        figures: dict[str, Value] = {name: getattr(told, name) if known else None for name in sorted(REVENUE_FIELDS)}
        return {"version": _version(one), **figures}


def _version(one: SubscriptionResponse) -> str:
    return f"{iso(moment_of(one))} {one.current_version_id or ''}"
