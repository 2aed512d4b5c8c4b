"""The program `external-sync`: its commands, and how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import typer

from starter.children import PartFailedError
from starter.cli import (
    configuration,
    connections,
    deletions,
    doctor,
    keys,
    problems,
    processes,
    record_errors,
    runs,
    schedules,
)
from starter.cli.output import describe, is_terminal, warn
from starter.cli.session import CommandError
from starter.client import ApiError, UnreachableError
from starter.sandboxes import SandboxError
from starter.stack import StackError

_ON_THIS_MACHINE = "Parts"
_SET_UP = "Set up"
_DAY_TO_DAY = "Day to day"

app = typer.Typer(
    name="external-sync",
    help="Keep Alguna and your CRM, ERP or accounting system in agreement.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if is_terminal() else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _panel, _commands in {
    _ON_THIS_MACHINE: (processes.demo, processes.dev, processes.worker, processes.api, processes.sandbox),
    _SET_UP: (connections.connect, connections.reconnect, doctor.doctor),
    _DAY_TO_DAY: (
        runs.sync,
        runs.status,
        runs.history,
        problems.links,
        connections.pause,
        connections.resume,
    ),
}.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)

app.add_typer(configuration.config, name="config", rich_help_panel=_SET_UP)
app.add_typer(keys.keys, name="keys", rich_help_panel=_SET_UP)
app.add_typer(schedules.schedule, name="schedule", rich_help_panel=_DAY_TO_DAY)
app.add_typer(record_errors.errors, name="errors", rich_help_panel=_DAY_TO_DAY)
app.add_typer(problems.conflicts, name="conflicts", rich_help_panel=_DAY_TO_DAY)
app.add_typer(deletions.deletions, name="deletions", rich_help_panel=_DAY_TO_DAY)


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code: 0 done, 1 failed, 2 bad usage."""
    try:
        app(list(arguments), prog_name="external-sync")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except ApiError as error:
        warn(describe(error))
    except UnreachableError as error:
        warn(f"{error}\nStart the service with `external-sync dev`, or set EXTERNAL_SYNC_URL to where it runs.")
    except (CommandError, StackError, PartFailedError, SandboxError) as error:
        warn(str(error))
    return 1


def main() -> None:
    """Run the program. Never returns: Temporal's threads can abort an interpreter that exits the usual way."""
    code = run(sys.argv[1:])
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
