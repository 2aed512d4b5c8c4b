"""What the tests of the Alguna sandbox share: a running one, its control API and the official SDK against it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
from alguna import AddressRequest, AsyncAlguna, ContactRequest, ContactResponse, CustomerResponse

from sandbox.kit.testing import running_sandbox

ADDRESS = AddressRequest(line1="1 Dock Road", city="Hull", state="East Yorkshire", postal_code="HU1 1AA", country="GBR")


@dataclass(frozen=True)
class Running:
    """A sandbox with the unchanged SDK (`sdk`), and plain HTTP with the same key (`http`)."""

    url: str
    key: str
    webhook_secret: str
    sdk: AsyncAlguna
    http: httpx.AsyncClient

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """A control call that has to succeed; its JSON, or None."""
        response = await self.http.request(method, f"/_sandbox/{path}", json=body)
        assert response.is_success, response.text
        return response.json() if response.content else None

    async def seed(self, entity: str, count: int, seed: int = 7) -> list[str]:
        ids: list[str] = (await self.control("POST", "seed", {"entity": entity, "count": count, "seed": seed}))["ids"]
        return ids

    async def fault(self, fault: str, method: str | None = None, path: str = "", **more: Any) -> None:
        await self.control("POST", "faults", {"match": {"method": method, "path": path}, "fault": fault, **more})


@contextlib.asynccontextmanager
async def running_alguna() -> AsyncIterator[Running]:
    """A fresh Alguna sandbox."""
    async with running_sandbox("alguna") as url, httpx.AsyncClient(base_url=url, timeout=20) as http:
        granted = (await http.get("/_sandbox/credentials")).json()
        http.headers.update({"Authorization": f"Bearer {granted['apiKey']}", "Alguna-Version": "2026-04-01"})
        async with httpx.AsyncClient(timeout=20) as own:
            sdk = AsyncAlguna(base_url=granted["baseUrl"], api_key=granted["apiKey"], httpx_client=own)
            yield Running(url, granted["apiKey"], granted["webhookSecret"], sdk, http)


def contact(email: str, primary: bool = True, contact_id: str | None = None) -> ContactRequest:
    return ContactRequest(email=email, is_primary=primary, id=contact_id)


def contacts_of(customer: CustomerResponse) -> list[ContactResponse]:
    assert customer.contacts is not None
    return customer.contacts


async def new_customer(sdk: AsyncAlguna, *aliases: str) -> CustomerResponse:
    return await sdk.customers.create(
        name="Harbor Optics Ltd",
        currency="GBP",
        aliases=list(aliases),
        billing_address=ADDRESS,
        contacts=[contact("ap@harbor.example"), contact("ops@harbor.example", primary=False)],
    )
