"""All sandboxes once per session; each test works in a sandbox account of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from connectors.protocols import Connector
from sandbox.kit.testing import SandboxThread
from tests.connectors.support import Control, Services


@pytest.fixture(scope="session")
def alguna_url() -> Iterator[str]:
    with _running("alguna") as url:
        yield url


@pytest.fixture(scope="session")
def salesforce_url() -> Iterator[str]:
    with _running("salesforce") as url:
        yield url


@pytest.fixture(scope="session")
def hubspot_url() -> Iterator[str]:
    with _running("hubspot") as url:
        yield url


@contextlib.contextmanager
def _running(vendor: str) -> Iterator[str]:
    sandbox = SandboxThread(vendor)
    sandbox.start()
    try:
        yield sandbox.url
    finally:
        sandbox.stop()


@pytest.fixture
async def alguna(alguna_url: str) -> AsyncIterator[Control]:
    async with contextlib.aclosing(Control(alguna_url, uuid4().hex[:12])) as control:
        await control.reset()
        yield control


@pytest.fixture
async def salesforce(salesforce_url: str) -> AsyncIterator[Control]:
    async with contextlib.aclosing(Control(salesforce_url, uuid4().hex[:12])) as control:
        await control.reset()
        yield control


@pytest.fixture
async def hubspot(hubspot_url: str) -> AsyncIterator[Control]:
    async with contextlib.aclosing(Control(hubspot_url, uuid4().hex[:12])) as control:
        await control.reset()
        yield control


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
