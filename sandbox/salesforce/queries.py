"""`query`, `queryAll` and their pages: locators bound to the session that made them (sheet 3.2)."""

import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from sandbox.salesforce.calls import Call, Reply
from sandbox.salesforce.errors import SalesforceError, malformed, session_expired
from sandbox.salesforce.records import Records
from sandbox.salesforce.schema import Row
from sandbox.salesforce.soql.projection import Project
from sandbox.salesforce.soql.statement import compile_query

_PAGE, _MIN_PAGE = 2_000, 200
_OPEN_CURSORS = 10
_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)


@dataclass
class _Cursor:
    session: str
    rows: list[Row]
    project: Project
    page: int


class Queries:
    def __init__(self, records: Records) -> None:
        self._records = records
        self._cursors: OrderedDict[str, _Cursor] = OrderedDict()

    def run(self, call: Call, include_deleted: bool) -> Reply:
        """Answer `query?q=` or `queryAll?q=`."""
        text = call.query.get("q")
        if not text:
            raise malformed("A query string has to be specified")
        records = self._records
        statement = compile_query(text, records.tables, call.data_url, records.setup.hidden)
        rows = statement.rows(include_deleted, records.late(statement.table.sobject))
        if statement.bare_count:
            return Reply(200, {"totalSize": len(rows), "done": True, "records": []})
        if statement.aggregate is not None:
            found = statement.aggregate(rows)
            return Reply(200, {"totalSize": len(found), "done": True, "records": found})
        assert statement.project is not None
        cursor = _Cursor(call.session, rows, statement.project, _page_size(call))
        name = ""
        if len(rows) > cursor.page:
            name = "0r8xx" + secrets.token_hex(7)[:13].upper()
            self._open(name, cursor)
        return Reply(200, self._page(call, name, cursor, 0))

    def more(self, call: Call, locator: str) -> Reply:
        """Answer `query/<cursor>-<offset>`, also the pages of a queryAll."""
        name, _, offset = locator.rpartition("-")
        cursor = self._cursors.get(name)
        if cursor is None or not offset.isdecimal() or int(offset) >= len(cursor.rows):
            raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
        if cursor.session != call.session:
            raise session_expired()
        return Reply(200, self._page(call, name, cursor, int(offset)))

    def clear(self) -> None:
        self._cursors.clear()

    def _open(self, name: str, cursor: _Cursor) -> None:
        """The oldest goes when there are more than a user may keep open."""
        self._cursors[name] = cursor
        while len(self._cursors) > _OPEN_CURSORS:
            self._cursors.popitem(last=False)

    def _page(self, call: Call, name: str, cursor: _Cursor, offset: int) -> dict[str, Any]:
        end = offset + cursor.page
        done = end >= len(cursor.rows)
        body: dict[str, Any] = {"totalSize": len(cursor.rows), "done": done}
        if not done:
            body["nextRecordsUrl"] = f"{call.data_url}/query/{name}-{end}"
        body["records"] = [cursor.project(row) for row in cursor.rows[offset:end]]
        return body


def _page_size(call: Call) -> int:
    match = _BATCH_SIZE.search(call.headers.get("sforce-query-options", ""))
    return min(_PAGE, max(_MIN_PAGE, int(match.group(1)))) if match else _PAGE
