"""From Salesforce's rows to records, and from values to what Salesforce will store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Context, Decimal
from typing import Any

from connectors.protocols import parse_time
from connectors.salesforce.ids import normalise_id
from connectors.salesforce.schema import ObjectSchema
from connectors.salesforce.spec import VENDOR, facts_of
from connectors.values import DOUBLE_DIGITS, as_number, as_value, canonical, fits_double, iso
from core.documents import round_document
from core.errors import ErrorType, FieldValidation, RecordFailure, Transient
from core.records import Entity, Record, Side
from core.values import Value

_AUDIT = ("Id", "IsDeleted", "LastModifiedById", "LastModifiedDate", "MasterRecordId", "SystemModstamp")
_DECIMALS = frozenset({"currency", "double", "percent"})
_IDS = frozenset({"id", "reference"})
_WIDE = Context(prec=1000)


def columns(entity: Entity, schema: ObjectSchema, wanted: Collection[str]) -> list[str]:
    """Return the fields to select: what a record needs, and those wanted that the org has; sorted, each once."""
    facts = facts_of(entity)
    own = {*_AUDIT, *(name for name in (facts.marker, facts.parent) if name is not None)}
    return schema.known({*own, *wanted})


class Rows:
    """Turns one object's rows into records with the wanted fields.

    `modified_at` is LastModifiedDate, which roll-ups do not move (sheet 2.2). A field that the org has not, or hides
    from us, is left out.
    """

    def __init__(self, entity: Entity, schema: ObjectSchema, wanted: Collection[str], me: str | None) -> None:
        """Take the entity, its object, the field names wanted, and the id of the user whom we write as."""
        self._entity = entity
        self._facts = facts_of(entity)
        self._types = {name: schema.fields[name].type for name in schema.known(wanted)}
        self._me = normalise_id(me) if me else None

    def record(self, row: Mapping[str, Any]) -> Record:
        """Return one row as a record. Raises `Transient` for a row without an id."""
        record_id = normalise_id(str(row.get("Id")))
        if record_id is None:
            raise Transient(f"Salesforce sent a row of {self._facts.object_name} without an id")
        author = row.get("LastModifiedById")
        parent = row.get(self._facts.parent) if self._facts.parent else None
        marker = row.get(self._facts.marker) if self._facts.marker else None
        master = row.get("MasterRecordId")
        return Record(
            side=Side.EXTERNAL,
            entity=self._entity,
            id=record_id,
            fields={name: field_value(row[name], kind) for name, kind in self._types.items() if name in row},
            modified_at=parse_time(row.get("LastModifiedDate") or row.get("SystemModstamp")),
            modified_by_us=None if self._me is None or author is None else normalise_id(str(author)) == self._me,
            deleted=bool(row.get("IsDeleted")),
            parent_id=normalise_id(str(parent)) if parent else None,
            marker=str(marker) if marker else None,
            merged_into=normalise_id(str(master)) if master and row.get("IsDeleted") else None,
        )


def field_value(raw: Any, kind: str) -> Value:
    """Return a wire value as a field value: exact numbers, times in UTC, ids in 18 characters."""
    if raw is None:
        return None
    if kind in _DECIMALS:
        number = as_number(raw)
        return number if number is not None else str(raw)
    if kind in _IDS:
        return normalise_id(str(raw)) or str(raw)
    if kind == "datetime":
        at = parse_time(str(raw))
        return None if at is None else iso(at)
    return as_value(raw)


def stored_form(schema: ObjectSchema | None, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return values as Salesforce keeps them: text trimmed and blank text null (sheet 8), numbers cut to their scale.

    Without a schema only what holds for every text is done. Money is not cut: see `unfit_money`.
    """
    return {name: _stored(schema, name, value) for name, value in values.items()}


def unfit_money(schema: ObjectSchema | None, values: Mapping[str, Value]) -> RecordFailure | None:
    """Return why an amount cannot be stored to its last unit: Salesforce would round it without a word.

    Amounts travel and are kept as doubles (sheet 2).
    """
    for name in sorted(values):
        field, number = schema.fields.get(name) if schema else None, as_number(values[name])
        if field is None or number is None or field.type != "currency":
            continue
        if number != number.quantize(Decimal(1).scaleb(-field.scale), context=_WIDE):
            told = f"{name} keeps {field.scale} decimals in {VENDOR}"
        elif not fits_double(number):
            told = f"{VENDOR} keeps {DOUBLE_DIGITS} digits of an amount"
        else:
            continue
        message = f"{number:f} would be rounded, because {told}: correct the amount, or map it to a text field"
        return RecordFailure(ErrorType.FIELD_VALIDATION, message, name)
    return None


def _stored(schema: ObjectSchema | None, name: str, value: Value) -> Value:
    field = schema.fields.get(name) if schema else None
    kind = field.type if field else None
    if field is not None and (kind in _DECIMALS or kind in ("int", "long")):
        number = as_number(value)
        if number is None:
            return value if value not in ("", None) else None
        if kind == "currency":
            return number
        try:
            rounded = round_document(number, None, places=field.scale)
        except FieldValidation:
            # More digits than any field there holds: the vendor will say so of this record.
            return number
        return int(rounded) if kind in ("int", "long") else canonical(rounded)
    if kind == "boolean":
        return bool(value) if value is None or isinstance(value, bool) else value
    if kind in _IDS and isinstance(value, str):
        return normalise_id(value) or value or None
    if isinstance(value, str):
        return value.replace("\r\n", "\n").strip() or None
    return value
