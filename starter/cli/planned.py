"""What a dry run found: each record with the fields that would be written, then the counts and what it would cost."""

from __future__ import annotations

from itertools import islice
from typing import Any

from starter.cli.output import say, show_table
from starter.cli.watching import show_run
from starter.client import Client
from starter.shapes import Run

_PAGE = 100
_SIDES = {"toExternal": "external", "toAlguna": "Alguna"}
_COLUMNS = ["entity", "record", "what", "in", "field", "from", "to", "because"]


def show_plan(client: Client, integration: str, run: Run) -> None:
    """Print a dry run, page by page, so that a first load of any size can be shown."""
    records = client.records(integration, run["syncId"])
    while page := list(islice(records, _PAGE)):
        show_table(_COLUMNS, [row for record in page for row in _rows(record)])
        say("")
    show_run(run)
    read, planned = run.get("apiCalls") or {}, run.get("plannedCalls") or {}
    for side, label in (("alguna", "Alguna"), ("external", "the external system")):
        made, more = read.get(side, 0), planned.get(side, 0)
        say(f"The same sync would make about {made + more} calls to {label}, {more} of them to write and confirm.")
    unsettled = sum(counts.get("unsettled", 0) for counts in run.get("stats", {}).values())
    if unsettled:
        say(f"{unsettled} writes of an earlier sync have no known outcome; the next sync finds it out before all this.")
    say("Nothing was written.")


def _rows(record: dict[str, Any]) -> list[list[object]]:
    """One row for each field that would be written; one with the reason for a record of which nothing would be."""
    known = record.get("algunaId") or record.get("externalId")
    first = [record["entity"], known, record["outcome"], _SIDES.get(record["direction"])]
    changes = record.get("changes") or []
    if not changes:
        return [[*first, ", ".join(record.get("fields") or []), None, None, record.get("reason")]]
    return [[*first, item["field"], item["from"], item["to"], item["rule"]] for item in changes]
