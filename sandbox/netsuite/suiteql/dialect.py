"""Turns SuiteQL text into SQLite's SQL, and refuses what SuiteQL has not (sheet 3)."""

import re
from dataclasses import dataclass

from sandbox.netsuite.errors import NetSuiteError
from sandbox.netsuite.suiteql.mirror import DATES, TABLES

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<string>'(?:[^']|'')*')
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<op><=|>=|!=|<>|\|\||=|<|>|\+|-|\*|/)
      | (?P<mark>[(),.?;])""",
    re.VERBOSE,
)
_COMPARES = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})
_NOT_THERE = frozenset({"limit", "insert", "update", "delete", "pragma", "attach", "create", "drop", "glob", "match"})
_FUNCTIONS = {"to_char", "to_date", "to_timestamp", "nvl", "upper", "lower", "count", "min", "max", "sum", "avg",
              "coalesce", "length", "trim", "round", "abs", "substr", "replace"}  # fmt: skip
_DATE_FUNCTION = "user_date"
_KEYWORDS = ("select", "from", "where", "and", "or", "in", "not", "on", "as", "by", "then", "when", "else")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind == "word" else ""


def failed_search(detail: str) -> NetSuiteError:
    """How every bad query is told of."""
    text = f"Invalid search query. Detailed unprocessed description follows. Search error occurred: {detail}."
    return NetSuiteError(400, text, "INVALID_PARAMETER", queryParam="q")


def translated(text: str) -> str:
    """SQLite's SQL of one SuiteQL SELECT. Raises NetSuiteError."""
    tokens = _tokens(text)
    if not tokens or tokens[0].word != "select":
        raise failed_search("Only SELECT is supported")
    made: list[str] = []
    for place, token in enumerate(tokens):
        word = token.word
        if word in _NOT_THERE or token.text == ";":
            raise failed_search(f"Unknown identifier '{token.text}'")
        made.append(_rewritten(tokens, place, token, word))
    return " ".join(made)


def _rewritten(tokens: list[_Token], place: int, token: _Token, word: str) -> str:
    following = tokens[place + 1] if place + 1 < len(tokens) else None
    before = tokens[place - 1] if place else None
    if word == "transaction":
        # A table, but as a column of transactionline the reference to it.
        is_table = before is not None and before.word in ("from", "join")
        return '"transaction"' if is_table or (following is not None and following.text == ".") else "transaction_"
    if word == "sysdate":
        return "sysdate()"
    if following is not None and following.text == "(" and word:
        if word not in _FUNCTIONS and word not in _KEYWORDS:
            raise failed_search(f"Unknown identifier '{token.text}'")
        return "ifnull" if word == "nvl" else word
    if token.kind == "string" and _compared_to_date(tokens, place):
        return f"{_DATE_FUNCTION}({token.text})"
    return token.text


def _compared_to_date(tokens: list[_Token], place: int) -> bool:
    """Whether this literal stands against a column of dates, and so is read in the user's own format."""
    return place >= 2 and tokens[place - 1].text in _COMPARES and tokens[place - 2].word in DATES


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise failed_search(f"Unexpected character '{text[at]}'")
        if match.lastgroup != "space":
            found.append(_Token(match.lastgroup or "", match.group()))
        at = match.end()
    return found


def tables_of(text: str) -> set[str]:
    """The tables that a query names after FROM, JOIN or a comma. Raises NetSuiteError for one that there is not."""
    tokens = _tokens(text)
    found: set[str] = set()
    for before, token in zip(tokens, tokens[1:], strict=False):
        if before.word in ("from", "join") and token.word:
            if token.word not in TABLES:
                raise NetSuiteError(400, f"Record '{token.text}' was not found.", "INVALID_PARAMETER", queryParam="q")
            found.add(token.word)
    return found
