"""Salesforce's outbound messages: SOAP without a signature, so a secret path and the organisation's id take its place.

Up to a hundred notifications come in one call, out of order and more than once; there are none for deletes
(Salesforce sheet 7.2).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree

from connectors.events import Answer, BadSignatureError, Delivery, Event
from connectors.salesforce.spec import FACTS

_OUT = "{http://soap.sforce.com/2005/09/outbound}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_ENTITIES = {facts.object_name: entity for entity, facts in FACTS.items()}
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_ACK = b"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>\
<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>\
</soapenv:Body></soapenv:Envelope>"""


class SalesforceEvents:
    """See `connectors.events.EventReceiver`."""

    token_in_path = True

    def account_ids(self, delivery: Delivery) -> Sequence[str]:
        """The organisation's id."""
        return [_text(_notifications(delivery.body), "OrganizationId")]

    def check(self, delivery: Delivery, secret: str, account_id: str | None, now: datetime) -> None:
        """Compare the path's token with its stored hash, and the organisation with the integration's."""
        given = hashlib.sha256((delivery.token or "").encode()).hexdigest()
        organisation = self.account_ids(delivery)[0]
        # 15 characters name the record; the last three only guard against case folding.
        same = account_id is None or organisation[:15] == account_id[:15]
        if not hmac.compare_digest(given, secret) or not same:
            raise BadSignatureError("the path's token or the organisation does not fit")

    def events(self, delivery: Delivery, account_id: str | None) -> list[Event]:
        """One hint per notification about an object that we sync."""
        found: list[Event] = []
        for one in _notifications(delivery.body).iter(f"{_OUT}Notification"):
            record = next((part for part in one if part.tag == f"{_OUT}sObject"), None)
            if record is None:
                continue
            entity = _ENTITIES.get(record.get(_TYPE, "").rpartition(":")[2])
            record_id = next((part.text or "" for part in record if part.tag.endswith("}Id")), "")
            if entity is not None and _ID.fullmatch(record_id):
                found.append(Event(_text(one, "Id"), entity, record_id))
        return found

    def answer(self, delivery: Delivery, secret: str) -> Answer:
        """The acknowledgement; anything else is a failure to Salesforce."""
        return Answer(200, _ACK, "text/xml; charset=utf-8")


def _notifications(body: bytes) -> ElementTree.Element:
    # No outbound message has a document type; with one, a body could grow by its entities. Nor is one in UTF-16, whose
    # zeros would hide a document type from this look.
    if b"<!" in body or b"\0" in body:
        raise BadSignatureError("the body has a document type, or is not in UTF-8")
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, RecursionError):
        raise BadSignatureError("the body is not XML") from None
    found = next(root.iter(f"{_OUT}notifications"), None)
    if found is None:
        raise BadSignatureError("the body is not an outbound message")
    return found


def _text(parent: ElementTree.Element, name: str) -> str:
    text = next((part.text for part in parent if part.tag == f"{_OUT}{name}"), None)
    if not text or not _ID.fullmatch(text):
        raise BadSignatureError(f"the outbound message has no {name}")
    return text
