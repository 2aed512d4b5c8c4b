"""Both systems as an outsider sees them: their own HTTP APIs, with grants of our own, and no code of the service."""

from __future__ import annotations

from typing import Any

import httpx

from starter.sandboxes import Sandbox

Row = dict[str, Any]

_VERSION = "2026-04-01"
_PAGE = 100
_API = "/services/data/v66.0"

ACCOUNT_FIELDS = ("Id", "Name", "Email__c", "Alguna_Customer_ID__c")
CONTACT_FIELDS = ("Id", "AccountId", "FirstName", "LastName", "Email", "Alguna_Contact_ID__c")
OPPORTUNITY_FIELDS = ("Id", "AccountId", "Name", "StageName", "Alguna_Subscription_ID__c")


class AlgunaSide:
    """Reads Alguna."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Take a key from the sandbox."""
        granted = sandbox.credentials()
        headers = {"Authorization": f"Bearer {granted['apiKey']}", "Alguna-Version": _VERSION}
        self._http = httpx.Client(base_url=granted["baseUrl"], headers=headers, timeout=30, trust_env=False)

    def customers(self) -> list[Row]:
        """Return all customers, with their contacts."""
        return self._all("/customers")

    def customer(self, customer_id: str) -> Row:
        """Return one customer."""
        row: Row = self._get(f"/customers/{customer_id}", {})
        return row

    def subscriptions(self) -> list[Row]:
        """Return all subscriptions."""
        return self._all("/subscriptions")

    def value(self, entity: str, record_id: str, field: str) -> object:
        """Return the value of a record's field; a contact stands in its customer's list."""
        if entity == "contacts":
            listed = (one for customer in self.customers() for one in customer.get("contacts") or [])
            return next(one for one in listed if one["id"] == record_id)[field]
        return self._get(f"/{'customers' if entity == 'accounts' else entity}/{record_id}", {})[field]

    def _all(self, path: str) -> list[Row]:
        rows: list[Row] = []
        while True:
            page = self._get(path, {"limit": _PAGE, "offset": len(rows), "sort": "created_at:asc"})["data"]
            rows += page
            if len(page) < _PAGE:
                return rows

    def _get(self, path: str, params: dict[str, Any]) -> Any:
        response = self._http.get(path, params=params)
        response.raise_for_status()
        return response.json()


class SalesforceSide:
    """Reads Salesforce."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Take a grant from the sandbox."""
        self._sandbox = sandbox
        self._http = httpx.Client(timeout=30, trust_env=False)
        self.log_in()

    def log_in(self) -> None:
        """Take a new grant: the old one may have been revoked."""
        granted = self._sandbox.credentials()
        self._base = granted["instanceUrl"]
        self._http.headers["Authorization"] = f"Bearer {granted['accessToken']}"

    def accounts(self) -> list[Row]:
        """Return all accounts."""
        return self._query("Account", ACCOUNT_FIELDS)

    def account(self, record_id: str) -> Row:
        """Return one account."""
        return self._one("Account", record_id, ACCOUNT_FIELDS)

    def contacts(self) -> list[Row]:
        """Return all contacts."""
        return self._query("Contact", CONTACT_FIELDS)

    def contact(self, record_id: str) -> Row:
        """Return one contact."""
        return self._one("Contact", record_id, CONTACT_FIELDS)

    def opportunities(self) -> list[Row]:
        """Return all opportunities."""
        return self._query("Opportunity", OPPORTUNITY_FIELDS)

    def _query(self, sobject: str, fields: tuple[str, ...]) -> list[Row]:
        soql = f"SELECT {', '.join(fields)} FROM {sobject} ORDER BY Id"
        body = self._get(f"{_API}/query", {"q": soql})
        rows: list[Row] = body["records"]
        while not body["done"]:
            body = self._get(body["nextRecordsUrl"], {})
            rows += body["records"]
        return rows

    def _one(self, sobject: str, record_id: str, fields: tuple[str, ...]) -> Row:
        row: Row = self._get(f"{_API}/sobjects/{sobject}/{record_id}", {"fields": ",".join(fields)})
        return row

    def _get(self, path: str, params: dict[str, str]) -> Any:
        response = self._http.get(f"{self._base}{path}", params=params)
        response.raise_for_status()
        return response.json()


def primary(customer: Row) -> Row:
    """Return a customer's primary contact; empty where there is none."""
    return next((one for one in customer.get("contacts") or [] if one["is_primary"]), {})
