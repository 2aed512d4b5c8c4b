"""What the NetSuite package offers to the registry: entities, credentials, limits, default mappings and match rules."""

from __future__ import annotations

from connectors.netsuite.connector import NetSuiteConnector
from connectors.netsuite.events import NetSuiteEvents
from connectors.netsuite.spec import AMOUNT, FACTS, LIMITS, LINES, TOTAL
from connectors.offering import OUT, Offering, mapped, same
from core.records import Entity

_COUNTRY = {"table": "country_alpha2"}
_TEMPLATES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [
        mapped("name", "companyName", required=True),
        mapped("currency", "currency", writeOnce=True),
        mapped("email", "email", OUT),
        mapped("billingAddress.line1", "billingAddress.addr1", OUT),
        mapped("billingAddress.line2", "billingAddress.addr2", OUT),
        mapped("billingAddress.city", "billingAddress.city", OUT),
        mapped("billingAddress.state", "billingAddress.state", OUT),
        mapped("billingAddress.postalCode", "billingAddress.zip", OUT),
        mapped(
            "billingAddress.country", "billingAddress.country", OUT, transform="value_map", transformOptions=_COUNTRY
        ),
    ],
    Entity.INVOICES: [
        mapped("lineItems", LINES, transform="invoice_lines", writeOnce=True),
        mapped("total", TOTAL, writeOnce=True, required=True),
        mapped("currency", "currency", writeOnce=True),
        mapped("issueDate", "tranDate", writeOnce=True),
        mapped("dueDate", "dueDate", OUT, writeOnce=True),
        mapped("externalReference", "tranId", OUT, writeOnce=True),
        mapped("description", "memo"),
        mapped("purchaseOrderNumber", "otherRefNum"),
    ],
    Entity.PAYMENTS: [
        mapped("amount", AMOUNT, writeOnce=True, required=True),
        mapped("paidAt", "tranDate", writeOnce=True, required=True),
    ],
}
_RULES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [same("name", "companyName", "name")],
    Entity.INVOICES: [same("externalReference", "tranId", "none")],
}

NETSUITE = Offering(
    provider="netsuite",
    facts=FACTS,
    limits=LIMITS,
    credential_keys=frozenset(
        {
            "baseUrl",
            "tokenUrl",
            "account",
            "clientId",
            "certificateId",
            "privateKey",
            "accessToken",
            "expiresAt",
            "consumerKey",
            "consumerSecret",
            "tokenId",
            "tokenSecret",
            "language",
        }
    ),
    make=NetSuiteConnector,
    events=NetSuiteEvents,
    mappings=_TEMPLATES,
    rules=_RULES,
)
