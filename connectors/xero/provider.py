"""What the Xero package offers to the registry: entities, credentials, limits, default mappings and match rules."""

from __future__ import annotations

from connectors.offering import OUT, Offering, Template, mapped, same
from connectors.xero.connector import XeroConnector
from connectors.xero.consent import XeroConsent
from connectors.xero.events import XeroEvents
from connectors.xero.spec import FACTS, INVOICE_NUMBER, LIMITS, LINES, REFERENCE, TOTAL
from core.records import Entity

_ADDRESS = {
    "line1": "AddressLine1",
    "line2": "AddressLine2",
    "city": "City",
    "state": "Region",
    "postalCode": "PostalCode",
}
_TEMPLATES: Template = {
    Entity.ACCOUNTS: [
        mapped("name", "Name", required=True),
        mapped("email", "EmailAddress", OUT),
        mapped("firstName", "FirstName", OUT),
        mapped("lastName", "LastName", OUT),
        *(mapped(f"billingAddress.{ours}", f"Addresses.POBOX.{theirs}", OUT) for ours, theirs in _ADDRESS.items()),
        mapped("billingAddress.country", "Addresses.POBOX.Country", OUT),
    ],
    # What an issued invoice charges is fixed: a later edit on the other side is shown, and overwrites nothing.
    Entity.INVOICES: [
        mapped("lineItems", LINES, transform="invoice_lines", writeOnce=True, required=True),
        mapped("total", TOTAL, writeOnce=True, required=True),
        mapped("currency", "CurrencyCode", writeOnce=True),
        mapped("issueDate", "Date", writeOnce=True, required=True),
        mapped("dueDate", "DueDate", OUT, writeOnce=True),
        mapped("externalReference", INVOICE_NUMBER, OUT, writeOnce=True),
        mapped("purchaseOrderNumber", REFERENCE),
    ],
    Entity.PAYMENTS: [
        mapped("amount", "Amount", writeOnce=True, required=True),
        mapped("paidAt", "Date", writeOnce=True, required=True),
    ],
}
_RULES: Template = {
    Entity.ACCOUNTS: [same("name", "Name", "name")],
    Entity.INVOICES: [same("externalReference", INVOICE_NUMBER, "none")],
}

XERO = Offering(
    provider="xero",
    facts=FACTS,
    limits=LIMITS,
    credential_keys=frozenset(
        {
            "baseUrl",
            "tokenUrl",
            "clientId",
            "clientSecret",
            "refreshToken",
            "accessToken",
            "expiresAt",
            "tenantId",
        }
    ),
    make=XeroConnector,
    events=XeroEvents,
    flow=XeroConsent,
    mappings=_TEMPLATES,
    rules=_RULES,
)
