"""Salesforce record ids: 15 case-sensitive characters, or the same with 3 that make it safe to fold (sheet 2.1)."""

from __future__ import annotations

import re

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def normalise_id(text: str) -> str | None:
    """Return the 18-character form; None for what is no record id."""
    if not _ID.fullmatch(text):
        return None
    short = text[:15]
    groups = (short[0:5], short[5:10], short[10:15])
    return short + "".join(_SUFFIX[sum(1 << bit for bit, char in enumerate(g) if char.isupper())] for g in groups)
