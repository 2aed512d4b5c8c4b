"""The commands about connections: connect, reconnect, pause, resume."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from starter.cli.output import say, show_json
from starter.cli.session import SANDBOX_PORT_BASE, AsJson, CommandError, IntegrationName, open_client, sandbox_url
from starter.sandboxes import Sandbox, url_of

CredentialsFile = Annotated[
    Path | None, typer.Option("--credentials", "-c", help="JSON or YAML file with the credentials; - reads stdin.")
]
FromSandbox = Annotated[bool, typer.Option("--sandbox", help="Use the local sandbox and a grant that it issues.")]


def connect(
    provider: Annotated[str, typer.Argument(help="salesforce")],
    credentials: CredentialsFile = None,
    integration_id: Annotated[str | None, typer.Option("--id", help="Id of the new integration.")] = None,
    sandbox: FromSandbox = False,
    as_json: AsJson = False,
) -> None:
    """Connect a provider account: checks the credentials by a call and stores them encrypted."""
    given = read_credentials(provider, credentials, sandbox=sandbox)
    with open_client() as client:
        made = client.create_integration(integration_id or f"int_{provider}", provider, given)
    if as_json:
        show_json(made)
        return
    say(f"Connected {provider} as {made['id']}.")
    say("Next: say what to sync with `external-sync config apply -f FILE` (see examples/).")


def reconnect(
    integration: IntegrationName,
    credentials: CredentialsFile = None,
    sandbox: FromSandbox = False,
    as_json: AsJson = False,
) -> None:
    """Give a connection new credentials; what waits for them goes on. INTEGRATION `alguna` is Alguna's own."""
    with open_client() as client:
        provider = integration if integration == "alguna" else client.integration(integration)["provider"]
        result = client.reconnect(integration, read_credentials(provider, credentials, sandbox=sandbox))
    if as_json:
        show_json(result)
    else:
        say(f"Reconnected {integration}. Paused syncs go on where they stood: external-sync status")


def pause(integration: IntegrationName, as_json: AsJson = False) -> None:
    """Hold an integration: its schedule and its running sync wait until `resume`."""
    with open_client() as client:
        result = client.pause(integration)
    show_json(result) if as_json else say(f"Paused {integration}. Go on with: external-sync resume {integration}")


def resume(integration: IntegrationName, as_json: AsJson = False) -> None:
    """Let a paused integration go on."""
    with open_client() as client:
        result = client.resume(integration)
    show_json(result) if as_json else say(f"Resumed {integration}.")


def read_credentials(provider: str, file: Path | None, *, sandbox: bool) -> dict[str, Any]:
    """Return credentials from a file or from the local sandbox. Raises CommandError where neither or both are given."""
    if sandbox and file:
        raise CommandError("give either --credentials or --sandbox")
    if sandbox:
        return Sandbox(sandbox_url(provider) or url_of(provider, SANDBOX_PORT_BASE)).credentials()
    if file is None:
        raise CommandError("give --credentials FILE (JSON or YAML), or --sandbox for the local sandbox")
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
        found = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise CommandError(f"{file} is neither JSON nor YAML") from error
    if not isinstance(found, dict):
        raise CommandError(f"{file} must hold an object with the credentials' keys")
    # YAML makes dates of what looks like one.
    plain: dict[str, Any] = json.loads(json.dumps(found, default=str))
    return plain
