"""Single records and lists: `/crm/v3/objects/{type}` and its dated twins (sheet 3, 4)."""

from typing import Any

from sandbox.hubspot.associations import Associations, types_of
from sandbox.hubspot.calls import Call, Reply, kind_of, whole
from sandbox.hubspot.errors import invalid, not_found, not_numeric, unreadable
from sandbox.hubspot.objects import OBJECTS
from sandbox.hubspot.records import Edit, Records
from sandbox.hubspot.schema import ObjectType
from sandbox.hubspot.shapes import Shapes, specs_of
from sandbox.hubspot.table import Row

_PAGE, _MOST = 10, 100
Links = list[tuple[ObjectType, str, set[tuple[str, int]]]]


class ObjectsApi:
    def __init__(self, records: Records, associations: Associations, shapes: Shapes) -> None:
        self._records = records
        self._associations = associations
        self._shapes = shapes

    def page(self, call: Call, kind: ObjectType) -> Reply:
        """A page in order of id; `after` is the id of its first record."""
        limit = whole(call.one("limit"), "limit") or _PAGE
        if limit > _MOST:
            raise invalid(f"Invalid input: limit {limit} is over the maximum of {_MOST}")
        after = whole(call.one("after"), "after") or 0
        archived, others = call.flag("archived"), call.many("associations") or []
        rows: list[Row] = []
        following: Row | None = None
        for row in self._records.tables[kind.name].after(after - 1):
            if row.merged_into is not None or row.archived is not archived:
                continue
            if len(rows) == limit:
                following = row
                break
            rows.append(row)
        wanted = call.many("properties")
        shown = [self._shapes.record(kind, row, wanted) for row in rows]
        if others:
            shown = [
                self._shapes.with_associations(kind, row, one, others) for row, one in zip(rows, shown, strict=True)
            ]
        body: dict[str, Any] = {"results": shown}
        if following is not None:
            body["paging"] = {"next": {"after": following.id, "link": f"?limit={limit}&after={following.id}"}}
        return Reply(200, body)

    def get(self, call: Call, kind: ObjectType, record_id: str) -> Reply:
        """One record; an id that was merged away gives the survivor, with the survivor's id."""
        row = self._found(kind, record_id, call.one("idProperty"))
        if row.archived is not call.flag("archived"):
            raise not_found()
        shown = self._shapes.record(kind, row, call.many("properties"))
        return Reply(200, self._shapes.with_associations(kind, row, shown, call.many("associations") or []))

    def create(self, call: Call, kind: ObjectType, edit: Edit) -> Reply:
        body = call.json()
        values = self._records.checked(kind, properties_of(body), None, edit)
        self._records.check_unique(kind, values, None)
        links = self.links_of(kind, body)
        row = self._records.insert(kind, values, edit)
        self.join(kind, row, links, edit)
        return Reply(201, self._shapes.written(kind, row, None))

    def update(self, call: Call, kind: ObjectType, record_id: str, edit: Edit) -> Reply:
        row = self._found(kind, record_id, call.one("idProperty"))
        if row.archived:
            raise not_found()
        sent = properties_of(call.json())
        values = self._records.checked(kind, sent, row, edit)
        self._records.check_unique(kind, values, row.id)
        return Reply(200, self._shapes.written(kind, self._records.update(kind, row, values, edit), sent))

    def archive(self, kind: ObjectType, record_id: str, edit: Edit) -> Reply:
        """Also where there is nothing to archive any more."""
        row = self._records.tables[kind.name].rows.get(record_id)
        if row is not None and row.live:
            self._records.archive(kind, row, edit)
        return Reply(204)

    def merge(self, call: Call, kind: ObjectType, edit: Edit) -> Reply:
        body = call.json()
        pair = [self._live(kind, str(body.get(key, ""))) for key in ("primaryObjectId", "objectIdToMerge")]
        row = self._records.merge(kind, pair[0], pair[1], edit)
        return Reply(200, self._shapes.written(kind, row, None))

    def forget(self, call: Call, edit: Edit) -> Reply:
        """GDPR delete: the record is gone for good."""
        kind, body = kind_of("contacts"), call.json()
        row = self._found(kind, str(body.get("objectId", "")), body.get("idProperty"))
        self._records.erase(kind, row, edit)
        return Reply(204)

    def links_of(self, kind: ObjectType, body: dict[str, Any]) -> Links:
        """The checked associations of a create body. Raises HubSpotError."""
        found = []
        for one in body.get("associations") or []:
            try:
                other_id, specs = str(one["to"]["id"]), specs_of(one["types"])
            except (KeyError, TypeError):
                raise unreadable("Cannot construct instance of `PublicAssociationsForObject`") from None
            other = _other_end(kind, specs)
            self._associations.check(kind, other, other_id, specs)
            found.append((other, other_id, specs))
        return found

    def join(self, kind: ObjectType, row: Row, links: Links, edit: Edit) -> None:
        for other, other_id, specs in links:
            self._associations.put(kind, row.id, other, other_id, specs, edit)

    def _found(self, kind: ObjectType, value: str, id_property: str | None) -> Row:
        """The row behind an id or a unique value. Raises HubSpotError 404."""
        if id_property and id_property != "hs_object_id":
            if id_property not in self._records.keys(kind):
                raise invalid(f"Property {id_property} is not a unique property of {kind.singular}")
            held = self._records.tables[kind.name].find(id_property, folded(id_property, value))
            if held is None:
                raise not_found()
            return held
        if not value.isdecimal():
            raise not_numeric(value)
        row = self._records.survivor(kind, value)
        if row is None:
            raise not_found()
        return row

    def _live(self, kind: ObjectType, record_id: str) -> Row:
        row = self._records.tables[kind.name].rows.get(record_id)
        if row is None or not row.live:
            raise not_found()
        return row


def properties_of(body: dict[str, Any]) -> dict[str, Any]:
    """The `properties` of a write. Raises HubSpotError where they are none."""
    properties = body.get("properties", {})
    if not isinstance(properties, dict):
        raise unreadable("Cannot deserialize value of type `map` from String value")
    return properties


def folded(name: str, value: str) -> str:
    """Addresses are kept in lower case."""
    return value.lower() if name == "email" else value


def _other_end(kind: ObjectType, specs: set[tuple[str, int]]) -> ObjectType:
    """The object that association types lead to."""
    for other in OBJECTS.values():
        known = {there for there, _, _ in types_of(kind, other)}
        if all(number in known for _, number in specs):
            return other
    raise invalid(f"Association types {sorted(number for _, number in specs)} are not valid from {kind.singular}")
