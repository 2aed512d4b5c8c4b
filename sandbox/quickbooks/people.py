"""What people do in the company's own pages: the control API's records."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from sandbox.kit.vendor import Record, RecordError
from sandbox.quickbooks.books import Row
from sandbox.quickbooks.company import Company
from sandbox.quickbooks.errors import QuickBooksError
from sandbox.quickbooks.schema import CUSTOMER, EMPLOYEE, INVOICE, ITEM, PAYMENT, TAX_CODE, VENDOR, Kind

ENTITIES: dict[str, Kind] = {
    "accounts": CUSTOMER,
    "invoices": INVOICE,
    "payments": PAYMENT,
    "items": ITEM,
    "taxCodes": TAX_CODE,
    "vendors": VENDOR,
    "employees": EMPLOYEE,
}
_OUTPUT = frozenset({"domain", "sparse", "Id", "SyncToken", "MetaData"})


class People:
    """Records are shown as the API shows them. A page takes any text as an e-mail address (sheet 8.8).

    Beside the properties a patch takes `voided: true`, `deposited: true` (a payment is put into a deposit) and
    `mergedInto` (a customer's id). Deleting a customer makes it inactive; `Active: true` brings it back.
    """

    def __init__(self, company: Company) -> None:
        self._company = company

    def listed(self, entity: str, limit: int | None, offset: int, deleted: bool) -> tuple[list[Record], int]:
        kind = ENTITIES[entity]
        rows = [row for row in self._company.books.tables[kind.name].values() if deleted or row.active]
        end = None if limit is None else offset + limit
        return [self._company.shown(kind, row) for row in islice(rows, offset, end)], len(rows)

    def one(self, entity: str, record_id: str, deleted: bool) -> Record:
        return self._company.shown(ENTITIES[entity], self._row(entity, record_id, deleted))

    def create(self, entity: str, values: Record) -> Record:
        kind = ENTITIES[entity]
        with _as_record_errors():
            row = self._company.create(kind, _input(values), trusted=True)
        return self._company.shown(kind, row)

    def replace(self, entity: str, record_id: str, values: Record) -> Record:
        kind, row = ENTITIES[entity], self._row(entity, record_id, deleted=True)
        with _as_record_errors():
            self._company.update(kind, row, _input(values), trusted=True)
        return self._company.shown(kind, row)

    def patch(self, entity: str, record_id: str, values: Record) -> Record:
        kind, row = ENTITIES[entity], self._row(entity, record_id, deleted=True)
        sent = _input(values)
        actions = {name: sent.pop(name) for name in ("voided", "deposited", "mergedInto") if name in sent}
        with _as_record_errors():
            if sent:
                self._company.update(kind, row, {**sent, "sparse": True}, trusted=True)
            if actions.get("voided"):
                self._company.void(kind, row)
        if "deposited" in actions:
            row.deposited = bool(actions["deposited"])
        if actions.get("mergedInto"):
            self._company.books.merge(kind, row, self._row(entity, str(actions["mergedInto"]), deleted=False))
        return self._company.shown(kind, row)

    def delete(self, entity: str, record_id: str) -> None:
        kind, row = ENTITIES[entity], self._row(entity, record_id, deleted=False)
        with _as_record_errors():
            if kind.deletable:
                self._company.delete(kind, row)
            else:
                self._company.update(kind, row, {"Active": False, "sparse": True}, trusted=True)

    def _row(self, entity: str, record_id: str, deleted: bool) -> Row:
        """Inactive ones can be edited; deleted transactions only looked at."""
        row = self._company.books.tables[ENTITIES[entity].name].get(record_id)
        if row is None or not (row.active or deleted):
            raise RecordError(404, f"no {entity} record {record_id}")
        return row


def _input(values: Record) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in _OUTPUT}


@contextmanager
def _as_record_errors() -> Iterator[None]:
    try:
        yield
    except QuickBooksError as error:
        raise RecordError(error.status, f"{error.code} {error.message}: {error.detail}") from error
