"""The entity options that QuickBooks' documents need, and what in them the company does not know (ADR 10)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from connectors.protocols import Candidate, Need
from connectors.quickbooks.company import Books, Item
from connectors.quickbooks.spec import VENDOR
from core.records import Entity
from core.values import Value

_ITEMS, _TAXES, _SALES, _ACCOUNT = "itemMap", "taxMap", "salesAccount", "paymentAccount"


async def needs_of(books: Books, entity: Entity, given: Mapping[str, Value], *, creates: bool) -> list[Need]:
    """Return what lacks or is wrong. Without new records in QuickBooks nothing is needed."""
    if entity is Entity.PAYMENTS and given.get(_ACCOUNT):
        return list(_account(await books.deposit_accounts(), str(given[_ACCOUNT])))
    if entity is not Entity.INVOICES:
        return []
    items, rates = await books.items(), await books.rates()
    codes = {code: name for code, (name, percents) in rates.items() if percents}
    found = [*_unknown_items(items, given), *_unknown_codes({*rates, *codes}, given)]
    if given.get(_SALES):
        found.append(Need(_SALES, f"is not for {VENDOR}, where an item brings its account: leave it out"))
    if not creates:
        return found
    if _ITEMS not in given:
        found.append(
            Need(_ITEMS, f"is needed: each line of an invoice in {VENDOR} names an item", _item_candidates(items))
        )
    if _TAXES not in given and (await books.preferences()).sales_tax:
        candidates = tuple(Candidate({"default": code}, name) for code, name in sorted(codes.items()))
        found.append(
            Need(_TAXES, f"is needed: the company charges sales tax, and {VENDOR} computes it by code", candidates)
        )
    return found


def _item_candidates(items: Mapping[str, Item]) -> tuple[Candidate, ...]:
    by_sku = (
        [Candidate({"by": "sku"}, "the item with the product's SKU")] if any(one.sku for one in items.values()) else []
    )
    single = [Candidate({"default": one.id}, one.name) for one in items.values()]
    return (*by_sku, *single)


def _unknown_items(items: Mapping[str, Item], given: Mapping[str, Value]) -> Iterator[Need]:
    chosen = given.get(_ITEMS)
    if not isinstance(chosen, dict):
        return
    named = [*(chosen.get("items") or {}).values(), chosen.get("default")]
    for one in sorted({str(name) for name in named if name} - items.keys()):
        yield Need(
            _ITEMS, f"names the item `{one}`, which the company has not; items are named by id", _item_candidates(items)
        )


def _unknown_codes(codes: Collection[str], given: Mapping[str, Value]) -> Iterator[Need]:
    chosen = given.get(_TAXES)
    for one in sorted({str(code) for code in chosen.values()} - set(codes)) if isinstance(chosen, dict) else ():
        yield Need(_TAXES, f"names the tax code `{one}`, which the company has not; codes are named by id")


def _account(accounts: Mapping[str, str], chosen: str) -> Iterator[Need]:
    if chosen not in accounts:
        candidates = tuple(Candidate(key, name) for key, name in sorted(accounts.items()))
        yield Need(_ACCOUNT, f"is no account that payments can go to; {VENDOR} takes a bank account's id", candidates)
