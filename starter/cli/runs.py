"""The commands about runs: sync, status, history."""

from __future__ import annotations

from typing import Annotated

import typer

from starter.cli.output import moment, say, show_json, show_table, span
from starter.cli.planned import show_plan
from starter.cli.session import AsJson, Entities, IntegrationName, chosen_or_all, open_client
from starter.cli.watching import show_run, watch_run
from starter.shapes import SyncState


def sync(
    integration: IntegrationName,
    entity: Entities = None,
    full: Annotated[bool, typer.Option("--full", help="Read both sides completely, not only what changed.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Wait for the end, and show how far it is.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written, field by field; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start a sync. While another one runs, it waits for its turn.

    With --watch or --dry-run the exit code is 1 when the run failed or left (would leave) records with errors.
    """
    entities = [one.value for one in entity or []]
    with open_client() as client:
        started = client.start_sync(integration, entities, full=full, dry_run=dry_run)
        if not watch and not dry_run:
            if as_json:
                show_json(started)
            else:
                say(f"Started {started['syncId']}: {started.get('temporalUrl') or started['status']}")
                say("See how it goes: external-sync history")
            return
        run = watch_run(client, integration, started["syncId"], quiet=as_json)
        if as_json:
            records = {"records": list(client.records(integration, run["syncId"]))} if dry_run else {}
            show_json({**run, **records})
        elif dry_run:
            show_plan(client, integration, run)
        else:
            show_run(run)
    if run["status"] != "completed":
        raise typer.Exit(1)


ENTITY_COLUMNS = ("linked", "pending", "parked", "drift", "errors", "conflicts", "lag")


def status(
    integration: Annotated[str | None, typer.Argument(help="Only this integration.")] = None, as_json: AsJson = False
) -> None:
    """Show where every integration stands: connections, links, errors, conflicts, next sync."""
    with open_client() as client:
        states = [client.sync_state(name) for name in chosen_or_all(client, integration)]
    if as_json:
        show_json(states)
        return
    rows = [
        [
            state["integration"],
            state["status"],
            *(state.get("connection", {}).get(side) for side in ("alguna", "external")),
            state.get("openErrors"),
            state.get("openConflicts"),
            moment(state.get("lastSuccessfulSyncAt")),
            moment(state.get("nextSyncAt")),
        ]
        for state in states
    ]
    columns = ["integration", "status", "alguna", "external", "errors", "conflicts", "last success", "next sync"]
    show_table(columns, rows, empty="No integration yet. Make one with: external-sync config apply -f FILE")
    entities = [row for state in states for row in _entity_rows(state)]
    if entities:
        say("")
        show_table(["integration", "entity", *ENTITY_COLUMNS], entities)
    for line in filter(None, map(_advice, states)):
        say(line)


def history(
    integration: Annotated[str | None, typer.Argument(help="Only this integration.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many runs of each integration.")] = 20,
    run_status: Annotated[str | None, typer.Option("--status", help="Only runs with this status.")] = None,
    trigger: Annotated[str | None, typer.Option(help="Only runs with this trigger.")] = None,
    sync_id: Annotated[str | None, typer.Option("--id", help="Only this run, with its counts.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the latest syncs, or one with its counts."""
    with open_client() as client:
        names = chosen_or_all(client, integration)
        if sync_id is not None:
            run = client.run(names[0], sync_id)
            show_json(run) if as_json else show_run(run)
            return
        runs = [
            (name, run) for name in names for run in client.history(name, limit, status=run_status, trigger=trigger)
        ]
    if as_json:
        show_json([run for _, run in runs])
        return
    rows = [
        [
            name,
            run["syncId"],
            run.get("trigger"),
            run.get("mode"),
            run["status"],
            moment(run.get("startedAt")),
            moment(run.get("completedAt")),
        ]
        for name, run in runs
    ]
    columns = ["integration", "sync", "trigger", "mode", "status", "started", "completed"]
    show_table(columns, rows, empty="No sync yet. Start one with: external-sync sync INTEGRATION")


def _entity_rows(state: SyncState) -> list[list[object]]:
    keys = ("linked", "pending", "parked", "drift", "openErrors", "openConflicts")
    return [
        [state["integration"], entity, *(counts.get(key) for key in keys), span(counts.get("maxLag"))]
        for entity, counts in state.get("entities", {}).items()
    ]


def _advice(state: SyncState) -> str | None:
    """What a person should do about a state, if anything."""
    name = state["integration"]
    expired = [side for side, word in state.get("connection", {}).items() if word != "connected"]
    if expired:
        target = "alguna" if expired == ["alguna"] else name
        return f"{name} waits for new credentials: external-sync reconnect {target} --credentials FILE"
    if state.get("openConflicts"):
        return f"{name} has conflicts for you to decide: external-sync conflicts"
    if state.get("openErrors"):
        return f"{name} has records that could not be synced: external-sync errors"
    return None
