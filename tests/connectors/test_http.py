"""The HTTP client: where calls may go, what is known of a lost one, and how waits are told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from connectors import http as client_module
from connectors.http import Backoff, VendorClient, excerpt, retry_after
from connectors.registry import ALGUNA, PROVIDERS, provider_spec
from core.errors import FieldValidation, Internal, Transient
from core.records import Entity
from tests.connectors.support import MemoryBudget, eventually

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]


@asynccontextmanager
async def listening(answer: bytes | None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that takes a request and answers with these bytes, or says nothing when there are none."""
    requests: list[bytes] = []
    stop = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        if answer is None:
            await stop.wait()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", requests
    finally:
        stop.set()
        server.close()
        await server.wait_closed()


def reply(status: str, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]
    return "\r\n".join(lines).encode()


async def test_no_call_leaves_for_a_host_that_is_not_the_connections() -> None:
    async with VendorClient(MemoryBudget(), "http://127.0.0.1:9") as client:
        with pytest.raises(Internal):
            await client.get("http://127.0.0.2:9/", headers={"Authorization": "Bearer secret"})
        assert client.calls == 0


async def test_a_redirect_is_not_followed() -> None:
    async with (
        listening(reply("200 OK")) as (elsewhere, followed),
        listening(reply("302 Found", f"Location: {elsewhere}/steal")) as (url, _),
        VendorClient(MemoryBudget(), url, elsewhere) as client,
    ):
        with pytest.raises(Transient, match="redirects") as raised:
            await client.post(url, headers={"Authorization": "Bearer secret"})
        assert not raised.value.outcome_unknown, "nothing was done"
        assert followed == []


async def test_a_write_that_found_no_server_was_not_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with VendorClient(MemoryBudget(), url) as client:
        with pytest.raises(Transient) as failed:
            await client.post(url, content=b"{}")
        assert not failed.value.outcome_unknown


@pytest.mark.parametrize(("method", "unknown"), [("POST", True), ("PATCH", True), ("DELETE", True), ("GET", False)])
async def test_a_write_without_a_reply_in_time_is_of_unknown_outcome(
    monkeypatch: pytest.MonkeyPatch, method: str, unknown: bool
) -> None:
    monkeypatch.setattr(client_module, "TOTAL_SECONDS", 0.2)
    async with listening(None) as (url, requests), VendorClient(MemoryBudget(), url) as client:
        with pytest.raises(Transient) as lost:
            await client.request(method, url)
        assert lost.value.outcome_unknown is unknown
        assert len(requests) == 1


def test_a_write_ends_before_its_worker_is_taken_for_dead() -> None:
    assert client_module.TOTAL_SECONDS < 25


def test_the_wait_that_a_header_tells_is_seconds_or_a_date() -> None:
    assert retry_after(httpx.Headers({"Retry-After": "7"})) == 7.0
    assert retry_after(httpx.Headers({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})) == 0.0
    assert retry_after(httpx.Headers({"Retry-After": "soon"})) is None
    assert retry_after(httpx.Headers()) is None


def test_waits_without_a_header_grow_to_a_minute_and_begin_anew_after_a_success() -> None:
    backoff = Backoff()
    waits = [backoff.next() for _ in range(8)]
    assert [round(wait / expected) for wait, expected in zip(waits, (2, 4, 8, 16, 32, 60, 60, 60), strict=True)] == [
        1
    ] * 8
    backoff.reset()
    assert backoff.next() < 2.3


def test_a_body_in_a_message_is_short_and_on_one_line() -> None:
    assert excerpt("<html>\n  " + "x" * 1000).count("\n") == 0
    assert len(excerpt("y" * 1000)) == 300


def test_the_registry_names_what_there_is() -> None:
    assert {"salesforce", "hubspot", "quickbooks"} <= set(PROVIDERS)
    assert ALGUNA not in PROVIDERS
    assert provider_spec("alguna").provider == "alguna"
    with pytest.raises(FieldValidation, match="salesforce"):
        provider_spec("saleforce")


def test_the_templates_cover_the_providers_entities() -> None:
    spec = provider_spec("salesforce")
    assert set(spec.templates()) == set(spec.match_rules()) == set(spec.entities)
    names = {str(one["externalField"]) for one in spec.templates()[Entity.SUBSCRIPTIONS]}
    assert names == {"Name", "StageName", "CloseDate", "Amount"}


async def test_no_more_calls_are_in_flight_than_the_connection_may_have() -> None:
    class Counting(MemoryBudget):
        def __init__(self, most: int) -> None:
            super().__init__()
            self.slots = asyncio.Semaphore(most)
            self.held = 0

        @asynccontextmanager
        async def slot(self) -> AsyncIterator[None]:
            async with self.slots:
                self.held += 1
                yield

    async with listening(None) as (url, requests):
        budget = Counting(2)
        async with VendorClient(budget, url) as client:
            calls = [asyncio.create_task(client.get(url)) for _ in range(5)]
            await eventually(lambda: settled(len(requests) == 2))
            assert (budget.held, budget.acquired) == (2, 2), "the others wait, and have not drawn from the budget yet"
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)


async def settled(done: bool) -> bool:
    return done
