"""A running HubSpot sandbox for tests, with the two ways to talk to it: httpx, and hubspot-api-client unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx
from hubspot import HubSpot

from sandbox.kit.limits import Limits
from sandbox.kit.testing import SandboxThread
from tests.sandbox.controlled import Controlled

# The client ships no types.
Client = Any


@dataclass
class Portal(Controlled):
    """One sandbox account: `control` for the control API, `api` for wire calls with a live token."""

    setup_id: ClassVar[str] = "portal"

    def client(self, **options: Any) -> Client:
        """hubspot-api-client with a live access token, pointed here."""
        return HubSpot(access_token=self.credentials["accessToken"], host=self.url, **options)

    def api(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.credentials['accessToken']}", **options.pop("headers", {})}
        return self.control.request(method, path, headers=headers, **options)

    def make(self, kind: str = "companies", **properties: Any) -> str:
        """A record, made over the wire; its id."""
        response = self.api("POST", f"/crm/v3/objects/{kind}", json={"properties": properties, "associations": []})
        assert response.status_code == 201, response.text
        record_id: str = response.json()["id"]
        return record_id

    def search(self, kind: str, *filters: dict[str, Any], **more: Any) -> dict[str, Any]:
        body = {"filterGroups": [{"filters": list(filters)}] if filters else [], **more}
        response = self.api("POST", f"/crm/v3/objects/{kind}/search", json=body)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def token(self, path: str = "/oauth/2026-03/token", **form: str) -> httpx.Response:
        """A call of the token endpoint with the app's own id and secret unless the form names others."""
        own = {"client_id": self.credentials["clientId"], "client_secret": self.credentials["clientSecret"]}
        return self.control.post(path, data={**own, **form})


@contextmanager
def running_portal(limits: Limits | None = None) -> Iterator[Portal]:
    """A sandbox of its own; limits are on at scale 10 unless given."""
    sandbox = SandboxThread("hubspot", limits=limits)
    sandbox.start()
    try:
        with httpx.Client(base_url=sandbox.url, trust_env=False, timeout=30) as control:
            yield Portal(sandbox.url, control)
    finally:
        sandbox.stop()
