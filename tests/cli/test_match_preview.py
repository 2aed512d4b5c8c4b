"""`links --preview` as its user meets it."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.cli.conftest import FakeApi, Said

Command = Callable[..., Said]


def test_links_preview_says_what_is_sure_what_is_asked_and_what_is_left(api: FakeApi, command: Command) -> None:
    candidate = {"externalId": "001B", "score": 0.9, "reasons": ["same email"], "values": {}}
    unclear = {"side": "alguna", "algunaId": "cust_2", "values": {"name": "Zephyr"}, "candidates": [candidate]}
    preview = {
        "entity": "accounts",
        "note": "only the first 5000 records of the alguna side were read",
        "counts": {
            "matched": 1,
            "byRule": {"email": 1},
            "ambiguous": 1,
            "unmatched": {"alguna": 0, "external": 0},
        },
        "matched": [
            {"algunaId": "cust_1", "externalId": "001A", "rule": "email", "alguna": {}, "external": {"Name": "Acme"}}
        ],
        "ambiguous": [unclear],
        "unmatched": {"alguna": [], "external": []},
    }
    api.on("POST", "/integrations/int_salesforce/sync-config/matching/preview", preview)
    said = command("links", "int_salesforce", "accounts", "--preview").out
    assert "1 pairs would be linked (1 by email)" in said
    assert re.search(r"cust_2 +Zephyr +001B +same email \(0.9\)", said)
    assert "note: only the first 5000 records" in said
    assert command("links", "int_salesforce", "accounts", "--preview", "--json").json == preview
    assert command("links", "int_salesforce", "accounts", "--preview", "--alguna-id", "x").code == 1
