"""`python -m benchmarks.fair`: whether one integration's troubles hold up the others (I11).

Integrations of one installation make their first sync at once, each into a Salesforce org of its own: first the healthy
ones alone, then as many others together with one that is limited for ever and one whose grant is revoked.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle

from activities.contracts import RunRequest
from benchmarks.stage import Stage, accounts_config, open_stage
from benchmarks.tables import leave, machine, show
from core import names


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.fair", description=__doc__)
    parser.add_argument("--healthy", type=int, default=18, help="healthy integrations (default: %(default)s)")
    parser.add_argument("--records", type=int, default=500, help="accounts of each first sync (default: %(default)s)")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with open_stage(Path(folder)) as stage:
            await stage.control(
                stage.alguna, "POST", "seed", {"entity": "accounts", "count": options.records, "seed": 7}
            )
            alone = await _round(stage, [f"a{number}" for number in range(options.healthy)], sick=False)
            beside = await _round(stage, [f"b{number}" for number in range(options.healthy)], sick=True)
    rows = [
        (f"{options.healthy} healthy integrations alone", f"{alone:.1f} s"),
        ("as many beside a limited and an unauthorised one", f"{beside:.1f} s"),
        ("ratio", f"{beside / alone:.2f}"),
    ]
    show(f"First syncs of {options.records:,} accounts each; {machine()}", [*rows], markdown=options.markdown)


async def _round(stage: Stage, orgs: Sequence[str], *, sick: bool) -> float:
    """Sync the orgs at once, beside two sick ones if wished; return the seconds until the last healthy one ended."""
    for org in orgs:
        await _connect(stage, org)
    if sick:
        await _connect(stage, "limited")
        await _connect(stage, "revoked")
        await stage.control(stage.own, "POST", "faults?account=limited", {"fault": "rate_limit", "retryAfter": 1})
        await stage.control(stage.own, "POST", "auth?account=revoked", {"action": "revoke_grant"})
        for org in ("limited", "revoked"):
            await _start(stage, org)
    started = time.perf_counter()
    handles = [await _start(stage, org) for org in orgs]
    await asyncio.gather(*(handle.result() for handle in handles))
    return time.perf_counter() - started


async def _connect(stage: Stage, org: str) -> None:
    granted = await stage.control(stage.own, "GET", f"credentials?account={org}")
    limits = granted.pop("limits", {})
    await stage.services.connections.create_integration(f"int_{org}", "salesforce", granted, org, limits=limits)
    await stage.services.configs.save(f"int_{org}", accounts_config())


async def _start(stage: Stage, org: str) -> WorkflowHandle[Any, Any]:
    run_id = f"sync_{org}"
    return await stage.temporal.start_workflow(
        names.INTEGRATION_SYNC,
        RunRequest(integration_id=f"int_{org}", trigger="manual", run_id=run_id),
        id=names.run_workflow_id(run_id),
        task_queue=stage.services.settings.task_queue,
    )


if __name__ == "__main__":
    asyncio.run(main())
    leave()
