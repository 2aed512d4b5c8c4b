"""Reading from QuickBooks where answers are spoiled by rows that cannot be read (QuickBooks sheet 8.8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from connectors.protocols import FetchRequest
from connectors.quickbooks.readers import CustomerReader
from connectors.quickbooks.records import Row
from connectors.quickbooks.rows import Part, Rows
from core.records import Entity

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def customer(number: int, minute: int) -> Row:
    times = {"CreateTime": f"2026-01-01T00:{minute:02}:00Z", "LastUpdatedTime": f"2026-01-01T00:{minute:02}:00Z"}
    return {"Id": str(number), "DisplayName": f"Customer {number}", "MetaData": times}


class Company:
    """Customers by their place; those without a row cannot be read. Places count from the time that is asked from."""

    def __init__(self, places: Sequence[Row | None]) -> None:
        self.places = places

    async def page(self, name: str, conditions: Sequence[str], order: str, start: int, most: int) -> Part:
        since = conditions[0].split("'")[1][:16]
        behind = [row for row in self.places if row is None or row["MetaData"]["CreateTime"][:16] >= since]
        chosen = behind[start - 1 : start - 1 + most]
        return Part([row for row in chosen if row is not None], NOW, len(chosen) >= most)


async def read_all(company: Company, wanted: Collection[str] = ("DisplayName",)) -> list[str]:
    reader, position, found = CustomerReader(cast(Rows, company)), None, list[str]()
    while True:
        fields: Any = {Entity.ACCOUNTS: wanted}
        page = await reader.fetch(FetchRequest(Entity.ACCOUNTS, fields, None, True, position))
        found += [record.id for record in page.records]
        position = page.position
        if position is None:
            return found


async def test_i6_whole_pages_of_rows_that_cannot_be_read_end_no_scan() -> None:
    """A thousand rows is a page: the second and third have nothing that could be read, the fourth has."""
    readable = [customer(number, number // 100) for number in range(1, 1001)]
    later = [customer(number, 30) for number in range(3001, 3011)]
    assert await read_all(Company([*readable, *[None] * 2000, *later])) == [row["Id"] for row in [*readable, *later]]
