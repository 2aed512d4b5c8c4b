"""A small accounting system in memory, and its connector: it keeps invoices and payments as vendors do, and no more.

Tax is computed once per document at its own rates; numbers are unique; issued documents cannot be changed but for the
memo; a payment may settle several invoices.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.offering import Offering, mapped, same
from connectors.protocols import (
    Candidate,
    ConnectorContext,
    Current,
    EntityFacts,
    FetchRequest,
    Need,
    Page,
    WriteRequest,
    WriteResult,
    WriteStatus,
)
from connectors.values import json_text
from connectors.writing import LOCAL, local, local_results, refusal
from core.documents import (
    ExternalLine,
    TaxRounding,
    allocation_id,
    compute_totals,
    external_lines,
    line_values,
    rounding_amount,
    rounding_line,
    split_allocation,
)
from core.errors import ErrorType, FieldValidation, RecordFailure, Transient
from core.records import Entity, Operation, OperationKind, Record, Side
from core.schema import EntitySchema, FieldSchema
from core.values import Value

CREATE, UPDATE, ARCHIVE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE
ALLOWANCE = Decimal("0.02")
RATES = {"STD": Decimal(20), "RED": Decimal(5)}
FACTS = {
    Entity.ACCOUNTS: EntityFacts("client", "ref", None, frozenset(OperationKind), True, 0.0, batch=1),
    Entity.INVOICES: EntityFacts("bill", None, "client", frozenset(OperationKind), True, 0.0, batch=1),
    Entity.PAYMENTS: EntityFacts(
        "receipt",
        "ref",
        "bill",
        frozenset({CREATE, ARCHIVE}),
        True,
        0.0,
        batch=50,
        option_fields={"paymentAccount": "bank"},
    ),
}
SCHEMAS: dict[Entity, list[FieldSchema]] = {
    Entity.ACCOUNTS: [
        FieldSchema("name", "Name", "text", required=True),
        FieldSchema("currency", "Currency", "text"),
        FieldSchema("ref", "Ref", "text"),
    ],
    Entity.INVOICES: [
        FieldSchema("rows", "Rows", "list", required=True, create_only=True),
        FieldSchema("total", "Total", "currency", required=True, create_only=True),
        FieldSchema("number", "Number", "text", create_only=True),
        FieldSchema("date", "Date", "date", create_only=True),
        FieldSchema("memo", "Memo", "text"),
    ],
    Entity.PAYMENTS: [
        FieldSchema("amount", "Amount", "currency", required=True, create_only=True),
        FieldSchema("date", "Date", "date", create_only=True),
        FieldSchema("bank", "Bank", "text", required=True, create_only=True),
        FieldSchema("ref", "Ref", "text"),
    ],
}
TEMPLATES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [mapped("name", "name"), mapped("currency", "currency", writeOnce=True)],
    Entity.INVOICES: [
        mapped("lineItems", "rows", transform="invoice_lines", writeOnce=True),
        mapped("total", "total", writeOnce=True, required=True),
        mapped("externalReference", "number", "alguna_to_external", writeOnce=True),
        mapped("issueDate", "date", writeOnce=True),
        mapped("description", "memo"),
    ],
    Entity.PAYMENTS: [
        mapped("amount", "amount", writeOnce=True, required=True),
        mapped("paidAt", "date", writeOnce=True, required=True),
    ],
}


@dataclass
class Ledger:
    """The books: rows by id, and what shall go wrong with the next write."""

    rows: dict[Entity, dict[str, dict[str, Any]]] = field(default_factory=lambda: {entity: {} for entity in FACTS})
    banks: tuple[str, ...] = ("1000",)
    lose_replies: int = 0
    sent: list[WriteRequest] = field(default_factory=list)
    reads: int = 0
    clock: int = 0

    def put(self, entity: Entity, row: dict[str, Any], row_id: str | None = None) -> str:
        """Store a row, as a person or the API does; return its id."""
        self.clock += 1
        row_id = row_id or f"{entity.value[:3]}{len(self.rows[entity]) + 1}"
        known = self.rows[entity].get(row_id, {"state": "open"})
        self.rows[entity][row_id] = {**known, **row, "seq": self.clock}
        return row_id

    def bill(self, client: str, *amounts: str, number: str = "", state: str = "open", **more: Any) -> str:
        """A person writes an invoice without tax."""
        lines = [ExternalLine(unit_price=Decimal(one), amount=Decimal(one), description="Work") for one in amounts]
        total = sum(map(Decimal, amounts), Decimal(0))
        row = {"client": client, "rows": line_values(lines), "total": total, "number": number, "state": state}
        return self.put(Entity.INVOICES, {**row, "date": "2026-06-01", "memo": None, **more})

    def receipt(self, parts: Mapping[str, str], date: str = "2026-06-10", state: str = "open") -> str:
        """A person records a payment that settles these invoices."""
        settled = {bill: Decimal(amount) for bill, amount in parts.items()}
        return self.put(Entity.PAYMENTS, {"parts": settled, "date": date, "bank": "1000", "refs": {}, "state": state})

    def void(self, entity: Entity, row_id: str) -> None:
        """A person voids a document."""
        self.put(entity, {"state": "void"}, row_id)


class LedgerConnector:
    """See `connectors.protocols.Connector`."""

    side = Side.EXTERNAL

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.calls = 0

    def facts(self, entity: Entity) -> EntityFacts:
        return FACTS[entity]

    async def check(self) -> str:
        return "ledger"

    async def describe(self, entity: Entity) -> EntitySchema:
        return EntitySchema(self.side, entity, FACTS[entity].object_name, {one.name: one for one in SCHEMAS[entity]})

    async def default_currency(self) -> str | None:
        return "GBP"

    async def needs(self, entity: Entity, given: Mapping[str, Value], creates: bool) -> Sequence[Need]:
        if entity is not Entity.PAYMENTS or not creates or "paymentAccount" in given:
            return []
        candidates = tuple(Candidate(one, f"Bank {one}") for one in self._ledger.banks)
        return [Need("paymentAccount", "is needed: a receipt is booked to a bank", candidates)]

    async def fetch(self, request: FetchRequest) -> Page:
        self._ledger.reads += 1
        since = -1 if request.full or request.cursor is None else int(request.cursor)
        rows = self._ledger.rows[request.entity].items()
        found = [
            record for row_id, row in rows if row["seq"] > since for record in self._records(request.entity, row_id)
        ]
        return Page(found, None, str(self._ledger.clock), complete_scan=since < 0)

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        found: dict[str, Record] = {}
        for one in ids:
            row_id, part = split_allocation(one) if entity is Entity.PAYMENTS else (one, None)
            if row_id in self._ledger.rows[entity]:
                records = {record.id: record for record in self._records(entity, row_id)}
                gone = Record(self.side, entity, one, {}, deleted=True)
                found |= records if one == row_id else {one: records.get(one, gone)}
        return found

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        everything = [record for row_id in self._ledger.rows[entity] for record in self._records(entity, row_id)]
        if field == "ref":
            return [record for record in everything if record.marker in values]
        return [record for record in everything if str(record.fields.get(field)) in values]

    async def find_created(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Record]:
        found: dict[int, Record] = {}
        for one in operations:
            numbered = one.entity is Entity.INVOICES
            key = str(one.values["number"]) if numbered else one.source_id
            hits = await self.look_up(one.entity, "number" if numbered else "ref", [key], fields)
            if hits:
                found[one.id] = hits[0]
        return found

    def needs_current(self, operation: Operation, age: float) -> bool:
        return False

    def leases(self, operations: Sequence[Operation]) -> list[str]:
        return []

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        found = await self.read(operations[0].entity, [one.target_id or "" for one in operations], fields)
        return {one.id: Current(found.get(one.target_id or "")) for one in operations}

    def normalise(self, entity: Entity, values: Mapping[str, Value]) -> dict[str, Value]:
        return dict(values)

    def plan(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> list[WriteRequest]:
        groups: dict[str, list[Operation]] = {}
        requests: list[WriteRequest] = []
        for one in operations:
            try:
                body = self._body(one)
            except FieldValidation as error:
                failure = RecordFailure(ErrorType.FIELD_VALIDATION, error.message, "total")
                requests.append(local(refusal(one, failure)))
                continue
            if one.entity is Entity.PAYMENTS and one.kind is CREATE:
                groups.setdefault(split_allocation(one.source_id)[0], []).append(one)
            else:
                requests.append(WriteRequest((one.id,), one.kind.value, one.target_id or "", json_text(body)))
        for payment, chosen in groups.items():
            text = json_text([[one.parent_id, one.values["amount"]] for one in chosen])
            requests.append(WriteRequest(tuple(one.id for one in chosen), CREATE.value, payment, text))
        return requests

    async def send(
        self, request: WriteRequest, operations: Sequence[Operation], fields: Collection[str]
    ) -> list[WriteResult]:
        if request.method == LOCAL:
            return local_results(request)
        self.calls += 1
        self._ledger.sent.append(request)
        by_id = {one.id: one for one in operations}
        results = self._carry_out([by_id[one] for one in request.operation_ids])
        if self._ledger.lose_replies:
            self._ledger.lose_replies -= 1
            raise Transient("no reply", outcome_unknown=True)
        return results

    async def close(self) -> None:
        return

    def _body(self, one: Operation) -> dict[str, Value]:
        if one.entity is not Entity.INVOICES or one.kind is not CREATE:
            return dict(one.values)
        lines = external_lines(one.values["rows"])
        rated = [(line.amount, RATES.get(line.tax_code or "", Decimal(0))) for line in lines]
        made = compute_totals(rated, rounding=TaxRounding.PER_DOCUMENT, currency="GBP")
        off = rounding_amount(one.values["total"], made, currency="GBP", allowance=ALLOWANCE, system="the ledger")
        lines += [rounding_line(off, "9999")] if off else []
        return {**one.values, "rows": line_values(lines)}

    def _carry_out(self, operations: Sequence[Operation]) -> list[WriteResult]:
        one, ledger = operations[0], self._ledger
        if one.kind is ARCHIVE:
            row_id = split_allocation(one.target_id or "")[0] if one.entity is Entity.PAYMENTS else one.target_id
            ledger.void(one.entity, row_id or "")
            return [WriteResult(one.id, WriteStatus.DONE, one.target_id)]
        if one.entity is Entity.PAYMENTS:
            parts = {part.parent_id or "": Decimal(str(part.values["amount"])) for part in operations}
            row: dict[str, Any] = {"parts": parts, "date": one.values["date"], "bank": one.values["bank"]}
            row_id = ledger.put(one.entity, {**row, "refs": {part.parent_id: part.source_id for part in operations}})
            made = {record.parent_id: record for record in self._records(one.entity, row_id)}
            return [
                WriteResult(part.id, WriteStatus.DONE, made[part.parent_id].id, made[part.parent_id])
                for part in operations
            ]
        body = self._body(one)
        number = body.get("number")
        if number and one.kind is CREATE and any(row["number"] == number for row in ledger.rows[one.entity].values()):
            failure = RecordFailure(ErrorType.DUPLICATE, f"the number {number} is in use", "number")
            return [WriteResult(one.id, WriteStatus.REJECTED, failure=failure)]
        if one.kind is CREATE and one.entity is Entity.INVOICES:
            body = {"memo": None, "number": "", "date": None, **body, "client": one.parent_id}
        if one.kind is CREATE and one.entity is Entity.ACCOUNTS:
            body = {**body, "ref": one.source_id}
        row_id = ledger.put(one.entity, body, one.target_id)
        return [WriteResult(one.id, WriteStatus.DONE, row_id, self._records(one.entity, row_id)[0])]

    def _records(self, entity: Entity, row_id: str) -> list[Record]:
        row = self._ledger.rows[entity][row_id]
        at, gone = datetime.fromtimestamp(row["seq"], UTC), row["state"] == "void"
        if entity is not Entity.PAYMENTS:
            fields = {one.name: row.get(one.name) for one in SCHEMAS[entity] if one.name != "ref"}
            unready = "the bill is a draft" if row["state"] == "draft" else None
            return [
                Record(
                    self.side,
                    entity,
                    row_id,
                    fields,
                    at,
                    deleted=gone,
                    parent_id=row.get("client"),
                    marker=row.get("ref"),
                    unready=unready,
                )
            ]
        return [
            Record(
                self.side,
                entity,
                allocation_id(row_id, bill),
                {"amount": amount, "date": row["date"], "bank": row["bank"]},
                at,
                deleted=gone,
                parent_id=bill,
                marker=row["refs"].get(bill),
            )
            for bill, amount in (row["parts"] or {None: Decimal(0)}).items()
        ]


class NoEvents:
    """The ledger tells nothing by itself."""

    token_in_path = False


def offering(ledger: Ledger) -> Offering:
    """The ledger's entry in the registry."""
    make: Callable[[ConnectorContext], Any] = lambda context: LedgerConnector(ledger)  # noqa: E731
    rules = {
        Entity.ACCOUNTS: [same("name", "name", "name")],
        Entity.INVOICES: [same("externalReference", "number", "none")],
    }
    events: Any = NoEvents
    return Offering("ledger", FACTS, {}, frozenset(), make, events, None, TEMPLATES, rules)
