"""The entity options that money documents need in Xero: what lacks, what is wrong, and what it could be (ADR 10)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from connectors.protocols import Candidate, Need
from connectors.xero.catalogue import Account, Settings
from connectors.xero.spec import NO_TAX
from core.invoice_lines import ITEM_MAP, SALES_ACCOUNT, TAX_MAP
from core.records import Entity
from core.values import Value

PAYMENT_ACCOUNT = "paymentAccount"


def needs_of(settings: Settings, entity: Entity, given: Mapping[str, Value], *, creates: bool) -> Iterator[Need]:
    """Yield what an entity's options lack, where records are created in Xero, and what in them Xero does not know."""
    if entity is Entity.PAYMENTS:
        yield from _payment_account(settings, given, creates=creates)
    if entity is Entity.INVOICES:
        yield from _sales_account(settings, given, creates=creates)
        yield from _tax_map(settings, given, creates=creates)
        yield from _item_map(settings, given)


def _payment_account(settings: Settings, given: Mapping[str, Value], *, creates: bool) -> Iterator[Need]:
    candidates = tuple(_candidate(one) for one in settings.accounts if one.takes_payments)
    key = given.get(PAYMENT_ACCOUNT)
    if key is None:
        if creates:
            yield Need(PAYMENT_ACCOUNT, "is needed: Xero books each payment to an account", candidates)
        return
    account = settings.account(str(key))
    if account is None or not account.takes_payments:
        yield Need(PAYMENT_ACCOUNT, f"`{key}` is no account in Xero that payments can be booked to", candidates)


def _sales_account(settings: Settings, given: Mapping[str, Value], *, creates: bool) -> Iterator[Need]:
    candidates = tuple(_candidate(one) for one in settings.accounts if one.is_revenue and one.code)
    key = given.get(SALES_ACCOUNT)
    if key is None:
        if creates and given.get(ITEM_MAP) is None:
            yield Need(SALES_ACCOUNT, "is needed: Xero books each line of an invoice to an account", candidates)
        return
    if not any(one.code == key for one in settings.accounts):
        yield Need(SALES_ACCOUNT, f"`{key}` is the code of no active account in Xero", candidates)


def _tax_map(settings: Settings, given: Mapping[str, Value], *, creates: bool) -> Iterator[Need]:
    known: Any = given.get(TAX_MAP)
    if known is None:
        if creates:
            found = _by_rate(settings)
            candidates = (Candidate(dict(found), "the tax rates of which Xero has one each"),) if found else ()
            yield Need(TAX_MAP, "is needed: a tax rate in Xero for each rate that Alguna charges", candidates)
        return
    unknown = sorted({str(code) for code in known.values()} - settings.rates.keys())
    if unknown:
        rates = tuple(Candidate(code, f"{rate.normalize():f} %") for code, rate in sorted(settings.rates.items()))
        yield Need(TAX_MAP, f"`{unknown[0]}` is no active tax rate for sales in Xero", rates)


def _item_map(settings: Settings, given: Mapping[str, Value]) -> Iterator[Need]:
    known: Any = given.get(ITEM_MAP)
    if known is None:
        return
    named = [*(known.get("items") or {}).values(), *([known["default"]] if known.get("default") else [])]
    unknown = sorted({str(code) for code in named} - settings.items.keys())
    if unknown:
        items = tuple(Candidate(one.code, one.name) for one in settings.items.values())
        yield Need(ITEM_MAP, f"`{unknown[0]}` is the code of no item in Xero", items)


def _by_rate(settings: Settings) -> dict[str, Value]:
    """The tax types by rate, where one rate has one only; without tax there is always the same."""
    types: defaultdict[Decimal, list[str]] = defaultdict(list)
    for code, rate in settings.rates.items():
        types[rate].append(code)
    found: dict[str, Value] = {f"{rate:f}": codes[0] for rate, codes in sorted(types.items()) if len(codes) == 1}
    if NO_TAX in types.get(Decimal(0), ()):
        found["0"] = NO_TAX
    return found


def _candidate(account: Account) -> Candidate:
    return Candidate(account.key, account.name)
