"""The commands about schedules: show, pause, resume, trigger."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from starter.cli.output import moment, say, show_json, show_table
from starter.cli.session import AsJson, ListFirst, SomeIntegration, choose, chosen_or_all, open_client
from starter.client import ApiError

schedule = typer.Typer(cls=ListFirst, help="Schedules: list (the default), pause, resume, trigger.")


@schedule.command("list")
def list_schedules(integration: SomeIntegration = None, as_json: AsJson = False) -> None:
    """List the schedules with their next run, as Temporal has them."""
    with open_client() as client:
        found = {name: _of(client.schedule, name) for name in chosen_or_all(client, integration)}
    if as_json:
        show_json(found)
        return
    rows = [
        [name, one["cron"], one["timezone"], moment(next(iter(one["nextRuns"]), None)), one["paused"], one["note"]]
        for name, one in found.items()
        if one is not None
    ]
    show_table(["integration", "cron", "timezone", "next run", "paused", "note"], rows, empty="No schedules.")


@schedule.command("pause")
def pause_schedule(
    integration: SomeIntegration = None,
    note: Annotated[str, typer.Option("--note", help="Why; it is shown with the schedule.")] = "no reason given",
    as_json: AsJson = False,
) -> None:
    """Rest a schedule; a running sync goes on."""
    with open_client() as client:
        name = choose(client, integration)
        result = client.steer_schedule(name, "pause", {"note": note})
    show_json(result) if as_json else say(f"The schedule of {name} rests: {note}")


@schedule.command("resume")
def resume_schedule(integration: SomeIntegration = None, as_json: AsJson = False) -> None:
    """Let a schedule go on."""
    with open_client() as client:
        name = choose(client, integration)
        result = client.steer_schedule(name, "resume")
    show_json(result) if as_json else say(f"Next sync of {name}: {moment(next(iter(result['nextRuns']), None))}")


@schedule.command("trigger")
def trigger_schedule(integration: SomeIntegration = None, as_json: AsJson = False) -> None:
    """Start the scheduled sync now."""
    with open_client() as client:
        name = choose(client, integration)
        result = client.steer_schedule(name, "trigger")
    show_json(result) if as_json else say(f"Started the scheduled sync of {name}: external-sync history")


def _of(read: Any, name: str) -> Any:
    try:
        return read(name)
    except ApiError as error:
        if error.status == 404:
            return None
        raise
