"""How the command line speaks: tables on a terminal, plain aligned text in a pipe, JSON on demand, errors on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from starter.client import ApiError

_STYLES = {
    "green": {"completed", "connected", "idle", "resolved", "active", "synced", "yes", "ok"},
    "yellow": {"queued", "running", "paused", "open", "retrying", "parked", "pending", "conflict", "resolving"},
    "red": {"failed", "completed_with_errors", "canceled", "auth_expired", "disconnected", "error", "disabled"},
}


_LINE_BREAKS = re.compile(r"\r\n|[\r\n\v\f\x85\u2028\u2029]")
"""What would take a cell apart."""


def is_terminal() -> bool:
    """Say whether a person reads the output."""
    return sys.stdout.isatty()


def console() -> Console:
    """Return a console on the present standard output."""
    return Console(file=sys.stdout, highlight=False)


def say(text: str) -> None:
    """Print text as it is."""
    print(text, flush=True)


def warn(text: str) -> None:
    """Print what went wrong, and what to do next, on standard error."""
    Console(file=sys.stderr, highlight=False, soft_wrap=True).print(escape(text), style="red")


def as_text(data: Any) -> str:
    """Return data as JSON that people can read."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def show_json(data: Any) -> None:
    """Print data as JSON."""
    say(as_text(data).rstrip("\n"))


def span(seconds: float | None) -> str:
    """Return a time that has gone by as a person says it: `12 s`, `5 min`, `3 h`, `2 d`."""
    if seconds is None:
        return "-"
    steps = ((86_400, "d"), (3_600, "h"), (60, "min"))
    size, unit = next(((size, unit) for size, unit in steps if seconds >= 2 * size), (1, "s"))
    return f"{seconds / size:.0f} {unit}"


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "", empty: str = "") -> None:
    """Print rows: as a table on a terminal, else as aligned columns that are never cut."""
    if not rows:
        say(empty or "nothing to show")
        return
    texts = [[_LINE_BREAKS.sub("↵", cell(value)) for value in row] for row in rows]
    if is_terminal():
        table = Table(*columns, title=title or None, title_justify="left", header_style="bold")
        for row in texts:
            table.add_row(*(f"[{style}]{escape(text)}[/]" if (style := _style(text)) else escape(text) for text in row))
        console().print(table)
        return
    widths = [max(len(line[index]) for line in [list(columns), *texts]) for index in range(len(columns))]
    for line in [[name.upper() for name in columns], *texts]:
        say("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def show_pairs(pairs: Sequence[tuple[str, object]]) -> None:
    """Print names and values, one pair a line."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        say(f"{name.ljust(width)}  {cell(value)}")


def cell(value: object) -> str:
    """Return a value as a person reads it: `-` for none, times without fractions, the rest of JSON as it is."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def moment(value: str | None) -> str:
    """Return an ISO 8601 time without fractions of a second."""
    if not value:
        return "-"
    date, _, rest = value.partition("T")
    return f"{date} {rest[:8]}" if rest else value


def describe(error: ApiError) -> str:
    """Return a refusal with every field that it names, and what to do about the usual ones."""
    lines = [error.detail]
    lines += [f"  {one.get('field') or 'request'}: {one.get('message', '')}" for one in error.errors]
    if error.status == 401:
        lines.append("Set EXTERNAL_SYNC_API_KEY to a key of this service; `external-sync dev` prints the one it made.")
    elif error.status >= 500:
        lines.append("The service itself failed; its log says why.")
    return "\n".join(lines)


def _style(text: str) -> str | None:
    return next((style for style, words in _STYLES.items() if text in words), None)
