"""HubSpot's webhooks: signatures and ages, whose events they are, what they name, our own left out; and consents."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.consent import begin
from connectors.events import BadSignatureError, Delivery
from connectors.hubspot.consent import HubSpotConsent
from connectors.hubspot.events import HubSpotEvents
from core.errors import FieldValidation
from core.records import Entity

SECRET = "test-secret-0001"
URL = "https://sync.example.test/hooks/hubspot"
AT = datetime.fromtimestamp(1790000000, UTC)
SIGNATURE = "rpPHbI/Xugg5ik2bEAMcPWJ6E0MlUg8JTN5IwZG6Y/s="


def delivery(**changes: Any) -> Delivery:
    """The sheet's own example, made with the vendor's helper."""
    headers = {"x-hubspot-request-timestamp": "1790000000000", "x-hubspot-signature-v3": SIGNATURE}
    return replace(Delivery("POST", URL, headers, b'[{"eventId":1,"objectId":7}]'), **changes)


def test_a_true_signature_is_taken() -> None:
    HubSpotEvents().check(delivery(), SECRET, None, AT)
    decoded = {**delivery().headers, "x-hubspot-signature-v3": "jYeAVaw6B0vDa0DCEkrY5ywWBPlyMr7aXtWAn35swoI="}
    HubSpotEvents().check(delivery(url=f"{URL}?t=a%40b.c", headers=decoded), SECRET, None, AT)


@pytest.mark.parametrize(
    ("changes", "secret", "at"),
    [
        ({"body": b'[{"eventId":1,"objectId":8}]'}, SECRET, AT),
        ({"url": f"{URL}/other"}, SECRET, AT),
        ({"method": "PUT"}, SECRET, AT),
        ({}, "another", AT),
        ({}, SECRET, AT + timedelta(seconds=301)),
        ({}, SECRET, AT - timedelta(seconds=301)),
        ({"headers": {"x-hubspot-signature-v3": SIGNATURE}}, SECRET, AT),
        ({"headers": {"x-hubspot-request-timestamp": "1790000000000"}}, SECRET, AT),
    ],
)
def test_anything_else_is_not(changes: dict[str, Any], secret: str, at: datetime) -> None:
    with pytest.raises(BadSignatureError):
        HubSpotEvents().check(delivery(**changes), secret, None, at)


def events_of(*events: dict[str, Any], account: str | None = "3") -> set[tuple[Entity, str]]:
    base = {"eventId": 1, "subscriptionId": 2, "portalId": 3, "appId": 4, "occurredAt": 1790000000000}
    body = json.dumps([{**base, **event} for event in events]).encode()
    return {(one.entity, one.record_id) for one in HubSpotEvents().events(delivery(body=body), account)}


def test_events_name_records_of_the_portal_and_leave_out_our_own_writes() -> None:
    changed = {"subscriptionType": "contact.propertyChange", "objectId": 5, "changeSource": "CRM_UI", "sourceId": "u"}
    assert events_of(changed) == {(Entity.CONTACTS, "5")}
    assert events_of({**changed, "changeSource": "INTEGRATION", "sourceId": "4"}) == set()
    assert events_of({**changed, "changeSource": "INTEGRATION", "sourceId": "99"}) == {(Entity.CONTACTS, "5")}
    assert events_of({**changed, "portalId": 77}) == set()
    assert events_of({**changed, "subscriptionType": "ticket.creation"}) == set()
    generic = {"subscriptionType": "object.deletion", "objectTypeId": "0-3", "objectId": 8}
    assert events_of(generic) == {(Entity.SUBSCRIPTIONS, "8")}
    merge = {"subscriptionType": "company.merge", "primaryObjectId": 1, "mergedObjectIds": [2], "newObjectId": 1}
    assert events_of(merge) == {(Entity.ACCOUNTS, "1"), (Entity.ACCOUNTS, "2")}
    linked = {"subscriptionType": "contact.associationChange", "fromObjectId": 9, "toObjectId": 1}
    assert events_of(linked) == {(Entity.CONTACTS, "9")}


def test_one_delivery_may_speak_of_several_portals_and_the_same_event_has_the_same_id() -> None:
    rows = [{"portalId": portal, "subscriptionType": "deal.creation", "objectId": 1, "eventId": 7} for portal in (5, 6)]
    body = json.dumps([*rows, rows[0]]).encode()
    assert list(HubSpotEvents().account_ids(delivery(body=body))) == ["5", "6"]
    first, second = HubSpotEvents().events(delivery(body=body), "5")
    assert first.id == second.id
    for wrong in (b"{}", b"not json"):
        with pytest.raises(BadSignatureError):
            HubSpotEvents().account_ids(delivery(body=wrong))


def test_a_consent_asks_for_what_syncing_needs_at_hubspots_own_page() -> None:
    values = {"clientId": "app", "clientSecret": "secret"}
    url, verifier = begin(HubSpotConsent(), values, "https://sync.example.test/back", "state-1")
    assert url.startswith("https://app.hubspot.com/oauth/authorize?")
    assert "crm.objects.deals.write" in url
    assert verifier == ""
    with pytest.raises(FieldValidation, match=r"credentials\.clientSecret"):
        HubSpotConsent().facts({"clientId": "app"})
