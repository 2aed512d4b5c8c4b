"""The portal's records: what a write must meet, and what it does (sheet 2, 4)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sandbox.hubspot.derived import derive
from sandbox.hubspot.errors import HubSpotError, Problem, invalid, not_valid
from sandbox.hubspot.objects import OBJECTS
from sandbox.hubspot.schema import ObjectType, Property
from sandbox.hubspot.setup import Setup
from sandbox.hubspot.table import Row, Table, values_of
from sandbox.hubspot.values import MILLISECOND, stored, wire_time
from sandbox.kit.behaviour import Behaviour
from sandbox.kit.clock import Clock

_FIRST_ID = 18_000_000_001
_WITH_RULES = frozenset({"2026-09"})
# On create one of each group has to be set (sheet 2).
_REQUIRED: dict[str, list[tuple[str, ...]]] = {
    "company": [("name", "domain")],
    "contact": [("email", "firstname", "lastname")],
    "deal": [("dealname",), ("dealstage",)],
}
_LIFECYCLE_ONLY_FORWARD = "lifecyclestage"


@dataclass(frozen=True, slots=True)
class Edit:
    """Who writes, when, and by which version of the API. Everything in one call has the same time."""

    source: str
    source_id: str
    at: datetime
    version: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a webhook may tell of: `kind` is `creation`, `propertyChange`, …"""

    kind: str
    object: ObjectType
    id: str
    edit: Edit
    more: Mapping[str, Any] = field(default_factory=dict)


class TakenError(HubSpotError):
    """Another record holds a unique value."""

    def __init__(self, status: int, message: str, category: str, existing: str) -> None:
        super().__init__(status, message, category)
        self.existing = existing


class Records:
    """Knows all tables. Checks come before any change, so a refused write leaves nothing behind."""

    def __init__(self, portal_id: int, clock: Clock, behaviour: Behaviour, setup: Setup) -> None:
        self.portal_id = portal_id
        self.setup = setup
        self.changed: Callable[[list[Change]], None] = lambda changes: None
        self.moved: Callable[[ObjectType, str, str], None] = lambda kind, old, new: None
        self._clock = clock
        self._behaviour = behaviour
        self.clear()

    def clear(self) -> None:
        """No records, and the properties that the portal came with."""
        self.tables = {name: Table(kind) for name, kind in OBJECTS.items()}
        self.properties: dict[str, dict[str, Property]] = {
            name: dict(kind.properties) for name, kind in OBJECTS.items()
        }
        self._next_id = _FIRST_ID

    def edit(self, source: str, source_id: str, version: str = "") -> Edit:
        """A write that begins now; times are of whole milliseconds."""
        at = self._clock.stamp()
        return Edit(source, source_id, at.replace(microsecond=at.microsecond // MILLISECOND * MILLISECOND), version)

    def now(self) -> float:
        """The portal's clock in epoch seconds; the search index goes by it."""
        return self._clock.now().timestamp()

    def keys(self, kind: ObjectType) -> list[str]:
        """The unique properties of an object."""
        found = [one.name for one in self.properties[kind.name].values() if one.unique]
        return [*found, "email"] if kind.singular == "contact" else found

    def checked(
        self, kind: ObjectType, sent: Mapping[str, Any], before: Row | None, edit: Edit
    ) -> dict[str, str | None]:
        """The values to keep, by property; None clears. Raises HubSpotError that names every bad one."""
        known = self.properties[kind.name]
        values: dict[str, str | None] = {}
        problems: list[Problem] = []
        for name, raw in sent.items():
            if raw is None:
                continue
            if name not in known:
                problems.append(Problem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
                continue
            value = stored(known[name], raw, before.props.get(name) if before else None)
            if isinstance(value, Problem):
                problems.append(value)
            elif not _goes_back(known[name], before, value):
                values[name] = value
        problems += self._broken_rules(kind, values)
        if problems:
            raise not_valid(problems, self.portal_id)
        if before is None:
            self._check_required(kind, values, edit)
        return values

    def check_unique(self, kind: ObjectType, values: Mapping[str, str | None], own_id: str | None) -> None:
        """Raises TakenError where another record holds one of these values."""
        for name in self.keys(kind):
            value = values.get(name)
            held = self.tables[kind.name].find(name, value) if value else None
            if held is None or held.id == own_id or value is None:
                continue
            if name == "email":
                message = f"Contact already exists. Existing ID: {held.id}"
                raise TakenError(409, message, "CONFLICT", held.id)
            place = f"portalId={self.portal_id}, objectTypeId={kind.type_id}, propertyName={name}, value={value}"
            message = (
                f"Cannot set PropertyValueCoordinates{{{place}}} on {own_id or self._next_id}. "
                f"{held.id} already has that value."
            )
            raise TakenError(400, message, "VALIDATION_ERROR", held.id)

    def insert(self, kind: ObjectType, values: Mapping[str, str | None], edit: Edit) -> Row:
        """Make a record of checked values."""
        row_id, self._next_id = str(self._next_id), self._next_id + 1
        props = {name: value for name, value in values.items() if value is not None}
        props |= {
            "createdate": props.get("createdate") or wire_time(edit.at),
            "hs_object_id": row_id,
            "hs_object_source": edit.source,
            "hs_object_source_id": edit.source_id,
        }
        row = self._put(kind, Row(row_id, props, edit.at, edit.at), edit)
        told = [self._told(kind, row.id, edit, name, value) for name, value in values.items() if value is not None]
        self.changed([Change("creation", kind, row.id, edit, {"changeFlag": "CREATED"}), *told])
        return row

    def update(self, kind: ObjectType, row: Row, values: Mapping[str, str | None], edit: Edit) -> Row:
        """Change a record by checked values; its modification time moves in any case."""
        props = {**row.props, **values}
        kept = {name: value for name, value in props.items() if value is not None}
        moved = [name for name, value in values.items() if row.props.get(name) != value]
        made = self._put(kind, replace(row, props=kept, updated=edit.at), edit)
        self.changed([self._told(kind, row.id, edit, name, values[name] or "") for name in moved])
        return made

    def archive(self, kind: ObjectType, row: Row, edit: Edit) -> None:
        self._put(kind, replace(row, archived_at=edit.at), edit)
        self.changed([Change("deletion", kind, row.id, edit)])

    def restore(self, kind: ObjectType, row: Row, edit: Edit) -> Row:
        """Take a record out of the recycle bin. Raises TakenError when another holds its values now."""
        self.check_unique(kind, row.props, row.id)
        made = self._put(kind, replace(row, archived_at=None, updated=edit.at), edit)
        self.changed([Change("restore", kind, row.id, edit)])
        return made

    def merge(self, kind: ObjectType, primary: Row, other: Row, edit: Edit) -> Row:
        """Make one record of two: the survivor of a deal merge has a new id (sheet 4)."""
        if primary.id == other.id:
            raise invalid("Cannot merge an object with itself")
        survivor_id = primary.id
        if kind.singular == "deal":
            survivor_id, self._next_id = str(self._next_id), self._next_id + 1
        gone = [one for one in (primary, other) if one.id != survivor_id]
        merged = [part for one in (primary, other) for part in one.props.get("hs_merged_object_ids", "").split(";")]
        merged = [*dict.fromkeys(part for part in [*merged, *(one.id for one in gone)] if part)]
        for one in gone:
            self._put(kind, replace(one, merged_into=survivor_id), edit)
            self.moved(kind, one.id, survivor_id)
        props = {**other.props, **primary.props}
        props |= {"hs_object_id": survivor_id, "hs_merged_object_ids": ";".join(merged)}
        if values_of(other, "email"):
            extra = [*values_of(primary, "email"), *values_of(other, "email")]
            props["hs_additional_emails"] = ";".join(one for one in dict.fromkeys(extra) if one != props["email"])
        row = self._put(kind, Row(survivor_id, props, primary.created, edit.at), edit)
        more = {
            "primaryObjectId": int(primary.id),
            "mergedObjectIds": [int(other.id)],
            "newObjectId": int(survivor_id),
            "numberOfPropertiesMoved": len(other.props.keys() - primary.props.keys()),
        }
        self.changed([Change("merge", kind, survivor_id, edit, more)])
        self.changed([Change("deletion", kind, one.id, edit) for one in gone])
        return row

    def erase(self, kind: ObjectType, row: Row, edit: Edit) -> None:
        """Forget a record for good (GDPR): no read shows it any more."""
        self.tables[kind.name].drop(row, self.keys(kind))
        self.changed([Change("privacyDeletion", kind, row.id, edit), Change("deletion", kind, row.id, edit)])

    def survivor(self, kind: ObjectType, record_id: str) -> Row | None:
        """The row of that id, or what it was merged into."""
        row = self.tables[kind.name].rows.get(record_id)
        while row is not None and row.merged_into is not None:
            row = self.tables[kind.name].rows.get(row.merged_into)
        return row

    def dump(self) -> dict[str, Any]:
        custom = {
            name: [
                {"name": one.name, "label": one.label, "type": one.type, "unique": one.unique, "group": one.group}
                for one in known.values()
                if one.custom
            ]
            for name, known in self.properties.items()
        }
        rows = {name: table.dump() for name, table in self.tables.items()}
        return {"rows": rows, "custom": custom, "next": self._next_id}

    def load(self, data: dict[str, Any]) -> None:
        self.clear()
        for name, kind in OBJECTS.items():
            standard = {key: one for key, one in kind.properties.items() if not one.custom}
            custom = {one["name"]: Property(custom=True, **one) for one in data["custom"][name]}
            self.properties[name] = {**standard, **custom}
            self.tables[name].load(data["rows"][name], self.keys(kind))
        self._next_id = data["next"]

    def _put(self, kind: ObjectType, row: Row, edit: Edit) -> Row:
        props = {**row.props, kind.modified: wire_time(row.updated)}
        derive(kind, props)
        lag = self._behaviour.index_lag_seconds
        visible_at = self.now() + lag if lag else None
        return self.tables[kind.name].put(replace(row, props=props), self.keys(kind), visible_at)

    def _told(self, kind: ObjectType, record_id: str, edit: Edit, name: str, value: str) -> Change:
        return Change("propertyChange", kind, record_id, edit, {"propertyName": name, "propertyValue": value})

    def _check_required(self, kind: ObjectType, values: dict[str, str | None], edit: Edit) -> None:
        wanted = list(_REQUIRED[kind.singular])
        if edit.version in _WITH_RULES:
            wanted += [(name,) for name in self.setup.required_on_create.get(kind.name, [])]
        missing = [names[0] for names in wanted if not any(values.get(name) for name in names)]
        if missing:
            message = f"Error creating {kind.plural_upper}. Some required properties were not set."
            raise invalid(message, {"properties": missing})
        if kind.singular == "deal":
            values.setdefault("pipeline", "default")

    def _broken_rules(self, kind: ObjectType, values: Mapping[str, str | None]) -> list[Problem]:
        return [
            Problem(rule.property, "REGEX", rule.message, value)
            for rule in self.setup.validation_rules
            if rule.object == kind.name
            and (value := values.get(rule.property)) is not None
            and not re.fullmatch(rule.pattern, value)
        ]


def _goes_back(one: Property, before: Row | None, value: str | None) -> bool:
    """A lifecycle stage moves forward only, unless it is cleared first (sheet 8)."""
    if one.name != _LIFECYCLE_ONLY_FORWARD or before is None or value is None or one.name not in before.props:
        return False
    order = [option for option, _ in one.options]
    return order.index(value) < order.index(before.props[one.name])
