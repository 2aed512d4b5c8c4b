"""sObject Collections: up to 200 rows a call, an answer per row in HTTP 200 (sheet 4.3)."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.salesforce.calls import Call, Reply, sobject_named
from sandbox.salesforce.errors import SalesforceError, no_such_column, unparsable
from sandbox.salesforce.ids import normalise
from sandbox.salesforce.objects import BY_LOWER, SOBJECTS
from sandbox.salesforce.records import Records
from sandbox.salesforce.rows import Rows
from sandbox.salesforce.schema import Field, SObject

_MAX_ROWS, _MAX_READ, _MAX_RUNS = 200, 2_000, 10
_LOCK_EVERY = 3
Data = dict[str, Any]
Result = dict[str, Any]


class SObjectCollections:
    def __init__(self, records: Records, rows: Rows) -> None:
        self._records = records
        self._rows = rows

    def handle(self, call: Call) -> Reply:
        """Answer `composite/sobjects…`."""
        rest = call.path[2:]
        if call.method == "DELETE" and not rest:
            return self._delete(call)
        if call.method == "POST" and not rest:
            return self._each(call, self._create)
        if call.method == "PATCH" and not rest:
            return self._each(call, self._update)
        if call.method == "PATCH" and len(rest) == 2:
            return self._upsert(call, sobject_named(rest[0]), rest[1])
        if call.method in ("GET", "POST") and len(rest) == 1:
            return self._retrieve(call, sobject_named(rest[0]))
        raise SalesforceError("METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed.", status=405)

    def _each(self, call: Call, write: Callable[[Call, Data], Result]) -> Reply:
        body = call.json_object()
        records = _listed(body)
        _check_runs(records)
        return self._answer(call, records, lambda data: write(call, data), all_or_none=body.get("allOrNone") is True)

    def _upsert(self, call: Call, sobject: SObject, name: str) -> Reply:
        field = self._rows.upsert_field(sobject, name)
        body = call.json_object()
        records = _listed(body)
        keys = Counter(_key(data, field) for data in records)

        def write(data: Data) -> Result:
            key = _key(data, field)
            if key is not None and keys[key] > 1:  # the vendor refuses every row that shares a key
                raise SalesforceError("DUPLICATE_VALUE", f"Duplicate external id specified: {key}", [field.name])
            return self._upsert_one(call, sobject, field, data)

        return self._answer(call, records, write, all_or_none=body.get("allOrNone") is True, created=False)

    def _delete(self, call: Call) -> Reply:
        ids = [one for one in call.query.get("ids", "").split(",") if one]
        _check_count(ids)

        def write(data: Data) -> Result:
            sobject = _by_prefix(data["id"])
            self._records.delete(call.edit, sobject, data["id"])
            return {"id": normalise(data["id"]), "success": True, "errors": []}

        all_or_none = call.query.get("allOrNone", "").lower() == "true"
        return self._answer(call, [{"id": one} for one in ids], write, all_or_none=all_or_none)

    def _retrieve(self, call: Call, sobject: SObject) -> Reply:
        """Rows by id in the order asked for; null where there is none."""
        if call.method == "GET":
            ids, names = call.query.get("ids", "").split(","), call.query.get("fields", "").split(",")
        else:
            body = call.json_object()
            ids, names = body.get("ids") or [], body.get("fields") or []
        if len(ids) > _MAX_READ:
            raise SalesforceError(
                "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {_MAX_READ} records into this call"
            )
        for name in names:
            if sobject.field(name) is None or f"{sobject.name}.{name}" in self._records.setup.hidden:
                raise no_such_column(name, sobject.name)
        table = self._records.tables[sobject.name].rows
        found = [table.get(normalise(one) or "") for one in ids]
        return Reply(
            200,
            [
                self._rows.rendered(sobject, row, names, call.data_url) if row and not row.get("IsDeleted") else None
                for row in found
            ],
        )

    def _answer(
        self,
        call: Call,
        records: Sequence[Data],
        write: Callable[[Data], Result],
        *,
        all_or_none: bool,
        created: bool | None = None,
    ) -> Reply:
        """Write row by row; with `all_or_none` one failure takes all back."""
        results: list[Result] = []
        extra = {} if created is None else {"created": created}
        with self._records.transaction() as roll_back:
            for place, data in enumerate(records):
                with self._records.transaction() as undo:
                    try:
                        if call.locked and place % _LOCK_EVERY == 0:
                            raise locked(data)
                        results.append(write(data))
                    except SalesforceError as error:
                        undo()
                        results.append({"success": False, "errors": [error.row()], **extra})
            if all_or_none and not all(result["success"] for result in results):
                roll_back()
                results = [_rolled_back(result, data, extra) for result, data in zip(results, records, strict=True)]
        return Reply(200, results)

    def _create(self, call: Call, data: Data) -> Result:
        record_id = self._records.insert(call.edit, _typed(data), _without(data, "id", only_null=True))
        return {"id": record_id, "success": True, "errors": []}

    def _update(self, call: Call, data: Data) -> Result:
        sobject = _typed(data)
        record_id = _value(data, "id")
        if not record_id:
            raise SalesforceError("MISSING_ARGUMENT", "Id not specified in an update call", [])
        self._records.update(call.edit, sobject, str(record_id), _without(data, "id"))
        return {"id": normalise(str(record_id)), "success": True, "errors": []}

    def _upsert_one(self, call: Call, sobject: SObject, field: Field, data: Data) -> Result:
        if _typed(data) is not sobject:
            raise SalesforceError("INVALID_TYPE", f"The record must be of type {sobject.name}", [])
        key = _key(data, field)
        values = _without(data, field.name)
        if key is None:
            if field.type != "id":
                raise SalesforceError("MISSING_ARGUMENT", f"{field.name} not specified", [])
            return {"id": self._records.insert(call.edit, sobject, values), **_UPSERTED, "created": True}
        found = self._records.matches(sobject, field, key)
        if len(found) > 1:
            message = f"{field.name}: more than one record found for external id field: {[row['Id'] for row in found]}"
            raise SalesforceError("DUPLICATE_EXTERNAL_ID", message, [field.name])
        if found:
            self._records.update(call.edit, sobject, found[0]["Id"], values)
            return {"id": found[0]["Id"], **_UPSERTED, "created": False}
        if field.type == "id":
            self._records.for_write(sobject, key)
        return {
            "id": self._records.insert(call.edit, sobject, {**values, field.name: key}),
            **_UPSERTED,
            "created": True,
        }


_UPSERTED: Result = {"success": True, "errors": []}


def locked(data: Data) -> SalesforceError:
    """What a row gets that another writer holds (sheet 5)."""
    held = _value(data, "id") or data.get("AccountId") or ""
    message = f"unable to obtain exclusive access to this record or 1 records: {held}"
    return SalesforceError("UNABLE_TO_LOCK_ROW", message, [])


def _rolled_back(result: Result, data: Data, extra: Data) -> Result:
    """The failed rows keep their errors; the others were fine but are undone."""
    if not result["success"]:
        return result
    message = "Record rolled back because not all records were valid and the request was using AllOrNone header"
    error = {"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": message, "fields": []}
    named = {"id": result["id"]} if _value(data, "id") else {}
    return {**named, "success": False, "errors": [error], **extra}


def _listed(body: Data) -> list[Data]:
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise SalesforceError("JSON_PARSER_ERROR", "The request must have a list of records at [line:1, column:1]")
    _check_count(records)
    return records


def _check_count(rows: Sequence[object]) -> None:
    if not rows:
        raise SalesforceError("MISSING_ARGUMENT", "At least one record is required")
    if len(rows) > _MAX_ROWS:
        message = f"record limit reached. cannot submit more than {_MAX_ROWS} records into this call"
        raise SalesforceError("EXCEEDED_ID_LIMIT", message)


def _check_runs(records: list[Data]) -> None:
    """Mixed types are handled in runs of one type, of which there may be ten."""
    kinds = [str((data.get("attributes") or {}).get("type", "")).lower() for data in records]
    runs = 1 + sum(1 for before, after in zip(kinds, kinds[1:], strict=False) if before != after)
    if runs > _MAX_RUNS:
        message = (
            f"Cannot have more than {_MAX_RUNS} chunks in a single operation. "
            "Please rearrange the data to reduce chunking."
        )
        raise SalesforceError("INVALID_OPERATION", message)


def _typed(data: Data) -> SObject:
    attributes = data.get("attributes")
    kind = attributes.get("type") if isinstance(attributes, dict) else None
    if kind is None:
        raise unparsable("sobject", "START_OBJECT", "{")
    found = BY_LOWER.get(str(kind).lower())
    if found is None:
        raise SalesforceError("INVALID_TYPE", f"sObject type '{kind}' is not supported.", [])
    return found


def _by_prefix(record_id: str) -> SObject:
    for sobject in SOBJECTS.values():
        if normalise(record_id) and record_id.startswith(sobject.prefix):
            return sobject
    raise SalesforceError("MALFORMED_ID", f"malformed id {record_id}", [])


def _value(data: Data, name: str) -> Any:
    return next((value for key, value in data.items() if key.lower() == name), None)


def _without(data: Data, name: str, *, only_null: bool = False) -> Data:
    return {
        key: value for key, value in data.items() if key.lower() != name.lower() or (only_null and value is not None)
    }


def _key(data: Data, field: Field) -> str | None:
    value = _value(data, field.name.lower())
    return None if value is None or value == "" else str(value)
