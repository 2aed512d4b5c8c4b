"""Shows a record as a GET does: references and enums as objects, blanks left out, sublists as links (sheet 2)."""

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

from sandbox.netsuite.record_types import CUSTOMER, PAYMENT, TYPES
from sandbox.netsuite.records import Records
from sandbox.netsuite.schema import Field, RecordType, Row, Sublist

_NAMES = {"currency": "symbol", "serviceSaleItem": "itemId", "customer": "entityId", "invoice": "tranId"}
_BASE = "/services/rest/record/v1"


class Renderer:
    """`host` is what links begin with."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def record(
        self,
        kind: RecordType,
        row: Row,
        host: str = "",
        *,
        expand: bool = False,
        fields: Collection[str] = (),
        simple_enums: bool = False,
    ) -> dict[str, Any]:
        """One record. `fields` picks body fields only; it cannot pick sublists (sheet 2)."""
        here = f"{host}{_BASE}/{kind.name.lower()}/{row['id']}"
        wanted = {name.lower() for name in fields}
        shown: dict[str, Any] = {"links": [_link("self", here)], "id": row["id"]}
        values = {**row, **self._balances(kind, row)}
        for field in kind.fields:
            if field.name in values and (not wanted or field.name.lower() in wanted):
                shown[field.name] = self._value(field, values[field.name], host, simple_enums)
        if not wanted:
            for sublist in kind.sublists:
                shown[sublist.name] = self._sublist(kind, sublist, row, here, host, expand)
        return shown

    def line(self, kind: RecordType, sublist: Sublist, row: Row, line: Row, host: str) -> dict[str, Any]:
        """One line of a sublist."""
        shown: dict[str, Any] = {"links": []}
        for field in sublist.fields:
            if field.name in line:
                shown[field.name] = self._value(field, line[field.name], host, simple_enums=False)
        if sublist.name == "addressBook":
            shown["addressId"] = line["id"]
            shown["internalId"] = int(line["id"])
        return shown

    def _sublist(
        self, kind: RecordType, sublist: Sublist, row: Row, here: str, host: str, expand: bool
    ) -> dict[str, Any]:
        links = [_link("self", f"{here}/{sublist.name}")]
        if not expand:
            return {"links": links}
        lines = self._open_too(row) if kind is PAYMENT else row.get(sublist.name, [])
        items = [self.line(kind, sublist, row, line, host) for line in lines]
        empty = {} if items else {"count": 0, "hasMore": False, "offset": 0}
        return {"links": links, **empty, "items": items, "totalResults": len(items)}

    def _open_too(self, row: Row) -> list[Row]:
        """A payment's page lists every open invoice of the customer, whether this payment settles it or not."""
        lines = {line["doc"]: dict(line) for line in row.get("apply", [])}
        for other in self._records.transactions_of(row["customer"]):
            if "entity" in other and other["status"] == "A" and other["currency"] == row["currency"]:
                lines.setdefault(other["id"], {"doc": other["id"], "apply": False, "amount": "0", "line": "0"})
        for line in lines.values():
            invoice = self._records.lookup("invoice", line["doc"])
            due = Decimal(invoice["amountRemaining"]) + Decimal(line["amount"])
            line |= {"due": str(due), "total": invoice["total"], "refNum": invoice["tranId"], "type": "Invoice"}
            line |= {"applyDate": invoice["tranDate"]}
        return list(lines.values())

    def _balances(self, kind: RecordType, row: Row) -> Row:
        """What a customer owes now."""
        if kind is not CUSTOMER:
            return {}
        invoices = [one for one in self._records.transactions_of(row["id"]) if "entity" in one]
        today = self._records.today().isoformat()
        owed = sum((Decimal(one["amountRemaining"]) for one in invoices), Decimal(0))
        late = sum((Decimal(one["amountRemaining"]) for one in invoices if one["dueDate"] < today), Decimal(0))
        return {"balance": str(owed), "overdueBalance": str(late)}

    def _value(self, field: Field, value: Any, host: str, simple_enums: bool) -> Any:
        kinds: dict[str, Callable[[], Any]] = {
            "number": lambda: float(value),
            "integer": lambda: int(value),
            "ref": lambda: self.reference(field, value, host),
            "enum": lambda: value if simple_enums else {"links": [], "id": value, "refName": field.label(value)},
            "subrecord": lambda: self._subrecord(field, value, host),
        }
        return kinds.get(field.type, lambda: value)()

    def reference(self, field: Field, record_id: str, host: str) -> dict[str, Any]:
        """`{"links","id","refName"}`."""
        if field.to not in TYPES:
            return {"links": [], "id": record_id}
        row = self._records.lookup(field.to, record_id)
        name = row.get(_NAMES.get(field.to, "name")) or row.get("name")
        link = _link("self", f"{host}{_BASE}/{field.to.lower()}/{record_id}")
        return {"links": [link], "id": record_id, "refName": name}

    def _subrecord(self, field: Field, value: Row, host: str) -> dict[str, Any]:
        shown: dict[str, Any] = {"links": []}
        for inner in field.fields:
            if inner.name in value:
                shown[inner.name] = self._value(inner, value[inner.name], host, simple_enums=False)
        return shown


def _link(rel: str, href: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "method": "GET"}
