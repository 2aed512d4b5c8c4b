"""Batch calls of up to 100 records: all-or-nothing, or by row where every row names its trace id (sheet 4)."""

from collections.abc import Callable
from typing import Any

from sandbox.hubspot.calls import Call, Reply
from sandbox.hubspot.errors import HubSpotError, Problem, invalid, not_valid, unreadable
from sandbox.hubspot.objects_api import ObjectsApi, folded, properties_of
from sandbox.hubspot.records import Edit, Records, TakenError
from sandbox.hubspot.schema import ObjectType
from sandbox.hubspot.shapes import Shapes
from sandbox.hubspot.table import Row

MOST = 100
Input = dict[str, Any]


class Batches:
    def __init__(self, records: Records, objects: ObjectsApi, shapes: Shapes) -> None:
        self._records = records
        self._objects = objects
        self._shapes = shapes

    def handle(self, call: Call, kind: ObjectType, action: str, edit: Edit) -> Reply:
        actions: dict[str, Callable[[Call, ObjectType, list[Input], Edit], Reply]] = {
            "read": self._read,
            "create": self._create,
            "update": self._update,
            "upsert": self._upsert,
            "archive": self._archive,
        }
        if action not in actions:
            raise HubSpotError(404, "resource not found")
        inputs = call.json().get("inputs")
        if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
            raise unreadable("Cannot deserialize value of type `inputs`")
        if len(inputs) > MOST:
            raise invalid(f"The maximum number of inputs supported in a batch request is {MOST}: {len(inputs)} given")
        return actions[action](call, kind, inputs, edit)

    def _read(self, call: Call, kind: ObjectType, inputs: list[Input], edit: Edit) -> Reply:
        body = call.json()
        wanted, id_property = body.get("properties") or [], body.get("idProperty")
        rows: dict[str, Row] = {}
        missing = []
        for value in dict.fromkeys(str(one.get("id", "")) for one in inputs):
            row = self._by(kind, id_property, value)
            if row is None or row.merged_into is not None or row.archived is not call.flag("archived"):
                missing.append(value)
            else:
                rows[row.id] = row
        shown = [self._shapes.record(kind, row, wanted) for row in rows.values()]
        return self._answer(call, edit, shown, [_missing(kind, missing)] if missing else [], 200)

    def _create(self, call: Call, kind: ObjectType, inputs: list[Input], edit: Edit) -> Reply:
        def make(one: Input) -> dict[str, Any]:
            values = self._records.checked(kind, properties_of(one), None, edit)
            self._records.check_unique(kind, values, None)
            links = self._objects.links_of(kind, one)
            row = self._records.insert(kind, values, edit)
            self._objects.join(kind, row, links, edit)
            return self._shapes.written(kind, row, None)

        if not _traced(inputs):
            self._check_all(kind, inputs, edit)
        return self._by_row(call, inputs, edit, make, 201)

    def _update(self, call: Call, kind: ObjectType, inputs: list[Input], edit: Edit) -> Reply:
        found, missing = self._targets(kind, inputs, updating=True)

        def change(one: Input) -> dict[str, Any]:
            row, sent = self._records.tables[kind.name].rows[found[id(one)].id], properties_of(one)
            values = self._records.checked(kind, sent, row, edit)
            self._records.check_unique(kind, values, row.id)
            return self._shapes.written(kind, self._records.update(kind, row, values, edit), sent)

        there = [one for one in inputs if id(one) in found]
        if not _traced(inputs):
            self._check_rows(kind, [(one, found[id(one)]) for one in there], edit)
        errors = [_missing(kind, missing)] if missing else []
        return self._by_row(call, there, edit, change, 200, errors)

    def _upsert(self, call: Call, kind: ObjectType, inputs: list[Input], edit: Edit) -> Reply:
        if any(not one.get("idProperty") for one in inputs):
            raise invalid("idProperty is required to upsert")
        found, _ = self._targets(kind, inputs, updating=False)

        def lay(one: Input) -> dict[str, Any]:
            sent = {**properties_of(one), str(one["idProperty"]): str(one.get("id", ""))}
            before = found.get(id(one))
            values = self._records.checked(kind, sent, before, edit)
            self._records.check_unique(kind, values, before.id if before else None)
            if before is not None:
                row = self._records.update(kind, before, values, edit)
                return {**self._shapes.written(kind, row, sent), "new": False}
            return {**self._shapes.written(kind, self._records.insert(kind, values, edit), None), "new": True}

        if not _traced(inputs):
            self._check_rows(kind, [(one, found.get(id(one))) for one in inputs], edit)
        return self._by_row(call, inputs, edit, lay, 200)

    def _archive(self, call: Call, kind: ObjectType, inputs: list[Input], edit: Edit) -> Reply:
        for one in inputs:
            self._objects.archive(kind, str(one.get("id", "")), edit)
        return Reply(204)

    def _by_row(
        self,
        call: Call,
        inputs: list[Input],
        edit: Edit,
        write: Callable[[Input], dict[str, Any]],
        success: int,
        errors: list[dict[str, Any]] | None = None,
    ) -> Reply:
        """Write row by row; a row that fails is told by its trace id. Rows without one were checked before."""
        shown, failed = [], list(errors or [])
        for place, one in enumerate(inputs):
            try:
                if call.broken and place % 2 == 0:
                    raise HubSpotError(423, "This record is locked by another request", "RESOURCE_LOCKED")
                shown.append(write(one))
            except HubSpotError as error:
                if not _traced(inputs):
                    raise
                context = {"objectWriteTraceId": [str(one["objectWriteTraceId"])]}
                if isinstance(error, TakenError) and error.category == "CONFLICT":
                    context["existingId"] = [error.existing]
                failed.append(error.item(context))
        return self._answer(call, edit, shown, failed, success)

    def _answer(
        self, call: Call, edit: Edit, shown: list[dict[str, Any]], errors: list[dict[str, Any]], success: int
    ) -> Reply:
        return self._shapes.batch(call, edit.at, shown, errors, success, edit.at)

    def _check_all(self, kind: ObjectType, inputs: list[Input], edit: Edit) -> None:
        """Refuse a whole create for any of its rows: a known address with 409 and no id (sheet 4)."""
        checked = self._check_rows(kind, [(one, None) for one in inputs], edit)
        for one in inputs:
            self._objects.links_of(kind, one)
        for name in self._records.keys(kind):
            seen = [value for values in checked if (value := values.get(name)) is not None]
            if len(seen) != len(set(seen)) and name == "email":
                raise HubSpotError(409, "Contact already exists", "CONFLICT")
            if len(seen) != len(set(seen)):
                raise invalid(f"Duplicate values of {name} found in batch input")

    def _check_rows(
        self, kind: ObjectType, rows: list[tuple[Input, Row | None]], edit: Edit
    ) -> list[dict[str, str | None]]:
        """All bad values of all rows in one refusal, without row numbers (sheet 6)."""
        checked, problems = [], list[dict[str, Any]]()
        for one, before in rows:
            try:
                checked.append(self._records.checked(kind, properties_of(one), before, edit))
            except HubSpotError as error:
                if not error.errors:
                    raise
                problems += error.errors
        if problems:
            told = [Problem(item["context"]["propertyName"][0], item["code"], item["message"]) for item in problems]
            raise not_valid(told, self._records.portal_id)
        for values, (_, before) in zip(checked, rows, strict=True):
            try:
                self._records.check_unique(kind, values, before.id if before else None)
            except TakenError as error:
                if error.category == "CONFLICT":
                    raise HubSpotError(409, "Contact already exists", "CONFLICT") from error
                raise
        return checked

    def _targets(self, kind: ObjectType, inputs: list[Input], *, updating: bool) -> tuple[dict[int, Row], list[str]]:
        """The live rows of inputs, and the ids of none. Raises HubSpotError for a row that is named twice."""
        found: dict[int, Row] = {}
        missing: list[str] = []
        for one in inputs:
            value, id_property = str(one.get("id", "")), one.get("idProperty")
            if id_property:
                self._check_key(kind, str(id_property), updating=updating)
            row = self._by(kind, id_property, value)
            if row is None or not row.live:
                missing.append(value)
            else:
                found[id(one)] = row
        named = [row.id for row in found.values()] + missing
        twice = sorted({one for one in named if named.count(one) > 1})
        if twice:
            message = f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique"
            raise invalid(message, {"ids": twice})
        return found, missing

    def _check_key(self, kind: ObjectType, name: str, *, updating: bool) -> None:
        """An address is no key for a batch update, only for an upsert (sheet 4)."""
        if name in self._records.keys(kind) and not (updating and name == "email"):
            return
        place = f"{kind.type_id} property {name} in portal ID {self._records.portal_id}"
        raise invalid(f"Unable to perform update/upsert by non-unique {place}")

    def _by(self, kind: ObjectType, id_property: str | None, value: str) -> Row | None:
        table = self._records.tables[kind.name]
        if not id_property or id_property == "hs_object_id":
            return table.rows.get(value)
        if id_property not in self._records.keys(kind):
            raise invalid(f"Property {id_property} is not a unique property of {kind.singular}")
        return table.find(id_property, folded(id_property, value))


def _traced(inputs: list[Input]) -> bool:
    return bool(inputs) and all(one.get("objectWriteTraceId") for one in inputs)


def _missing(kind: ObjectType, ids: list[str]) -> dict[str, Any]:
    """One error for all ids that are not there (sheet 4)."""
    message = (
        f"Could not get some {kind.plural_upper} objects, they may be deleted or not exist. Check that ids are valid."
    )
    return HubSpotError(207, message, "OBJECT_NOT_FOUND").item({"ids": ids})
