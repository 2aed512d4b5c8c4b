"""The commands of configuration as code: validate, plan, apply, export."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from starter.cli.output import as_text, say, show_json
from starter.cli.session import SANDBOX_PORT_BASE, AsJson, CommandError, open_client, sandbox_url
from starter.client import ApiError, Client
from starter.config_file import ConfigFile, ConfigFileError, IntegrationEntry, Loaded, filled_in, load
from starter.config_markdown import page
from starter.sandboxes import Sandbox, url_of

config = typer.Typer(help="Configuration as code: a YAML file with any number of integrations.")

File = Annotated[Path, typer.Option("--file", "-f", help="The YAML file (examples/ has some).")]


@config.command()
def validate(file: File, as_json: AsJson = False) -> None:
    """Check a file without asking or changing anything.

    Finds wrong keys and words, bad schedules and time zones, transforms that cannot be undone, fields mapped twice.
    Whether the fields exist in both systems is checked by `apply`, before anything is stored.
    """
    loaded = _checked(file)
    needed = {entry.id: list(entry.unset_variables(os.environ)) for entry in loaded.file.integrations}
    if as_json:
        show_json({"file": str(file), "integrations": [{"id": one, "needs": names} for one, names in needed.items()]})
        return
    for name, unset in needed.items():
        if unset:
            say(f"note: {name} will need {', '.join(unset)} in the environment")
    say(f"{file}: {len(loaded.file.integrations)} integration(s), all well")


@config.command()
def plan(file: File, as_json: AsJson = False) -> None:
    """Show what `apply` would change, and whom it would touch; changes nothing."""
    from starter.config_changes import affects, changes

    loaded = _checked(file)
    touched: dict[str, list[str]] = {}
    with open_client() as client:
        found = {entry.id: changes(client, entry) for entry in loaded.file.integrations}
        for index, entry in enumerate(loaded.file.integrations):
            if found[entry.id] and not as_json:
                touched[entry.id] = _whom(loaded, index, partial(affects, client, entry))
    if as_json:
        rows = {
            name: [{"path": c.path, "before": c.before, "after": c.after} for c in all_] for name, all_ in found.items()
        }
        show_json(rows)
        return
    for name, all_ in found.items():
        say(f"{name}: {f'{len(all_)} change(s)' if all_ else 'no change'}")
        for change in all_:
            say(f"  {change.text()}")
        for line in touched.get(name, []):
            say(f"  touches {line}")
    if any(found.values()):
        say(f"Carry them out with: external-sync config apply -f {file}")
    if any(touched.values()):
        say("Add --resync to sync the touched records again at once.")


@config.command()
def apply(
    file: File,
    resync: Annotated[bool, typer.Option("--resync", help="Sync again what the changes touch.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the service agree with a file. Applying it again changes nothing.

    An integration that is not there yet is connected with the file's credentials; those of one that is there stay as
    they are (`reconnect` replaces them). Parts that the file leaves out stay as they are.
    """
    from starter.config_changes import apply as apply_entry

    loaded = _checked(file)
    done: dict[str, int] = {}
    with open_client() as client:
        for index, entry in enumerate(loaded.file.integrations):
            before = client.config_version(entry.id) if resync else None
            with _naming_lines(loaded, index):
                done[entry.id] = len(apply_entry(client, entry, credentials_of))
            if done[entry.id] and before is not None:
                _sync_again(client, entry.id, before)
            if not as_json:
                say(f"{entry.id}: {f'{done[entry.id]} change(s) applied' if done[entry.id] else 'no change'}")
    if as_json:
        show_json(done)
    elif any(done.values()):
        say("Start a sync with: external-sync sync INTEGRATION --watch")


@config.command()
def export(
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Write here instead of to standard output.")] = None,
    integration: Annotated[
        list[str] | None, typer.Option("--integration", "-i", help="Only this integration (may be repeated).")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Write a page for people instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write what is stored as a file that `apply` takes; without credentials, which are never given out."""
    from starter.config_changes import export as export_entry

    with open_client() as client:
        names = integration or [row["id"] for row in client.integrations()]
        entries = [export_entry(client, name) for name in names]
    text = page(entries) if markdown else as_text({"integrations": entries}) if as_json else _yaml(entries)
    if file is None:
        sys.stdout.write(text)
        return
    try:
        file.write_text(text)
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}") from error
    say(f"Wrote {len(entries)} integration(s) to {file}")


@config.command()
def schema() -> None:
    """Print the JSON Schema of configuration files, for editors: completion, and errors while you type.

    Save it beside your file and begin that with `# yaml-language-server: $schema=external-sync.schema.json`.
    """
    show_json(ConfigFile.model_json_schema(by_alias=True))


def _yaml(entries: list[Any]) -> str:
    text = "# Credentials are never given out; `config apply` needs them only for integrations that do not exist yet.\n"
    return text + yaml.safe_dump({"integrations": entries}, sort_keys=False, allow_unicode=True, width=110)


def credentials_of(entry: IntegrationEntry) -> dict[str, Any]:
    """Return an entry's credentials: from the local sandbox, or with its variables filled in from the environment."""
    if entry.sandbox:
        return Sandbox(sandbox_url(entry.provider) or url_of(entry.provider, SANDBOX_PORT_BASE)).credentials()
    if entry.credentials is None:
        raise CommandError(f"{entry.id} does not exist yet: give it credentials, or sandbox: true")
    if unset := entry.unset_variables(os.environ):
        raise CommandError(f"{entry.id} needs {', '.join(unset)} in the environment")
    found: dict[str, Any] = filled_in(entry.credentials, os.environ)
    return found


def _checked(file: Path) -> Loaded:
    """Read a file and check it. Raises CommandError that lists everything wrong, with lines."""
    from starter.config_changes import check

    try:
        loaded = load(file)
        if findings := check(loaded):
            raise ConfigFileError(loaded.name, findings)
    except ConfigFileError as error:
        raise CommandError(str(error)) from error
    return loaded


def _whom(loaded: Loaded, index: int, ask: Callable[[], list[str]]) -> list[str]:
    """Whom the changes touch, as far as the service can tell now."""
    try:
        return ask()
    except ApiError as error:
        if error.status == 422:
            raise CommandError(_refused(loaded, index, error)) from error
        return [f"records that cannot be told now: {error.detail}"]


@contextmanager
def _naming_lines(loaded: Loaded, index: int) -> Iterator[None]:
    """Turn what the API refuses into messages with their lines in the file."""
    try:
        yield
    except ValueError as error:
        raise CommandError(str(error)) from error
    except ApiError as error:
        if not error.errors:
            raise
        raise CommandError(_refused(loaded, index, error)) from error


def _sync_again(client: Client, name: str, version: int) -> None:
    """Sync what the changes since a version touch, unless they touch nothing."""
    try:
        started = client.start_sync(name, changed_since=version)
    except ApiError as error:
        if any(one.get("field") == "changedSince" for one in error.errors):
            return
        raise
    print(f"{name}: sync {started['syncId']} carries the changes out", file=sys.stderr)


def _refused(loaded: Loaded, index: int, error: ApiError) -> str:
    """What the API refused, each with its line in the file."""
    from starter.config_changes import in_file

    findings = [
        loaded.finding(f"integrations[{index}].{in_file(one.get('field', ''))}", one.get("message", ""))
        for one in error.errors
    ]
    return f"{error.detail}\n{ConfigFileError(loaded.name, findings)}"
