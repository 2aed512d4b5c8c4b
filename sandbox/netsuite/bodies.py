"""Reads the body of a write: names in any case, references in every form, each value checked (sheet 2, 4)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sandbox.netsuite.errors import bad_request, bad_value, unknown_field, user_error
from sandbox.netsuite.schema import Field, RecordType, Row, Sublist
from sandbox.netsuite.values import minute, number, text_of

_IGNORED = frozenset({"id", "links", "refname"})
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_\-|]+")
_EMAIL = re.compile(r"[^\s@,;<>()]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_COUNTRY = re.compile(r"[A-Z]{2}")

Find = Callable[[str, str, str], str | None]
"""(record type, `id` or `externalId`, value) -> the internal id of the record, if there is one."""


@dataclass
class Sent:
    """What a write asks for: None clears a value; None for a sublist empties it."""

    values: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, list[Row] | None] = field(default_factory=dict)


class Reader:
    """`names` is the header X-NetSuite-PropertyNameValidation: `error`, or what drops unknown names in silence."""

    def __init__(self, find: Find, names: str = "warning") -> None:
        self._find = find
        self._strict = names.lower() == "error"

    def read(self, kind: RecordType, body: Mapping[str, Any]) -> Sent:
        """Raises NetSuiteError for the first thing that is wrong."""
        sent = Sent()
        for name, raw in body.items():
            low = name.lower()
            if low in kind.lists_by_lower:
                sublist = kind.lists_by_lower[low]
                sent.lists[sublist.name] = self._lines(sublist, raw)
            elif low in kind.by_lower:
                known = kind.by_lower[low]
                sent.values[known.name] = self._value(known, raw, known.name)
            elif self._strict and low not in _IGNORED:
                raise unknown_field(name, name)
        return sent

    def _lines(self, sublist: Sublist, raw: Any) -> list[Row] | None:
        items = raw.get("items") if isinstance(raw, dict) else raw
        if items is None:
            return None
        if not isinstance(items, list):
            raise bad_request(f"The sublist '{sublist.name}' needs a list of items.")
        return [self._line(sublist, item, f"{sublist.name}.items[{place}]") for place, item in enumerate(items)]

    def _line(self, sublist: Sublist, item: Any, path: str) -> Row:
        if not isinstance(item, dict):
            raise bad_request(f"A line of '{sublist.name}' has to be an object.")
        row: Row = {}
        for name, raw in item.items():
            known = sublist.by_lower.get(name.lower())
            if known is not None and known.read_only:
                continue
            if known is not None:
                row[known.name] = self._value(known, raw, f"{path}.{known.name}")
            elif self._strict and name.lower() not in _IGNORED:
                raise unknown_field(name, f"{path}.{name}")
        return row

    def _value(self, known: Field, raw: Any, path: str) -> Any:
        """The stored form; None clears."""
        if known.read_only:
            raise bad_value(raw, f"{known.name} (read-only)", path)
        if raw is None or raw == "":
            return None
        read = {
            "string": self._text,
            "boolean": _truth,
            "number": _number,
            "integer": _whole,
            "date": _day,
            "datetime": _moment,
            "ref": self._reference,
            "enum": _choice,
            "subrecord": self._subrecord,
        }[known.type]
        return read(known, raw, path)

    def _text(self, known: Field, raw: Any, path: str) -> str | None:
        if isinstance(raw, (dict, list)):
            raise bad_value(raw, known.name, path)
        text = str(raw).strip()
        if known.most and len(text) > known.most:
            detail = f"The field {known.name} contained more than the maximum number ( {known.most} ) of characters."
            raise user_error(detail, path)
        if known.name.lower().endswith("email") and text and not _EMAIL.fullmatch(text):
            raise user_error(f"Invalid email address: {text}", path)
        if known.name == "externalId" and not _EXTERNAL_ID.fullmatch(text):
            raise bad_value(text, known.name, path)
        return text or None

    def _reference(self, known: Field, raw: Any, path: str) -> str:
        """`{"id"}`, `{"externalId"}` or a bare id."""
        by, value = "id", raw
        if isinstance(raw, dict):
            by = next((name for name in ("id", "externalId") if raw.get(name) is not None), "")
            value = raw.get(by)
        if not by or isinstance(value, (dict, list, bool)):
            raise bad_value(raw, known.name, path)
        if known.any_text:
            return str(value)
        found = self._find(known.to, by, str(value))
        if found is None:
            raise bad_value(value, known.name, path)
        return found

    def _subrecord(self, known: Field, raw: Any, path: str) -> Row:
        if not isinstance(raw, dict):
            raise bad_value(raw, known.name, path)
        by_lower = {one.name.lower(): one for one in known.fields}
        row: Row = {}
        for name, value in raw.items():
            inner = by_lower.get(name.lower())
            if inner is not None:
                row[inner.name] = self._value(inner, value, f"{path}.{inner.name}")
            elif self._strict and name.lower() not in _IGNORED:
                raise unknown_field(name, f"{path}.{name}")
        return row


def _truth(known: Field, raw: Any, path: str) -> bool:
    if not isinstance(raw, bool):
        raise bad_value(raw, known.name, path)
    return raw


def _number(known: Field, raw: Any, path: str) -> str:
    try:
        return text_of(number(raw))
    except ValueError:
        raise bad_value(raw, known.name, path) from None


def _whole(known: Field, raw: Any, path: str) -> str:
    text = str(raw)
    if isinstance(raw, bool) or not text.isdecimal():
        raise bad_value(raw, known.name, path)
    return text


def _day(known: Field, raw: Any, path: str) -> str:
    try:
        if not _DATE.fullmatch(str(raw)):
            raise ValueError(raw)
        return date.fromisoformat(str(raw)).isoformat()
    except ValueError:
        raise bad_value(raw, known.name, path) from None


def _moment(known: Field, raw: Any, path: str) -> str:
    try:
        return minute(datetime.fromisoformat(str(raw)))
    except ValueError:
        raise bad_value(raw, known.name, path) from None


def _choice(known: Field, raw: Any, path: str) -> str:
    value = str(raw.get("id") if isinstance(raw, dict) else raw)
    if known.name == "country" and _COUNTRY.fullmatch(value):
        return value
    if value not in dict(known.options):
        raise bad_value(value, known.name, path)
    return value


def merged(sublist: Sublist, before: list[Row], sent: list[Row] | None, *, replace: bool) -> list[Row]:
    """The lines after a write (sheet 4): keyed ones that match are updated, all others are added at the end.

    With `replace` lines that are not sent go; None empties the list.
    """
    if sent is None:
        return []
    kept = {str(line.get(sublist.key)): dict(line) for line in before} if sublist.key else {}
    order = [dict(line) for line in before]
    named: set[str] = set()
    for line in sent:
        key = str(line.get(sublist.key)) if sublist.key and line.get(sublist.key) is not None else None
        if key is not None and key in kept:
            place = next(n for n, one in enumerate(order) if str(one.get(sublist.key)) == key)
            order[place] = _overlaid(order[place], line)
            named.add(key)
        else:
            order.append({"_new": True, **{name: value for name, value in line.items() if value is not None}})
    if replace:
        order = [line for line in order if line.get("_new") or str(line.get(sublist.key)) in named]
    return [{name: value for name, value in line.items() if name != "_new"} for line in order]


def _overlaid(line: Row, changes: Row) -> Row:
    """A line with changes; of a subrecord only the named parts change."""
    changed = dict(line)
    if "amount" not in changes and ("rate" in changes or "quantity" in changes):
        changed.pop("amount", None)  # worked out anew
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(changed.get(name), dict):
            value = {key: one for key, one in {**changed[name], **value}.items() if one is not None}
        if value is None:
            changed.pop(name, None)
        else:
            changed[name] = value
    return changed
