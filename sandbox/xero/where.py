"""The `where` expressions: .NET-like comparisons of a record's fields (sheet 3)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.xero.errors import bad_query

Value = Any
Field = Callable[[str], Value]
Test = Callable[[Field], Any]
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"""
    r"""|(?P<op>==|!=|<>|>=|<=|&&|\|\||[=<>(),!]))"""
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
}
_SAME = {"=": "==", "<>": "!="}
_METHODS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}


def parse_where(text: str, kind: str, fields: frozenset[str]) -> Callable[[Field], bool]:
    """A test of one record, given how to read a field of it. Raises XeroError with ErrorNumber 16."""
    parser = _Parser(text, kind, fields)
    test = parser.either()
    if parser.peek() is not None:
        raise bad_query(f"Syntax error at '{parser.peek()}'")
    return lambda field: bool(test(field))


class _Parser:
    """Recursive descent: or, and, not, comparison, operand."""

    def __init__(self, text: str, kind: str, fields: frozenset[str]) -> None:
        self._kind = kind
        self._fields = {name.lower(): name for name in fields}
        self._tokens: list[tuple[str, str]] = []
        self._place = 0
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise bad_query(f"Syntax error '{text[position:].strip()[:1]}'")
            self._tokens.append((str(match.lastgroup), str(match[match.lastgroup or 0])))
            position = match.end()

    def peek(self) -> str | None:
        return self._tokens[self._place][1] if self._place < len(self._tokens) else None

    def either(self) -> Test:
        tests = [self._both()]
        while self._word("or", "||"):
            tests.append(self._both())
        return lambda field: any(test(field) for test in tests)

    def _both(self) -> Test:
        tests = [self._not()]
        while self._word("and", "&&"):
            tests.append(self._not())
        return lambda field: all(test(field) for test in tests)

    def _not(self) -> Test:
        if self._word("!", "not"):
            test = self._not()
            return lambda field: not test(field)
        return self._comparison()

    def _comparison(self) -> Test:
        left = self._operand()
        operator = _SAME.get(self.peek() or "", self.peek() or "")
        if operator not in _COMPARE:
            return left
        self._place += 1
        right, compare = self._operand(), _COMPARE[operator]
        return lambda field: _compared(compare, operator, left(field), right(field))

    def _operand(self) -> Test:
        if self._word("("):
            inner = self.either()
            self._expect(")")
            return inner
        if self._place >= len(self._tokens):
            raise bad_query("Expression expected")
        kind, token = self._tokens[self._place]
        self._place += 1
        if kind == "text":
            literal = re.sub(r"\\(.)", r"\1", token[1:-1])
            return lambda field: literal
        if kind == "number":
            number = Decimal(token)
            return lambda field: number
        if kind != "name":
            raise bad_query(f"Syntax error at '{token}'")
        return self._named(token)

    def _named(self, token: str) -> Test:
        words: dict[str, Value] = {"true": True, "false": False, "null": None}
        if token.lower() in words:
            word = words[token.lower()]
            return lambda field: word
        if token.lower() in ("datetime", "guid"):
            value = _constructed(token.lower(), self._arguments())
            return lambda field: value
        path, _, method = token.rpartition(".")
        if path and method.lower() in _METHODS and self.peek() == "(":
            (argument,) = self._arguments() or ("",)
            name, test = self._known(path), _METHODS[method.lower()]
            return lambda field: test(str(field(name) or ""), str(argument))
        name = self._known(token)
        return lambda field: field(name)

    def _known(self, name: str) -> str:
        if name.lower() not in self._fields:
            raise bad_query(f"No property or field '{name}' exists in type '{self._kind}'")
        return self._fields[name.lower()]

    def _arguments(self) -> list[Value]:
        self._expect("(")
        found: list[Value] = []
        while not self._word(")"):
            found.append(self._operand()(lambda name: None))
            if self.peek() == ",":
                self._place += 1
        return found

    def _word(self, *words: str) -> bool:
        token = self.peek()
        if token is None or token.lower() not in words:
            return False
        self._place += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._word(token):
            raise bad_query(f"'{token}' expected")


def _constructed(kind: str, arguments: list[Value]) -> Value:
    try:
        if kind == "guid":
            (text,) = arguments
            return str(text).lower()
        return datetime(*(int(one) for one in arguments), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except (TypeError, ValueError):
        raise bad_query(f"No applicable constructor exists in type '{kind}'") from None


def _compared(compare: Callable[[Any, Any], bool], operator: str, left: Value, right: Value) -> bool:
    """Texts compare without case; an empty field is neither more nor less than anything."""
    if left is None or right is None:
        return compare(left, right) if operator in ("==", "!=") else False
    if isinstance(left, str) and isinstance(right, str):
        left, right = left.casefold(), right.casefold()
    elif type(left) is not type(right):
        names = f"'{type(left).__name__}' and '{type(right).__name__}'"
        raise bad_query(f"Operator '{operator}' incompatible with operand types {names}")
    return compare(left, right)
