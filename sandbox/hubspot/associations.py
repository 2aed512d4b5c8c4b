"""Which record belongs to which, by directional types (sheet 2). A change here moves no modification time."""

from collections.abc import Iterable
from typing import Any

from sandbox.hubspot.errors import HubSpotError, invalid
from sandbox.hubspot.objects import OBJECTS
from sandbox.hubspot.records import Change, Edit, Records
from sandbox.hubspot.schema import ObjectType

DEFINED = "HUBSPOT_DEFINED"
Spec = tuple[str, int]
Place = tuple[str, str]

# (from, to): (type, type the other way round, label). The first of each pair is the unlabelled one.
_TYPES: dict[tuple[str, str], list[tuple[int, int, str | None]]] = {
    ("contact", "company"): [(279, 280, None), (1, 2, "Primary"), (931, 930, "Billing contact")],
    ("deal", "company"): [(341, 342, None), (5, 6, "Primary")],
    ("deal", "contact"): [(3, 4, None)],
    ("company", "company"): [(450, 450, None), (13, 14, "Parent company")],
    ("contact", "contact"): [(449, 449, None)],
    ("deal", "deal"): [(451, 451, None)],
}
_PRIMARY = {1: 279, 5: 341, 2: 280, 6: 342}
_DIRECTED = {
    **_TYPES,
    **{(b, a): [(back, there, label) for there, back, label in rows] for (a, b), rows in _TYPES.items() if a != b},
}


def types_of(kind: ObjectType, other: ObjectType) -> list[tuple[int, int, str | None]]:
    """The association types from one object to another."""
    return _DIRECTED[kind.singular, other.singular]


class Associations:
    """Both directions of every association, each with its set of types."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._held: dict[Place, dict[Place, set[Spec]]] = {}

    def clear(self) -> None:
        self._held.clear()

    def of(self, kind: ObjectType, record_id: str, other: ObjectType) -> dict[str, set[Spec]]:
        """The records of another object that a record belongs to, in order of id, with the types."""
        held = self._held.get((kind.name, record_id), {})
        found = {place[1]: specs for place, specs in held.items() if place[0] == other.name}
        return {one: found[one] for one in sorted(found, key=int)}

    def label_of(self, kind: ObjectType, other: ObjectType, spec: Spec) -> str | None:
        return next((label for there, _, label in types_of(kind, other) if there == spec[1]), None)

    def check(self, kind: ObjectType, other: ObjectType, other_id: str, specs: Iterable[Spec]) -> None:
        """Raises HubSpotError for an unknown type, or a record that is not there."""
        known = {there for there, _, _ in types_of(kind, other)}
        wrong = next((spec for spec in specs if spec[0] != DEFINED or spec[1] not in known), None)
        if wrong is not None:
            raise invalid(f"Association type {wrong[1]} is not valid between {kind.singular} and {other.singular}")
        row = self._records.tables[other.name].rows.get(other_id)
        if row is None or not row.live:
            message = f"{other.plural_upper}={other_id} is not valid"
            error = HubSpotError(400, message, "VALIDATION_ERROR", context={"id": [other_id]})
            error.more["subCategory"] = "crm.associations.INVALID_IDENTIFIER"
            raise error

    def put(
        self, kind: ObjectType, record_id: str, other: ObjectType, other_id: str, specs: Iterable[Spec], edit: Edit
    ) -> None:
        """Associate; a primary one brings the unlabelled one along, and takes its place from any other."""
        wanted = set(specs)
        wanted |= {(DEFINED, _PRIMARY[number]) for _, number in wanted if number in _PRIMARY}
        for spec in wanted:
            if spec[1] in _PRIMARY:
                self._end_primary(kind, record_id, other, other_id, spec)
        back = {there: back for there, back, _ in types_of(kind, other)}
        self._slot(kind, record_id, other, other_id).update(wanted)
        self._slot(other, other_id, kind, record_id).update((category, back[number]) for category, number in wanted)
        self._tell(kind, record_id, other, other_id, edit, removed=False)

    def relabel(
        self, kind: ObjectType, record_id: str, other: ObjectType, other_id: str, specs: Iterable[Spec], edit: Edit
    ) -> None:
        """Replace the labels of a pair."""
        unlabelled = types_of(kind, other)[0][0]
        self._drop(kind, record_id, other, other_id)
        self.put(kind, record_id, other, other_id, {*specs, (DEFINED, unlabelled)}, edit)

    def remove(self, kind: ObjectType, record_id: str, other: ObjectType, other_id: str, edit: Edit) -> None:
        if self._drop(kind, record_id, other, other_id):
            self._tell(kind, record_id, other, other_id, edit, removed=True)

    def move(self, kind: ObjectType, old: str, new: str) -> None:
        """After a merge, what belonged to the one belongs to the survivor."""
        for place, specs in self._held.pop((kind.name, old), {}).items():
            mirrored = self._held.get(place, {}).pop((kind.name, old), set())
            if place == (kind.name, new):
                continue
            self._held.setdefault((kind.name, new), {}).setdefault(place, set()).update(specs)
            self._held.setdefault(place, {}).setdefault((kind.name, new), set()).update(mirrored)

    def dump(self) -> list[list[Any]]:
        return [[*place, *other, sorted(specs)] for place, held in self._held.items() for other, specs in held.items()]

    def load(self, data: list[list[Any]]) -> None:
        self.clear()
        for name, record_id, other, other_id, specs in data:
            slot = self._slot(OBJECTS[name], record_id, OBJECTS[other], other_id)
            slot.update((category, number) for category, number in specs)

    def _slot(self, kind: ObjectType, record_id: str, other: ObjectType, other_id: str) -> set[Spec]:
        return self._held.setdefault((kind.name, record_id), {}).setdefault((other.name, other_id), set())

    def _drop(self, kind: ObjectType, record_id: str, other: ObjectType, other_id: str) -> bool:
        there = self._held.get((kind.name, record_id), {}).pop((other.name, other_id), None)
        self._held.get((other.name, other_id), {}).pop((kind.name, record_id), None)
        return there is not None

    def _end_primary(self, kind: ObjectType, record_id: str, other: ObjectType, keep: str, spec: Spec) -> None:
        """A contact or deal has one primary company, told from either side."""
        if other.singular != "company":
            kind, record_id, other, keep = other, keep, kind, record_id
        for company_id in self.of(kind, record_id, other):
            if company_id != keep:
                for number in _PRIMARY:
                    self._slot(kind, record_id, other, company_id).discard((DEFINED, number))
                    self._slot(other, company_id, kind, record_id).discard((DEFINED, number))

    def _tell(
        self, kind: ObjectType, record_id: str, other: ObjectType, other_id: str, edit: Edit, *, removed: bool
    ) -> None:
        """Once for each direction (sheet 7)."""
        changes = []
        for one, one_id, two, two_id in ((kind, record_id, other, other_id), (other, other_id, kind, record_id)):
            specs = self._held.get((one.name, one_id), {}).get((two.name, two_id), set())
            more = {
                "associationType": f"{one.singular}_TO_{two.singular}".upper(),
                "fromObjectId": int(one_id),
                "toObjectId": int(two_id),
                "associationRemoved": removed,
                "isPrimaryAssociation": any(number in _PRIMARY for _, number in specs),
            }
            changes.append(Change("associationChange", one, one_id, edit, more))
        self._records.changed(changes)
