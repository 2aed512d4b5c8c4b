"""`python -m sandbox` as a process: ports, data directory, signals."""

import asyncio
import contextlib
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from sandbox.registry import VENDORS
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


async def start(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sandbox",
        *options,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@contextlib.asynccontextmanager
async def running(data_dir: Path, end: signal.Signals) -> AsyncIterator[httpx.AsyncClient]:
    """The Alguna sandbox as a process that is ended by this signal, and has to exit with 0."""
    process = await start(
        "--vendor", "alguna", "--port-base", str(free_port(len(VENDORS))), "--data-dir", str(data_dir)
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    found = re.fullmatch(r"alguna sandbox: (http://127\.0\.0\.1:\d+)\n", line)
    try:
        assert found is not None, line
        async with httpx.AsyncClient(base_url=found[1], timeout=20) as http:
            yield http
    finally:
        process.send_signal(end)
        await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0


async def test_state_outlives_the_process(tmp_path: Path) -> None:
    async with running(tmp_path, signal.SIGTERM) as http:
        key = (await http.get("/_sandbox/credentials")).json()["apiKey"]
        headers = {"Authorization": f"Bearer {key}", "Alguna-Version": "2026-04-01", "Idempotency-Key": "k1"}
        seeded = (await http.post("/_sandbox/seed", json={"entity": "payments", "count": 3, "seed": 7})).json()["ids"]
        body = {"name": "Harbor Optics Ltd", "currency": "GBP", "aliases": ["crm:001A"]}
        made = (await http.post("/customers", json=body, headers=headers)).json()
        await http.post("/_sandbox/records/accounts?account=2", json={"name": "Other", "currency": "EUR"})
        await http.post("/_sandbox/webhooks", json={"url": "http://127.0.0.1:9/none", "secret": "whsec_AAAA"})
    async with running(tmp_path, signal.SIGINT) as http:
        assert (await http.get("/customers/crm:001A", headers=headers)).json() == made
        again = await http.post("/customers", json=body, headers=headers)
        assert (again.json(), again.headers["Idempotent-Replayed"]) == (made, "true")
        payments = (await http.get("/_sandbox/records/payments")).json()
        assert [row["id"] for row in payments["data"]] == seeded
        repeated = await http.post("/_sandbox/seed", json={"entity": "payments", "count": 3, "seed": 7})
        assert repeated.json()["ids"] == seeded
        others = (await http.get("/_sandbox/records/accounts?account=2")).json()["data"]
        assert [row["name"] for row in others] == ["Other"]
        assert (await http.get("/_sandbox/webhooks")).json()["secret"] == "whsec_AAAA"
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"alguna-1.json": 0o600, "alguna-2.json": 0o600}


async def test_state_is_saved_while_running(tmp_path: Path) -> None:
    process = await start(
        "--vendor", "alguna", "--port-base", str(free_port(len(VENDORS))), "--data-dir", str(tmp_path)
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().split()[-1]
    async with httpx.AsyncClient(base_url=url) as http:
        await http.post("/_sandbox/seed", json={"entity": "accounts", "count": 2, "seed": 7})
    async with asyncio.timeout(20):
        while not (tmp_path / "alguna-1.json").exists():  # noqa: ASYNC110 (no event tells of a file)
            await asyncio.sleep(0.1)
    process.kill()
    await process.communicate()
    async with running(tmp_path, signal.SIGTERM) as http:
        assert (await http.get("/_sandbox/records/accounts")).json()["total"] == 2


async def test_taken_port_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await start("--vendor", "alguna", "--port-base", str(port))
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode() == f"sandbox: cannot listen on 127.0.0.1:{port} for alguna: Address already in use\n"


async def test_all_sandboxes_run_in_one_process_on_their_own_ports() -> None:
    base = free_port(len(VENDORS))
    process = await start("--port-base", str(base))
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode() for _ in VENDORS]
    assert lines == [f"{name} sandbox: http://127.0.0.1:{base + place}\n" for name, (place, _) in VENDORS.items()]
    async with httpx.AsyncClient() as http:
        for place, _ in VENDORS.values():
            granted = await http.get(f"http://127.0.0.1:{base + place}/_sandbox/credentials")
            assert granted.status_code == 200
    process.terminate()
    await process.communicate()
    assert process.returncode == 0


@pytest.mark.parametrize("option", ["--vendor=nobody", "--limit-scale=many"])
async def test_bad_option_is_bad_usage(option: str) -> None:
    process = await start(option)
    await process.communicate()
    assert process.returncode == 2
