"""The commands about records that could not be synced: listed singly or by root cause, tried again, ignored."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from starter.cli.output import is_terminal, moment, say, show_json, show_table
from starter.cli.session import (
    AsJson,
    CommandError,
    ListFirst,
    OneEntity,
    SomeIntegration,
    choose,
    chosen_or_all,
    open_client,
)
from starter.client import Client
from starter.shapes import SyncError

errors = typer.Typer(cls=ListFirst, help="Records that could not be synced: list (the default), retry, ignore.")

MANY = 20
"""More errors than this are shown by root cause on a terminal."""

Status = Annotated[str, typer.Option("--status", help="Only those with this status; `all` shows every one.")]
Kinds = Annotated[list[str] | None, typer.Option("--type", help="Only errors of this type (may be repeated).")]
Groups = Annotated[
    list[str] | None, typer.Option("--group", help="Only errors of this root cause, as the list shows it (repeatable).")
]
OfRun = Annotated[str | None, typer.Option("--run", metavar="SYNC", help="Only errors that this sync left.")]


@errors.command("list")
def list_errors(
    integration: SomeIntegration = None,
    entity: OneEntity = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only errors of this type.")] = None,
    status: Status = "open",
    grouped: Annotated[
        bool | None,
        typer.Option("--grouped/--each", help="By root cause, or each; a terminal shows many by root cause."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List record errors with what resolves them."""
    wanted, chosen = (None if status == "all" else status), entity.value if entity else None
    with open_client() as client:
        names = chosen_or_all(client, integration)
        if grouped is None:
            grouped = not as_json and kind is None and is_terminal() and _are_many(client, names, wanted, chosen)
        if grouped:
            groups = [(name, one) for name in names for one in client.error_groups(name, status=wanted, entity=chosen)]
            _show_groups(groups, as_json=as_json)
            return
        found = [
            (name, error) for name in names for error in client.errors(name, status=wanted, kind=kind, entity=chosen)
        ]
    if as_json:
        show_json([error for _, error in found])
    else:
        _show_each(found)


def _are_many(client: Client, names: list[str], status: str | None, entity: str | None) -> bool:
    groups = (one for name in names for one in client.error_groups(name, status=status, entity=entity))
    return sum(int(one["count"]) for one in groups) > MANY


def _show_each(found: list[tuple[str, SyncError]]) -> None:
    columns = ["id", "integration", "entity", "record", "type", "field", "status", "message", "what helps"]
    rows = [
        [
            error["id"],
            name,
            error.get("entity"),
            error.get("algunaId") or error.get("externalId"),
            error.get("type"),
            error.get("field"),
            error.get("status"),
            error.get("message"),
            error.get("hint"),
        ]
        for name, error in found
    ]
    show_table(columns, rows, empty="No record errors.")
    if rows:
        say("Try again with: external-sync errors retry [ID…]")


def _show_groups(found: list[tuple[str, dict[str, Any]]], *, as_json: bool) -> None:
    if as_json:
        show_json([group for _, group in found])
        return
    columns = ["records", "integration", "entity", "type", "field", "since", "last", "such as", "what helps", "group"]
    rows = [
        [
            group["count"],
            name,
            group["entity"],
            group["type"],
            group["field"],
            moment(group["firstSeenAt"]),
            moment(group["lastSeenAt"]),
            group["sample"]["message"],
            group["hint"],
            group["group"],
        ]
        for name, group in found
    ]
    show_table(columns, rows, empty="No record errors.")
    if rows:
        say("Try again with: external-sync errors retry --group GROUP; see each with: external-sync errors --each")


@errors.command("retry")
def retry_errors(
    error_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]…", help="Which; all open ones if none.")
    ] = None,
    integration: SomeIntegration = None,
    kind: Kinds = None,
    group: Groups = None,
    run: OfRun = None,
    as_json: AsJson = False,
) -> None:
    """Try records with errors again, after what was wrong is put right."""
    with open_client() as client:
        started = client.retry_errors(choose(client, integration), **_chosen(error_ids, kind, group, run))
    if as_json:
        show_json(started)
    elif started.get("retried"):
        say(f"Trying {started['retried']} again in {started.get('syncId')}: external-sync history")
    else:
        say("No open error to retry.")


@errors.command("ignore")
def ignore_errors(
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")],
    error_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Which errors.")] = None,
    integration: SomeIntegration = None,
    kind: Kinds = None,
    group: Groups = None,
    run: OfRun = None,
    as_json: AsJson = False,
) -> None:
    """Close errors without syncing their records, until these change."""
    chosen = _chosen(error_ids, kind, group, run)
    if not any(chosen.values()):
        raise CommandError("say which: ids, --group, --type or --run")
    with open_client() as client:
        result = client.ignore_errors(choose(client, integration), reason, **chosen)
    show_json(result) if as_json else say(f"Ignored {result['ignored']}.")


def _chosen(
    error_ids: list[str] | None, kind: list[str] | None, group: list[str] | None, run: str | None
) -> dict[str, Any]:
    return {"errorIds": error_ids or None, "types": kind or None, "groups": group or None, "syncId": run}
