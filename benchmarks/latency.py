"""`python -m benchmarks.latency`: how long an edit takes from one system to the other, with real-time sync.

An edit is made in a sandbox as a person makes it; the sandbox sends its webhook; the time counts until the write with
the edited value reaches the other system. Coalescing is 0, so that only the service's own way is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.costs import actions
from benchmarks.stage import Stage, answers, environment, open_stage, running
from runtime.dev_server import HOST
from tests.ports import free_port

INTEGRATION = "int_latency"
KEY = "a-key-for-the-benchmark"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WITHIN_SECONDS = 60
REALTIME = {"enabled": True, "coalesceSeconds": 0, "pollSeconds": 0}


@dataclass(frozen=True, slots=True)
class Way:
    """From where to where: the entity, the sandboxes' URLs, and the field that holds a record's name there."""

    title: str
    entity: str
    source: str
    target: str
    name: str


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.latency", description=__doc__)
    parser.add_argument("--events", type=int, default=150, help="edits each way (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=5.0, help="edits a second (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with open_stage(Path(folder)) as stage, _serving(stage, Path(folder)) as api:
            await _prepare(stage, api, options.events)
            ways = [
                Way("Salesforce account → Alguna", "accounts", stage.bare, stage.alguna, "Name"),
                Way("Alguna subscription → Salesforce", "subscriptions", stage.alguna, stage.bare, "name"),
            ]
            rows = [(way.title, *await _measure(stage, way, options.events, options.rate)) for way in ways]
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{options.rate:g} events/s, coalescing 0; Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"load averages at the end: {load}\n")
    print("| way | events | p50 | p95 | slowest | Temporal actions an event |\n|---|---|---|---|---|---|")
    for title, times, spent in rows:
        p95 = statistics.quantiles(times, n=20)[-1]
        line = f"{len(times)} | {statistics.median(times):.2f} s | {p95:.2f} s | {max(times):.2f} s"
        print(f"| {title} | {line} | {spent / len(times):.1f} |")


@asynccontextmanager
async def _serving(stage: Stage, folder: Path) -> AsyncIterator[str]:
    """The API as a process; its URL."""
    port = free_port()
    variables = environment(stage.services.settings, stage.temporal_address) | {
        "EXTERNAL_SYNC_API_KEY": KEY,
        "EXTERNAL_SYNC_PUBLIC_URL": f"http://{HOST}:{port}",
    }
    with running([sys.executable, "-m", "starter.api", "--host", HOST, "--port", str(port)], folder, variables):
        await answers(stage.http, f"http://{HOST}:{port}/readyz")
        stage.http.headers["Authorization"] = f"Bearer {KEY}"
        yield f"http://{HOST}:{port}"


async def _call(stage: Stage, method: str, url: str, body: object = None) -> Any:
    reply = await stage.http.request(method, url, json=body)
    if reply.is_error:
        raise RuntimeError(f"{method} {url}: {reply.text}")
    return reply.json()


async def _prepare(stage: Stage, api: str, count: int) -> None:
    """Linked accounts and subscriptions, real-time sync, and the webhooks of both systems."""
    await stage.control(stage.alguna, "POST", "seed", {"entity": "subscriptions", "count": count, "seed": 7})
    await stage.control(stage.alguna, "POST", "seed", {"entity": "accounts", "count": count, "seed": 7})
    integration = f"{api}/integrations/{INTEGRATION}"
    alguna = {**await stage.credentials(stage.alguna), "webhookSecret": SECRET}
    await _call(stage, "POST", f"{api}/integrations/alguna/reconnect", {"credentials": alguna})
    new = {"id": INTEGRATION, "provider": "salesforce", "credentials": await stage.credentials(stage.bare)}
    await _call(stage, "POST", f"{api}/integrations", new)
    config = {"entities": ["accounts", "subscriptions"], "conflictResolution": "latest_wins", "realtime": REALTIME}
    await _call(stage, "POST", f"{integration}/sync-config", config)
    run = await _call(stage, "POST", f"{integration}/sync")
    await _completed(stage, f"{integration}/sync-history/{run['syncId']}")
    receiver = await _call(stage, "POST", f"{integration}/webhook-secret", {})
    await stage.control(stage.bare, "POST", "webhooks", {"url": receiver["url"], "secret": "unused"})
    await stage.control(stage.alguna, "POST", "webhooks", {"url": f"{api}/webhooks/alguna", "secret": SECRET})


async def _completed(stage: Stage, url: str) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            if (await _call(stage, "GET", url))["status"] == "completed":
                return
            await asyncio.sleep(0.2)


async def _measure(stage: Stage, way: Way, count: int, rate: float) -> tuple[list[float], int]:
    """Edit `count` records at `rate` a second; return each edit's seconds, and the actions that all of them took."""
    rows = (await stage.control(way.source, "GET", f"records/{way.entity}?limit={count}"))["data"]
    await stage.clear_calls()
    before = await actions(stage.http, stage.metrics_url)
    made: dict[str, datetime] = {}
    begun = asyncio.get_running_loop().time()
    for number, row in enumerate(rows):
        await asyncio.sleep(max(0.0, begun + number / rate - asyncio.get_running_loop().time()))
        name = f"Latency {way.entity} {number:05d}"
        made[name] = datetime.now(UTC)
        await stage.control(way.source, "PATCH", f"records/{way.entity}/{row.get('Id') or row['id']}", {way.name: name})
    came = await _arrivals(stage, way.target, list(made))
    spent = await actions(stage.http, stage.metrics_url) - before
    return [(came[name] - at).total_seconds() for name, at in made.items()], spent


async def _arrivals(stage: Stage, target: str, wanted: Sequence[str]) -> dict[str, datetime]:
    """When the first write with each of these names reached a system. Raises TimeoutError when one does not come."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            calls = (await stage.control(target, "GET", "calls"))["data"]
            writes = [(call["at"], json.dumps(call["body"])) for call in calls if call["method"] in ("PATCH", "POST")]
            came = {name: next((at for at, body in writes if name in body), None) for name in wanted}
            found = {name: datetime.fromisoformat(at) for name, at in came.items() if at}
            if len(found) == len(wanted):
                return found
            await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    # The Temporal runtime's threads can abort an interpreter that exits the usual way (sdk-python issue 300).
    os._exit(0)
