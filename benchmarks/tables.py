"""How measurements are shown: on the terminal, or as Markdown for `RESULTS.md`."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from typing import NoReturn

from rich.console import Console
from rich.table import Table

Rows = list[tuple[str, ...]]


def machine() -> str:
    """What was measured on."""
    return f"Python {platform.python_version()}, {os.cpu_count()} cores"


def show(title: str, rows: Rows, heads: Sequence[str] = ("", ""), *, markdown: bool) -> None:
    """Print a table."""
    if markdown:
        lines = [title, "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        print("\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]))
        return
    table = Table(*heads, title=title, show_header=any(heads))
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def leave() -> NoReturn:
    """End the process: Temporal's threads can abort an interpreter that exits the usual way (sdk-python issue 300)."""
    sys.stdout.flush()
    os._exit(0)
