"""`python -m benchmarks.scale`: how speed, cost and memory grow with the number of records, on both databases.

Each size has a stage of its own. Growth is the time per record at one size by that at the size before.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from benchmarks.measure import Figures, measure
from benchmarks.stage import open_stage
from benchmarks.tables import Rows, leave, machine, show

HEADS = (
    "records",
    "first sync, records/s (bare)",
    "time per record, growth",
    "API calls, Temporal actions per 1,000",
    "1 % changed, s (bare)",
    "no change, s (bare)",
    "ratio to the bare scan",
    "largest history",
    "peak worker memory",
)


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--databases", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--workers", type=int, default=1, help="worker processes (default: %(default)s)")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    options = parser.parse_args()
    for database in options.databases:
        rows: Rows = []
        before: Figures | None = None
        for size in options.sizes:
            with tempfile.TemporaryDirectory() as folder:
                async with open_stage(Path(folder), database=database, workers=options.workers) as stage:
                    figures = await measure(stage, size)
            rows.append(_row(figures, before))
            before = figures
        title = f"Alguna to Salesforce, {database}, {options.workers} worker(s); {machine()}"
        show(title, rows, HEADS, markdown=options.markdown)


def _row(figures: Figures, before: Figures | None) -> tuple[str, ...]:
    first, changed, quiet = figures.first, figures.changed, figures.quiet
    growth = "" if before is None else f", {before.first.speed / first.speed:.2f} ×"
    return (
        f"{first.records:,}",
        f"{first.speed:,.0f} ({first.records / first.bare_seconds:,.0f})",
        f"{1000 / first.speed:.2f} ms{growth}",
        f"{first.per_thousand(first.calls):.1f}, {first.per_thousand(first.actions):.1f}",
        f"{changed.seconds:.1f} ({changed.bare_seconds:.1f})",
        f"{quiet.seconds:.1f} ({quiet.bare_seconds:.1f})",
        f"{quiet.seconds / quiet.bare_seconds:.2f}",
        f"{first.cost.largest_bytes / 1024:.0f} KiB",
        f"{figures.peak_bytes / 2**20:.0f} MiB",
    )


if __name__ == "__main__":
    asyncio.run(main())
    leave()
