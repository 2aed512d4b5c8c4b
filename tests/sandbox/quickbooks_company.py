"""A running QuickBooks sandbox for tests, with two ways to talk to it: httpx, and Intuit's Python clients unchanged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx
from intuitlib.client import AuthClient
from quickbooks import QuickBooks

from sandbox.kit.limits import Limits
from sandbox.kit.testing import SandboxThread
from tests.sandbox.controlled import Controlled

# The clients ship no types.
Client = Any
# Their OAuth library refuses http unless told, once per process, that this is a test.
os.environ.setdefault("OAUTHLIB_INSECURE_TRANSPORT", "1")


@dataclass
class Running(Controlled):
    """One sandbox account: `control` for the control API, `api` for wire calls with a live token."""

    setup_id: ClassVar[str] = "company"

    def fresh(self) -> Running:
        """The same, with an empty company and a new grant."""
        self.control.post("/_sandbox/reset").raise_for_status()
        self.control.delete("/_sandbox/faults")
        self.connect()
        return self

    def auth(self, **options: Any) -> Client:
        """intuit-oauth for the sandbox's app, with the endpoints that its discovery document names."""
        given = self.credentials
        more = {"refresh_token": given["refreshToken"], "realm_id": given["realmId"], **options}
        discovery = f"{self.url}/.well-known/openid_sandbox_configuration"
        return AuthClient(given["clientId"], given["clientSecret"], f"{self.url}/back", discovery, **more)

    def client(self, **options: Any) -> Client:
        """python-quickbooks, which refreshes its token as it starts."""
        auth = options.pop("auth", None) or self.auth()
        own = {"company_id": self.credentials["realmId"], "minorversion": 75, **options}
        found = QuickBooks(auth_client=auth, refresh_token=auth.refresh_token, **own)
        found.api_url_v3 = f"{self.url}/v3"
        return found

    def api(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        """A call below the company."""
        headers = {
            "Authorization": f"Bearer {token or self.credentials['accessToken']}",
            "Accept": "application/json",
            **options.pop("headers", {}),
        }
        path = f"/v3/company/{options.pop('realm', self.credentials['realmId'])}/{path}"
        return self.control.request(method, path, headers=headers, **options)

    def post(self, path: str, body: Any) -> dict[str, Any]:
        """A write that has to succeed; its answer."""
        response = self.api("POST", path, json=body)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def refused(self, path: str, body: Any) -> dict[str, Any]:
        """A write that has to be refused; its first error."""
        response = self.api("POST", path, json=body)
        assert response.status_code == 400, response.text
        error: dict[str, Any] = response.json()["Fault"]["Error"][0]
        return error

    def query(self, statement: str) -> dict[str, Any]:
        response = self.api("GET", "query", params={"query": statement})
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()["QueryResponse"]
        return found

    def make(self, **values: Any) -> dict[str, Any]:
        """A customer, made over the wire."""
        customer: dict[str, Any] = self.post("customer", values)["Customer"]
        return customer

    def bill(self, customer_id: str, amount: float = 100.0, **values: Any) -> dict[str, Any]:
        """An invoice of one line."""
        detail = {"ItemRef": {"value": "1"}}
        line = {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
        body = {"CustomerRef": {"value": customer_id}, "Line": [line], **values}
        invoice: dict[str, Any] = self.post("invoice", body)["Invoice"]
        return invoice

    def pay(self, customer_id: str, total: float, *settled: tuple[str, float], **values: Any) -> dict[str, Any]:
        """A payment that settles these amounts of these invoices."""
        links = [{"Amount": amount, "LinkedTxn": [{"TxnId": one, "TxnType": "Invoice"}]} for one, amount in settled]
        body = {"CustomerRef": {"value": customer_id}, "TotalAmt": total, "Line": links, **values}
        payment: dict[str, Any] = self.post("payment", body)["Payment"]
        return payment


@contextmanager
def running_company(limits: Limits | None = None) -> Iterator[Running]:
    """A sandbox of its own; limits are on at scale 10 unless given."""
    sandbox = SandboxThread("quickbooks", limits=limits)
    sandbox.start()
    try:
        with httpx.Client(base_url=sandbox.url, trust_env=False, timeout=30) as control:
            yield Running(sandbox.url, control)
    finally:
        sandbox.stop()
