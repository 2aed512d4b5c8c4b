"""What a person does in the account's own pages: the control API's records, as another user than ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from sandbox.kit.vendor import Record, RecordError
from sandbox.netsuite.bodies import Reader, Sent
from sandbox.netsuite.errors import NetSuiteError
from sandbox.netsuite.record_types import CUSTOMER, ENTITIES
from sandbox.netsuite.records import Edit, Records
from sandbox.netsuite.render import Renderer
from sandbox.netsuite.schema import RecordType, Row

PERSON = Edit("34", "USERINTERFACE")
# What a record keeps when a person replaces all of it.
_KEPT = frozenset(
    {
        "externalId", "isPerson", "entityId", "subsidiary", "currency", "entity", "customer", "payment", "tranId",
        "tranDate", "exchangeRate", "account", "arAcct", "undepFunds", "approvalStatus", "isInactive", "postingPeriod",
    }
)  # fmt: skip


class People:
    """Records are shown as a GET with all sublists shows them; a deletion leaves none to show.

    Sublists of a patch take the place of the old ones; `voided: true` is the button "Void".
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._renderer = Renderer(records)

    def listed(self, entity: str, limit: int | None, offset: int, deleted: bool) -> tuple[list[Record], int]:
        kind = ENTITIES[entity]
        rows = self._records.rows[kind.name].values()
        end = None if limit is None else offset + limit
        return [self._raw(kind, row) for row in islice(rows, offset, end)], len(rows)

    def one(self, entity: str, record_id: str, deleted: bool) -> Record:
        return self._raw(ENTITIES[entity], self._row(entity, record_id))

    def create(self, entity: str, values: Record) -> Record:
        """The page of a new customer comes with the subsidiary filled in, where there is only one."""
        if ENTITIES[entity] is CUSTOMER and len(self._records.setup.subsidiaries) == 1:
            values = {"subsidiary": {"id": "1"}, **values}
        with _as_record_errors():
            row = self._records.insert(PERSON, ENTITIES[entity], self._sent(entity, values))
        return self._raw(ENTITIES[entity], row)

    def replace(self, entity: str, record_id: str, values: Record) -> Record:
        """All editable fields: those not given become empty."""
        row = self._row(entity, record_id)
        known = {field.name for field in ENTITIES[entity].fields if not field.read_only} - _KEPT
        empty = {name: None for name in row if name in known}
        return self.patch(entity, record_id, {**empty, **values})

    def patch(self, entity: str, record_id: str, values: Record) -> Record:
        kind, row = ENTITIES[entity], self._row(entity, record_id)
        values = dict(values)
        with _as_record_errors():
            if values.pop("voided", False):
                if kind is CUSTOMER:
                    raise RecordError(422, "a customer cannot be voided")
                row = self._records.void(PERSON, kind, row)
            if values:
                sent = self._sent(entity, values)
                row = self._records.update(PERSON, kind, row, sent, frozenset(sent.lists))
        return self._raw(kind, row)

    def delete(self, entity: str, record_id: str) -> None:
        with _as_record_errors():
            self._records.delete(PERSON, ENTITIES[entity], self._row(entity, record_id))

    def _sent(self, entity: str, values: Record) -> Sent:
        return Reader(self._records.find, "error").read(ENTITIES[entity], values)

    def _row(self, entity: str, record_id: str) -> Row:
        row = self._records.rows[ENTITIES[entity].name].get(record_id)
        if row is None:
            raise RecordError(404, f"no {entity} record {record_id}")
        return row

    def _raw(self, kind: RecordType, row: Row) -> Record:
        return self._renderer.record(kind, row, expand=True)


@contextmanager
def _as_record_errors() -> Iterator[None]:
    try:
        yield
    except NetSuiteError as error:
        raise RecordError(error.status, f"{error.code}: {error.detail}") from error
