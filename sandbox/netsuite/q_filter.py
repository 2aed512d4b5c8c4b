"""The `q` filter of a collection: body fields, dates in the user's own format, AND before OR (sheet 3)."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.netsuite.errors import NetSuiteError, bad_parameter
from sandbox.netsuite.schema import Field, RecordType, Row
from sandbox.netsuite.setup import Setup
from sandbox.netsuite.values import local, read_date

Matches = Callable[[Row], bool]
_TOKEN = re.compile(r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<mark>[()\[\],])|(?P<word>[^\s()\[\],"]+))')
_NUMBERS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "EQUAL": lambda a, b: a == b,
    "GREATER": lambda a, b: a > b,
    "GREATER_OR_EQUAL": lambda a, b: a >= b,
    "LESS": lambda a, b: a < b,
    "LESS_OR_EQUAL": lambda a, b: a <= b,
}
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "IS": lambda a, b: a == b,
    "CONTAIN": lambda a, b: b in a,
    "START_WITH": lambda a, b: a.startswith(b),
    "ENDWITH": lambda a, b: a.endswith(b),
}
_DATES: dict[str, Callable[[str, str], bool]] = {
    "ON": lambda a, b: a == b,
    "AFTER": lambda a, b: a > b,
    "BEFORE": lambda a, b: a < b,
    "ON_OR_AFTER": lambda a, b: a >= b,
    "ON_OR_BEFORE": lambda a, b: a <= b,
}
# In the schema of these, but not to be filtered by (sheet 3, 10).
_UNFILTERED = frozenset({"custentity_alguna_rev", "custbody_alguna_rev"})


class QFilter:
    """Parses one filter into a test of rows. Raises NetSuiteError."""

    def __init__(self, kind: RecordType, setup: Setup) -> None:
        self._kind = kind
        self._setup = setup
        self._tokens: list[str] = []
        self._next = 0

    def parse(self, text: str) -> Matches:
        self._tokens = [match.group().strip() for match in _TOKEN.finditer(text) if match.group().strip()]
        self._next = 0
        found = self._any()
        if self._next < len(self._tokens):
            raise _bad(f"Unexpected '{self._tokens[self._next]}'")
        return found

    def _any(self) -> Matches:
        parts = [self._all()]
        while self._accept("OR"):
            parts.append(self._all())
        return lambda row: any(part(row) for part in parts)

    def _all(self) -> Matches:
        parts = [self._term()]
        while self._accept("AND"):
            parts.append(self._term())
        return lambda row: all(part(row) for part in parts)

    def _term(self) -> Matches:
        if self._accept("("):
            inner = self._any()
            if not self._accept(")"):
                raise _bad("A parenthesis is not closed")
            return inner
        name = self._take()
        field = self._kind.by_lower.get(name.lower())
        if field is None or field.name in _UNFILTERED:
            detail = f"The field '{name}' does not exist or cannot be filtered by."
            raise NetSuiteError(400, detail, "NONEXISTENT_FIELD", queryParam="q")
        return self._comparison(field, self._take().upper())

    def _comparison(self, field: Field, operator: str) -> Matches:
        if operator in ("EMPTY", "EMPTY_NOT"):
            return lambda row: (field.name not in row) == (operator == "EMPTY")
        positive = operator.removesuffix("_NOT")
        if operator == "ANY_OF":
            wanted = self._list()
            return lambda row: str(row.get(field.name)) in wanted
        if field.type in ("number", "integer") and operator in _NUMBERS:
            return self._number(field, _NUMBERS[operator])
        if field.type in ("date", "datetime") and operator in _DATES:
            return self._date(field, _DATES[operator])
        if field.type == "boolean" and operator == "IS":
            truth = self._take().lower() == "true"
            return lambda row: bool(row.get(field.name)) == truth
        if field.type in ("string", "enum", "ref") and positive in _TEXTS:
            text, test = _unquoted(self._take()).casefold(), _TEXTS[positive]
            return lambda row: test(str(row.get(field.name, "")).casefold(), text) == (positive == operator)
        raise _bad(f"The operator {operator} does not fit the field {field.name}")

    def _number(self, field: Field, test: Callable[[Decimal, Decimal], bool]) -> Matches:
        try:
            wanted = Decimal(_unquoted(self._take()))
        except InvalidOperation:
            raise _bad("Not a number") from None
        return lambda row: field.name in row and test(Decimal(row[field.name]), wanted)

    def _date(self, field: Field, test: Callable[[str, str], bool]) -> Matches:
        try:
            wanted = read_date(_unquoted(self._take()), self._setup.date_format).isoformat()
        except ValueError as error:
            raise _bad(str(error)) from None
        zone = self._setup.time_zone

        def matches(row: Row) -> bool:
            value = row.get(field.name)
            if value is None:
                return False
            return test(local(value, zone)[:10] if "T" in value else value, wanted)

        return matches

    def _list(self) -> set[str]:
        if not self._accept("["):
            raise _bad("A list needs brackets")
        found: set[str] = set()
        while not self._accept("]"):
            found.add(_unquoted(self._take()))
            self._accept(",")
        return found

    def _take(self) -> str:
        if self._next >= len(self._tokens):
            raise _bad("The filter ends too early")
        self._next += 1
        return self._tokens[self._next - 1]

    def _accept(self, word: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next].upper() == word:
            self._next += 1
            return True
        return False


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _bad(detail: Any) -> NetSuiteError:
    return bad_parameter("q", f"Invalid query filter: {detail}.")
