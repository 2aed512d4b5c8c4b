"""The query language: `SELECT * FROM Customer WHERE … ORDERBY … STARTPOSITION … MAXRESULTS …` (sheet 3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sandbox.quickbooks.errors import QuickBooksError
from sandbox.quickbooks.schema import Field, Kind, Type, kind_at

PAGE, MOST = 100, 1000
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<sign><=|>=|[=<>(),*]))",
    re.DOTALL,
)
# Typographic quotes and dashes in literals are lexical errors to the vendor's parser.
_UNREADABLE = re.compile("[\u2013-\u201f]")
_OPERATORS = ("=", "<", ">", "<=", ">=", "in", "like")
_TIMES = {"metadata.createtime": "CreateTime", "metadata.lastupdatedtime": "LastUpdatedTime"}


@dataclass(frozen=True, slots=True)
class Condition:
    """`name` is a property, or `CreateTime` / `LastUpdatedTime`; `values` has one member but for IN."""

    name: str
    operator: str
    values: tuple[str, ...]


@dataclass(slots=True)
class Query:
    """A parsed statement. `order` holds (property, descending)."""

    kind: Kind
    count: bool
    conditions: list[Condition] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    start: int = 1
    most: int = PAGE


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind == "word" else ""


def parsed(statement: str) -> Query:
    """Raises QuickBooksError 4000 where it cannot be parsed, 4001 where a part of it is not valid."""
    return _Parser(list(_tokens(statement))).query()


def _tokens(statement: str) -> Iterator[_Token]:
    place, text = 0, statement.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _broken(f"Lexical error at line 1, column {place + 1}")
        place = match.end()
        for kind, value in match.groupdict().items():
            if value is not None:
                if kind == "text" and _UNREADABLE.search(value):
                    raise _broken(f"Lexical error at line 1, column {place}")
                yield _Token(kind, value)


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0

    def query(self) -> Query:
        self._expect("select")
        count = self._selected()
        self._expect("from")
        entity = self._next("word").text
        kind = kind_at(entity)
        if kind is None:
            raise QuickBooksError("4001", "Invalid query", f"QueryValidationError: Invalid entity : {entity}")
        query = Query(kind, count)
        if self._take("where"):
            query.conditions.append(self._condition(kind))
            while self._take("and"):
                query.conditions.append(self._condition(kind))
        if self._take("orderby") or (self._take("order") and self._expect("by")):
            query.order.append(self._ordering(kind))
            while self._take_sign(","):
                query.order.append(self._ordering(kind))
        self._bounds(query)
        if self._place < len(self._tokens):
            raise self._unexpected()
        return query

    def _selected(self) -> bool:
        """`*` (also with more columns behind it, as one of Intuit's clients sends), or `COUNT(*)`."""
        if self._take("count"):
            for sign in "(*)":
                self._sign(sign)
            return True
        self._sign("*")
        while self._take_sign(","):
            self._next("word")
        return False

    def _condition(self, kind: Kind) -> Condition:
        name = _property(kind, self._next("word").text)
        token = self._any()
        operator = token.text.lower()
        if operator not in _OPERATORS:
            self._place -= 1
            raise self._unexpected()
        if operator != "in":
            return Condition(name, operator, (self._value(),))
        self._sign("(")
        values = [self._value()]
        while self._take_sign(","):
            values.append(self._value())
        self._sign(")")
        return Condition(name, operator, tuple(values))

    def _value(self) -> str:
        token = self._any()
        if token.kind == "text":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
        if token.kind == "number" or token.word in ("true", "false"):
            return token.text
        self._place -= 1
        raise self._unexpected()

    def _ordering(self, kind: Kind) -> tuple[str, bool]:
        name = _property(kind, self._next("word").text)
        if self._take("desc"):
            return name, True
        self._take("asc")
        return name, False

    def _bounds(self, query: Query) -> None:
        if self._take("startposition"):
            query.start = self._whole("startposition", None)
        if self._take("maxresults"):
            query.most = self._whole("maxresults", MOST)

    def _whole(self, what: str, most: int | None) -> int:
        value = int(float(self._next("number").text))
        if value < 1:
            raise _invalid(f"value {value} is too small. Min allowed value is 1 ({what})")
        if most is not None and value > most:
            raise _invalid(f"value {value} is too large. Max allowed value is {most} ({what})")
        return value

    def _any(self) -> _Token:
        if self._place >= len(self._tokens):
            raise self._unexpected()
        self._place += 1
        return self._tokens[self._place - 1]

    def _next(self, kind: str) -> _Token:
        token = self._any()
        if token.kind != kind:
            self._place -= 1
            raise self._unexpected()
        return token

    def _take(self, word: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place].word == word:
            self._place += 1
            return True
        return False

    def _expect(self, word: str) -> bool:
        if not self._take(word):
            raise self._unexpected()
        return True

    def _take_sign(self, sign: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place].text == sign:
            self._place += 1
            return True
        return False

    def _sign(self, sign: str) -> None:
        if not self._take_sign(sign):
            raise self._unexpected()

    def _unexpected(self) -> QuickBooksError:
        found = self._tokens[self._place].text if self._place < len(self._tokens) else "<EOF>"
        return _broken(f'Encountered " <{found}> "')


def _property(kind: Kind, text: str) -> str:
    """The property of that name in any case. Raises QuickBooksError 4001 where queries may not name it."""
    lowered = text.lower()
    if lowered in _TIMES:
        return _TIMES[lowered]
    for name, one in kind.fields.items():
        if name.lower() == lowered or (one.type is Type.EMAIL and lowered == f"{name}.address".lower()):
            if one.query:
                return name
            break
    raise _invalid(f"property '{text}' is not queryable")


def type_of(kind: Kind, name: str) -> Type | None:
    """How values of a property compare; None for the two times."""
    found: Field | None = kind.fields.get(name)
    return found.type if found else None


def _broken(detail: str) -> QuickBooksError:
    return QuickBooksError("4000", "Error parsing query", f"QueryParserError: {detail}")


def _invalid(detail: str) -> QuickBooksError:
    return QuickBooksError("4001", "Invalid query", f"QueryValidationError: {detail}")
