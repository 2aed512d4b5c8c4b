"""`python -m benchmarks`: measure the service against a bare script, in one run. `--help` shows the options.

Both sides of each comparison run one after the other on the same machine, the same data and the same sandboxes.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from benchmarks.measure import CHANGES, Figures, Measured, measure
from benchmarks.stage import open_stage
from benchmarks.tables import Rows, leave, machine, show


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--records", type=int, default=10_000, help="accounts of the first sync (default: %(default)s)")
    parser.add_argument(
        "--latency", type=int, default=0, help="milliseconds that each vendor call takes longer (default: %(default)s)"
    )
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--workers", type=int, default=1, help="worker processes (default: %(default)s)")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with open_stage(Path(folder), database=options.database, workers=options.workers) as stage:
            await stage.slow_down(options.latency)
            figures = await measure(stage, options.records)
    title = (
        f"{options.records:,} accounts, Alguna to Salesforce, {options.latency} ms latency a call, {options.database},"
        f" {options.workers} worker(s); {machine()}"
    )
    show(title, _rows(figures), markdown=options.markdown)


def _rows(figures: Figures) -> Rows:
    first, changed, quiet = figures.first, figures.changed, figures.quiet
    return [
        *_speed("First sync", first),
        ("API calls per 1,000 records", f"{first.per_thousand(first.calls):.1f}"),
        ("Temporal actions per 1,000 records", f"{first.per_thousand(first.actions):.1f}"),
        ("Activities / events / largest history", _size(first)),
        *_speed(f"Incremental sync of {changed.records:,} changed records (median of {CHANGES})", changed),
        ("API calls / Temporal actions", f"{changed.calls} / {changed.actions}"),
        ("Pass without changes: seconds (bare script)", f"{quiet.seconds:.2f} ({quiet.bare_seconds:.2f})"),
        ("API calls / Temporal actions", f"{quiet.calls} / {quiet.actions}"),
        ("Activities / events / largest history", _size(quiet)),
        ("Worker memory, idle / peak", f"{figures.idle_bytes / 2**20:.0f} MiB / {figures.peak_bytes / 2**20:.0f} MiB"),
    ]


def _speed(title: str, item: Measured) -> Rows:
    return [
        (title, f"{item.speed:,.0f} records/s ({item.seconds:.1f} s)"),
        (
            "Bare script, same vendor calls",
            f"{item.records / item.bare_seconds:,.0f} records/s ({item.bare_seconds:.1f} s)",
        ),
        ("Ratio to the bare script", f"{item.ratio:.2f}"),
    ]


def _size(item: Measured) -> str:
    cost = item.cost
    return f"{cost.activities.total()} / {cost.events} / {cost.largest_bytes / 1024:.0f} KiB"


if __name__ == "__main__":
    asyncio.run(main())
    leave()
