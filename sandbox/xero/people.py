"""What a person does in Xero's own pages: the control API's records."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

from sandbox.kit.vendor import Record, RecordError
from sandbox.xero.books import Table
from sandbox.xero.errors import RowError, XeroError
from sandbox.xero.resources import Resources
from sandbox.xero.values import Row

_ENDED = frozenset({"ARCHIVED", "VOIDED", "DELETED"})
_SHOWN_ONLY = frozenset({"UpdatedDateUTC", "HasAttachments", "HasErrors", "HasValidationErrors"})
_BLANK_CONTACT: Row = {
    **{name: "" for name in ("FirstName", "LastName", "EmailAddress", "AccountNumber", "CompanyNumber", "TaxNumber")},
    **{"Addresses": [], "Phones": [], "ContactPersons": []},
}


class People:
    """Records are shown as a single read shows them.

    `mergedInto` merges a contact into another; a payment takes `Status: DELETED` and `IsReconciled`. Deleting
    archives a contact, voids an approved invoice, deletes a draft or a payment.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        books = resources.books
        self._kinds: dict[str, tuple[Table, str, Callable[[Row], Row]]] = {
            "accounts": (books.contacts, "ContactStatus", resources.shapes.contact),
            "invoices": (books.invoices, "Status", lambda row: resources.shapes.invoice(row, unit_decimals=4)),
            "payments": (books.payments, "Status", resources.shapes.payment),
        }

    def listed(self, entity: str, limit: int | None, offset: int, deleted: bool) -> tuple[list[Record], int]:
        table, status, shape = self._kinds[entity]
        rows = [row for row in table.rows.values() if deleted or row[status] not in _ENDED]
        return [shape(row) for row in islice(rows, offset, None if limit is None else offset + limit)], len(rows)

    def one(self, entity: str, record_id: str, deleted: bool) -> Record:
        _, status, shape = self._kinds[entity]
        row = self._row(entity, record_id)
        if row[status] in _ENDED and not deleted:
            raise RecordError(404, f"no {entity} record {record_id}")
        return shape(row)

    def create(self, entity: str, values: Record) -> Record:
        with _as_record_errors():
            if entity == "accounts":
                row = self._resources.contacts.write(_entered(values), None, create=True)
            elif entity == "invoices":
                row, _ = self._resources.invoices.save(_entered({"Type": "ACCREC", **values}), None, 4)
            else:
                row = self._resources.payments.create(_entered(values))
        return self._kinds[entity][2](row)

    def replace(self, entity: str, record_id: str, values: Record) -> Record:
        """All editable fields of a contact: those not given become empty; other records are patched."""
        blank = _BLANK_CONTACT if entity == "accounts" else {}
        return self.patch(entity, record_id, {**blank, **values})

    def patch(self, entity: str, record_id: str, values: Record) -> Record:
        row = self._row(entity, record_id)
        with _as_record_errors():
            if entity == "accounts":
                row = self._patch_contact(row, values)
            elif entity == "invoices":
                row, _ = self._resources.invoices.save(_entered(values), row, 4)
            else:
                row = self._patch_payment(row, values)
        return self._kinds[entity][2](row)

    def delete(self, entity: str, record_id: str) -> None:
        row = self._row(entity, record_id)
        if entity == "accounts":
            self.patch(entity, record_id, {"ContactStatus": "ARCHIVED"})
        elif entity == "invoices":
            self.patch(
                entity, record_id, {"Status": "DELETED" if row["Status"] in ("DRAFT", "SUBMITTED") else "VOIDED"}
            )
        else:
            self.patch(entity, record_id, {"Status": "DELETED"})

    def _patch_contact(self, row: Row, values: Record) -> Row:
        if values.get("mergedInto") is not None:
            return self._resources.contacts.merge(self._row("accounts", str(values["mergedInto"])), row)
        return self._resources.contacts.save(_entered(values), row)

    def _patch_payment(self, row: Row, values: Record) -> Row:
        if set(values) - {"Status", "IsReconciled"}:
            raise RowError("a payment can only be deleted or reconciled")
        if "IsReconciled" in values:
            row = self._resources.books.payments.put({**row, "IsReconciled": bool(values["IsReconciled"])})
        return self._resources.payments.delete(row) if values.get("Status") == "DELETED" else row

    def _row(self, entity: str, record_id: str) -> Row:
        row = self._kinds[entity][0].rows.get(record_id)
        if row is None:
            raise RecordError(404, f"no {entity} record {record_id}")
        return row


def _entered(values: Record) -> Row:
    """Without what is only shown, so that a record that was read can be written back."""
    return {name: value for name, value in values.items() if name not in _SHOWN_ONLY}


@contextmanager
def _as_record_errors() -> Iterator[None]:
    try:
        yield
    except RowError as error:
        raise RecordError(422, str(error)) from error
    except XeroError as error:
        raise RecordError(error.status, str(error.body)) from error
