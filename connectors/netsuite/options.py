"""Which options NetSuite's documents need, and what they could be (ADR 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.netsuite.lookups import Lookups
from connectors.netsuite.records import Row
from connectors.protocols import Candidate, Need
from core.records import Entity
from core.values import Value

_MOST = 20


async def needs_of(lookups: Lookups, entity: Entity, given: Mapping[str, Value], creates: bool) -> Sequence[Need]:
    """Return what an entity lacks, or has wrong. Raises `SyncError` when NetSuite cannot be asked."""
    if entity is Entity.ACCOUNTS:
        return await _subsidiary(lookups, given) if creates else []
    if entity is Entity.INVOICES:
        return [*await _items(lookups, given), *await _taxes(lookups, given)] if creates else []
    return await _account(lookups, given)


async def _subsidiary(lookups: Lookups, given: Mapping[str, Value]) -> list[Need]:
    """Outside of OneWorld there is none to choose."""
    known = await lookups.subsidiaries()
    if not known:
        return []
    reason = "is needed: each customer belongs to a subsidiary in NetSuite"
    return _one_of(known, "subsidiary", given, reason, "is the internal id of no active subsidiary")


async def _account(lookups: Lookups, given: Mapping[str, Value]) -> list[Need]:
    """Without one, payments go to undeposited funds, as in NetSuite's own pages."""
    if given.get("paymentAccount") is None:
        return []
    known = await lookups.bank_accounts()
    return _one_of(known, "paymentAccount", given, "", "is the internal id of no active bank account")


def _one_of(known: Sequence[Row], option: str, given: Mapping[str, Value], missing: str, wrong: str) -> list[Need]:
    candidates = tuple(Candidate(row["id"], row.get("name", row["id"])) for row in known[:_MOST])
    chosen = given.get(option)
    if chosen is None:
        return [Need(option, missing, candidates)]
    return [] if str(chosen) in {row["id"] for row in known} else [Need(option, f"{wrong} in NetSuite", candidates)]


async def _items(lookups: Lookups, given: Mapping[str, Value]) -> list[Need]:
    """Every line names an item in NetSuite. The one item of an account is taken for all lines."""
    chosen = given.get("itemMap")
    if chosen is None:
        known = (await lookups.items())[:_MOST]
        candidates = tuple(
            Candidate({"by": None, "items": {}, "default": row["id"]}, row.get("itemid", row["id"])) for row in known
        )
        return [Need("itemMap", "is needed: each line of an invoice is of an item in NetSuite", candidates)]
    named = _named(chosen)
    found = await lookups.items_named(named) if named else {}
    lost = sorted(name for name in named if len(found[name]) != 1)
    return [Need("itemMap", f"names `{lost[0]}`, which is not one item in NetSuite")] if lost else []


def _named(item_map: Value) -> set[str]:
    if not isinstance(item_map, dict):
        return set()
    items = item_map.get("items")
    named = {str(one) for one in items.values()} if isinstance(items, dict) else set()
    default = item_map.get("default")
    return named | ({str(default)} if default is not None else set())


async def _taxes(lookups: Lookups, given: Mapping[str, Value]) -> list[Need]:
    chosen = given.get("taxMap")
    if not isinstance(chosen, dict) or not chosen:
        return []
    known = await lookups.tax_codes()
    lost = sorted({str(code) for code in chosen.values()} - known.keys())
    names = {one.name: one for one in known.values()}
    candidates = tuple(Candidate(one.name, f"{one.rate:f} %") for one in list(names.values())[:_MOST])
    return [Need("taxMap", f"names `{lost[0]}`, which is no tax code in NetSuite", candidates)] if lost else []
