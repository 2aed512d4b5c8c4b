"""The commands about conflicts that wait for a person; and links."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from core.records import Entity
from starter.cli.match_preview import show_preview
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

conflicts = typer.Typer(cls=ListFirst, help="Conflicts that wait for a person: list (the default), show, resolve.")


class Take(StrEnum):
    """Whose value counts in many conflicts, or what becomes of matches."""

    ALGUNA = "alguna"
    EXTERNAL = "external"
    LATEST = "latest"
    CREATE = "create"
    SKIP = "skip"


ConflictId = Annotated[str, typer.Argument(metavar="CONFLICT", help="Id of the conflict.")]
Status = Annotated[str, typer.Option("--status", help="Only those with this status; `all` shows every one.")]


@conflicts.command("list")
def list_conflicts(
    integration: SomeIntegration = None,
    entity: OneEntity = None,
    status: Status = "open",
    summary: Annotated[
        bool, typer.Option("--summary", help="Counts by field and rule instead: what waits, what was decided.")
    ] = False,
    days: Annotated[int, typer.Option(help="With --summary: how far back decisions are counted.")] = 30,
    as_json: AsJson = False,
) -> None:
    """List conflicts, or what became of them by field and rule."""
    if summary:
        with open_client() as client:
            _show_summary(client.conflict_summary(choose(client, integration), days), as_json=as_json)
        return
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
        ways = {"fields": "--use alguna|external", "match": "--link ID|--create|--skip"}
        fitting = " or ".join(way for kind, way in ways.items() if any(one["kind"] == kind for _, one in found))
        say(f"Decide with: external-sync conflicts resolve ID {fitting} (see --help for more)")


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
    conflict: Annotated[
        str | None, typer.Argument(metavar="[CONFLICT]", help="Id of the conflict; none with --all.")
    ] = None,
    use: Annotated[SideName | None, typer.Option(help="Take all fields from this side.")] = None,
    field: Annotated[
        list[str] | None, typer.Option("--field", metavar="FIELD=SIDE", help="Take one field from a side (repeatable).")
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option("--value", metavar="FIELD=TEXT", help="Give one field a new value; FIELD:=JSON for other types."),
    ] = None,
    link: Annotated[
        str | None, typer.Option(metavar="ID", help="Match conflict: it is this record of the other side.")
    ] = None,
    create: Annotated[bool, typer.Option("--create", help="Match conflict: create a new record.")] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Match conflict: leave it alone.")] = False,
    everyone: Annotated[
        bool, typer.Option("--all", help="Decide all open conflicts that fit --entity and --field.")
    ] = False,
    take: Annotated[
        Take | None, typer.Option(help="With --all: whose value counts, or what becomes of matches.")
    ] = None,
    entity: OneEntity = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --all: only say how many it would be.")] = False,
    integration: SomeIntegration = None,
    as_json: AsJson = False,
) -> None:
    """Decide a conflict: by side, field by field, or, for a match, which record it is; or all that fit at once."""
    if everyone:
        if conflict or use or value or link or create or skip or not take or len(field or []) > 1:
            raise CommandError("--all goes with --take, and where wanted with --entity, one --field and --dry-run")
        _resolve_all(integration, take, entity, field[0] if field else None, dry_run=dry_run, as_json=as_json)
        return
    if conflict is None or take or entity or dry_run:
        raise CommandError("name one conflict, or decide many with --all --take alguna|external|latest|create|skip")
    decision = decide(use, field or [], value or [], link, create=create, skip=skip)
    with open_client() as client:
        name = choose(client, integration)
        asked = client.conflict(name, conflict)
        if link and asked.get("algunaId") is None:
            # The question is about an external record: what it is linked with is in Alguna.
            decision["algunaId"] = decision.pop("externalId")
        decision["version"] = asked["version"]
        result = client.resolve_conflict(name, conflict, decision)
    show_json(result) if as_json else say(f"Decided {conflict}. Both sides follow shortly: external-sync history")


def _resolve_all(
    integration: str | None, take: Take, entity: Entity | None, field: str | None, *, dry_run: bool, as_json: bool
) -> None:
    """Decide all open conflicts that fit, call by call."""
    chosen = {"entity": entity.value if entity else None, "field": field}
    wish = {"filter": chosen, "resolution": take.value, "dryRun": dry_run}
    answers = []
    with open_client() as client:
        name = choose(client, integration)
        while True:
            answers.append(client.resolve_conflicts(name, wish))
            if dry_run or not answers[-1]["decided"] or not answers[-1]["left"]:
                break
    if as_json:
        show_json(answers)
        return
    if dry_run:
        say(f"{answers[0]['matched']} conflicts fit; nothing was decided.")
        return
    decided, left = sum(one["decided"] for one in answers), answers[-1]["left"]
    say(f"Decided {decided} conflicts. Both sides follow shortly: external-sync history")
    if left:
        say(f"{left} changed meanwhile and keep waiting: external-sync conflicts")


def _show_summary(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    waiting = [
        [one["entity"], one["field"] or "(match)", one["count"], moment(one["oldestAt"])] for one in found["open"]
    ]
    show_table(["entity", "field", "waiting", "since"], waiting, title="Waiting", empty="No conflict waits.")
    rows = [
        [one["entity"], one["field"], one["rule"], one["by"], one["count"], one["algunaWon"], one["externalWon"]]
        for one in found["decided"]
    ]
    columns = ["entity", "field", "rule", "by", "decided", "alguna won", "external won"]
    title = f"Changed on both sides, and decided in the last {found['days']} days"
    show_table(columns, rows, title=title, empty=f"Nothing was decided in the last {found['days']} days.")


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
    preview: Annotated[
        bool, typer.Option("--preview", help="Read both systems and show what matching would link now; stores nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show which records are one: the link of a record by its id on either side, or all links of an entity."""
    if bool(alguna_id) + bool(external_id) + preview > 1:
        raise CommandError("give one of --alguna-id, --external-id and --preview")
    with open_client() as client:
        if preview:
            found_pairs = client.match_preview(integration, entity.value)
            show_json(found_pairs) if as_json else show_preview(found_pairs)
            return
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
    number = len(conflict.get("candidates") or [])
    return ", ".join(fields) or f"{number} candidate{'' if number == 1 else 's'}"


def _field_row(field: ConflictField) -> list[object]:
    keys = ("algunaField", "externalField", "base", "alguna", "external")
    times = [moment(field.get("algunaModifiedAt")), moment(field.get("externalModifiedAt"))]
    return [*(field.get(key) for key in keys), *times]
