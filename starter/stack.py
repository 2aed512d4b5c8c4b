"""All parts of the service on one machine: which processes they are, with which settings, on which ports."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from connectors.registry import ALGUNA, PROVIDERS
from starter.children import Part, Supervisor
from starter.keys import Keys
from starter.sandboxes import HOST, PORTS, Sandbox, url_of

NOTE = "dev.json"
"""The file in the data directory in which running parts leave their addresses for the command line."""

TEMPORAL_READY = "the Temporal server is ready"
"""What `starter.temporal_server` says when it serves."""

_SANDBOXES = (ALGUNA, *PROVIDERS)
_ROOT = Path(__file__).resolve().parent.parent
_INHERITED_NOT = ("EXTERNAL_SYNC_", "TEMPORAL_")
# All parts are on this machine and answer at once: a worker that dies is missed sooner than the setting's default says.
LOCAL_HEARTBEAT_SECONDS = "10"
_WORKER_READY = "worker_ready"


class StackError(Exception):
    """The parts cannot be started. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of all parts; the sandboxes listen at `sandbox_base` and above."""

    api: int = 8080
    temporal: int = 7233
    temporal_ui: int = 8233
    sandbox_base: int = 9100

    def named(self, *, sandboxes: bool) -> dict[str, int]:
        """Return every port with the option that moves it."""
        own = {"--port": self.api, "--temporal-port": self.temporal, "--temporal-ui-port": self.temporal_ui}
        base = {f"--sandbox-port-base ({name})": self.sandbox_base + PORTS[name] for name in _SANDBOXES}
        return {**own, **base} if sandboxes else own

    def check(self, *, sandboxes: bool) -> None:
        """Raise StackError that names each port which is taken, or given twice."""
        named = self.named(sandboxes=sandboxes)
        if impossible := [f"{name} {port} is not a port" for name, port in named.items() if not 0 < port < 65536]:
            raise StackError("\n".join(impossible))
        taken = [f"port {port} is in use; choose another with {name}" for name, port in named.items() if _taken(port)]
        if taken:
            raise StackError("\n".join(taken))
        if len(set(named.values())) < len(named):
            raise StackError("two parts cannot have one port: " + ", ".join(f"{n} {p}" for n, p in named.items()))

    def or_free(self) -> Ports:
        """Return these ports, each replaced by a free one where it is taken."""
        base = self.sandbox_base
        while any(_taken(base + offset) for offset in PORTS.values()):
            base = _free_port()
        return Ports(_or_free(self.api), _or_free(self.temporal), _or_free(self.temporal_ui), base)


@dataclass(frozen=True, slots=True)
class Stack:
    """The parts with their settings.

    `given` are settings of a person that worker and API take over. With sandboxes the parts run in the data directory,
    where no `.env` for a real installation is found; without them they run where we do, and read it.
    """

    data_dir: Path
    ports: Ports
    keys: Keys
    sandboxes: bool = True
    keep_sandboxes: bool = True
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def api_url(self) -> str:
        """Where the API is."""
        return f"http://{HOST}:{self.ports.api}"

    @property
    def temporal_ui_url(self) -> str:
        """Where Temporal Web is."""
        return f"http://{HOST}:{self.ports.temporal_ui}"

    @property
    def log_dir(self) -> Path:
        """Where the parts' logs are."""
        return self.data_dir / "logs"

    def sandbox(self, system: str) -> Sandbox:
        """Return the control API of a sandbox."""
        return Sandbox(url_of(system, self.ports.sandbox_base))

    def start(self, supervisor: Supervisor) -> None:
        """Start everything in order; returns when the API answers. Raises PartFailedError."""
        first = [self.temporal_part(), *([self.sandbox_part()] if self.sandboxes else [])]
        for part in first:
            supervisor.launch(part)
        supervisor.await_ready(*(part.name for part in first))
        env = self.environment()
        for part in (self.worker_part(env), self.api_part(env)):
            supervisor.launch(part)
        supervisor.await_ready("worker", "api")

    def temporal_part(self) -> Part:
        """The Temporal server, its state in a file."""
        command = [sys.executable, "-m", "starter.temporal_server", "--folder", str(self.data_dir / "temporal")]
        command += ["--port", str(self.ports.temporal), "--ui-port", str(self.ports.temporal_ui)]
        # The first start may download the server.
        return self._part("temporal", command, self._base(), lambda log: TEMPORAL_READY in log, ready_seconds=180)

    def sandbox_part(self) -> Part:
        """All sandboxes, with the vendors' limits at scale 10."""
        command = [sys.executable, "-m", "sandbox", "--port-base", str(self.ports.sandbox_base)]
        command += ["--data-dir", str(self.data_dir / "sandboxes")] if self.keep_sandboxes else []
        last = f"{_SANDBOXES[-1]} sandbox: "
        return self._part("sandbox", command, self._base(), lambda log: last in log)

    def worker_part(self, env: Mapping[str, str]) -> Part:
        """The worker; it drains for up to 20 seconds when it is stopped."""
        command = [sys.executable, "-m", "worker"]
        return self._part("worker", command, env, lambda log: _WORKER_READY in log, stop_seconds=30)

    def api_part(self, env: Mapping[str, str]) -> Part:
        """The HTTP API."""
        command = [sys.executable, "-m", "starter.api", "--host", HOST, "--port", str(self.ports.api)]
        return self._part("api", command, env, lambda _log: self._api_ready())

    def environment(self) -> dict[str, str]:
        """Return the settings of worker and API. Asks the Alguna sandbox for a key of its own."""
        env = self._base()
        env.update(self.given)
        env["EXTERNAL_SYNC_DATA_DIR"] = str(self.data_dir)
        env["EXTERNAL_SYNC_API_KEY"] = self.keys.api_key
        env["EXTERNAL_SYNC_ENCRYPTION_KEYS"] = self.keys.encryption_keys
        env["EXTERNAL_SYNC_TEMPORAL_UI_URL"] = self.temporal_ui_url
        env["EXTERNAL_SYNC_WEBHOOK_ALLOW_PRIVATE"] = "true"
        if self.sandboxes:
            env.setdefault("EXTERNAL_SYNC_PUBLIC_URL", self.api_url)
            env.setdefault("EXTERNAL_SYNC_HEARTBEAT_SECONDS", LOCAL_HEARTBEAT_SECONDS)
            alguna = self.sandbox("alguna").credentials()
            env["EXTERNAL_SYNC_ALGUNA_BASE_URL"] = alguna["baseUrl"]
            env["EXTERNAL_SYNC_ALGUNA_API_KEY"] = alguna["apiKey"]
            env["EXTERNAL_SYNC_ALGUNA_WEBHOOK_SECRET"] = alguna["webhookSecret"]
        env["TEMPORAL_ADDRESS"] = f"{HOST}:{self.ports.temporal}"
        env["TEMPORAL_NAMESPACE"] = "default"
        # What a person set up for a server elsewhere, TLS and a profile file, must not reach this one.
        env["TEMPORAL_TLS"] = "false"
        profile = self.data_dir / "temporal.toml"
        profile.touch()
        env["TEMPORAL_CONFIG_FILE"] = str(profile)
        return env

    def note(self) -> dict[str, Any]:
        """Return the addresses of the parts, as the command line reads them."""
        sandboxes = {name: url_of(name, self.ports.sandbox_base) for name in _SANDBOXES} if self.sandboxes else {}
        return {"url": self.api_url, "temporalUi": self.temporal_ui_url, "sandboxes": sandboxes}

    def _part(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        ready: Callable[[str], bool],
        *,
        ready_seconds: float = 60,
        stop_seconds: float = 15,
    ) -> Part:
        cwd = self.data_dir if self.sandboxes else Path.cwd()
        return Part(name, command, env, cwd, ready, ready_seconds, stop_seconds)

    def _base(self) -> dict[str, str]:
        """What every part gets: this process's environment without settings for another installation."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(_INHERITED_NOT)}
        env["NO_PROXY"] = env["no_proxy"] = ",".join(filter(None, [env.get("NO_PROXY"), HOST, "localhost"]))
        env["PYTHONUNBUFFERED"] = "1"
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_ROOT), env.get("PYTHONPATH")]))
        return env

    def _api_ready(self) -> bool:
        try:
            return httpx.get(f"{self.api_url}/readyz", timeout=5.0, trust_env=False).is_success
        except httpx.TransportError:
            return False


@contextmanager
def holding(data_dir: Path) -> Iterator[None]:
    """Hold a data directory for this process alone. Raises StackError when another one uses it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "dev.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StackError(f"{data_dir} is in use by another `external-sync dev`; choose --data-dir") from error
        yield


@contextmanager
def noted(stack: Stack) -> Iterator[None]:
    """Leave the parts' addresses in the data directory while they run."""
    path = stack.data_dir / NOTE
    path.write_text(json.dumps(stack.note(), indent=2) + "\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read_note(data_dir: Path) -> dict[str, Any]:
    """Return the addresses that running parts left in a data directory; empty where none run."""
    try:
        found = json.loads((data_dir / NOTE).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _or_free(port: int) -> int:
    return _free_port() if _taken(port) else port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
