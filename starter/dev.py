"""`external-sync dev`: everything on this machine, kept running until Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from runtime.settings import PREFIX, Settings
from starter.children import Supervisor, stop_on_signals
from starter.keys import Keys, load_or_make
from starter.stack import Ports, Stack, holding, noted

_WATCH_SECONDS = 0.5
_OURS = ("ALGUNA_BASE_URL", "ALGUNA_API_KEY", "ALGUNA_WEBHOOK_SECRET")

Say = Callable[[str], None]


def run_dev(ports: Ports, data_dir: Path, *, sandboxes: bool, say: Say) -> None:
    """Start all parts, say where they are, and keep them running; returns after Ctrl-C or SIGTERM.

    Raises StackError when a port or the data directory is in use, PartFailedError when a part cannot be kept alive.
    """
    stop_on_signals()
    data_dir = data_dir.absolute()
    with holding(data_dir):
        ports.check(sandboxes=sandboxes)
        stack = Stack(data_dir, ports, _keys(data_dir), sandboxes, given=_given(data_dir, sandboxes))
        with Supervisor(stack.log_dir, say) as supervisor:
            try:
                say(f"Starting all parts; their logs are in {stack.log_dir}")
                stack.start(supervisor)
                with noted(stack):
                    say(welcome(stack))
                    while True:
                        time.sleep(_WATCH_SECONDS)
                        supervisor.watch()
            except KeyboardInterrupt:
                say("Stopping all parts (Ctrl-C again: at once)")
    say("Stopped")


_SPELLED = {"hubspot": "HubSpot", "quickbooks": "QuickBooks", "netsuite": "NetSuite"}


def welcome(stack: Stack) -> str:
    """Return what a person needs to know of the running parts."""
    lines = [
        "",
        "External Sync is running.",
        f"  API and its documentation  {stack.api_url}/docs",
        f"  Temporal Web               {stack.temporal_ui_url}",
    ]
    for name, url in stack.note()["sandboxes"].items():
        lines.append(f"  {_SPELLED.get(name, name.capitalize()):10} sandbox         {url}")
    lines += [
        f"  API key                    {stack.keys.api_key}",
        f"  Data, keys and logs        {stack.data_dir}",
        "",
    ]
    if stack.sandboxes:
        lines.append("The sandboxes keep the vendors' rate limits at scale 10.")
    lines += ["Ctrl-C stops all parts. In another terminal, in this directory: external-sync status", ""]
    return "\n".join(lines)


def _keys(data_dir: Path) -> Keys:
    settings = Settings()
    return load_or_make(
        data_dir,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        encryption_keys=",".join(settings.keys()) or None,
    )


def _given(data_dir: Path, sandboxes: bool) -> dict[str, str]:
    """Take over a person's settings. With sandboxes: no Alguna of theirs, and a database only by the environment."""
    given = {name: value for name, value in os.environ.items() if name.startswith(PREFIX) and value}
    if not sandboxes:
        return given
    for name in _OURS:
        given.pop(f"{PREFIX}{name}", None)
    given.setdefault(f"{PREFIX}DATABASE_URL", f"sqlite:///{data_dir}/external-sync.db")
    return given
