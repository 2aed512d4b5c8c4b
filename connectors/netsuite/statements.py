"""SuiteQL as text: what is read of each entity, in an order that is unique, values always as parameters (sheet 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from connectors.netsuite.spec import ADDRESS, COLUMNS, ROWS
from core.records import Entity

FORM = "YYYY-MM-DD HH24:MI:SS"
_CHANGED = f"TO_CHAR(t.lastmodifieddate, '{FORM}') AS changed"
_MOMENT = f"TO_TIMESTAMP(?, '{FORM}')"
_TYPES = {Entity.INVOICES: "t.type = 'CustInvc'", Entity.PAYMENTS: "t.type = 'CustPymt'"}
_STATE = {
    Entity.ACCOUNTS: ("t.externalid AS marker", "t.isinactive AS inactive"),
    Entity.INVOICES: (
        "t.externalid AS marker", "t.entity AS parent", "t.voided AS voided", "t.status AS state", "t.memo AS note",
        "t.foreigntotal AS due", "t.approvalstatus AS approval",
    ),
    Entity.PAYMENTS: ("t.externalid AS marker", "t.voided AS voided", "t.status AS state"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """A query with its parameters."""

    text: str
    params: Sequence[str] = ()


def columns(entity: Entity, wanted: Collection[str], custom: Collection[str] = ()) -> list[tuple[str, str]]:
    """Return (field, expression) of the wanted fields that SuiteQL can read, custom ones included."""
    known = [(one.name, one.sql) for one in COLUMNS[entity] if one.name in wanted and one.sql]
    return known + [(name, f"t.{name}") for name in sorted(custom) if name in wanted]


def changed(entity: Entity, wanted: Collection[str], custom: Collection[str], after: tuple[str, str]) -> Statement:
    """One page of records after (time in SuiteQL's clock, id), in that order."""
    time, record_id = after
    where = f"(t.lastmodifieddate > {_MOMENT} OR (t.lastmodifieddate = {_MOMENT} AND t.id > ?))"
    text = _select(entity, wanted, custom, where) + " ORDER BY t.lastmodifieddate, t.id"
    return Statement(text, (time, time, record_id))


def keyed(
    entity: Entity, wanted: Collection[str], custom: Collection[str], key: str, values: Sequence[str]
) -> Statement:
    """The records whose column has one of these values, at most a page of them."""
    return Statement(_select(entity, wanted, custom, among(key, values)) + " ORDER BY t.id", values)


def among(column: str, values: Sequence[str]) -> str:
    """A condition with one mark for each value."""
    return f"{column} IN ({', '.join('?' for _ in values)})"


def deleted(after: tuple[str, str]) -> Statement:
    """One page of deletions after (time, id), in that order."""
    where = f"(deleteddate > {_MOMENT} OR (deleteddate = {_MOMENT} AND recordid > ?))"
    text = (
        f"SELECT recordid, type, scriptid, TO_CHAR(deleteddate, '{FORM}') AS changed FROM deletedrecord WHERE {where}"
    )
    return Statement(f"{text} ORDER BY deleteddate, recordid", (after[0], after[0], after[1]))


def deleted_among(ids: Sequence[str]) -> Statement:
    """Which of these ids are those of deleted records, of whatever type."""
    where = among("recordid", ids)
    return Statement(f"SELECT recordid, type, scriptid FROM deletedrecord WHERE {where} ORDER BY recordid", ids)


def lines(ids: Sequence[str], after: tuple[str, str]) -> Statement:
    """One page of the lines of invoices after (invoice, line); the header's and tax lines are left out."""
    fields = "l.transaction AS doc, l.id AS line, l.item, i.itemid AS sku, l.memo, l.quantity, l.rate, l.foreignamount"
    where = f"l.mainline = 'F' AND l.taxline = 'F' AND {among('l.transaction', ids)}"
    where += " AND (l.transaction > ? OR (l.transaction = ? AND l.id > ?))"
    text = f"SELECT {fields} FROM transactionline l LEFT JOIN item i ON i.id = l.item WHERE {where}"
    return Statement(f"{text} ORDER BY l.transaction, l.id", (*ids, after[0], after[0], after[1]))


def allocations(ids: Sequence[str], after: tuple[str, str]) -> Statement:
    """One page of what payments settle, after (payment, invoice)."""
    where = f"{among('n.nextdoc', ids)} AND (n.nextdoc > ? OR (n.nextdoc = ? AND n.previousdoc > ?))"
    text = (
        f"SELECT n.nextdoc AS doc, n.previousdoc AS line, n.foreignamount FROM nexttransactionlinelink n WHERE {where}"
    )
    return Statement(f"{text} ORDER BY n.nextdoc, n.previousdoc", (*ids, after[0], after[0], after[1]))


def parts(values: Iterable[str], size: int = ROWS) -> Iterator[list[str]]:
    """Cut values, without repeats, so that each part fits one query."""
    rest = iter(dict.fromkeys(values))
    while part := list(islice(rest, size)):
        yield part


def _select(entity: Entity, wanted: Collection[str], custom: Collection[str], where: str) -> str:
    named = [f"{sql} AS f{place}" for place, (_, sql) in enumerate(columns(entity, wanted, custom))]
    listed = ", ".join(["t.id", _CHANGED, *_STATE[entity], *named])
    table = "customer" if entity is Entity.ACCOUNTS else "transaction"
    joins = "".join(_joins(entity, wanted))
    conditions = " AND ".join(part for part in (_TYPES.get(entity), where) if part)
    return f"SELECT {listed} FROM {table} t{joins} WHERE {conditions}"


def _joins(entity: Entity, wanted: Collection[str]) -> Iterator[str]:
    """Only what is asked for: a row that a role may not see would else take its record along (sheet 8)."""
    if "currency" in wanted:
        yield " LEFT JOIN currency c ON c.id = t.currency"
    if entity is not Entity.ACCOUNTS:
        return
    if "subsidiary" in wanted:
        yield " LEFT JOIN customersubsidiaryrelationship s ON s.entity = t.id AND s.isprimarysub = 'T'"
    if any(name.startswith(ADDRESS) for name in wanted):
        yield " LEFT JOIN entityaddress a ON a.nkey = t.defaultbillingaddress"
