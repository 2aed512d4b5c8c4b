"""sObject rows: read, create, update, upsert, delete; and `updated` / `deleted` (sheet 3.3, 4.1, 4.2)."""

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from sandbox.salesforce.calls import Call, Reply, sobject_named
from sandbox.salesforce.errors import SalesforceError, no_such_column, not_found
from sandbox.salesforce.records import Records
from sandbox.salesforce.schema import Field, Row, SObject, read_field
from sandbox.salesforce.soql.lexer import wire_time

_BODY_OF_UPSERT_SINCE = 46


class Rows:
    def __init__(self, records: Records) -> None:
        self._records = records

    def handle(self, call: Call) -> Reply:
        """Answer below `sobjects/<object>/…`, except describe."""
        sobject = sobject_named(call.path[1])
        rest = call.path[2:]
        if not rest:
            return self._create(call, sobject)
        if rest in (("updated",), ("deleted",)) and call.method == "GET":
            return self._changes(call, sobject, deleted=rest == ("deleted",))
        if len(rest) == 1 and rest[0].lower() == "id" and call.method == "POST":
            return self._create(call, sobject)
        if len(rest) == 1:
            return self._by_id(call, sobject, rest[0])
        return self._by_key(call, sobject, rest[0], "/".join(rest[1:]))

    def rendered(self, sobject: SObject, row: Row, names: list[str] | None, data_url: str) -> dict[str, Any]:
        """A row as a read gives it: all visible fields, or those named. Raises INVALID_FIELD."""
        url = f"{data_url}/sobjects/{sobject.name}/{row['Id']}"
        made: dict[str, Any] = {"attributes": {"type": sobject.name, "url": url}}
        fields = self._fields(sobject, names)
        if names is not None and all(field.name != "Id" for field in fields):
            fields.append(sobject.by_lower["id"])
        made.update({field.name: read_field(row, field) for field in fields})
        return made

    def upsert_field(self, sobject: SObject, name: str) -> Field:
        """The field of an upsert URL. Raises NOT_FOUND when it cannot serve as a key."""
        field = sobject.field(name)
        if field is None or not (field.external_id or field.id_lookup) or self._hidden(sobject, field):
            raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
        return field

    def _hidden(self, sobject: SObject, field: Field) -> bool:
        return f"{sobject.name}.{field.name}" in self._records.setup.hidden

    def _fields(self, sobject: SObject, names: list[str] | None) -> list[Field]:
        if names is None:
            return [field for field in sobject.fields if not self._hidden(sobject, field)]
        fields = []
        for name in names:
            field = sobject.field(name)
            if field is None or self._hidden(sobject, field):
                raise no_such_column(name, sobject.name)
            fields.append(field)
        return fields

    def _create(self, call: Call, sobject: SObject) -> Reply:
        if call.method != "POST":
            raise SalesforceError("METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed.", status=405)
        data = {name: value for name, value in call.json_object().items() if name.lower() != "id" or value is not None}
        record_id = self._records.insert(call.edit, sobject, data)
        location = f"{call.data_url}/sobjects/{sobject.name}/{record_id}"
        return Reply(201, {"id": record_id, "success": True, "errors": []}, {"Location": location})

    def _by_id(self, call: Call, sobject: SObject, record_id: str) -> Reply:
        if call.method in ("GET", "HEAD"):
            return self._read(call, sobject, self._records.get(sobject, record_id))
        if call.method == "PATCH":
            before = self._for_update(sobject, record_id)
            _check_unchanged(call, sobject, before)
            self._records.update(call.edit, sobject, record_id, call.json_object())
            return Reply(204)
        if call.method == "DELETE":
            with self._records.transaction():
                self._records.delete(call.edit, sobject, record_id)
            return Reply(204)
        raise SalesforceError("METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed.", status=405)

    def _for_update(self, sobject: SObject, record_id: str) -> Row:
        """As for any write, but an unknown id is an unknown resource here."""
        try:
            return self._records.for_write(sobject, record_id)
        except SalesforceError as error:
            if error.code == "INVALID_CROSS_REFERENCE_KEY":
                raise not_found() from None
            raise

    def _by_key(self, call: Call, sobject: SObject, name: str, value: str) -> Reply:
        """By external id: 300 with the rows' URLs when the value names several (sheet 4.1)."""
        field = self.upsert_field(sobject, name)
        found = self._records.matches(sobject, field, value)
        if len(found) > 1:
            return Reply(300, [f"{call.data_url}/sobjects/{sobject.name}/{row['Id']}" for row in found])
        if call.method == "PATCH":
            return self._upsert(call, sobject, field, value, found)
        if not found:
            raise not_found()
        return self._by_id(call, sobject, found[0]["Id"])

    def _upsert(self, call: Call, sobject: SObject, field: Field, value: str, found: list[Row]) -> Reply:
        data = call.json_object()
        if any(name.lower() == field.name.lower() for name in data):
            message = f"The {field.name} field should not be specified in the sobject data."
            raise SalesforceError("INVALID_FIELD", message, [field.name])
        if found:
            self._records.update(call.edit, sobject, found[0]["Id"], data)
            if call.version < _BODY_OF_UPSERT_SINCE:
                return Reply(204)
            return Reply(200, {"id": found[0]["Id"], "success": True, "errors": [], "created": False})
        if field.type == "id" or call.query.get("updateOnly", "").lower() == "true":
            raise not_found()
        record_id = self._records.insert(call.edit, sobject, {**data, field.name: value})
        location = f"{call.data_url}/sobjects/{sobject.name}/{record_id}"
        created = {"created": True} if call.version >= _BODY_OF_UPSERT_SINCE else {}
        return Reply(201, {"id": record_id, "success": True, "errors": [], **created}, {"Location": location})

    def _read(self, call: Call, sobject: SObject, row: Row) -> Reply:
        names = call.query["fields"].split(",") if call.query.get("fields") else None
        modified = _modified(row)
        headers = {"Last-Modified": format_datetime(modified, usegmt=True)}
        if sobject.etag:
            headers["ETag"] = _etag(row)
        since = _date_header(call, "if-modified-since")
        seen = sobject.etag and call.headers.get("if-none-match") == headers.get("ETag")
        if seen or (since is not None and modified <= since):
            return Reply(304, None, headers)
        _check_unchanged(call, sobject, row)
        return Reply(200, self.rendered(sobject, row, names, call.data_url), headers)

    def _changes(self, call: Call, sobject: SObject, *, deleted: bool) -> Reply:
        """Ids changed, or rows deleted, between the minutes of `start` and `end` (sheet 3.3)."""
        start, end = _minute(call, "start"), _minute(call, "end")
        if end - start < timedelta(minutes=1):
            raise SalesforceError("INVALID_REPLICATION_DATE", "startDate should be before endDate by a minute")
        covered = min(end, self._records.covered_until())
        low, high = (wire_time(start), ""), (wire_time(end - timedelta(milliseconds=1)), "~")
        late = self._records.late(sobject)
        rows = [row for row in self._records.tables[sobject.name].by_stamp(low, high) if row["Id"] not in late.ids]
        rows = [row for row in rows if bool(row.get("IsDeleted")) == deleted]
        body: dict[str, Any] = {"latestDateCovered": wire_time(covered)}
        if deleted:
            body["deletedRecords"] = [{"id": row["Id"], "deletedDate": row["SystemModstamp"]} for row in rows]
            body["earliestDateAvailable"] = wire_time(self._records.earliest())
        else:
            body["ids"] = [row["Id"] for row in rows]
        return Reply(200, body)


def _modified(row: Row) -> datetime:
    return datetime.fromisoformat(row["LastModifiedDate"])


def _etag(row: Row) -> str:
    return f'"{hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()[:27]}--gzip"'


def _check_unchanged(call: Call, sobject: SObject, row: Row) -> None:
    """412 for `If-Unmodified-Since`, and for `If-Match` on Account; the body is empty (sheet 4.2)."""
    since = _date_header(call, "if-unmodified-since")
    match = call.headers.get("if-match")
    changed = since is not None and _modified(row) > since
    if changed or (sobject.etag and match not in (None, "*", _etag(row))):
        raise PreconditionError


class PreconditionError(Exception):
    """The row was modified since: 412."""


def _date_header(call: Call, name: str) -> datetime | None:
    text = call.headers.get(name)
    if text is None:
        return None
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        raise SalesforceError("INVALID_FIELD", f"Invalid value for header {name}: {text}") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _minute(call: Call, name: str) -> datetime:
    """A time parameter without its seconds, which the vendor ignores."""
    try:
        at = datetime.fromisoformat(call.query[name].replace(" ", "+"))
    except (KeyError, ValueError):
        raise SalesforceError("INVALID_REPLICATION_DATE", f"Invalid date for {name}") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).replace(second=0, microsecond=0)
