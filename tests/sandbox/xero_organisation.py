"""A running Xero sandbox for tests, with the two ways to talk to it: httpx, and xero-python unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import httpx
import pytest
from xero_python.accounting import AccountingApi
from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token, TokenApi
from xero_python.identity import IdentityApi

from sandbox.kit.limits import Limits
from sandbox.kit.testing import SandboxThread
from sandbox.xero.tokens import SCOPES
from tests.sandbox.controlled import Controlled

# The client ships no types.
Client = Any
API = "/api.xro/2.0"


@dataclass
class Witness:
    """xero-python, pointed at a sandbox. `token` is what it holds; a refresh puts the new one there."""

    url: str
    credentials: dict[str, Any]
    token: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        granted = self.credentials
        self.token = {
            "access_token": granted["accessToken"],
            "refresh_token": granted["refreshToken"],
            "expires_in": 1800,
            "expires_at": datetime.fromisoformat(granted["expiresAt"]).timestamp(),
            "token_type": "Bearer",
            "scope": list(SCOPES),
        }
        own = OAuth2Token(client_id=granted["clientId"], client_secret=granted["clientSecret"])
        own.update_token(**self.token)
        # The first configuration ever made is the default of all others, its token too.
        configuration = Configuration()
        configuration.oauth2_token = own
        self.client = ApiClient(
            configuration,
            oauth2_token_getter=lambda: self.token,
            oauth2_token_saver=self.save,
            pool_threads=1,
        )
        # urllib3 would send a PUT again by itself, which makes a second record (sheet 9).
        self.client.rest_client.pool_manager.connection_pool_kw["retries"] = False
        self.accounting: Client = AccountingApi(self.client, base_url=f"{self.url}{API}")
        self.identity: Client = IdentityApi(self.client, base_url=self.url)

    @property
    def tenant(self) -> str:
        return str(self.credentials["tenantId"])

    def save(self, token: dict[str, Any]) -> None:
        self.token = token


@dataclass
class Organisation(Controlled):
    """One sandbox account: `control` for the control API, `api` for wire calls with a live token."""

    setup_id: ClassVar[str] = "organisation"

    def witness(self) -> Witness:
        return Witness(self.url, self.credentials)

    def api(
        self, method: str, path: str, *, token: str | None = None, tenant: str | None = None, **options: Any
    ) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {token or self.credentials['accessToken']}",
            "xero-tenant-id": self.credentials["tenantId"] if tenant is None else tenant,
            "Accept": "application/json",
            **options.pop("headers", {}),
        }
        return self.control.request(method, f"{API}{path}", headers=headers, **options)

    def rows(self, method: str, path: str, **options: Any) -> list[dict[str, Any]]:
        """The rows of a call that has to succeed."""
        response = self.api(method, path, **options)
        assert response.status_code == 200, response.text
        plural = path.strip("/").partition("/")[0].partition("?")[0]
        rows: list[dict[str, Any]] = response.json()[plural]
        return rows

    def contact(self, **values: Any) -> str:
        (row,) = self.rows("PUT", "/Contacts", json={"Contacts": [values]})
        return str(row["ContactID"])

    def invoice(self, contact_id: str, **values: Any) -> dict[str, Any]:
        """An approved invoice of one line over 100.00 and 20.00 tax, unless told otherwise."""
        body = {
            "Type": "ACCREC",
            "Contact": {"ContactID": contact_id},
            "Date": "2026-05-01",
            "DueDate": "2026-05-31",
            "Status": "AUTHORISED",
            "LineItems": [{"Description": "Seats", "Quantity": 10, "UnitAmount": 10, "AccountCode": "200"}],
            **values,
        }
        (row,) = self.rows("PUT", "/Invoices", json={"Invoices": [body]})
        return row

    def token(self, **form: str) -> httpx.Response:
        """A call of the token endpoint with the app's own id and secret unless the form names others."""
        own = {"client_id": self.credentials["clientId"], "client_secret": self.credentials["clientSecret"]}
        return self.control.post("/connect/token", data={**own, **form})

    def clean(self) -> None:
        """Empty books, no faults, a new grant."""
        self.control.post("/_sandbox/reset").raise_for_status()
        self.control.delete("/_sandbox/faults")
        self.tell("behaviour", {"clockSkewSeconds": 0})
        self.connect()


@contextmanager
def running_organisation(limits: Limits | None = None) -> Iterator[Organisation]:
    """A sandbox of its own; limits are on at scale 10 unless given."""
    sandbox = SandboxThread("xero", limits=limits)
    sandbox.start()
    # The only way that this client has to learn of another token endpoint.
    patch = pytest.MonkeyPatch()
    patch.setattr(TokenApi, "refresh_token_url", f"{sandbox.url}/connect/token")
    try:
        with httpx.Client(base_url=sandbox.url, trust_env=False, timeout=30) as control:
            yield Organisation(sandbox.url, control)
    finally:
        patch.undo()
        sandbox.stop()
