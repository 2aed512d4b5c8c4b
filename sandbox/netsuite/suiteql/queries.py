"""Runs SuiteQL and tells the rows as the vendor does: text only, without nulls, keys in lower case (sheet 3)."""

import re
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.netsuite.errors import NetSuiteError, bad_parameter, bad_request
from sandbox.netsuite.records import Records
from sandbox.netsuite.suiteql.dialect import failed_search, tables_of, translated
from sandbox.netsuite.suiteql.mirror import MARK, Mirror
from sandbox.netsuite.values import local, minute, read_date, shown_date

MOST = 1000
_MOST_COLUMNS = 100
_LARGE = 1e13
_PARTS = (("YYYY", "%Y"), ("MM", "%m"), ("DD", "%d"), ("HH24", "%H"), ("MI", "%M"), ("SS", "%S"))
_UNKNOWN = re.compile(r"no such column: (\S+)")
_PERMISSIONS = {"transaction": "TRAN_CUSTINVC", "customer": "LIST_CUSTJOB", "deletedrecord": "ADMI_DELETEDRECORD"}


class Queries:
    """All queries of one account."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.mirror = Mirror(records)
        make = self.mirror.database.create_function
        make("to_char", 2, _to_char, deterministic=True)
        make("to_char", 1, lambda value: _to_char(value, "YYYY-MM-DD"), deterministic=True)
        make("to_date", 2, _to_moment, deterministic=True)
        make("to_timestamp", 2, _to_moment, deterministic=True)
        make("user_date", 1, self._user_date)
        make("sysdate", 0, self._now)

    def run(self, text: str, params: Sequence[Any], limit: int, offset: int) -> dict[str, Any]:
        """One page: `items` with `count`, `hasMore`, `offset`, `totalResults`. Raises NetSuiteError."""
        setup = self._records.setup
        self._check_tables(text)
        if offset >= setup.most_rows:
            raise bad_parameter("offset", f"A query gives at most {setup.most_rows} results.")
        try:
            cursor = self.mirror.database.execute(translated(text), list(params))
            columns = [one[0].lower().replace("transaction_", "transaction") for one in cursor.description]
            found = cursor.fetchmany(setup.most_rows)
        except sqlite3.Error as error:
            raise self._refusal(error) from error
        if len(columns) > _MOST_COLUMNS:
            found = []
        rows = [self._shown(columns, row) for row in found[offset : offset + limit]]
        more = offset + limit < len(found)
        return {
            "count": len(rows),
            "hasMore": more,
            "items": rows,
            "offset": offset,
            "totalResults": len(found),
        }

    def _check_tables(self, text: str) -> None:
        setup = self._records.setup
        for name in sorted(tables_of(text)):
            if name in setup.hidden_tables or _PERMISSIONS.get(name) in setup.missing_permissions:
                raise NetSuiteError(400, f"Record '{name}' was not found.", "INVALID_PARAMETER", queryParam="q")

    def _refusal(self, error: sqlite3.Error) -> NetSuiteError:
        text = str(error)
        unknown = _UNKNOWN.search(text)
        if unknown is not None:
            return failed_search(
                f"Field '{unknown[1].rpartition('.')[2]}' for record was not found. Unknown identifier"
            )
        if "user-defined function" in text:
            return failed_search("Invalid date or number. Unparseable date in the user's format")
        if "binding" in text.lower():
            return bad_request("The number of parameters does not fit the query.")
        return failed_search(text)

    def _shown(self, columns: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
        shown: dict[str, Any] = {"links": []}
        for name, value in zip(columns, row, strict=True):
            if value is not None and value != "":
                shown[name] = self._text(value)
        return shown

    def _text(self, value: Any) -> str:
        """A moment as a day in the user's format; a number without an end of zeros."""
        if isinstance(value, str):
            if not value.startswith(MARK):
                return value
            return shown_date(datetime.fromisoformat(value[1:]).date(), self._records.setup.date_format)
        return _number(value) if isinstance(value, float) else str(value)

    def _user_date(self, text: str) -> str:
        day = read_date(text, self._records.setup.date_format)
        return f"{MARK}{day.isoformat()} 00:00:00"

    def _now(self) -> str:
        return MARK + local(minute(self._records.clock.now()), self._records.setup.time_zone)


def _pattern(form: str) -> str:
    for part, code in _PARTS:
        form = form.replace(part, code)
    return form


def _to_char(value: Any, form: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith(MARK):
        return str(value)
    return datetime.fromisoformat(value[1:]).strftime(_pattern(form))


def _to_moment(text: str | None, form: str) -> str | None:
    if text is None:
        return None
    return MARK + datetime.strptime(text, _pattern(form)).replace(tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S")


def _number(value: float) -> str:
    """As the ledger's decimals show it: without what binary sums add, and with all digits of a large amount."""
    return format(value, ".15g") if abs(value) < _LARGE else format(Decimal(repr(value)), "f").removesuffix(".0")
