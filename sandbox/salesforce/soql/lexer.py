"""Cuts SOQL text into tokens (sheet 3.2: literals and escapes)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.salesforce.errors import SalesforceError, malformed

_PATTERN = re.compile(
    r"""(?P<space>\s+)
      | (?P<string>'(?:[^'\\]|\\.)*')
      | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
      | (?P<date>\d{4}-\d\d-\d\d)
      | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<word>[A-Za-z_][\w.]*(?::\d+)?)
      | (?P<op><=|>=|!=|<>|=|<|>)
      | (?P<mark>[(),])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_EXCERPT = 40


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is the source text; `kind` one of the groups above, or `end`."""

    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        """Lower case for keywords; empty for anything but a word."""
        return self.text.lower() if self.kind == "word" else ""


def tokens_of(text: str) -> list[Token]:
    """The tokens with a last one of kind `end`. Raises MALFORMED_QUERY at a character that starts none."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _PATTERN.match(text, at)
        if match is None:
            if text[at] == "'":
                raise error_at(text, at, "MALFORMED_QUERY", "Bind variables only allowed in Apex code")
            raise error_at(text, at, "MALFORMED_QUERY", f"unexpected token: '{text[at]}'")
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Token(kind, match.group(), at))
        at = match.end()
    found.append(Token("end", "<EOF>", len(text)))
    return found


def unquote(text: str) -> str:
    """The value of a quoted string."""
    return re.sub(r"\\(.)", lambda match: unescape(match.group(1)), text[1:-1], flags=re.DOTALL)


def unescape(char: str) -> str:
    """What a backslash and `char` stand for."""
    return _ESCAPES.get(char, char)


def datetime_literal(text: str) -> str:
    """The wire form (`2026-11-01T10:00:00.000+0000`) of a datetime literal. Raises MALFORMED_QUERY."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise malformed(f"line 1:0 invalid datetime literal: {text}") from None
    return wire_time(at)


def wire_time(at: datetime) -> str:
    """A time as the vendor writes it: UTC, milliseconds, an offset without colon (sheet 8)."""
    at = at.astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"


def error_at(text: str, at: int, code: str, message: str) -> SalesforceError:
    """An error with an excerpt of the query, a caret under the place, and row and column."""
    row = text.count("\n", 0, at) + 1
    line_start = text.rfind("\n", 0, at) + 1
    start = max(line_start, at - _EXCERPT)
    excerpt = text[start : at + _EXCERPT].split("\n")[0]
    caret = " " * (at - start) + "^"
    return SalesforceError(code, f"\n{excerpt}\n{caret}\nERROR at Row:{row}:Column:{at - line_start + 1}\n{message}")
