"""A Temporal server per test session and a fresh world per test."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from connectors import registry
from runtime.dev_server import start_dev_server
from sandbox.kit.testing import SandboxThread
from tests.engine.books import Books, LedgerPasses
from tests.engine.inproc import Passes, make_passes
from tests.engine.ledger import Ledger, offering
from tests.engine.local import Local
from tests.engine.world import Sandboxes, World, make_world
from tests.ports import free_port


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the marked tests on both databases, and with TEST_DATABASE=postgresql all tests on that one."""
    postgresql = pytest.param("postgresql", marks=pytest.mark.postgres)
    if os.environ.get("TEST_DATABASE") == "postgresql":
        metafunc.parametrize("store_kind", [postgresql], indirect=True)
    elif metafunc.definition.get_closest_marker("both_databases"):
        metafunc.parametrize("store_kind", ["sqlite", postgresql], indirect=True)


@pytest.fixture(autouse=True)
def store_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which database the worlds of a test are made on."""
    if getattr(request, "param", "sqlite") == "postgresql":
        monkeypatch.setenv("TEST_DATABASE_URL", request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def temporal_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Temporal server with a persistent file."""
    folder = tmp_path_factory.mktemp("temporal")
    server = asyncio.run(start_dev_server(folder=folder, port=free_port(), ui_port=None))
    yield server.address
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def running() -> Iterator[Callable[[str], SandboxThread]]:
    """A vendor's sandbox, which starts when it is first asked for and serves all tests."""
    threads: dict[str, SandboxThread] = {}

    def sandbox(vendor: str) -> SandboxThread:
        if vendor not in threads:
            threads[vendor] = SandboxThread(vendor)
            threads[vendor].start()
        return threads[vendor]

    yield sandbox
    for thread in threads.values():
        thread.stop()


@pytest.fixture
def provider() -> str:
    """The provider of a test's sandboxes; files about another one say so."""
    return "salesforce"


@pytest.fixture
async def boxes(running: Callable[[str], SandboxThread], provider: str) -> AsyncIterator[Sandboxes]:
    """Both sandboxes, empty."""
    made = Sandboxes(provider, running("alguna"), running(provider))
    await made.empty()
    yield made
    await made.http.aclose()


@pytest.fixture
async def world(tmp_path: Path, temporal_address: str, boxes: Sandboxes) -> AsyncIterator[World]:
    """A connected service without a configuration."""
    made = await make_world(tmp_path, temporal_address, boxes, heartbeat_seconds=3, chunk_size=100)
    yield made
    await made.close()


@pytest.fixture
async def passes(tmp_path: Path, boxes: Sandboxes) -> AsyncIterator[Passes]:
    """A connected service without Temporal. Its chunks hold one record each, so that nothing hangs on their borders."""
    await boxes.empty(enabled=False)
    made = await make_passes(tmp_path, boxes, chunk_size=1)
    yield made
    await made.close()


@pytest.fixture
async def books(
    tmp_path: Path, running: Callable[[str], SandboxThread], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Books]:
    """Alguna and a small accounting system, connected and configured for invoices and payments."""
    ledger, alguna = Ledger(), running("alguna")
    monkeypatch.setitem(registry._SPECS, "ledger", offering(ledger))
    boxes = Sandboxes("ledger", alguna, alguna)
    await boxes.control("alguna", "POST", "reset", {})
    await boxes.control("alguna", "POST", "limits", {"enabled": False})
    made = await make_passes(tmp_path, boxes, kind=LedgerPasses, chunk_size=2)
    assert isinstance(made, LedgerPasses)
    books = Books(made, ledger)
    await books.configure()
    yield books
    await made.close()
    await boxes.http.aclose()


@pytest.fixture
async def local(tmp_path: Path, boxes: Sandboxes) -> AsyncIterator[Local]:
    """A connected service without Temporal whose runs are carried out in the test."""
    await boxes.empty(enabled=False)
    made = await make_passes(tmp_path, boxes, kind=Local, chunk_size=100)
    assert isinstance(made, Local)
    yield made
    await made.close()
