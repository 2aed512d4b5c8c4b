"""Outbound messages: a SOAP POST for each change, which the receiver has to acknowledge (sheet 7.2)."""

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

import httpx

from sandbox.kit.webhooks import Delivery, Webhooks
from sandbox.salesforce.ids import make_id
from sandbox.salesforce.records import Change, Records
from sandbox.salesforce.schema import Row

_ACK = re.compile(rb"<(?:\w+:)?Ack>\s*true\s*</")
_MOST = 100
_FIELDS = ("Name", "CreatedDate", "LastModifiedDate", "LastModifiedById", "SystemModstamp")


class OutboundMessages:
    """One message per object and at most a hundred rows; none for deletes, which have no trigger."""

    def __init__(self, records: Records, webhooks: Webhooks, instance: str) -> None:
        self._records = records
        self._webhooks = webhooks
        self._instance = instance
        self._count = 0

    def announce(self, changes: list[Change]) -> None:
        """Send what changed, with the latest values."""
        if not self._webhooks.wanted:
            return
        for name in dict.fromkeys(name for name, _ in changes):
            rows = self._records.tables[name].rows
            ids = dict.fromkeys(record_id for kind, record_id in changes if kind == name)
            found = [rows[one] for one in ids if one in rows and not rows[one].get("IsDeleted")]
            for start in range(0, len(found), _MOST):
                body = self._message(name, found[start : start + _MOST])
                self._webhooks.send(Delivery(body, _headers, _acknowledged))

    def _message(self, name: str, rows: list[Row]) -> bytes:
        notifications = "".join(self._notification(name, row) for row in rows)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
            '<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
            f"<OrganizationId>{self._records.org_id}</OrganizationId>"
            f'<ActionId>{make_id("04k", self._instance, 1)}</ActionId><SessionId xsi:nil="true"/>'
            f"{notifications}</notifications></soapenv:Body></soapenv:Envelope>"
        ).encode()

    def _notification(self, name: str, row: Row) -> str:
        self._count += 1
        own = tuple(field.name for field in self._records.tables[name].sobject.unique)
        values = "".join(
            f"<sf:{field}>{escape(_text(row[field]))}</sf:{field}>"
            for field in ("Id", *_FIELDS, *own)
            if row.get(field) is not None
        )
        return (
            f"<Notification><Id>{make_id('04l', self._instance, self._count)}</Id>"
            f'<sObject xsi:type="sf:{name}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{values}</sObject>'
            "</Notification>"
        )


def _text(value: object) -> str:
    """XML Schema's form: datetimes with Z."""
    return str(value).replace("+0000", "Z")


def _headers(secret: str) -> Mapping[str, str]:
    """Outbound messages carry no signature; receivers use a secret path and the organisation's id."""
    return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}


def _acknowledged(response: httpx.Response) -> bool:
    return response.status_code == 200 and _ACK.search(response.content) is not None
