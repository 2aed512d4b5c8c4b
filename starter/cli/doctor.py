"""The command that looks for what is wrong with an installation."""

from __future__ import annotations

import typer

from starter.cli.output import say, show_json, show_table
from starter.cli.session import AsJson, open_client


def doctor(as_json: AsJson = False) -> None:
    """Check Temporal, database, workers, connections, marker fields and clocks, and say how to mend each."""
    with open_client() as client:
        found = client.doctor()
    if as_json:
        show_json(found)
    else:
        rows = [[one["check"], one["state"], one["detail"], one["mend"]] for one in found["findings"]]
        show_table(["check", "state", "found", "to mend it"], rows)
        verdicts = {"ok": "All is well.", "warning": "It works; see the warnings.", "failed": "Something is broken."}
        say(verdicts[found["state"]])
    if found["state"] == "failed":
        raise typer.Exit(1)
