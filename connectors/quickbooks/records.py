"""From QuickBooks' objects to flat records, and from values to what an object holds (QuickBooks sheet 2)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from connectors.protocols import parse_time
from connectors.quickbooks.schema import FIELDS, GROUPS, NAME_FIELDS
from connectors.quickbooks.spec import DELETED_SUFFIX, NAME
from connectors.values import as_number, as_value, iso
from core.errors import Transient
from core.records import Entity, Record, Side
from core.values import Value

Row = Mapping[str, Any]
_GONE = "Deleted"
_NOT_IN_NAMES = re.compile(r"\s*[:\t\r\n]+\s*")
_NUMBERS = frozenset({"number", "currency"})


def id_of(row: Row) -> str:
    """Return an object's id. Raises `Transient` for an answer without one."""
    if not row.get("Id"):
        raise Transient("QuickBooks sent an object without an id")
    return str(row["Id"])


def is_tombstone(row: Row) -> bool:
    """Whether only the id is left of a record (sheet 3)."""
    return row.get("status") == _GONE


def modified(row: Row) -> str | None:
    """Return when an object was changed, as QuickBooks says it."""
    return (row.get("MetaData") or {}).get("LastUpdatedTime")


def customer_record(row: Row, wanted: Collection[str]) -> Record:
    """Return one customer. An inactive one counts as deleted; its name is shown without what QuickBooks added to it."""
    inactive = is_tombstone(row) or row.get("Active") is False
    fields = {name: field_value(Entity.ACCOUNTS, row, name) for name in wanted if name in FIELDS[Entity.ACCOUNTS]}
    if inactive and isinstance(fields.get(NAME), str):
        fields[NAME] = str(fields[NAME]).removesuffix(DELETED_SUFFIX)
    return Record(
        side=Side.EXTERNAL,
        entity=Entity.ACCOUNTS,
        id=id_of(row),
        fields=fields,
        modified_at=parse_time(modified(row)),
        deleted=inactive,
    )


def field_value(entity: Entity, row: Row, name: str) -> Value:
    """Return one field of an object: numbers exact, times in UTC, what is blank or absent as None."""
    raw: Any = row
    for part in name.split("."):
        raw = raw.get(part) if isinstance(raw, Mapping) else None
    if raw is None or raw == "":
        return None
    kind = FIELDS[entity][name].type
    if kind in _NUMBERS:
        return as_number(raw)
    if kind == "datetime":
        at = parse_time(str(raw))
        return None if at is None else iso(at)
    return as_value(raw)


def stored_form(entity: Entity, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return values as QuickBooks will keep them: trimmed, blank as nothing, names without forbidden characters."""
    return {name: _stored(entity, name, value) for name, value in values.items()}


def _stored(entity: Entity, name: str, value: Value) -> Value:
    known = FIELDS[entity].get(name)
    if known is not None and known.type in _NUMBERS:
        number = as_number(value)
        return number if number is not None else value
    if not isinstance(value, str):
        return value
    text = _NOT_IN_NAMES.sub(" ", value) if name in NAME_FIELDS else value
    return text.strip() or None


def object_of(values: Mapping[str, Value], held: Row | None = None) -> dict[str, Any]:
    """Return values by dotted path as an object. A blank becomes empty text, which clears.

    `held` is the object as it is now: of a structure that is touched the other parts are sent along, because an update
    replaces it as a whole.
    """
    made: dict[str, Any] = {}
    for name, value in values.items():
        *groups, last = name.split(".")
        place = made
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = "" if value is None else value
    for group in GROUPS & made.keys():
        made[group] = {**_kept((held or {}).get(group)), **made[group]}
    return made


def _kept(group: Any) -> dict[str, Any]:
    """The parts that may be sent back; ids and coordinates are only shown."""
    if not isinstance(group, Mapping):
        return {}
    return {name: value for name, value in group.items() if name not in ("Id", "Lat", "Long")}
