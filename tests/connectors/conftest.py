"""Each sandbox once per session; each test works in a sandbox account of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from uuid import uuid4

import pytest

from connectors.protocols import Connector
from sandbox.kit.testing import SandboxThread
from tests.connectors.support import Control, Services


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[Callable[[str], str]]:
    """Where a vendor's sandbox is, which starts when it is first asked for."""
    with contextlib.ExitStack() as running:
        urls: dict[str, str] = {}

        def url_of(vendor: str) -> str:
            if vendor not in urls:
                urls[vendor] = running.enter_context(_running(vendor))
            return urls[vendor]

        yield url_of


@contextlib.contextmanager
def _running(vendor: str) -> Iterator[str]:
    sandbox = SandboxThread(vendor)
    sandbox.start()
    try:
        yield sandbox.url
    finally:
        sandbox.stop()


@pytest.fixture
async def account_of(sandbox_url: Callable[[str], str]) -> AsyncIterator[Callable[[str], Awaitable[Control]]]:
    """Makes an account of its own at a vendor's sandbox, empty and without limits."""
    async with contextlib.AsyncExitStack() as open_ones:

        async def account(vendor: str) -> Control:
            control = Control(sandbox_url(vendor), uuid4().hex[:12])
            await open_ones.enter_async_context(contextlib.aclosing(control))
            await control.reset()
            return control

        yield account


@pytest.fixture
async def alguna(account_of: Callable[[str], Awaitable[Control]]) -> Control:
    return await account_of("alguna")


@pytest.fixture
async def salesforce(account_of: Callable[[str], Awaitable[Control]]) -> Control:
    return await account_of("salesforce")


@pytest.fixture
async def hubspot(account_of: Callable[[str], Awaitable[Control]]) -> Control:
    return await account_of("hubspot")


@pytest.fixture
async def quickbooks(account_of: Callable[[str], Awaitable[Control]]) -> Control:
    return await account_of("quickbooks")


@pytest.fixture
async def xero(account_of: Callable[[str], Awaitable[Control]]) -> Control:
    return await account_of("xero")


@pytest.fixture
async def alguna_services(alguna: Control) -> Services:
    return await alguna.services()


@pytest.fixture
async def salesforce_services(salesforce: Control) -> Services:
    return await salesforce.services()


@pytest.fixture
async def hubspot_services(hubspot: Control) -> Services:
    return await hubspot.services()


@pytest.fixture
async def alguna_connector(alguna_services: Services) -> AsyncIterator[Connector]:
    connector = alguna_services.connect("alguna")
    yield connector
    await connector.close()


@pytest.fixture
async def salesforce_connector(salesforce_services: Services) -> AsyncIterator[Connector]:
    connector = salesforce_services.connect("salesforce")
    yield connector
    await connector.close()


@pytest.fixture
async def hubspot_connector(hubspot_services: Services) -> AsyncIterator[Connector]:
    connector = hubspot_services.connect("hubspot")
    yield connector
    await connector.close()


@pytest.fixture
async def quickbooks_services(quickbooks: Control) -> Services:
    return await quickbooks.services()


@pytest.fixture
async def quickbooks_connector(quickbooks_services: Services) -> AsyncIterator[Connector]:
    connector = quickbooks_services.connect("quickbooks")
    yield connector
    await connector.close()
