"""Parses the subset of SOQL that sync clients use: no subqueries, no TYPEOF, no HAVING."""

from collections.abc import Callable
from typing import TypeVar

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.soql.lexer import Token, datetime_literal, error_at, tokens_of, unquote
from sandbox.salesforce.soql.tree import (
    Aggregate,
    AllFields,
    Comparison,
    Condition,
    Logical,
    Name,
    Not,
    Order,
    Query,
    SelectItem,
    Value,
)

T = TypeVar("T")
_MAX_LENGTH = 100_000
_MAX_OFFSET = 2_000
_AGGREGATES = frozenset({"count", "count_distinct", "min", "max", "sum", "avg"})
_SYMBOLS = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})
_CLAUSES = frozenset({"from", "where", "group", "order", "limit", "offset", "for", "all", "with", "having"})


def parse(text: str) -> Query:
    """The tree of a query. Raises SalesforceError MALFORMED_QUERY with the vendor's caret text."""
    if len(text) > _MAX_LENGTH:
        raise SalesforceError("MALFORMED_QUERY", f"SOQL statement cannot be longer than {_MAX_LENGTH} characters.")
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self._next = 0

    def query(self) -> Query:
        self._keyword("select")
        select = self._list(self._select_item)
        self._keyword("from")
        sobject = self._name()
        alias = self._take().text if self._peek().kind == "word" and self._peek().word not in _CLAUSES else None
        where = self._condition() if self._accept("where") else None
        group_by = self._list(self._name) if self._accept("group", "by") else ()
        order_by = self._list(self._order) if self._accept("order", "by") else ()
        limit = self._count("limit") if self._accept("limit") else None
        offset = self._offset()
        if self._accept("for"):  # FOR VIEW, FOR REFERENCE: no effect here
            self._name()
        if self._accept("all"):
            self._keyword("rows")
        if self._peek().kind != "end":
            raise self._unexpected()
        return Query(self._text, select, sobject, alias, where, group_by, order_by, limit, offset)

    def _offset(self) -> int:
        at = self._peek().at
        offset = self._count("offset") if self._accept("offset") else 0
        if offset > _MAX_OFFSET:
            message = f"Maximum SOQL offset allowed is {_MAX_OFFSET}"
            raise error_at(self._text, at, "NUMBER_OUTSIDE_VALID_RANGE", message)
        return offset

    def _select_item(self) -> SelectItem:
        name = self._name()
        if self._peek().text != "(":
            return name
        self._take()
        function = name.text.lower()
        if function == "fields":
            group = self._name()
            self._mark(")")
            if group.text.upper() not in ("ALL", "STANDARD", "CUSTOM"):
                raise error_at(self._text, group.at, "MALFORMED_QUERY", f"unexpected token: '{group.text}'")
            return AllFields(group.text.upper(), name.at)
        if function not in _AGGREGATES:
            raise error_at(self._text, name.at, "MALFORMED_QUERY", f"unexpected token: '{name.text}'")
        path = None if self._peek().text == ")" else self._name()
        self._mark(")")
        alias = self._peek()
        if alias.kind == "word" and alias.word not in _CLAUSES:
            self._take()
            return Aggregate(function, path, alias.text, name.at)
        return Aggregate(function, path, None, name.at)

    def _condition(self) -> Condition:
        """Conditions joined by AND or by OR; mixing them needs parentheses."""
        parts = [self._term()]
        joint = self._peek().word
        if joint not in ("and", "or"):
            return parts[0]
        while self._accept(joint):
            parts.append(self._term())
        if self._peek().word in ("and", "or"):
            raise self._unexpected()
        return Logical("and" if joint == "and" else "or", tuple(parts))

    def _term(self) -> Condition:
        if self._accept("not"):
            return Not(self._term())
        if self._peek().text == "(":
            self._take()
            inner = self._condition()
            self._mark(")")
            return inner
        path = self._name()
        token = self._peek()
        if token.text in _SYMBOLS:
            self._take()
            return Comparison(path, "!=" if token.text == "<>" else token.text, self._value())
        if self._accept("like"):
            return Comparison(path, "like", self._pattern())
        if self._accept("in"):
            return Comparison(path, "in", self._values())
        if self._accept("not"):
            self._keyword("in")
            return Comparison(path, "not in", self._values())
        raise self._unexpected()

    def _pattern(self) -> Value:
        """The text of a LIKE with its escapes, which tell `\\_` from `_`."""
        token = self._take()
        if token.kind != "string":
            raise self._unexpected(token)
        return Value("string", token.text[1:-1], token.at)

    def _values(self) -> tuple[Value, ...]:
        self._mark("(")
        values = self._list(self._value)
        self._mark(")")
        return values

    def _value(self) -> Value:
        token = self._take()
        if token.kind == "string":
            return Value("string", unquote(token.text), token.at)
        if token.kind == "number":
            number = float(token.text)
            return Value("number", int(number) if number.is_integer() else number, token.at)
        if token.kind == "datetime":
            return Value("datetime", datetime_literal(token.text), token.at)
        if token.kind == "date":
            return Value("date", token.text, token.at)
        if token.word in ("true", "false"):
            return Value("boolean", token.word == "true", token.at)
        if token.word == "null":
            return Value("null", None, token.at)
        raise self._unexpected(token)

    def _order(self) -> Order:
        path = self._name()
        descending = not self._accept("asc") and self._accept("desc")
        nulls_last = False
        if self._accept("nulls"):
            nulls_last = self._accept("last")
            if not nulls_last:
                self._keyword("first")
        return Order(path, descending, nulls_last)

    def _count(self, clause: str) -> int:
        token = self._take()
        if token.kind != "number" or not token.text.isdecimal():
            message = f"{clause} must be a non-negative integer" if token.kind == "number" else None
            raise self._unexpected(token, message)
        return int(token.text)

    def _list(self, item: Callable[[], T]) -> tuple[T, ...]:
        items = [item()]
        while self._peek().text == ",":
            self._take()
            items.append(item())
        return tuple(items)

    def _name(self) -> Name:
        token = self._take()
        if token.kind != "word" or token.word in ("from", "where"):
            raise self._unexpected(token)
        return Name(token.text, token.at)

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def _accept(self, *words: str) -> bool:
        ahead = self._tokens[self._next : self._next + len(words)]
        if [token.word for token in ahead] != list(words):
            return False
        self._next += len(words)
        return True

    def _keyword(self, word: str) -> None:
        if not self._accept(word):
            raise self._unexpected()

    def _mark(self, mark: str) -> None:
        if self._peek().text != mark:
            raise self._unexpected()
        self._take()

    def _unexpected(self, token: Token | None = None, message: str | None = None) -> SalesforceError:
        token = token or self._peek()
        return error_at(self._text, token.at, "MALFORMED_QUERY", message or f"unexpected token: '{token.text}'")
