"""Custom JavaScript of mappings, in an embedded QuickJS: no I/O, a frozen clock, limits, no memory of other records.

A host serves one compiled plan. Its context is kept from record to record for speed; each call makes the function anew
in a realm whose every object is frozen, so nothing a script does can be seen by the next. The clock stands at the
record's modification time and chance is seeded by the record, so that a merge can be repeated (I12).
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from threading import Lock
from typing import Any, Final

import quickjs

from core.errors import FieldValidation
from core.plan import Origin
from core.script_realm import CALLER, REALM
from core.values import Value, dump_json

# CPU of one call. After `PATIENCE` calls that ran into a limit, a host allows all others only the short time: still a
# thousand times what usual functions need, and a thousand endless loops do not hold up their chunk.
TIME_LIMIT_SECONDS: Final = 0.25
SHORT_TIME_LIMIT_SECONDS: Final = 0.02
PATIENCE: Final = 8
MEMORY_LIMIT_BYTES: Final = 16 * 1024 * 1024
STACK_LIMIT_BYTES: Final = 128 * 1024
SOURCE_LIMIT_CHARS: Final = 20_000
RESULT_LIMIT_CHARS: Final = 200_000
STACK_FRAMES: Final = 8
# The clock of a record without a modification time.
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)

# Promises nobody waits for stay in a context; it is made anew before they could fill it.
_CALLS_PER_CONTEXT: Final = 1_000
_EXACT_INTEGER: Final = 2**53
_OWN_FRAME: Final = "at $"
_POSITION: Final = re.compile(r"<input>:(\d+):(\d+)")
_KIND: Final = """((make, list) => {
  const made = make(), tag = Object.prototype.toString.call(made);
  if (typeof made !== "function" || list().length !== 1) return "";
  if (tag !== "[object Function]") return "later";
  return String(made).startsWith("class") ? "class" : "function";
})"""
_NO_FUNCTION: Final = {
    "": "is not a function; write `function (value, record) { … }` or `(value, record) => …`",
    "later": "must be an ordinary function, neither asynchronous nor a generator",
    "class": "is a class, which cannot be called",
}
_LIMITS: Final = {
    "InternalError: interrupted": "ran too long (an endless loop?) and was stopped",
    "InternalError: out of memory": f"needs more than {MEMORY_LIMIT_BYTES // 2**20} MB of memory and was stopped",
    # With no room left even for the error.
    "null": f"needs more than {MEMORY_LIMIT_BYTES // 2**20} MB of memory, or threw null, and was stopped",
    "RangeError: Maximum call stack size exceeded": "calls itself too deeply and was stopped",
}


class ScriptHost:
    """Runs the scripts of one plan, one call at a time."""

    def __init__(self) -> None:
        """Make nothing yet: a plan whose scripts are never called costs nothing."""
        self._lock = Lock()
        self._context: Any = None
        self._call: Any = None
        self._made: dict[str, Any] = {}
        self._calls = 0
        self._stopped = 0

    def run(self, source: str, value: Value, origin: Origin) -> Value:
        """Call the function `source` with a value and its record. Raises FieldValidation with the JavaScript stack."""
        payload = json.dumps({"value": _given(value), "record": _given(origin.tree())})
        now = float(int((origin.modified_at or EPOCH).timestamp() * 1000))
        # A context serves one thread at a time; QuickJS lets the others run meanwhile.
        with self._lock:
            try:
                return _value_of(self._call_of(source)(payload, now, zlib.crc32(payload.encode())))
            except quickjs.JSException as error:
                raise FieldValidation(self._failed(str(error))) from None
            except UnicodeError:
                raise FieldValidation("the function returned or threw text that is not Unicode") from None

    def _call_of(self, source: str) -> Any:
        if self._context is None or self._calls >= _CALLS_PER_CONTEXT:
            self._made, self._calls = {}, 0
            self._context, self._call = _realm()
        self._calls += 1
        if source not in self._made:
            self._made[source] = self._context.eval(_factory(source, "()"))
        self._limit(SHORT_TIME_LIMIT_SECONDS if self._stopped >= PATIENCE else TIME_LIMIT_SECONDS)
        make, call = self._made[source], self._call
        return lambda *given: call(make, *given)

    def _limit(self, seconds: float) -> None:
        self._context.set_time_limit(seconds)

    def _failed(self, text: str) -> str:
        first, _, stack = text.partition("\n")
        if first not in _LIMITS:
            return first + _readable(stack)
        # What a stopped script left behind may not burden the next record.
        self._context = None
        self._stopped += 1
        return f"the function {_LIMITS[first]}{_readable(stack)}"


@dataclass(frozen=True, slots=True)
class Script:
    """One function of a mapping. `label` is its key there: `toExternal` or `toAlguna`."""

    label: str
    source: str
    host: ScriptHost = field(default_factory=ScriptHost, repr=False, compare=False)

    @property
    def reads_record(self) -> bool:
        """Whether it may look at more than the value, as far as its text tells: it takes a second parameter."""
        head = self.source.split(")")[0]
        return "," in head or "..." in head or "arguments" in self.source

    def __call__(self, value: Value, origin: Origin) -> Value:
        """Run it. Raises FieldValidation naming the function, with the JavaScript stack."""
        try:
            return self.host.run(self.source, value, origin)
        except FieldValidation as error:
            raise FieldValidation(f"{self.label} failed: {error.message}") from None


def script_problem(source: str) -> str | None:
    """Say what is wrong with a function's text, with line and column; None when it is one whole function."""
    if not source.strip():
        return _NO_FUNCTION[""]
    if len(source) > SOURCE_LIMIT_CHARS:
        return f"is longer than {SOURCE_LIMIT_CHARS:,} characters"
    context, _ = _realm()
    context.set_time_limit(TIME_LIMIT_SECONDS)
    try:
        make = context.eval(_factory(source, "()"))
        # Between brackets, too: text such as `a) + (b` would make use of the parentheses around it.
        kind = context.eval(_KIND)(make, context.eval(_factory(source, "[]")))
    except quickjs.JSException as error:
        return _refusal(str(error), source)
    except ValueError:
        return "holds characters that are no text (a NUL, or half of a surrogate pair)"
    return None if kind == "function" else _NO_FUNCTION.get(kind, _NO_FUNCTION[""])


def _realm() -> tuple[Any, Any]:
    context = quickjs.Context()
    context.set_memory_limit(MEMORY_LIMIT_BYTES)
    context.set_max_stack_size(STACK_LIMIT_BYTES)
    return context, context.eval(REALM)


def _factory(source: str, marks: str) -> str:
    """Return text that makes the function anew at each call; the source begins on line 2, column 1."""
    return f'"use strict"; (() => {marks[0]}\n{source}\n{marks[1]})'


def _readable(stack: str) -> str:
    """Return the frames of the function itself, each on its own line, with positions as people count them."""
    frames: list[str] = []
    for line in stack.splitlines():
        if CALLER in line or len(frames) == STACK_FRAMES:
            break
        if line.strip() and line != "undefined" and _OWN_FRAME not in line:
            frames.append(_POSITION.sub(lambda at: f"line {int(at[1]) - 1}, column {at[2]}", line.strip()))
    return "".join(f"\n    {frame}" for frame in frames)


def _refusal(text: str, source: str) -> str:
    first, _, stack = text.partition("\n")
    if not first.startswith("SyntaxError"):
        # An expression, such as `value.trim()`: it was evaluated, and looked for its value.
        return f"{_NO_FUNCTION['']} ({first})"
    at = _POSITION.search(stack)
    if at is None:
        return first
    line, column = int(at[1]) - 1, int(at[2])
    if line > len(source.splitlines()):
        return f"SyntaxError: the text ends too early, at line {len(source.splitlines())}"
    return f"{first} (line {line}, column {column})"


def _given(value: object) -> object:
    """Return a value as JavaScript takes it: numbers that it could not hold exactly as text."""
    if isinstance(value, dict):
        return {key: _given(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_given(item) for item in value]
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else str(value)
    if isinstance(value, int) and abs(value) > _EXACT_INTEGER:
        return str(value)
    return value


def _value_of(text: str) -> Value:
    if len(text) > RESULT_LIMIT_CHARS:
        raise FieldValidation(f"the function returned more than {RESULT_LIMIT_CHARS:,} characters")
    value: Value = json.loads(text, parse_float=Decimal)
    dump_json(value).encode()
    return value
