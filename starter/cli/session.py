"""How a command finds the service: its address, a key, the integration that is meant."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from core.records import Entity
from runtime.settings import Settings
from starter.client import Client
from starter.keys import read_api_key
from starter.stack import read_note

DEFAULT_URL = "http://127.0.0.1:8080"
SANDBOX_PORT_BASE = 9100

IntegrationName = Annotated[
    str, typer.Argument(metavar="INTEGRATION", help="Id of an integration, or its provider when there is only one.")
]
SomeIntegration = Annotated[
    str | None, typer.Option("--integration", "-i", help="Which integration; not needed when there is only one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API answers it.")]
Entities = Annotated[list[Entity] | None, typer.Option("--entity", "-e", help="Only this entity (may be repeated).")]
OneEntity = Annotated[Entity | None, typer.Option("--entity", "-e", help="Only this entity.")]


class CommandError(Exception):
    """A command cannot do what was asked. The message says why and what to do."""


class ListFirst(TyperGroup):
    """A group whose command is `list` when none is named: `errors --json` is `errors list --json`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put in the missing `list`."""
        named = bool(args) and (not args[0].startswith("-") or args[0] in ("--help", "-h"))
        return super().parse_args(ctx, args if named else ["list", *args])


class SideName(StrEnum):
    """A side, as an option's value."""

    ALGUNA = "alguna"
    EXTERNAL = "external"


def open_client() -> Client:
    """Return a client of the service that the environment, or the parts running in the data directory, name."""
    settings = Settings()
    url = os.environ.get("EXTERNAL_SYNC_URL") or str(read_note(settings.data_dir).get("url") or DEFAULT_URL)
    key = settings.api_key.get_secret_value() if settings.api_key else read_api_key(settings.data_dir)
    if not key:
        raise CommandError(
            "no API key: set EXTERNAL_SYNC_API_KEY, or run this in the directory where `external-sync dev` keeps its"
            f" data (looked in {settings.data_dir})"
        )
    return Client(url, key)


def data_dir() -> Path:
    """Return the data directory of the settings."""
    return Settings().data_dir


def sandbox_url(provider: str) -> str | None:
    """Return where the parts that run in the data directory have a provider's sandbox."""
    found = read_note(data_dir()).get("sandboxes")
    url = found.get(provider) if isinstance(found, dict) else None
    return url if isinstance(url, str) else None


def choose(client: Client, name: str | None) -> str:
    """Return the integration's id: the one named, or the only one there is."""
    ids = [row["id"] for row in client.integrations()]
    if name is not None:
        return client.integration(name)["id"]
    if len(ids) == 1:
        return ids[0]
    if ids:
        raise CommandError(f"there are several integrations; name one with --integration: {', '.join(ids)}")
    raise CommandError("there is no integration yet; make one with `external-sync config apply -f FILE`")


def chosen_or_all(client: Client, name: str | None) -> list[str]:
    """Return the ids of the integration named, or of all."""
    return [client.integration(name)["id"]] if name else [row["id"] for row in client.integrations()]
