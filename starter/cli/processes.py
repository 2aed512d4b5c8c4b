"""The commands that run parts of the service. Worker, API and sandboxes become processes of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from starter.cli.output import say
from starter.stack import Ports

Port = Annotated[int, typer.Option(help="Port of the HTTP API.")]
TemporalPort = Annotated[int, typer.Option(help="Port of the Temporal server.")]
TemporalUiPort = Annotated[int, typer.Option(help="Port of Temporal Web.")]
SandboxPortBase = Annotated[int, typer.Option(help="Port of the Alguna sandbox; the others have the ports after it.")]


def demo(
    data_dir: Annotated[Path, typer.Option(help="Where the demo keeps its data and logs; emptied first.")] = Path(
        ".external-sync/demo"
    ),
    keep: Annotated[bool, typer.Option("--keep", help="Leave all parts running at the end, until Ctrl-C.")] = False,
) -> None:
    """Run the guided scenario on this machine, check both sides, and end.

    Starts a Temporal server, sandboxes, worker and API, edits records on both sides, breaks things on purpose, and
    reads both systems to see whether they agree. The exit code is 0 only if every check held.
    """
    from starter.demo.run import run_demo

    raise typer.Exit(run_demo(data_dir, keep=keep))


def dev(
    port: Port = 8080,
    temporal_port: TemporalPort = 7233,
    temporal_ui_port: TemporalUiPort = 8233,
    sandbox_port_base: SandboxPortBase = 9100,
    data_dir: Annotated[
        Path, typer.Option(envvar="EXTERNAL_SYNC_DATA_DIR", help="Where data, keys and logs are kept.")
    ] = Path(".external-sync"),
    no_sandbox: Annotated[bool, typer.Option("--no-sandbox", help="Use the Alguna of your settings.")] = False,
) -> None:
    """Run everything on this machine, with sandboxes of the vendors, until Ctrl-C."""
    from starter.dev import run_dev

    ports = Ports(port, temporal_port, temporal_ui_port, sandbox_port_base)
    run_dev(ports, data_dir, sandboxes=not no_sandbox, say=say)


def worker() -> None:
    """Run a worker: it carries out the syncs. Any number may run.

    It finds Temporal by the TEMPORAL_* variables, and everything else by EXTERNAL_SYNC_* (see .env.example).
    """
    _become("worker")


def api(host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1", port: Port = 8080) -> None:
    """Run the HTTP API.

    It finds Temporal by the TEMPORAL_* variables, and everything else by EXTERNAL_SYNC_* (see .env.example).
    """
    _become("starter.api", "--host", host, "--port", str(port))


def sandbox(
    port_base: SandboxPortBase = 9100,
    data_dir: Annotated[Path | None, typer.Option(help="Keep the state here; in memory only when absent.")] = None,
) -> None:
    """Run the sandboxes: local emulators of the vendors' APIs, with rate limits at scale 10."""
    kept = ["--data-dir", str(data_dir)] if data_dir else []
    _become("sandbox", "--port-base", str(port_base), *kept)


def _become(module: str, *arguments: str) -> None:
    """Turn this process into a part, which then gets its signals itself."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])
