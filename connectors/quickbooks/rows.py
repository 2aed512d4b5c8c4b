"""Asks one company for rows of its objects: pages of queries, ids, changes (QuickBooks sheet 3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from connectors.quickbooks import statements
from connectors.quickbooks.client import QuickBooksClient
from connectors.quickbooks.errors import POISONED
from connectors.quickbooks.records import Row
from connectors.quickbooks.spec import QUERY_ROWS, VENDOR
from connectors.values import iso
from core.errors import FieldValidation, Transient

_log = structlog.get_logger(__name__)
BOTH = "Active IN (true, false)"


@dataclass(frozen=True)
class Part:
    """One page of a query: its readable rows, the server's time, and whether it is full, so that more may come."""

    rows: list[Row]
    began: datetime
    full: bool


class Rows:
    """Asks one company for rows of its objects."""

    def __init__(self, client: QuickBooksClient) -> None:
        """Take the client."""
        self._client = client

    async def page(self, name: str, conditions: Sequence[str], order: str, start: int, most: int) -> Part:
        """Return one page of a query, up to `most` rows from place `start` (1 is the first).

        One row with a bad address can spoil the answer (sheet 8.8): it is found by halving and left out, and warned of.
        """
        statement = statements.select(name, *conditions, order=order, start=start, most=most)
        try:
            answer = await self._client.query(statement)
        except FieldValidation as error:
            if error.vendor_code != str(POISONED):
                raise
            if most == 1:
                _log.warning("row_unreadable", object=name, place=start, code=error.vendor_code)
                return Part([], datetime.now(UTC), full=True)
            half = most // 2
            first = await self.page(name, conditions, order, start, half)
            second = await self.page(name, conditions, order, start + half, most - half)
            return Part(first.rows + second.rows, first.began, second.full)
        rows = rows_in(answer.body, name)
        return Part(rows, answer.began, len(rows) >= most)

    async def all(self, name: str, *conditions: str) -> list[Row]:
        """Return all rows that meet the conditions."""
        found: list[Row] = []
        start = 1
        while True:
            part = await self.page(name, conditions, "Id", start, QUERY_ROWS)
            found += part.rows
            if not part.full:
                return found
            start += QUERY_ROWS

    async def by_ids(self, name: str, ids: Collection[str], *, inactive: bool = False) -> list[Row]:
        """Return the rows with these ids that there are."""
        found: list[Row] = []
        for condition in statements.equalling("Id", [one for one in ids if one.isdecimal()]):
            statement = statements.select(name, condition, *([BOTH] if inactive else []))
            found += rows_in((await self._client.query(statement)).body, name)
        return found

    async def changed(self, name: str, since: datetime) -> tuple[list[Row], datetime]:
        """Return what CDC tells of an object, and the server's time."""
        answer = await self._client.read("/cdc", entities=name, changedSince=iso(since))
        try:
            parts = answer.body["CDCResponse"][0]["QueryResponse"] if answer.body["CDCResponse"] else []
            rows = [row for part in parts for row in part.get(name) or []]
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise Transient(f"{VENDOR}'s answer about changes cannot be read") from error
        return rows, answer.began


def rows_in(body: Mapping[str, Any], name: str) -> list[Row]:
    """Return the rows of a query's answer; of none the key is absent. Raises `Transient` for what is no answer."""
    found = body.get("QueryResponse")
    if not isinstance(found, dict):
        raise Transient(f"{VENDOR}'s answer to a query cannot be read")
    return list(found.get(name) or [])
