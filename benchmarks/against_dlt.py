"""`make bench-dlt`: the service beside dlt on the same customers of one Alguna sandbox.

They do not do the same: dlt reads one way into a local DuckDB file; the service reads both systems, merges, writes each
record into Salesforce and keeps what it needs to sync back. The figures say what each takes, not which is better.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from alguna.client import DEFAULT_API_VERSION

from benchmarks.measure import timed
from benchmarks.stage import Stage, open_stage
from benchmarks.tables import leave, machine, show

SCRIPT = Path(__file__).with_name("pull_with_dlt.py")


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.against_dlt", description=__doc__)
    parser.add_argument("--python", required=True, help="the interpreter of an environment that has dlt")
    parser.add_argument("--records", type=int, default=10_000, help="customers (default: %(default)s)")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as place:
        async with open_stage(Path(folder)) as stage:
            seed = {"entity": "accounts", "count": options.records, "seed": 7}
            await stage.control(stage.alguna, "POST", "seed", seed)
            pulled = await _pull(stage, options.python, place)
            calls = await stage.count_calls()
            await stage.clear_calls()
            _, first = await timed(stage.sync)
            first_calls = await stage.count_calls()
            await stage.clear_calls()
            _, quiet = await timed(stage.sync)
            quiet_calls = await stage.count_calls()
    one, two = pulled["seconds"]
    speed = options.records / first
    rows = [
        ("dlt, Alguna → DuckDB, first pull", f"{one:.1f} s", f"{pulled['rows'] / one:,.0f}", f"{calls // 2}"),
        ("dlt, second pull, nothing changed", f"{two:.1f} s", "", f"{calls // 2}"),
        ("service, Alguna → Salesforce, first sync", f"{first:.1f} s", f"{speed:,.0f}", f"{first_calls}"),
        ("service, both ways, nothing changed", f"{quiet:.1f} s", "", f"{quiet_calls}"),
    ]
    heads = ("", "time", "records/s", "API calls")
    show(f"{options.records:,} customers; {machine()}", [*rows], heads, markdown=options.markdown)


async def _pull(stage: Stage, python: str, folder: str) -> dict[str, Any]:
    granted = await stage.credentials(stage.alguna)
    process = await asyncio.create_subprocess_exec(
        python,
        str(SCRIPT),
        granted["baseUrl"],
        folder,
        env={
            **os.environ,
            "ALGUNA_API_KEY": granted["apiKey"],
            "ALGUNA_VERSION": DEFAULT_API_VERSION,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        },
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("dlt did not end well")
    found: dict[str, Any] = json.loads(said.decode().strip().splitlines()[-1])
    return found


if __name__ == "__main__":
    asyncio.run(main())
    leave()
