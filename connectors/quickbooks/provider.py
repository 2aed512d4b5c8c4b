"""What the QuickBooks package offers to the registry: entities, credentials, limits, default mappings and rules."""

from __future__ import annotations

from connectors.offering import OUT, Offering, mapped, same
from connectors.quickbooks.connector import QuickBooksConnector
from connectors.quickbooks.consent import QuickBooksConsent
from connectors.quickbooks.events import QuickBooksEvents
from connectors.quickbooks.spec import AMOUNT, CURRENCY, FACTS, LIMITS, LINES, NAME, NOTE, NUMBER, TOTAL
from core.records import Entity

_TEMPLATES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [
        mapped("name", NAME, required=True),
        mapped("currency", CURRENCY, writeOnce=True),
        mapped("email", "PrimaryEmailAddr.Address"),
        mapped("firstName", "GivenName", OUT),
        mapped("lastName", "FamilyName", OUT),
        mapped("billingAddress.line1", "BillAddr.Line1", OUT),
        mapped("billingAddress.line2", "BillAddr.Line2", OUT),
        mapped("billingAddress.city", "BillAddr.City", OUT),
        mapped("billingAddress.state", "BillAddr.CountrySubDivisionCode", OUT),
        mapped("billingAddress.postalCode", "BillAddr.PostalCode", OUT),
        mapped("billingAddress.country", "BillAddr.Country", OUT),
    ],
    Entity.INVOICES: [
        mapped("lineItems", LINES, transform="invoice_lines", writeOnce=True),
        mapped("total", TOTAL, writeOnce=True, required=True),
        mapped("externalReference", NUMBER, OUT, writeOnce=True),
        mapped("issueDate", "TxnDate", writeOnce=True),
        mapped("currency", CURRENCY, writeOnce=True),
        mapped("dueDate", "DueDate", OUT, writeOnce=True),
        mapped("description", NOTE),
    ],
    Entity.PAYMENTS: [
        mapped("amount", AMOUNT, writeOnce=True, required=True),
        mapped("paidAt", "TxnDate", writeOnce=True, required=True),
    ],
}
_RULES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [same("name", NAME, "name")],
    Entity.INVOICES: [same("externalReference", NUMBER, "none")],
}

QUICKBOOKS = Offering(
    provider="quickbooks",
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
            "realmId",
        }
    ),
    make=QuickBooksConnector,
    events=QuickBooksEvents,
    flow=QuickBooksConsent,
    mappings=_TEMPLATES,
    rules=_RULES,
)
