"""What a person does in the org's own pages: the control API's records, edited as another user than ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from sandbox.kit.vendor import Record, RecordError
from sandbox.salesforce.calls import NEWEST_VERSION
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.ids import normalise
from sandbox.salesforce.objects import ENTITIES
from sandbox.salesforce.records import Edit, Records
from sandbox.salesforce.schema import Row, SObject, read_field


class People:
    """Records are shown raw, with every field. A person passes over alert-type duplicate rules."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def listed(self, entity: str, limit: int | None, offset: int, deleted: bool) -> tuple[list[Record], int]:
        sobject = ENTITIES[entity]
        table = self._records.tables[sobject.name]
        rows = (row for row in table.by_id("", "~") if deleted or not row["IsDeleted"])
        end = None if limit is None else offset + limit
        total = len(table.rows) if deleted else table.live
        return [_raw(sobject, row) for row in islice(rows, offset, end)], total

    def one(self, entity: str, record_id: str, deleted: bool) -> Record:
        return _raw(ENTITIES[entity], self._row(entity, record_id, deleted))

    def create(self, entity: str, values: Record) -> Record:
        with _as_record_errors():
            record_id = self._records.insert(self._edit, ENTITIES[entity], values)
        return self.one(entity, record_id, deleted=False)

    def replace(self, entity: str, record_id: str, values: Record) -> Record:
        """All editable fields: those not given become empty, the owner stays."""
        sobject = ENTITIES[entity]
        empty = {
            field.name: None
            for field in sobject.fields
            if field.updateable and field.nillable and field.type != "boolean" and not field.defaulted
        }
        known = {field.name for name in values if (field := sobject.field(name))}
        return self.patch(entity, record_id, {**{k: v for k, v in empty.items() if k not in known}, **values})

    def patch(self, entity: str, record_id: str, values: Record) -> Record:
        """Change fields. `IsDeleted: false` takes out of the bin; `MasterRecordId` merges into that record.

        `SystemModstamp` leaves the row with that stamp, as a change does that no feed shows.
        """
        sobject = ENTITIES[entity]
        values = dict(values)
        row = self._row(entity, record_id, deleted=True)
        with _as_record_errors(), self._records.transaction():
            if values.pop("IsDeleted", None) is False and row["IsDeleted"]:
                self._records.undelete(self._edit, sobject, row["Id"])
            winner = values.pop("MasterRecordId", None)
            stamp = values.pop("SystemModstamp", None)
            if values or winner is None:
                self._records.update(self._edit, sobject, row["Id"], values)
            if winner is not None:
                self._records.merge(self._edit, sobject, row["Id"], str(winner))
            if stamp is not None:
                self._records.back_date(sobject, row["Id"], str(stamp))
        return self.one(entity, record_id, deleted=True)

    def delete(self, entity: str, record_id: str) -> None:
        """To the recycle bin; what lies there already is deleted for good, and leaves no trace."""
        row = self._row(entity, record_id, deleted=True)
        if row["IsDeleted"]:
            self._records.purge(ENTITIES[entity], row["Id"])
            return
        with _as_record_errors(), self._records.transaction():
            self._records.delete(self._edit, ENTITIES[entity], row["Id"])

    @property
    def _edit(self) -> Edit:
        return Edit(self._records.person_id, allow_duplicates=True)

    def _row(self, entity: str, record_id: str, deleted: bool) -> Row:
        row = self._records.tables[ENTITIES[entity].name].rows.get(normalise(record_id) or "")
        if row is None or (row["IsDeleted"] and not deleted):
            raise RecordError(404, f"no {entity} record {record_id}")
        return row


def _raw(sobject: SObject, row: Row) -> Record:
    url = f"/services/data/v{NEWEST_VERSION}.0/sobjects/{sobject.name}/{row['Id']}"
    fields: dict[str, Any] = {field.name: read_field(row, field) for field in sobject.fields}
    return {"attributes": {"type": sobject.name, "url": url}, **fields}


@contextmanager
def _as_record_errors() -> Iterator[None]:
    try:
        yield
    except SalesforceError as error:
        raise RecordError(error.status, f"{error.code}: {error.message}") from error
