"""A token goes to the hosts of its connection and nowhere else, whatever a vendor's answer says (I8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest

from connectors.http import VendorClient
from connectors.protocols import FetchRequest
from core.errors import SyncError
from core.records import Entity
from sandbox.kit.testing import running_sandbox
from tests.connectors.support import Control, MemoryBudget, fetch_all
from tests.crash.systems import ALGUNA, PROVIDERS, System


@asynccontextmanager
async def stranger() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server of somebody else, and what it was sent."""
    got: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read(65_536))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", got


def turned(value: Any, where: str) -> Any:
    """An answer in which every address and every way to a next page leads elsewhere."""
    if isinstance(value, dict):
        made = {key: turned(one, where) for key, one in value.items()}
        for key in value:
            if "next" in key.lower() or key in ("url", "href", "link"):
                made[key] = f"{where}/next" if isinstance(value[key], str) else made[key]
        if "done" in made and "records" in made:
            made |= {"done": False, "nextRecordsUrl": f"{where}/services/data/next"}
        return made
    if isinstance(value, list):
        return [turned(one, where) for one in value]
    return f"{where}/next" if isinstance(value, str) and value.startswith(("http://", "https://")) else value


@pytest.mark.parametrize("system", [ALGUNA, *PROVIDERS], ids=lambda system: system.provider)
async def test_i8_no_answer_leads_a_token_elsewhere(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    real = httpx.AsyncClient.send
    async with stranger() as (where, got), running_sandbox(system.provider) as url:
        control = Control(url, uuid4().hex[:12])

        async def send(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
            answer = await real(client, request, **options)
            if "/_sandbox/" in request.url.path or "json" not in answer.headers.get("content-type", ""):
                return answer
            said = httpx.Response(answer.status_code, content=await answer.aread()).json()
            await answer.aclose()
            made = httpx.Response(answer.status_code, json=turned(said, where), request=request)
            made.elapsed = answer.elapsed
            return made

        try:
            await control.seed(Entity.ACCOUNTS, 3)
            connector = (await control.services()).connect(system.provider)
            with monkeypatch.context() as patch:
                patch.setattr(httpx.AsyncClient, "send", send)
                with suppress(SyncError):
                    fields = {Entity.ACCOUNTS: [system.name[-1]]}
                    request = FetchRequest(Entity.ACCOUNTS, fields, None, True, None)
                    await asyncio.wait_for(fetch_all(connector, request), 20)
            await connector.close()
        finally:
            await control.aclose()
        assert got == []


async def test_i8_a_redirect_takes_no_token_along() -> None:
    async with stranger() as (where, got), running_sandbox("alguna") as url:
        async with httpx.AsyncClient(trust_env=False) as person:
            fault = {"fault": "redirect"}
            (await person.post(f"{url}/_sandbox/faults", json=fault)).raise_for_status()
        async with VendorClient(MemoryBudget(), url) as client:
            with pytest.raises(SyncError, match="redirects"):
                await client.get(f"{url}/customers", headers={"Authorization": "Bearer secret"})
            with pytest.raises(SyncError, match="not a host of this connection"):
                await client.get(f"{where}/customers", headers={"Authorization": "Bearer secret"})
        assert got == []
