"""The commands about what needs a person: record errors and conflicts; and links."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from core.records import Entity
from starter.cli.output import cell, moment, say, show_json, show_pairs, show_table
from starter.cli.session import (
    AsJson,
    CommandError,
    IntegrationName,
    ListFirst,
    OneEntity,
    SideName,
    SomeIntegration,
    choose,
    chosen_or_all,
    open_client,
)
from starter.shapes import Conflict, ConflictField, Link

errors = typer.Typer(cls=ListFirst, help="Records that could not be synced: list (the default), retry, ignore.")
conflicts = typer.Typer(cls=ListFirst, help="Conflicts that wait for a person: list (the default), show, resolve.")

ConflictId = Annotated[str, typer.Argument(metavar="CONFLICT", help="Id of the conflict.")]
Status = Annotated[str, typer.Option("--status", help="Only those with this status; `all` shows every one.")]


@errors.command("list")
def list_errors(
    integration: SomeIntegration = None,
    entity: OneEntity = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only errors of this type.")] = None,
    status: Status = "open",
    as_json: AsJson = False,
) -> None:
    """List record errors with what resolves them."""
    wanted = None if status == "all" else status
    with open_client() as client:
        found = [
            (name, error)
            for name in chosen_or_all(client, integration)
            for error in client.errors(name, status=wanted, kind=kind, entity=entity.value if entity else None)
        ]
    if as_json:
        show_json([error for _, error in found])
        return
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


@errors.command("retry")
def retry_errors(
    error_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]…", help="Which; all open ones if none.")
    ] = None,
    integration: SomeIntegration = None,
    kind: Annotated[
        list[str] | None, typer.Option("--type", help="Only errors of this type (may be repeated).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try records with errors again, after what was wrong is put right."""
    with open_client() as client:
        started = client.retry_errors(choose(client, integration), error_ids, kind)
    if as_json:
        show_json(started)
    elif started.get("retried"):
        say(f"Trying {started['retried']} again in {started.get('syncId')}: external-sync history")
    else:
        say("No open error to retry.")


@errors.command("ignore")
def ignore_error(
    error_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the error.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")],
    integration: SomeIntegration = None,
    as_json: AsJson = False,
) -> None:
    """Close an error without syncing its record."""
    with open_client() as client:
        result = client.ignore_error(choose(client, integration), error_id, reason)
    show_json(result) if as_json else say(f"Ignored {error_id}.")


@conflicts.command("list")
def list_conflicts(
    integration: SomeIntegration = None, entity: OneEntity = None, status: Status = "open", as_json: AsJson = False
) -> None:
    """List conflicts."""
    wanted = None if status == "all" else status
    with open_client() as client:
        found = [
            (name, conflict)
            for name in chosen_or_all(client, integration)
            for conflict in client.conflicts(name, status=wanted, entity=entity.value if entity else None)
        ]
    if as_json:
        show_json([conflict for _, conflict in found])
        return
    rows = [
        [one["id"], name, one["kind"], one["entity"], one.get("algunaId") or one.get("externalId"), _summary(one)]
        for name, one in found
    ]
    show_table(["id", "integration", "kind", "entity", "record", "what"], rows, empty="No conflicts.")
    if rows:
        say("Decide with: external-sync conflicts resolve ID --use alguna|external (see --help for more)")


@conflicts.command("show")
def show_conflict(conflict: ConflictId, integration: SomeIntegration = None, as_json: AsJson = False) -> None:
    """Show a conflict: both values, and the last agreed one."""
    with open_client() as client:
        found = client.conflict(choose(client, integration), conflict)
    if as_json:
        show_json(found)
        return
    show_pairs(
        [
            ("conflict", found["id"]),
            ("status", found.get("status")),
            ("entity", found.get("entity")),
            ("Alguna", found.get("algunaId")),
            ("external", found.get("externalId")),
        ]
    )
    if found.get("fields"):
        show_table(
            ["field", "external field", "agreed before", "Alguna has", "external has", "Alguna at", "external at"],
            [_field_row(field) for field in found["fields"]],
        )
    for candidate in found.get("candidates") or []:
        say(f"candidate  {cell(candidate)}")


@conflicts.command("resolve")
def resolve_conflict(
    conflict: ConflictId,
    use: Annotated[SideName | None, typer.Option(help="Take all fields from this side.")] = None,
    field: Annotated[
        list[str] | None, typer.Option("--field", metavar="FIELD=SIDE", help="Take one field from a side (repeatable).")
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option("--value", metavar="FIELD=TEXT", help="Give one field a new value; FIELD:=JSON for other types."),
    ] = None,
    link: Annotated[str | None, typer.Option(metavar="ID", help="Match conflict: it is this external record.")] = None,
    create: Annotated[bool, typer.Option("--create", help="Match conflict: create a new record.")] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Match conflict: leave it alone.")] = False,
    integration: SomeIntegration = None,
    as_json: AsJson = False,
) -> None:
    """Decide a conflict: by side, field by field, or, for a match, which record it is."""
    decision = decide(use, field or [], value or [], link, create=create, skip=skip)
    with open_client() as client:
        name = choose(client, integration)
        decision["version"] = client.conflict(name, conflict)["version"]
        result = client.resolve_conflict(name, conflict, decision)
    show_json(result) if as_json else say(f"Decided {conflict}. Both sides follow shortly: external-sync history")


def decide(
    use: SideName | None, fields: list[str], values: list[str], link: str | None, *, create: bool, skip: bool
) -> dict[str, Any]:
    """Return the body of a decision without its version. Raises CommandError unless exactly one way is chosen."""
    ways = [bool(use), bool(fields or values), bool(link), create, skip]
    if sum(ways) != 1:
        raise CommandError("decide by exactly one of --use, --field/--value, --link, --create, --skip")
    if use:
        return {"resolution": use.value}
    if link:
        return {"resolution": "link", "externalId": link}
    if create or skip:
        return {"resolution": "create" if create else "skip"}
    chosen: dict[str, Any] = {}
    for text in fields:
        name, side = _pair(text, "--field")
        if side not in {one.value for one in SideName}:
            raise CommandError(f"--field {text}: the side is alguna or external")
        chosen[name] = side
    for text in values:
        name, given = _pair(text, "--value")
        chosen[name.removesuffix(":")] = {"value": _json(given) if name.endswith(":") else given}
    return {"resolution": "fields", "fields": chosen}


def links(
    integration: IntegrationName,
    entity: Entity,
    alguna_id: Annotated[str | None, typer.Option(help="The record's id in Alguna.")] = None,
    external_id: Annotated[str | None, typer.Option(help="The record's id in the external system.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show which records are one: the link of a record by its id on either side, or all links of an entity."""
    if alguna_id and external_id:
        raise CommandError("give either --alguna-id or --external-id")
    with open_client() as client:
        if not (alguna_id or external_id):
            _show_links(client.links(integration, entity.value), as_json=as_json)
            return
        found = client.link(integration, entity.value, alguna_id=alguna_id, external_id=external_id)
    if found is None:
        raise CommandError(f"{entity.value} has no link for {alguna_id or external_id}")
    show_json(found) if as_json else show_pairs([(name, value) for name, value in found.items()])


def _show_links(found: list[Link], *, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    rows = [[one["algunaId"], one["externalId"], one["status"], one.get("rule")] for one in found]
    show_table(["Alguna", "external", "status", "linked by"], rows, empty="No links.")


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, rest = text.partition("=")
    if not (name and equals):
        raise CommandError(f"{option} {text}: write FIELD=…")
    return name, rest


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise CommandError(f"`{text}` is not JSON; for text write FIELD=TEXT") from error


def _summary(conflict: Conflict) -> str:
    if conflict["kind"] == "deletions":
        return "many deletions at once: external-sync deletions"
    fields = [field["algunaField"] for field in conflict.get("fields") or []]
    return ", ".join(fields) or f"{len(conflict.get('candidates') or [])} candidates"


def _field_row(field: ConflictField) -> list[object]:
    keys = ("algunaField", "externalField", "base", "alguna", "external")
    times = [moment(field.get("algunaModifiedAt")), moment(field.get("externalModifiedAt"))]
    return [*(field.get(key) for key in keys), *times]
