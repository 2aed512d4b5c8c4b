"""Waiting for a run: progress bars on a terminal, a line for each news in a pipe."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from starter.cli.output import console, is_terminal, moment, say, show_pairs, show_table
from starter.client import Client
from starter.shapes import Run

ENDED = {"completed", "completed_with_errors", "failed", "canceled"}

_POLL_SECONDS = 0.5
_OUTCOMES = ("created", "updated", "unchanged", "skipped", "failed")
_FOUND = ("matched", "different", "missing", "extra")
_NOTES = ("linked", "merged", "conflicts", "parked", "heldDeletions")
_SIDES = {"toExternal": "to external", "toAlguna": "to Alguna"}


def watch_run(client: Client, integration: str, sync_id: str, *, quiet: bool = False) -> Run:
    """Wait until a run has ended, and return it."""
    if is_terminal() and not quiet:
        return _watch_bars(client, integration, sync_id)
    seen = ""
    while True:
        run = client.run(integration, sync_id)
        news = _news(integration, run)
        if news != seen and not quiet:
            say(news)
        seen = news
        if run["status"] in ENDED:
            return run
        time.sleep(_POLL_SECONDS)


def show_run(run: Run) -> None:
    """Print a run with its counts."""
    rows = [
        [entity, label, *(counts.get(side, {}).get(key, 0) for key in _OUTCOMES)]
        for entity, counts in run.get("stats", {}).items()
        for side, label in _SIDES.items()
        if side in counts
    ]
    if rows:
        show_table(["entity", "direction", *_OUTCOMES], rows)
    found = [
        [entity, side, *(numbers.get(key, 0) for key in _FOUND)]
        for entity, counts in run.get("stats", {}).items()
        for side, numbers in (counts.get("found") or {}).items()
    ]
    if found:
        show_table(["entity", "found on", *_FOUND], found)
    notes = [
        (entity, ", ".join(f"{key} {counts[key]}" for key in _NOTES if counts.get(key)))
        for entity, counts in run.get("stats", {}).items()
    ]
    calls = run.get("apiCalls") or {}
    show_pairs(
        [
            ("sync", run["syncId"]),
            ("status", run["status"]),
            *((entity, text) for entity, text in notes if text),
            ("API calls", ", ".join(f"{side} {number}" for side, number in calls.items())),
            ("started", moment(run.get("startedAt"))),
            ("completed", moment(run.get("completedAt"))),
            ("Temporal", run.get("temporalUrl")),
        ]
    )
    if run["status"] == "completed_with_errors":
        # A dry run leaves no errors: what would fail is among the rows that it shows.
        could, where = ("would", "see above") if run.get("dryRun") else ("could", "external-sync errors")
        say(f"Some records {could} not be synced: {where}")


def _watch_bars(client: Client, integration: str, sync_id: str) -> Run:
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console()) as progress:
        whole = progress.add_task("run", total=None, note="")
        bars: dict[str, Any] = {}
        while True:
            run = client.run(integration, sync_id)
            pending = client.sync_state(integration).get("entities", {})
            progress.update(whole, note=_news(integration, run))
            for entity, counts in run.get("stats", {}).items():
                if entity not in bars:
                    bars[entity] = progress.add_task(entity, total=None, note="")
                done = handled(counts)
                left = int(pending.get(entity, {}).get("pending", 0) or 0)
                progress.update(bars[entity], completed=done, total=done + left or None)
            if run["status"] in ENDED:
                progress.update(whole, total=1, completed=1)
                return run
            time.sleep(_POLL_SECONDS)


def handled(counts: Mapping[str, Any]) -> int:
    """Return how many outcomes an entity's stats hold."""
    return sum(int(counts.get(side, {}).get(key, 0)) for side in _SIDES for key in _OUTCOMES)


def _news(integration: str, run: Run) -> str:
    if run["status"] != "paused":
        return str(run["status"])
    return f"paused: see `external-sync status {integration}` for what it waits for; it then goes on by itself"
