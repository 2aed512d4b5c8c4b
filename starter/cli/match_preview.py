"""`links --preview`: what a first load would link, ask and leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starter.cli.output import say, show_table

_SHOWN = 3


def show_preview(found: Mapping[str, Any]) -> None:
    """Print the preview of matching: what is sure first, then what a person will be asked, then what is left."""
    counts, left = found["counts"], found["counts"]["unmatched"]
    rules = ", ".join(f"{number} by {rule}" for rule, number in counts["byRule"].items())
    say(f"{counts['matched']} pairs would be linked" + (f" ({rules})" if rules else ""))
    rows = [[one["algunaId"], one["externalId"], one["rule"], _values(one["external"])] for one in found["matched"]]
    show_table(["Alguna", "external", "by", "values"], rows, empty="")
    say(f"{counts['ambiguous']} records have several candidates, or one that is taken")
    _open(found["ambiguous"])
    say(f"{left['alguna']} records of Alguna and {left['external']} external ones have no partner")
    _open([*found["unmatched"]["alguna"], *found["unmatched"]["external"]])
    if found["note"]:
        say(f"note: {found['note']}")


def _open(records: list[Mapping[str, Any]]) -> None:
    rows = [
        [one["side"], _id(one), _values(one["values"]), _id(item) if item else "", _why(item)]
        for one in records
        for item in (one["candidates"][:_SHOWN] or [None])
    ]
    show_table(["side", "record", "values", "could be", "because"], rows, empty="")


def _id(one: Mapping[str, Any]) -> str:
    return str(one.get("algunaId") or one.get("externalId"))


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(str(value) for value in values.values())


def _why(item: Mapping[str, Any] | None) -> str:
    return f"{', '.join(item['reasons'])} ({item['score']})" if item else ""
