"""In-memory services for connectors, and a hand on the sandboxes' control API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from connectors.protocols import Connector, ConnectorContext, FetchRequest, Page
from connectors.registry import provider_spec
from core.errors import AuthExpired, RateLimit
from core.ports import Credentials
from core.records import Entity, Operation, OperationKind, Record, Side
from core.values import Value


class MemoryTokens:
    """A token store that several connectors share, as several processes would."""

    def __init__(self, connection_id: str, values: Mapping[str, str]) -> None:
        self.credentials = Credentials(connection_id, 1, dict(values))
        self.expired: str | None = None
        self.saves = 0
        self._lock = asyncio.Lock()

    async def load(self, connection_id: str) -> Credentials:
        if self.expired is not None:
            generation = self.credentials.generation
            raise AuthExpired(self.expired, connection_id=connection_id, generation=generation)
        return self.credentials

    async def save_tokens(self, credentials: Credentials, tokens: Mapping[str, str]) -> Credentials:
        assert credentials.generation == self.credentials.generation
        self.saves += 1
        merged = {**self.credentials.values, **tokens}
        self.credentials = Credentials(credentials.connection_id, credentials.generation, merged)
        return self.credentials

    @asynccontextmanager
    async def refresh_lock(self, connection_id: str) -> AsyncIterator[None]:
        async with self._lock:
            yield

    async def mark_expired(self, connection_id: str, generation: int, reason: str) -> None:
        if generation == self.credentials.generation:
            self.expired = reason

    def reconnect(self, values: Mapping[str, str]) -> None:
        """A person gives new credentials."""
        self.credentials = Credentials(self.credentials.connection_id, self.credentials.generation + 1, dict(values))
        self.expired = None


class MemoryBudget:
    """Counts what is asked for; keeps what is reported and blocked."""

    def __init__(self) -> None:
        self.acquired = 0
        self.reports: list[tuple[int | None, int | None]] = []
        self.blocks: list[tuple[float, bool]] = []
        self.empty = False

    async def acquire(self, calls: int = 1) -> None:
        if self.empty:
            raise RateLimit("the budget is spent", retry_after=1.0)
        self.acquired += calls

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        yield

    async def report(self, *, used: int | None = None, allowed: int | None = None) -> None:
        self.reports.append((used, allowed))

    async def block(self, seconds: float, *, quota: bool = False) -> None:
        self.blocks.append((seconds, quota))


class MemoryLeases:
    """Grants every lease at once."""

    @asynccontextmanager
    async def hold(self, names: Sequence[str], *, seconds: float = 60.0) -> AsyncIterator[None]:
        yield


class MemoryNotebook:
    """Facts by topic and key."""

    def __init__(self) -> None:
        self.facts: dict[str, dict[str, Value]] = {}

    async def get(self, topic: str, keys: Sequence[str]) -> dict[str, Value]:
        return {key: value for key, value in self.facts.get(topic, {}).items() if key in set(keys)}

    async def put(self, topic: str, facts: Mapping[str, Value]) -> None:
        self.facts.setdefault(topic, {}).update(facts)


@dataclass
class Services:
    """What a connector is given, open to the test."""

    tokens: MemoryTokens
    budget: MemoryBudget = field(default_factory=MemoryBudget)
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    notebook: MemoryNotebook = field(default_factory=MemoryNotebook)

    def connect(self, provider: str, integration_id: str = "int_salesforce") -> Connector:
        """Make a connector on these services, as another process would."""
        connection_id = "alguna" if provider == "alguna" else integration_id
        context = ConnectorContext(connection_id, integration_id, self.tokens, self.budget, self.leases, self.notebook)
        return provider_spec(provider).connect(context)


class Control:
    """The control API of one sandbox account; never used by connectors."""

    def __init__(self, url: str, account: str) -> None:
        self.url = url
        self.account = account
        self._http = httpx.AsyncClient(base_url=f"{url}/_sandbox", params={"account": account}, trust_env=False)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def reset(self) -> None:
        """Empty the store, and turn the limits off, so that tests are quick."""
        await self.post("reset", {})
        await self.post("limits", {"enabled": False})
        await self.delete("faults")
        await self.delete("calls")

    async def post(self, path: str, body: object) -> Any:
        return _checked(await self._http.post(path, json=body))

    async def get(self, path: str, **params: object) -> Any:
        return _checked(await self._http.get(path, params={key: str(value) for key, value in params.items()}))

    async def patch(self, entity: Entity, record_id: str, values: object) -> Any:
        """A person edits a record."""
        return _checked(await self._http.patch(f"records/{entity.value}/{record_id}", json=values))

    async def delete(self, path: str) -> None:
        _checked(await self._http.delete(path))

    async def seed(self, entity: Entity, count: int, seed: int = 1, offset: int = 0) -> list[str]:
        body = {"entity": entity.value, "count": count, "seed": seed, "offset": offset}
        return list((await self.post("seed", body))["ids"])

    async def create(self, entity: Entity, values: object) -> Any:
        """A person creates a record."""
        return await self.post(f"records/{entity.value}", values)

    async def record(self, entity: Entity, record_id: str) -> Any:
        return await self.get(f"records/{entity.value}/{record_id}")

    async def total(self, entity: Entity) -> int:
        return int((await self.get(f"records/{entity.value}", limit=1))["total"])

    async def fault(self, kind: str, path: str = "", method: str | None = None, **more: object) -> None:
        body = {"match": {"method": method, "path": path}, "fault": kind, **more}
        await self.post("faults", body)

    async def calls(self, path: str = "") -> list[dict[str, Any]]:
        data = (await self.get("calls"))["data"]
        return [call for call in data if path in call["path"]]

    async def forget_calls(self) -> None:
        await self.delete("calls")

    async def services(self) -> Services:
        """Services with a fresh grant of this sandbox."""
        given = await self.credentials()
        return Services(MemoryTokens("alguna" if "apiKey" in given else "int_salesforce", given))

    async def credentials(self) -> dict[str, str]:
        given = await self.get("credentials")
        return {key: str(value) for key, value in given.items() if isinstance(value, str | int)}


def _checked(response: httpx.Response) -> Any:
    assert response.is_success, f"{response.request.url}: {response.status_code} {response.text}"
    return response.json() if response.content else None


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Wait until something holds; fail when it does not in time."""
    for _ in range(int(seconds / 0.05)):
        if await holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to hold")


async def fetch_all(connector: Connector, request: FetchRequest) -> tuple[list[Record], str, int]:
    """Read to the end; return the records in order, the new cursor and the number of pages."""
    records: list[Record] = []
    pages = 0
    while True:
        page: Page = await connector.fetch(request)
        pages += 1
        records += page.records
        if page.position is None:
            assert page.cursor is not None
            return records, page.cursor, pages
        request = FetchRequest(request.entity, request.fields, request.cursor, request.full, page.position)


def operation(
    number: int,
    entity: Entity,
    kind: OperationKind,
    target: Side,
    values: dict[str, Value] | None = None,
    *,
    target_id: str | None = None,
    source_id: str | None = None,
    parent_id: str | None = None,
) -> Operation:
    """Make an operation whose key is its number."""
    return Operation(
        id=number,
        key=f"key-{entity.value}-{kind.value}-{number}",
        entity=entity,
        kind=kind,
        target=target,
        source_id=source_id or f"source-{number}",
        target_id=target_id,
        values=values or {},
        parent_id=parent_id,
    )
