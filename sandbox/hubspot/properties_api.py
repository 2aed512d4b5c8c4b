"""What the portal tells about itself: properties, pipelines, owners, the account (sheet 2, 8)."""

from typing import Any

from sandbox.hubspot.calls import Call, Reply, kind_of
from sandbox.hubspot.errors import HubSpotError, invalid, not_found
from sandbox.hubspot.objects import STAGES
from sandbox.hubspot.records import Records
from sandbox.hubspot.schema import ObjectType, Property

_MOST_UNIQUE = 10
_EPOCH = "1970-01-01T00:00:00Z"
_CREATED = "2026-01-01T00:00:00.000Z"
_TYPES = ("string", "number", "date", "datetime", "enumeration", "bool")
# What a private app may ask for, besides; the owner is a sample person.
OWNER_ID, OWNER_USER_ID = "91000001", 71000001


class PropertiesApi:
    def __init__(self, records: Records) -> None:
        self._records = records

    def handle(self, call: Call) -> Reply:
        """`properties/{type}[/{name}]`."""
        if not call.path:
            raise not_found()
        kind = kind_of(call.path[0])
        known = self._records.properties[kind.name]
        if len(call.path) == 1 and call.method == "GET":
            return Reply(200, {"results": [one.definition() for one in known.values()]})
        if len(call.path) == 1 and call.method == "POST":
            return Reply(201, self._create(kind, call.json()).definition())
        one = known.get(call.path[1]) if len(call.path) == 2 else None
        if one is None:
            raise not_found()
        if call.method == "GET":
            return Reply(200, one.definition())
        if call.method == "DELETE":
            if not one.custom:
                raise invalid(f"{one.name} is defined by HubSpot and cannot be archived")
            del known[one.name]
            return Reply(204)
        raise not_found()

    def _create(self, kind: ObjectType, body: dict[str, Any]) -> Property:
        """A custom property; `hasUniqueValue` cannot be changed afterwards (sheet 2)."""
        known = self._records.properties[kind.name]
        missing = [key for key in ("name", "label", "groupName", "type", "fieldType") if not body.get(key)]
        if missing:
            raise invalid(f"Missing required fields: {', '.join(missing)}")
        name, unique = str(body["name"]), bool(body.get("hasUniqueValue"))
        if name in known:
            message = f"A property named '{name}' already exists."
            raise HubSpotError(409, message, "OBJECT_ALREADY_EXISTS")
        if body["groupName"] != kind.group or body["type"] not in _TYPES:
            raise invalid(f"The group {body['groupName']} or the type {body['type']} does not exist")
        if unique and sum(one.unique for one in known.values()) >= _MOST_UNIQUE:
            raise invalid(f"Only {_MOST_UNIQUE} unique properties are allowed for {kind.singular}")
        options = tuple((str(one["value"]), str(one["label"])) for one in body.get("options") or [])
        made = Property(
            name,
            str(body["label"]),
            kind.group,
            str(body["type"]),
            str(body["fieldType"]),
            options,
            unique=unique,
            custom=True,
        )
        known[name] = made
        return made


def pipelines(call: Call) -> Reply:
    """`pipelines/deals[/{id}]`: the one that every portal has."""
    if call.method != "GET" or not call.path or kind_of(call.path[0]).name != "deals":
        raise not_found()
    stages = [
        {
            "id": stage,
            "label": label,
            "displayOrder": place,
            "metadata": {"isClosed": "true" if stage.startswith("closed") else "false", "probability": probability},
            "createdAt": _EPOCH,
            "updatedAt": _EPOCH,
            "archived": False,
        }
        for place, (stage, label, probability) in enumerate(STAGES)
    ]
    only = {
        "id": "default",
        "label": "Sales Pipeline",
        "displayOrder": 0,
        "createdAt": _EPOCH,
        "updatedAt": _EPOCH,
        "archived": False,
        "stages": stages,
    }
    if len(call.path) == 2 and call.path[1] != "default":
        raise not_found()
    return Reply(200, only if len(call.path) == 2 else {"results": [only]})


def owners(call: Call) -> Reply:
    """`owners/`: one person of the sales team."""
    owner = {
        "id": OWNER_ID,
        "email": "sales@portal.example",
        "firstName": "Sample",
        "lastName": "Owner",
        "userId": OWNER_USER_ID,
        "type": "PERSON",
        "createdAt": _CREATED,
        "updatedAt": _CREATED,
        "archived": False,
    }
    if call.method != "GET":
        raise not_found()
    return Reply(200, {"results": [] if call.flag("archived") else [owner]})


def account(call: Call, records: Records) -> Reply:
    """`account-info/…/details`."""
    if call.method != "GET" or call.path != ("details",):
        raise not_found()
    details = {
        "portalId": records.portal_id,
        "accountType": "STANDARD",
        "timeZone": "UTC",
        "companyCurrency": records.setup.currency,
        "additionalCurrencies": [],
        "utcOffset": "+00:00",
        "utcOffsetMilliseconds": 0,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    }
    return Reply(200, details)
