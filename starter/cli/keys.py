"""The commands about keys of the API: list, create, revoke."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from starter.cli.output import moment, say, show_json, show_table
from starter.cli.session import AsJson, ListFirst, open_client

keys = typer.Typer(cls=ListFirst, help="Keys of the API: list (the default), create, revoke.")


class ScopeName(StrEnum):
    """What a key may do."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys; their secrets are not kept."""
    with open_client() as client:
        found = client.keys()
    if as_json:
        show_json(found)
        return
    rows = [
        [
            row["id"],
            row["name"],
            row["scope"],
            moment(row["createdAt"]),
            moment(row["lastUsedAt"]),
            moment(row["revokedAt"]),
        ]
        for row in found
    ]
    show_table(
        ["id", "name", "scope", "created", "last used", "revoked"],
        rows,
        empty="No keys but the one of the settings. Make one with: external-sync keys create NAME --scope read",
    )


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[ScopeName, typer.Option("--scope", help="What it may do.")] = ScopeName.READ,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once."""
    with open_client() as client:
        made = client.create_key(name, scope.value)
    if as_json:
        show_json(made)
        return
    say(made["key"])
    say(f"Keep it now: it never shows again. {name} may {scope.value}; end it with: external-sync keys revoke {name}")


@keys.command("revoke")
def revoke_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name or id of the key.")], as_json: AsJson = False
) -> None:
    """End a key at once."""
    with open_client() as client:
        ended = client.revoke_key(name)
    show_json(ended) if as_json else say(f"Revoked {ended['name']}.")
