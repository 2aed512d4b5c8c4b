"""The yardstick: a plain asyncio script that makes the same vendor calls, and keeps nothing if it dies.

No store, no Temporal, no leases, no budget, no retries; records live in a dict. It reads Alguna with the official SDK,
looks at Salesforce's rows, creates and updates by Collections, and reads back what it wrote, each with as many requests
in flight as the service. It keeps pace with the sandboxes, so what the service needs more is the price of durability.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from alguna import AsyncAlguna, CustomerListResponse

ALGUNA_PAGE = 100
WRITE_ROWS = 200
IN_FLIGHT = 4
API = "/services/data/v66.0"
MARKER = "Alguna_Customer_ID__c"

Row = dict[str, Any]


@dataclass
class BareSync:
    """Accounts from Alguna into Salesforce; both connections are the sandboxes' credentials."""

    alguna: Mapping[str, str]
    salesforce: Mapping[str, str]
    sent: dict[str, Row] = field(default_factory=dict)
    """What Salesforce holds of each customer: customer id -> row."""
    ids: dict[str, str] = field(default_factory=dict)
    """Customer id -> Salesforce id."""
    last_write: str = "1970-01-01T00:00:00.000Z"

    async def run(self) -> int:
        """Bring Salesforce up to date; return how many records were written."""
        token = {"Authorization": f"Bearer {self.salesforce['accessToken']}"}
        async with (
            httpx.AsyncClient(timeout=60, trust_env=False) as plain,
            httpx.AsyncClient(
                base_url=self.salesforce["instanceUrl"], headers=token, timeout=60, trust_env=False
            ) as salesforce,
        ):
            sdk = AsyncAlguna(
                base_url=self.alguna["baseUrl"],
                api_key=lambda: self.alguna["apiKey"],
                httpx_client=plain,
                max_retries=0,
            )
            wanted, _ = await asyncio.gather(self._read_alguna(sdk), self._read_changes(salesforce))
            fresh = [(key, row) for key, row in wanted.items() if key not in self.sent]
            changed = [(key, row) for key, row in wanted.items() if key in self.sent and self.sent[key] != row]
            await self._write(salesforce, "POST", fresh)
            await self._write(salesforce, "PATCH", changed)
            if fresh or changed:
                await self._read_changes(salesforce)
        return len(fresh) + len(changed)

    async def _read_alguna(self, sdk: AsyncAlguna) -> dict[str, Row]:
        slots = asyncio.Semaphore(IN_FLIGHT)

        async def read(offset: int) -> CustomerListResponse:
            async with slots:
                return await sdk.customers.list(limit=ALGUNA_PAGE, offset=offset, sort="created_at:asc")

        first = await read(0)
        end = ALGUNA_PAGE * first.pagination.total_pages
        pages = await asyncio.gather(*(read(offset) for offset in range(ALGUNA_PAGE, end, ALGUNA_PAGE)))
        return {one.id: _row(one) for page in (first, *pages) for one in page.data}

    async def _read_changes(self, salesforce: httpx.AsyncClient) -> None:
        columns = f"Id,{MARKER},SystemModstamp,{','.join(_COLUMNS)}"
        soql = f"SELECT {columns} FROM Account WHERE SystemModstamp > {self.last_write} ORDER BY SystemModstamp,Id"
        page = await _json(salesforce, "GET", f"{API}/query", params={"q": soql})
        while True:
            for row in page["records"]:
                self.ids[row[MARKER]] = row["Id"]
                self.sent[row[MARKER]] = {name: row[name] for name in _COLUMNS}
                self.last_write = row["SystemModstamp"].replace("+0000", "Z")
            if page["done"]:
                return
            page = await _json(salesforce, "GET", page["nextRecordsUrl"])

    async def _write(self, salesforce: httpx.AsyncClient, method: str, rows: Sequence[tuple[str, Row]]) -> None:
        slots = asyncio.Semaphore(IN_FLIGHT)

        async def send(part: Sequence[tuple[str, Row]]) -> None:
            records = [{"attributes": {"type": "Account"}, **self._identity(key, method), **row} for key, row in part]
            async with slots:
                body = {"allOrNone": False, "records": records}
                results = await _json(salesforce, method, f"{API}/composite/sobjects", json=body)
            if not all(result["success"] for result in results):
                raise RuntimeError(f"a row was refused: {results[0]}")

        await asyncio.gather(*(send(part) for part in _parts(rows)))

    def _identity(self, key: str, method: str) -> Row:
        return {MARKER: key} if method == "POST" else {"id": self.ids[key]}


_COLUMNS = ("Name", "BillingStreet", "BillingCity", "BillingState", "BillingPostalCode", "BillingCountry")


def _row(customer: Any) -> Row:
    address = customer.billing_address
    parts = (address.line1, address.city, address.state, address.postal_code, address.country) if address else ()
    return dict(zip(_COLUMNS, (customer.name, *parts), strict=False))


def _parts(rows: Sequence[tuple[str, Row]]) -> Iterator[Sequence[tuple[str, Row]]]:
    for start in range(0, len(rows), WRITE_ROWS):
        yield rows[start : start + WRITE_ROWS]


async def _json(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> Any:
    reply = await client.request(method, path, **more)
    reply.raise_for_status()
    return reply.json()
