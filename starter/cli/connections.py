"""The commands about connections: connect, reconnect, pause, resume."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer
import yaml

from connectors.registry import PROVIDERS
from starter.cli.consent import Callback, show
from starter.cli.output import say, show_json
from starter.cli.session import SANDBOX_PORT_BASE, AsJson, CommandError, IntegrationName, open_client, sandbox_url
from starter.client import Client
from starter.sandboxes import Sandbox, url_of
from starter.shapes import Integration

CredentialsFile = Annotated[
    Path | None, typer.Option("--credentials", "-c", help="JSON or YAML file with the credentials; - reads stdin.")
]
InBrowser = Annotated[bool, typer.Option("--browser", help="Open the provider's page and wait for your consent.")]
ClientId = Annotated[str | None, typer.Option("--client-id", envvar="EXTERNAL_SYNC_CLIENT_ID", help="Of your app.")]
ClientSecret = Annotated[
    str | None, typer.Option("--client-secret", envvar="EXTERNAL_SYNC_CLIENT_SECRET", help="Of your app.")
]
InstanceUrl = Annotated[str | None, typer.Option("--instance-url", help="Where the account lives, if it has a place.")]
CallbackPort = Annotated[int, typer.Option("--callback-port", help="Port of the callback; your app must allow it.")]
CONSENT_SECONDS = 300.0
_OF_AN_APP = frozenset({"clientId", "clientSecret", "baseUrl", "instanceUrl", "tokenUrl", "limits"})
FromSandbox = Annotated[bool, typer.Option("--sandbox", help="Use the local sandbox and a grant that it issues.")]


def connect(
    provider: Annotated[str, typer.Argument(help=", ".join(PROVIDERS))],
    credentials: CredentialsFile = None,
    integration_id: Annotated[str | None, typer.Option("--id", help="Id of the new integration.")] = None,
    sandbox: FromSandbox = False,
    browser: InBrowser = False,
    client_id: ClientId = None,
    client_secret: ClientSecret = None,
    instance_url: InstanceUrl = None,
    callback_port: CallbackPort = 0,
    as_json: AsJson = False,
) -> None:
    """Connect a provider account: by consent in the browser, or with credentials from a file or the sandbox.

    The credentials are checked by a call and stored encrypted.
    """
    chosen = integration_id or f"int_{provider}"
    with open_client() as client:
        if browser or not (credentials or sandbox):
            app = _app(provider, credentials, client_id, client_secret, instance_url, sandbox=sandbox)
            body = {"id": chosen, "credentials": app}
            made = _consented(client, provider, f"/oauth/{provider}/authorize", body, callback_port, browser=browser)
        else:
            made = client.create_integration(chosen, provider, read_credentials(provider, credentials, sandbox=sandbox))
    if as_json:
        show_json(made)
        return
    say(f"Connected {provider} as {made['id']}.")
    say("Next: say what to sync with `external-sync config apply -f FILE` (see examples/).")


def reconnect(
    integration: IntegrationName,
    credentials: CredentialsFile = None,
    sandbox: FromSandbox = False,
    browser: InBrowser = False,
    callback_port: CallbackPort = 0,
    as_json: AsJson = False,
) -> None:
    """Give a connection new credentials; what waits for them goes on. INTEGRATION `alguna` is Alguna's own."""
    with open_client() as client:
        provider = integration if integration == "alguna" else client.integration(integration)["provider"]
        if browser:
            path, body = f"/integrations/{integration}/reconnect", {"authorizationUrl": True}
            result: Any = _consented(client, provider, path, body, callback_port, browser=True)
        else:
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


def _app(
    provider: str,
    file: Path | None,
    client_id: str | None,
    client_secret: str | None,
    instance_url: str | None,
    *,
    sandbox: bool,
) -> dict[str, Any]:
    """The credentials of the app that asks for consent: from the sandbox, a file, options, or asked for."""
    if sandbox:
        granted = read_credentials(provider, None, sandbox=True)
        return {key: value for key, value in granted.items() if key in _OF_AN_APP}
    app = {} if file is None else read_credentials(provider, file, sandbox=False)
    given = {"clientId": client_id, "clientSecret": client_secret, "instanceUrl": instance_url}
    app |= {key: value for key, value in given.items() if value}
    if "clientId" not in app:
        if not sys.stdin.isatty():
            raise CommandError("give --client-id and --client-secret of your app, or --credentials FILE, or --sandbox")
        app["clientId"] = typer.prompt("Client id (consumer key) of your app")
    if "clientSecret" not in app and sys.stdin.isatty():
        app["clientSecret"] = typer.prompt("Client secret", hide_input=True)
    return app


def _consented(
    client: Client, provider: str, path: str, body: dict[str, Any], port: int, *, browser: bool
) -> Integration:
    """Send a person to the vendor, wait for the answer on this machine, and hand it to the service."""
    with Callback(port) as callback:
        begun = client.call("POST", path, {**body, "redirectUri": callback.url})
        show(begun["authorizationUrl"], browser=browser)
        state, code = callback.wait(CONSENT_SECONDS)
    return cast(Integration, client.call("POST", f"/oauth/{provider}/redeem", {"state": state, "code": code}))


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
