"""Turns the WHERE of a query into one Python closure over a row."""

import re
from collections.abc import Callable
from typing import Any

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.ids import normalise
from sandbox.salesforce.schema import NUMBER_TYPES, Field, Row
from sandbox.salesforce.soql.lexer import error_at, unescape
from sandbox.salesforce.soql.paths import Getter, Resolver
from sandbox.salesforce.soql.tree import Comparison, Condition, Logical, Not, Value

Predicate = Callable[[Row], bool]
_WANTED = {
    "datetime": "dateTime",
    "date": "date",
    "boolean": "boolean",
    "int": "int",
    **dict.fromkeys(NUMBER_TYPES - {"int"}, "double"),
}


class Filters:
    """Compiles conditions. Raises SalesforceError for fields that cannot be filtered and literals of a wrong type."""

    def __init__(self, text: str, resolver: Resolver) -> None:
        self._text = text
        self._resolver = resolver

    def compile(self, condition: Condition) -> Predicate:
        if isinstance(condition, Not):
            inner = self.compile(condition.part)
            return lambda row: not inner(row)
        if isinstance(condition, Logical):
            parts = [self.compile(part) for part in condition.parts]
            if condition.op == "and":
                return lambda row: all(part(row) for part in parts)
            return lambda row: any(part(row) for part in parts)
        return self._comparison(condition)

    def literal(self, field: Field, value: Value) -> Any:
        """The value to compare with: ids in 18 characters, text in lower case where case does not count."""
        if value.kind == "null":
            return None
        if field.type in ("id", "reference"):
            known = normalise(str(value.value)) if value.kind == "string" else None
            if known is None:
                message = f"invalid ID field: {value.value}"
                raise error_at(self._text, value.at, "INVALID_QUERY_FILTER_OPERATOR", message)
            return known
        wanted = _WANTED.get(field.type, "string")
        given = {"datetime": "dateTime"}.get(value.kind, value.kind)
        if wanted == "string" and given != "string":
            raise self._mistyped(field, value, "string and should be enclosed in quotes")
        if wanted in ("int", "double") and given == "number":
            return value.value
        if wanted != given:
            raise self._mistyped(field, value, f"{wanted} and should not be enclosed in quotes")
        return value.value.lower() if field.folds_case and isinstance(value.value, str) else value.value

    def _comparison(self, one: Comparison) -> Predicate:
        path = self._resolver.path(one.path)
        field = path.field
        if not field.filterable:
            message = f"field '{field.name}' can not be filtered in a query call"
            raise error_at(self._text, one.path.at, "INVALID_FIELD", message)
        get = _folding(self._resolver.getter(path)) if field.folds_case else self._resolver.getter(path)
        if isinstance(one.value, tuple):
            values = frozenset(self.literal(field, value) for value in one.value)
            if one.op == "in":
                return lambda row: get(row) in values
            return lambda row: get(row) not in values
        if one.op == "like":
            return self._like(field, one.value, get)
        return _compare(get, one.op, self.literal(field, one.value))

    def _like(self, field: Field, value: Value, get: Getter) -> Predicate:
        if _WANTED.get(field.type) or field.type in ("id", "reference"):
            message = f"invalid operator on {field.type} field"
            raise error_at(self._text, value.at, "INVALID_QUERY_FILTER_OPERATOR", message)
        pattern = like_pattern(str(value.value))

        def matches(row: Row) -> bool:
            text = get(row)
            return text is not None and pattern.fullmatch(text) is not None

        return matches

    def _mistyped(self, field: Field, value: Value, wanted: str) -> SalesforceError:
        message = f"value of filter criterion for field '{field.name}' must be of type {wanted}"
        return error_at(self._text, value.at, "INVALID_FIELD", message)


def like_pattern(text: str) -> re.Pattern[str]:
    """LIKE as a regular expression: `%` any text, `_` any one character, a backslash takes the next literally."""
    made, escaped = "", False
    for char in text:
        if escaped:
            made += re.escape(unescape(char))
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            made += {"%": ".*", "_": "."}.get(char) or re.escape(char)
    return re.compile(made, re.IGNORECASE | re.DOTALL)


def _folding(get: Getter) -> Getter:
    def folded(row: Row) -> Any:
        value = get(row)
        return None if value is None else value.lower()

    return folded


def _compare(get: Getter, op: str, wanted: Any) -> Predicate:
    if op == "=":
        return lambda row: get(row) == wanted
    if op == "!=":  # unlike SQL, this is true for null
        return lambda row: get(row) != wanted
    if wanted is None:
        return lambda row: False
    order: dict[str, Callable[[Any], bool]] = {
        "<": lambda value: value < wanted,
        "<=": lambda value: value <= wanted,
        ">": lambda value: value > wanted,
        ">=": lambda value: value >= wanted,
    }
    test = order[op]

    def ordered(row: Row) -> bool:
        value = get(row)
        return value is not None and test(value)

    return ordered
