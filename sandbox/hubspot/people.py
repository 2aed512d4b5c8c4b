"""What a person does in the portal's own pages: the control API's records, as another author than our app."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from sandbox.hubspot.associations import DEFINED, Associations
from sandbox.hubspot.errors import HubSpotError
from sandbox.hubspot.objects import COMPANY, ENTITIES
from sandbox.hubspot.properties_api import OWNER_USER_ID
from sandbox.hubspot.records import Edit, Records
from sandbox.hubspot.schema import ObjectType
from sandbox.hubspot.shapes import specs_of
from sandbox.hubspot.table import Row
from sandbox.hubspot.values import wire_time
from sandbox.kit.vendor import Record, RecordError

_PRIMARY = {"contact": 1, "deal": 5}


class People:
    """Records are shown with every property that is set, and with the companies that they belong to.

    `associations` is taken in the form of a create, or as a list of company ids, which become primary. A patch of
    `associations` replaces them; `archived: false` restores; `mergedInto` merges this record into another.
    """

    def __init__(self, records: Records, associations: Associations) -> None:
        self._records = records
        self._associations = associations

    def listed(self, entity: str, limit: int | None, offset: int, deleted: bool) -> tuple[list[Record], int]:
        kind = ENTITIES[entity]
        rows = [row for row in self._records.tables[kind.name].rows.values() if deleted or row.live]
        end = None if limit is None else offset + limit
        return [self._raw(kind, row) for row in islice(rows, offset, end)], len(rows)

    def one(self, entity: str, record_id: str, deleted: bool) -> Record:
        return self._raw(ENTITIES[entity], self._row(entity, record_id, deleted))

    def create(self, entity: str, values: Record) -> Record:
        kind, edit = ENTITIES[entity], self._edit
        with _as_record_errors():
            checked = self._records.checked(kind, _properties(values), None, edit)
            self._records.check_unique(kind, checked, None)
            links = self._links(kind, values)
            row = self._records.insert(kind, checked, edit)
            for company_id, specs in links:
                self._associations.put(kind, row.id, COMPANY, company_id, specs, edit)
        return self.one(entity, row.id, deleted=False)

    def replace(self, entity: str, record_id: str, values: Record) -> Record:
        """All editable properties: those not given become empty."""
        row = self._row(entity, record_id, deleted=True)
        known = self._records.properties[ENTITIES[entity].name]
        empty = {name: "" for name in row.props if not known[name].read_only and not known[name].calculated}
        return self.patch(entity, record_id, {**values, "properties": {**empty, **_properties(values)}})

    def patch(self, entity: str, record_id: str, values: Record) -> Record:
        kind, edit = ENTITIES[entity], self._edit
        row = self._row(entity, record_id, deleted=True)
        with _as_record_errors():
            if values.get("archived") is False and row.archived:
                row = self._records.restore(kind, row, edit)
            if "properties" in values:
                checked = self._records.checked(kind, _properties(values), row, edit)
                self._records.check_unique(kind, checked, row.id)
                row = self._records.update(kind, row, checked, edit)
            if "associations" in values:
                self._associate(kind, row, values, edit)
            if values.get("mergedInto") is not None:
                winner = self._row(entity, str(values["mergedInto"]), deleted=False)
                row = self._records.merge(kind, winner, row, edit)
        return self.one(entity, row.id, deleted=True)

    def delete(self, entity: str, record_id: str) -> None:
        self._records.archive(ENTITIES[entity], self._row(entity, record_id, deleted=False), self._edit)

    @property
    def _edit(self) -> Edit:
        return self._records.edit("CRM_UI", f"userId:{OWNER_USER_ID}")

    def _associate(self, kind: ObjectType, row: Row, values: Record, edit: Edit) -> None:
        wanted = self._links(kind, values)
        for company_id in self._associations.of(kind, row.id, COMPANY):
            if company_id not in {one for one, _ in wanted}:
                self._associations.remove(kind, row.id, COMPANY, company_id, edit)
        for company_id, specs in wanted:
            self._associations.put(kind, row.id, COMPANY, company_id, specs, edit)

    def _links(self, kind: ObjectType, values: Record) -> list[tuple[str, set[tuple[str, int]]]]:
        found = []
        for one in values.get("associations") or []:
            if isinstance(one, dict):
                company_id, specs = str(one["to"]["id"]), specs_of(one["types"])
            elif kind.singular in _PRIMARY:
                company_id, specs = str(one), {(DEFINED, _PRIMARY[kind.singular])}
            else:
                raise HubSpotError(400, f"a {kind.singular} belongs to no company")
            self._associations.check(kind, COMPANY, company_id, specs)
            found.append((company_id, specs))
        return found

    def _row(self, entity: str, record_id: str, deleted: bool) -> Row:
        row = self._records.tables[ENTITIES[entity].name].rows.get(record_id)
        if row is None or not (row.live or deleted):
            raise RecordError(404, f"no {entity} record {record_id}")
        return row

    def _raw(self, kind: ObjectType, row: Row) -> Record:
        companies = [
            {"id": company_id, "types": sorted(number for _, number in specs)}
            for company_id, specs in self._associations.of(kind, row.id, COMPANY).items()
        ]
        shown: Record = {
            "id": row.id,
            "properties": dict(sorted(row.props.items())),
            "createdAt": wire_time(row.created),
            "updatedAt": wire_time(row.updated),
            "archived": not row.live,
            "associations": {"companies": companies} if companies else {},
        }
        return {**shown, "mergedInto": row.merged_into} if row.merged_into else shown


def _properties(values: Record) -> dict[str, Any]:
    properties = values.get("properties") or {}
    if not isinstance(properties, dict):
        raise RecordError(422, "properties: not an object")
    return properties


@contextmanager
def _as_record_errors() -> Iterator[None]:
    try:
        yield
    except HubSpotError as error:
        raise RecordError(error.status, error.message) from error
    except (KeyError, TypeError) as error:
        raise RecordError(422, "associations: neither company ids nor the form of a create") from error
