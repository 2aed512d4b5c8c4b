"""Reads: queries, and what has changed since (sheet 3)."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from sandbox.quickbooks.books import Row
from sandbox.quickbooks.company import Company, tombstone
from sandbox.quickbooks.errors import QuickBooksError
from sandbox.quickbooks.queries import Condition, parsed, type_of
from sandbox.quickbooks.schema import Kind, Type, kind_at
from sandbox.quickbooks.values import moment, valid_email

_LOOK_BACK = timedelta(days=30)
_MOST_CHANGES = 1000
_NUMBERS = ("Balance", "TotalAmt", "UnitPrice", "PurchaseCost", "RateValue", "CurrentBalance")
Values = dict[str, Any]
Key = Any


class Reading:
    def __init__(self, company: Company) -> None:
        self._company = company
        self._books = company.books

    def query(self, statement: str) -> Values:
        """The `QueryResponse`. Raises QuickBooksError."""
        query = parsed(statement)
        tests = [self._test(query.kind, one) for one in query.conditions]
        named = any(one.name == "Active" for one in query.conditions)
        rows = [
            row
            for row in self._books.rows(query.kind)
            if (named or not query.kind.name_list or row.active) and all(test(row) for test in tests)
        ]
        if query.count:
            return {"totalCount": len(rows)}
        for name, descending in reversed(query.order):
            rows.sort(key=partial(self._sorted_by, query.kind, name), reverse=descending)
        page = rows[query.start - 1 : query.start - 1 + query.most]
        if not page:
            return {}
        shown = [self._shown(query.kind, row) for row in page]
        return {query.kind.name: shown, "startPosition": query.start, "maxResults": len(page)}

    def changes(self, entities: str, since: str) -> Values:
        """The `CDCResponse`: at most 1,000 objects over all entities, and no way to get the rest."""
        try:
            start = moment(since)
        except ValueError:
            raise QuickBooksError("2040", "Invalid Date Format", f"Invalid date : {since}",
                                  element="changedSince") from None  # fmt: skip
        if start < self._books.clock.now() - _LOOK_BACK - timedelta(minutes=1):
            detail = "QueryValidationError: changedSince must be within the last 30 days"
            raise QuickBooksError("4001", "Invalid query", detail, element="changedSince")
        left, answers = _MOST_CHANGES, []
        for word in entities.split(","):
            kind = kind_at(word.strip())
            if kind is None or not kind.cdc:
                raise QuickBooksError("500", "Unsupported Operation", f"Operation cdc is not supported on {word}")
            rows = self._changed(kind, start)[:left]
            left -= len(rows)
            shown = [tombstone(row) if row.deleted else self._shown(kind, row) for row in rows]
            answers.append({kind.name: shown, "startPosition": 1, "maxResults": len(shown)} if shown else {})
        return {"CDCResponse": [{"QueryResponse": answers}]}

    def _changed(self, kind: Kind, start: datetime) -> list[Row]:
        """In order of time, the deleted ones last; times count in whole seconds."""
        start = start.replace(microsecond=0)
        rows = [row for row in self._books.tables[kind.name].values() if row.updated >= start]
        return sorted(rows, key=lambda row: (row.deleted, row.updated))

    def _shown(self, kind: Kind, row: Row) -> Values:
        address = (row.values.get("PrimaryEmailAddr") or {}).get("Address")
        if self._books.setup.bad_email_breaks_pages and address and not valid_email(address):
            raise QuickBooksError("4002", "Error processing query", f"Invalid email address : {address}")
        return self._company.shown(kind, row)

    def _test(self, kind: Kind, condition: Condition) -> Callable[[Row], bool]:
        name, operator = condition.name, condition.operator
        if operator == "like":
            pattern = re.compile(".*".join(re.escape(one) for one in condition.values[0].split("%")), re.I | re.S)
            return lambda row: pattern.fullmatch(str(_plain(self._company.value(kind, row, name)) or "")) is not None
        wanted = [self._compared(kind, name, one) for one in condition.values]
        if operator in ("in", "="):
            return lambda row: self._key(kind, row, name) in wanted
        bound = wanted[0]
        compare: dict[str, Callable[[Key, Key], bool]] = {
            "<": lambda a, b: bool(a < b),
            ">": lambda a, b: bool(a > b),
            "<=": lambda a, b: bool(a <= b),
            ">=": lambda a, b: bool(a >= b),
        }
        return lambda row: compare[operator](self._key(kind, row, name), bound)

    def _key(self, kind: Kind, row: Row, name: str) -> Key:
        """A value in the form in which it compares and sorts."""
        if name in ("CreateTime", "LastUpdatedTime"):
            return (row.created if name == "CreateTime" else row.updated).replace(microsecond=0)
        value = _plain(self._company.value(kind, row, name))
        if name == "Active":
            return value is not False
        return self._compared(kind, name, "" if value is None else str(value))

    def _sorted_by(self, kind: Kind, name: str, row: Row) -> Key:
        return self._key(kind, row, name)

    def _compared(self, kind: Kind, name: str, text: str) -> Key:
        try:
            if name in ("CreateTime", "LastUpdatedTime"):
                return moment(text).replace(microsecond=0)
            if type_of(kind, name) is Type.BOOL:
                return text.lower() == "true"
            if name in ("Id", "CustomerRef"):
                return Decimal(text or -1) if text.isdecimal() or not text else Decimal(-2)
            if name in _NUMBERS:
                return Decimal(text or 0)
        except (ValueError, InvalidOperation):
            detail = f"QueryValidationError: value {text} is not valid for {name}"
            raise QuickBooksError("4001", "Invalid query", detail) from None
        return text


def _plain(value: Any) -> Any:
    """What a structure is compared by."""
    if isinstance(value, dict):
        return value.get("value", value.get("Address"))
    return value
