"""How records and batches look on the wire (sheet 2, 4)."""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sandbox.hubspot.associations import DEFINED, Associations
from sandbox.hubspot.calls import Call, Reply, kind_of
from sandbox.hubspot.records import Records
from sandbox.hubspot.schema import ObjectType
from sandbox.hubspot.table import Row
from sandbox.hubspot.values import wire_time


class Shapes:
    """Knows what a reader asked for, and shuffles batch results, whose order the vendor does not promise."""

    def __init__(self, records: Records, associations: Associations) -> None:
        self._records = records
        self._associations = associations
        self._random = random.Random(records.portal_id)

    def record(self, kind: ObjectType, row: Row, wanted: Iterable[str] | None) -> dict[str, Any]:
        """A record with the properties asked for (None: the defaults). Unknown ones are left out, empty ones null."""
        known = self._records.properties[kind.name]
        names = kind.defaults if wanted is None else (*wanted, "createdate", kind.modified, "hs_object_id")
        return self._envelope(kind, row, {name: row.props.get(name) for name in sorted(set(names)) if name in known})

    def written(self, kind: ObjectType, row: Row, sent: Iterable[str] | None) -> dict[str, Any]:
        """What a write answers: all set properties of a new record, else those sent with a few computed ones."""
        if sent is None:
            return self._envelope(kind, row, dict(sorted(row.props.items())))
        # A recorded contact update left hs_object_id out (sheet 4).
        extra = [kind.modified] if kind.singular == "contact" else [kind.modified, "hs_object_id"]
        return self._envelope(kind, row, {name: row.props.get(name) for name in sorted({*sent, *extra})})

    def with_associations(self, kind: ObjectType, row: Row, shown: dict[str, Any], others: list[str]) -> dict[str, Any]:
        """Add `associations` for the objects that a reader named."""
        held = {}
        for alias in others:
            other = kind_of(alias)
            results = self.associated(kind, row, other)
            if results:
                held[other.name] = {"results": results}
        return {**shown, "associations": held} if held else shown

    def associated(self, kind: ObjectType, row: Row, other: ObjectType) -> list[dict[str, str]]:
        """One row per type of each association, named after the pair."""
        results = []
        for other_id, specs in self._associations.of(kind, row.id, other).items():
            for spec in sorted(specs, key=lambda one: one[1]):
                label = self._associations.label_of(kind, other, spec)
                name = f"{kind.singular}_to_{other.singular}" + ("" if label else "_unlabeled")
                results.append({"id": other_id, "type": name})
        return results

    def batch(
        self, call: Call, started: datetime, results: Sequence[Any], errors: list[Any], success: int, at: datetime
    ) -> Reply:
        """The envelope of a batch; with failures a 207, or the ordinary status where the version folds them."""
        shuffled = list(results)
        self._random.shuffle(shuffled)
        body: dict[str, Any] = {
            "status": "COMPLETE",
            "results": shuffled,
            "startedAt": wire_time(started),
            "completedAt": wire_time(at),
        }
        if errors:
            body |= {"numErrors": len(errors), "errors": errors}
        return Reply(207 if errors and not call.folds_errors else success, body)

    def _envelope(self, kind: ObjectType, row: Row, properties: dict[str, str | None]) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": row.id,
            "properties": properties,
            "createdAt": wire_time(row.created),
            "updatedAt": wire_time(row.updated),
            "archived": row.archived,
        }
        if row.archived_at is not None:
            shown["archivedAt"] = wire_time(row.archived_at)
        portal = self._records.portal_id
        return {**shown, "url": f"https://app.hubspot.com/contacts/{portal}/record/{kind.type_id}/{row.id}"}


def specs_of(types: Iterable[Any]) -> set[tuple[str, int]]:
    """Association types as a caller writes them."""
    return {
        (str(one.get("associationCategory", DEFINED)), int(one.get("associationTypeId", 0)))
        for one in types
        if isinstance(one, dict)
    }
