"""`external-sync dev` as a person runs it: all parts up, a sync from a file, a dead worker back, a clean end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.ports import free_port
from tests.repository import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(240)]

PROGRAM = [sys.executable, "-c", "from starter.cli import main; main()"]


def free_ports() -> list[int]:
    """Ports for API, Temporal and its UI, and one below six free ones."""
    first = free_port(9)
    return [first, first + 1, first + 2, first + 3]


def until(what: str, held: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not held():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


class Dev:
    """A running `dev`, and commands in its directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        api, temporal, ui, base = free_ports()
        self.sandboxes = base
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith(("EXTERNAL_", "TEMPORAL_"))
        }
        self.env["PYTHONPATH"] = str(ROOT)
        ports = ["--port", api, "--temporal-port", temporal, "--temporal-ui-port", ui, "--sandbox-port-base", base]
        self.output = folder / "dev.out"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [*PROGRAM, "dev", *map(str, ports)], cwd=folder, env=self.env, stdout=output, stderr=subprocess.STDOUT
            )

    def said(self, text: str) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return text in self.output.read_text()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def seed(self, offset: int, count: int) -> None:
        url = f"http://127.0.0.1:{self.sandboxes + offset}/_sandbox/seed"
        httpx.post(url, json={"entity": "accounts", "count": count}, trust_env=False).raise_for_status()

    def parts(self) -> dict[str, psutil.Process]:
        """The running parts by their module."""
        found = {}
        for one in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                found[" ".join(one.cmdline()[2:3])] = one
        return found


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    running = Dev(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.wait()


def test_dev_runs_everything_syncs_mends_itself_and_leaves_nobody_behind(dev: Dev) -> None:
    until("all parts", lambda: dev.said("External Sync is running"), 120)
    key = re.findall(r"API key +(\S+)", dev.output.read_text())[0]
    assert (dev.folder / ".external-sync" / "api-key").read_text().strip() == key
    dev.seed(0, 4)
    dev.seed(1, 2)

    applied = dev.run("config", "apply", "-f", str(ROOT / "examples" / "demo.yaml"))
    assert applied.returncode == 0, applied.stderr
    synced = dev.run("sync", "int_salesforce", "--entity", "accounts", "--watch")
    assert synced.returncode == 0, synced.stdout + synced.stderr
    states = {one["integration"]: one for one in json.loads(dev.run("status", "--json").stdout)}
    assert states["int_salesforce"]["entities"]["accounts"]["linked"] == 4
    exported = dev.run("config", "export", "-f", "exported.yaml")
    assert exported.returncode == 0, exported.stderr
    assert "no change" in dev.run("config", "apply", "-f", "exported.yaml").stdout

    parts = dev.parts()
    assert set(parts) == {"starter.temporal_server", "sandbox", "worker", "starter.api"}
    parts["worker"].kill()
    until("the worker's return", lambda: dev.parts().get("worker", parts["worker"]).pid != parts["worker"].pid)
    assert dev.said("worker was ended from outside (killed by SIGKILL); restarting it"), dev.output.read_text()
    assert dev.run("sync", "int_salesforce", "--entity", "accounts", "--watch").returncode == 0

    everyone = psutil.Process(dev.process.pid).children(recursive=True)
    dev.process.send_signal(signal.SIGTERM)
    assert dev.process.wait(60) == 0
    gone, left = psutil.wait_procs(everyone, timeout=10)
    assert left == []
    assert len(gone) >= 5
    assert not (dev.folder / ".external-sync" / "dev.json").exists()
    assert "dev" in dev.run("status").stderr
