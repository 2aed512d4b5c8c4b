"""Associations v4 and their dated twins: of one record, and in batches (sheet 2)."""

import json
from collections.abc import Callable
from typing import Any

from sandbox.hubspot.associations import DEFINED, Associations, Spec, types_of
from sandbox.hubspot.calls import DATES, Call, Reply, kind_of, whole
from sandbox.hubspot.errors import HubSpotError, invalid, not_found, unreadable
from sandbox.hubspot.records import Edit, Records
from sandbox.hubspot.schema import ObjectType
from sandbox.hubspot.shapes import Shapes, specs_of

_MOST_READ, _MOST_WRITTEN = 1_000, 2_000
_PAGE = 500
Kinds = tuple[ObjectType, ObjectType]


class LinksApi:
    def __init__(self, records: Records, associations: Associations, shapes: Shapes) -> None:
        self._records = records
        self._associations = associations
        self._shapes = shapes

    def of_record(self, call: Call, kind: ObjectType, record_id: str, rest: tuple[str, ...], edit: Edit) -> Reply:
        """Below `…/objects/{type}/{id}/associations`."""
        if len(rest) == 3 and rest[0] == "default" and call.method == "PUT":
            return self._default(call, kind, record_id, kind_of(rest[1]), rest[2], edit)
        other = kind_of(rest[0]) if rest else None
        if other is None:
            raise not_found()
        if len(rest) == 1 and call.method == "GET":
            return self._listed(call, kind, record_id, other)
        if len(rest) == 2 and call.method == "PUT":
            return self._labelled(call, kind, record_id, other, rest[1], edit)
        if len(rest) == 2 and call.method == "DELETE":
            self._associations.remove(kind, record_id, other, rest[1], edit)
            return Reply(204)
        raise not_found()

    def batch(self, call: Call, edit: Edit) -> Reply:
        """Below `…/associations/{from}/{to}/batch`."""
        if len(call.path) < 4 or call.path[2] != "batch":
            raise not_found()
        kinds = kind_of(call.path[0]), kind_of(call.path[1])
        actions: dict[tuple[str, ...], Callable[[Call, Kinds, list[Any], Edit], Reply]] = {
            ("read",): self._read,
            ("create",): self._create,
            ("archive",): self._archive,
            ("associate", "default"): self._create,
        }
        action = actions.get(call.path[3:])
        inputs = call.json().get("inputs")
        if action is None or not isinstance(inputs, list):
            raise not_found() if action is None else unreadable("Cannot deserialize value of type `inputs`")
        most = _MOST_READ if call.path[3:] == ("read",) else _MOST_WRITTEN
        if len(inputs) > most:
            raise invalid(f"The maximum number of inputs supported in a batch request is {most}: {len(inputs)} given")
        return action(call, kinds, inputs, edit)

    def _listed(self, call: Call, kind: ObjectType, record_id: str, other: ObjectType) -> Reply:
        self._check(kind, record_id)
        limit, after = whole(call.one("limit"), "limit") or _PAGE, whole(call.one("after"), "after") or 0
        held = [one for one in self._associations.of(kind, record_id, other).items() if int(one[0]) >= after]
        body: dict[str, Any] = {"results": [self._end(kind, other, *one) for one in held[:limit]]}
        if len(held) > limit:
            body["paging"] = {"next": {"after": held[limit][0]}}
        return Reply(200, body)

    def _default(
        self, call: Call, kind: ObjectType, record_id: str, other: ObjectType, other_id: str, edit: Edit
    ) -> Reply:
        self._check(kind, record_id)
        there, back, _ = types_of(kind, other)[0]
        self._associations.check(kind, other, other_id, {(DEFINED, there)})
        self._associations.put(kind, record_id, other, other_id, {(DEFINED, there)}, edit)
        results = [_pair(record_id, other_id, there), _pair(other_id, record_id, back)]
        return self._shapes.batch(call, edit.at, results, [], 200, edit.at)

    def _labelled(
        self, call: Call, kind: ObjectType, record_id: str, other: ObjectType, other_id: str, edit: Edit
    ) -> Reply:
        self._check(kind, record_id)
        try:
            specs = specs_of(json.loads(call.body))
        except (ValueError, TypeError):
            raise unreadable("Cannot deserialize value of type `List<AssociationSpec>`") from None
        self._associations.check(kind, other, other_id, specs)
        self._associations.relabel(kind, record_id, other, other_id, specs, edit)
        return Reply(201, self._between(kind, record_id, other, other_id, specs))

    def _read(self, call: Call, kinds: Kinds, inputs: list[Any], edit: Edit) -> Reply:
        kind, other = kinds
        results, errors = list[dict[str, Any]](), list[dict[str, Any]]()
        for record_id in dict.fromkeys(str(one.get("id", "")) for one in inputs):
            held = self._associations.of(kind, record_id, other)
            if held:
                ends = [self._end(kind, other, *one) for one in held.items()]
                results.append({"from": {"id": record_id}, "to": ends})
            else:
                errors.append(_none_found(kind, record_id, other))
        return self._shapes.batch(call, edit.at, results, errors, 200, edit.at)

    def _create(self, call: Call, kinds: Kinds, inputs: list[Any], edit: Edit) -> Reply:
        kind, other = kinds
        usual = {(DEFINED, types_of(kind, other)[0][0])}
        default = call.path[3] == "associate"
        results, errors = list[dict[str, Any]](), list[dict[str, Any]]()
        for one in inputs:
            record_id, other_id = str(one["from"]["id"]), str(one["to"]["id"])
            specs = usual if default else specs_of(one.get("types") or [])
            try:
                self._check(kind, record_id)
                self._associations.check(kind, other, other_id, specs)
            except HubSpotError as error:
                errors.append({**error.item({"id": [other_id]}), **error.more})
                continue
            self._associations.put(kind, record_id, other, other_id, specs, edit)
            if default:
                results += [_pair(record_id, other_id, number) for _, number in specs]
            else:
                results.append(self._between(kind, record_id, other, other_id, specs))
        return self._shapes.batch(call, edit.at, results, errors, 200 if default else 201, edit.at)

    def _archive(self, call: Call, kinds: Kinds, inputs: list[Any], edit: Edit) -> Reply:
        """Nothing to tell in v4; the dated versions answer with a body (sheet 2)."""
        kind, other = kinds
        for one in inputs:
            for end in one.get("to") or []:
                self._associations.remove(kind, str(one["from"]["id"]), other, str(end["id"]), edit)
        if call.version not in DATES:
            return Reply(204)
        return self._shapes.batch(call, edit.at, [], [], 200, edit.at)

    def _check(self, kind: ObjectType, record_id: str) -> None:
        row = self._records.tables[kind.name].rows.get(record_id)
        if row is None or not row.live:
            raise not_found()

    def _end(self, kind: ObjectType, other: ObjectType, other_id: str, specs: set[Spec]) -> dict[str, Any]:
        """An end of an association; its id is a number on the wire (sheet 2)."""
        types = [
            {"category": spec[0], "typeId": spec[1], "label": self._associations.label_of(kind, other, spec)}
            for spec in sorted(specs, key=lambda one: -one[1])
        ]
        return {"toObjectId": int(other_id), "associationTypes": types}

    def _between(
        self, kind: ObjectType, record_id: str, other: ObjectType, other_id: str, specs: set[Spec]
    ) -> dict[str, Any]:
        labels = [self._associations.label_of(kind, other, spec) for spec in sorted(specs)]
        return {
            "fromObjectTypeId": kind.type_id,
            "fromObjectId": int(record_id),
            "toObjectTypeId": other.type_id,
            "toObjectId": int(other_id),
            "labels": [label for label in labels if label],
        }


def _pair(record_id: str, other_id: str, number: int) -> dict[str, Any]:
    spec = {"associationCategory": DEFINED, "associationTypeId": number}
    return {"from": {"id": record_id}, "to": {"id": other_id}, "associationSpec": spec}


def _none_found(kind: ObjectType, record_id: str, other: ObjectType) -> dict[str, Any]:
    message = f"No {other.singular} is associated with {kind.singular} {record_id}."
    context = {
        "fromObjectId": [record_id],
        "fromObjectType": [kind.singular],
        "toObjectType": [other.singular],
    }
    item = HubSpotError(207, message, "OBJECT_NOT_FOUND").item(context)
    return {**item, "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"}
