"""`/record/v1`: reading, paging, creating, changing, upserting, deleting, transforming records (sheet 2-4)."""

from typing import Any

from sandbox.netsuite.bodies import Reader, Sent
from sandbox.netsuite.calls import Call, Reply
from sandbox.netsuite.errors import NetSuiteError, bad_request, forbidden, no_such_record, no_such_type, user_error
from sandbox.netsuite.metadata import Catalog
from sandbox.netsuite.q_filter import QFilter
from sandbox.netsuite.record_types import CUSTOMER, INVOICE, PAYMENT
from sandbox.netsuite.records import Edit, Records, type_named
from sandbox.netsuite.render import Renderer
from sandbox.netsuite.schema import RecordType, Row
from sandbox.netsuite.setup import Setup

_MOST = 1000
_NOT_DIRECT = "This record type cannot be changed over REST."


class RecordApi:
    def __init__(self, records: Records, renderer: Renderer, setup: Setup) -> None:
        self._records = records
        self._renderer = renderer
        self._setup = setup
        self._catalog = Catalog()

    def handle(self, call: Call, edit: Edit) -> Reply:
        """`call.path` begins after `/record/v1`. Raises NetSuiteError."""
        name, rest = call.path[0], call.path[1:]
        if name == "metadata-catalog":
            return self._catalog.handle(call, rest)
        kind = type_named(name)
        if kind is None:
            raise no_such_type(name, f"{call.host}/services/rest/record/v1/{name}")
        if kind.permission and kind.permission in self._setup.missing_permissions:
            raise forbidden(kind.permission)
        if not rest:
            return self._collection(call, kind, edit)
        if len(rest) == 1:
            return self._one(call, kind, rest[0], edit)
        if len(rest) == 3 and rest[1] == "!transform" and call.method == "POST":
            return self._transform(call, kind, rest[0], rest[2], edit)
        if call.method == "GET":
            return self._sublist(call, kind, rest)
        raise NetSuiteError(405, "The method is not allowed here.", "INVALID_REQUEST")

    def _collection(self, call: Call, kind: RecordType, edit: Edit) -> Reply:
        if call.method == "POST":
            self._check_writable(kind)
            return self._made(call, kind, self._records.insert(edit, kind, self._sent(call, kind)))
        if call.method == "GET":
            return self._listed(call, kind)
        raise bad_request("Changing several records at once needs the header Prefer: respond-async.")

    def _listed(self, call: Call, kind: RecordType) -> Reply:
        limit, offset = call.page(_MOST)
        rows = list(self._records.rows[kind.name].values())
        if call.query.get("q"):
            matches = QFilter(kind, self._setup).parse(call.query["q"])
            rows = [row for row in rows if matches(row)]
        total = min(len(rows), _MOST * limit)
        here = f"{call.host}/services/rest/record/v1/{kind.name.lower()}"
        page = rows[offset : min(offset + limit, total)]
        links = [{"rel": "self", "href": f"{here}?limit={limit}&offset={offset}", "method": "GET"}]
        if offset + limit < total:
            links.append({"rel": "next", "href": f"{here}?limit={limit}&offset={offset + limit}"})
        items = [
            {"links": [{"rel": "self", "href": f"{here}/{row['id']}", "method": "GET"}], "id": row["id"]}
            for row in page
        ]
        body = {"links": links, "count": len(items), "hasMore": offset + limit < total, "items": items}
        return Reply(200, {**body, "offset": offset, "totalResults": total}, kind="collection")

    def _one(self, call: Call, kind: RecordType, key: str, edit: Edit) -> Reply:
        if call.method == "GET":
            row = self._records.get(kind, key)
            options = {"expand": call.flag("expandSubResources"), "simple_enums": call.flag("simpleEnumFormat")}
            return Reply(200, self._renderer.record(kind, row, call.host, fields=call.names("fields"), **options))
        self._check_writable(kind)
        if call.method == "PUT":
            return self._upsert(call, kind, key, edit)
        row = self._records.get(kind, key)
        if call.method == "PATCH":
            return self._made(call, kind, self._changed(call, kind, row, edit))
        if call.method == "DELETE":
            self._records.delete(edit, kind, row)
            return Reply(204)
        raise NetSuiteError(405, "The method is not allowed here.", "INVALID_REQUEST")

    def _upsert(self, call: Call, kind: RecordType, key: str, edit: Edit) -> Reply:
        """PUT goes by external ids only (sheet 4)."""
        if not key.startswith("eid:"):
            raise bad_request("PUT needs an external ID: eid:<value>.")
        found = self._records.find(kind.name, "externalId", key[4:])
        if found is not None:
            return self._made(call, kind, self._changed(call, kind, self._records.rows[kind.name][found], edit))
        sent = self._sent(call, kind)
        if sent.values.setdefault("externalId", key[4:]) != key[4:]:
            raise bad_request("The external ID of the body is not that of the URL.")
        return self._made(call, kind, self._records.insert(edit, kind, sent))

    def _changed(self, call: Call, kind: RecordType, row: Row, edit: Edit) -> Row:
        replace = {name.lower() for name in call.names("replace")}
        named = frozenset(one.name for one in kind.sublists if one.name.lower() in replace)
        return self._records.update(edit, kind, row, self._sent(call, kind), named)

    def _transform(self, call: Call, kind: RecordType, key: str, target: str, edit: Edit) -> Reply:
        """An invoice becomes a payment that settles it; a customer becomes an invoice."""
        source = self._records.get(kind, key)
        made = type_named(target)
        if (kind, made) == (INVOICE, PAYMENT):
            sent = self._sent(call, PAYMENT)
            doc = {"doc": source["id"], "apply": True}
            whole = sent.values.get("payment") or source["amountRemaining"]
            start: dict[str, Any] = {"customer": source["entity"], "currency": source["currency"], "payment": whole}
            lines = sent.lists.get("apply") or [{**doc, "amount": whole}]
            sent = Sent({**start, **sent.values}, {"apply": lines})
            return self._made(call, PAYMENT, self._records.insert(edit, PAYMENT, sent))
        if (kind, made) == (CUSTOMER, INVOICE):
            sent = self._sent(call, INVOICE)
            sent.values.setdefault("entity", source["id"])
            return self._made(call, INVOICE, self._records.insert(edit, INVOICE, sent))
        raise user_error(f"A {kind.label} cannot be transformed into {target}.")

    def _sublist(self, call: Call, kind: RecordType, rest: tuple[str, ...]) -> Reply:
        row = self._records.get(kind, rest[0])
        sublist = kind.lists_by_lower.get(rest[1].lower())
        if sublist is None:
            raise no_such_record()
        lines = row.get(sublist.name, [])
        shown = [self._renderer.line(kind, sublist, row, line, call.host) for line in lines]
        if len(rest) == 2:
            body = {"links": [], "count": len(shown), "hasMore": False, "items": shown, "offset": 0}
            return Reply(200, {**body, "totalResults": len(shown)}, kind="collection")
        for line, one in zip(lines, shown, strict=True):
            if str(line.get(sublist.key)) == rest[2]:
                return Reply(200, one)
        raise no_such_record()

    def _sent(self, call: Call, kind: RecordType) -> Sent:
        names = call.headers.get("x-netsuite-propertynamevalidation", "warning")
        return Reader(self._records.find, names).read(kind, call.object())

    def _check_writable(self, kind: RecordType) -> None:
        if not kind.writable:
            raise user_error(_NOT_DIRECT)

    def _made(self, call: Call, kind: RecordType, row: Row) -> Reply:
        location = f"{call.host}/services/rest/record/v1/{kind.name.lower()}/{row['id']}"
        return Reply(204, headers={"Location": location})
