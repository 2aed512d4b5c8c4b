"""People work while a reader turns its pages: no value is lost, none is shown twice as news (I3, I6).

Each reader reads small pages, and before each next one people edit a record that was read, one that was not, delete one
that was read and create one. Hours lie between what is read and what is done meanwhile, so that the overlap of two
reads brings back only what was done meanwhile: a record that a shifted page passes over is seen to be lost.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from connectors.protocols import Connector, FetchRequest, Page
from core.records import Entity, Record
from tests.connectors.support import Control, eventually
from tests.connectors.vendors import VENDORS

HOURS = 3 * 3_600
"""More than the overlap of any reader (NetSuite's are 70 minutes)."""

RECORDS, ROWS = 40, 7

PAGES = {
    "alguna": ["connectors.alguna.reader.PAGE_ROWS"],
    "hubspot": ["connectors.hubspot.reader.LIST_ROWS", "connectors.hubspot.reader.SEARCH_ROWS"],
    "netsuite": ["connectors.netsuite.client.ROWS"],
    "quickbooks": ["connectors.quickbooks.reader.QUERY_ROWS", "connectors.quickbooks.reader.CDC_ROWS"],
    # Salesforce chooses the size by itself; no client asks for less than 200.
    "salesforce": ["sandbox.salesforce.queries._PAGE"],
    "xero": ["connectors.xero.reader.PAGE_ROWS"],
}
"""Where the size of a page is set."""

COARSE = frozenset({"netsuite", "quickbooks", "salesforce"})
"""Whose clocks are so coarse that people's records have equal times."""

LATE = {"salesforce": ("commitLagSeconds", 2), "hubspot": ("indexLagSeconds", 60)}
"""What makes changes visible later than their times say: seconds of a real clock, and of the vendor's."""


@dataclass
class People:
    """What people do in one system, and what they last wrote where: `wrote` by id."""

    control: Control
    entity: Entity
    name: str
    edit: Callable[[dict[str, str]], object]
    deletes: bool
    wrote: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    made: int = 0
    edits: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(8))

    async def create(self, count: int = 1) -> list[str]:
        """Make records in one go, so that their times are as equal as the vendor's clock is coarse."""
        ids = await self.control.seed(self.entity, count, offset=self.made)
        self.made += count
        for one in ids:
            row = await self.control.record(self.entity, one)
            self.wrote[one] = str(row.get("properties", row)[self.name])
        return ids

    async def rename(self, record_id: str) -> None:
        self.edits += 1
        name = f"Edit {self.edits} Works"
        await self.control.patch(self.entity, record_id, self.edit({self.name: name}))
        self.wrote[record_id] = name

    async def delete(self, record_id: str) -> None:
        await self.control.delete(f"records/{self.entity.value}/{record_id}")
        self.gone.add(record_id)
        del self.wrote[record_id]

    async def between_pages(self, read: set[str]) -> None:
        """One edit of a record that was read, one of another, one deletion of one that was read, one new record."""
        seen, unseen = sorted(read & set(self.wrote)), sorted(set(self.wrote) - read)
        if unseen:
            await self.rename(self.dice.choice(unseen))
        if self.deletes and seen:
            await self.delete(seen.pop(self.dice.randrange(len(seen))))
        if seen:
            await self.rename(self.dice.choice(seen))
        [new] = await self.create()
        await self.rename(new)


@dataclass
class Reading:
    """A connector's reads one after the other, with all values that they ever showed of each record."""

    connector: Connector
    people: People
    cursor: str | None = None
    shown: dict[str, set[object]] = field(default_factory=dict)

    async def read_on(self, *, busy: bool) -> list[Page]:
        """Read to the end from the cursor and keep the new one; `busy`: people work before each next page."""
        entity, pages, position = self.people.entity, list[Page](), None
        while True:
            request = FetchRequest(entity, {entity: [self.people.name]}, self.cursor, full=False, position=position)
            page = await self.connector.fetch(request)
            ids = [record.id for record in page.records]
            assert len(ids) == len(set(ids)), "no page shows a record twice"
            pages.append(page)
            if page.position is None:
                break
            position = page.position
            # Pages do not grow faster than they are read.
            if busy and len(pages) < 6:
                await self.people.between_pages({record.id for one in pages for record in one.records})
        self.cursor = page.cursor
        for record in _living(pages):
            self.shown.setdefault(record.id, set()).add(record.fields[self.people.name])
        return pages

    def lost(self) -> dict[str, str]:
        """What people wrote last and no read has shown."""
        return {key: name for key, name in self.people.wrote.items() if name not in self.shown.get(key, set())}

    async def news(self) -> list[tuple[str, object]]:
        """Read once more; return what no read had shown before."""
        known = {key: set(values) for key, values in self.shown.items()}
        records = _living(await self.read_on(busy=False))
        values = [(record.id, record.fields[self.people.name]) for record in records]
        return [(key, value) for key, value in values if value not in known.get(key, set())]


def _living(pages: Sequence[Page]) -> list[Record]:
    return [record for page in pages for record in page.records if not record.deleted]


def _tied(pages: Sequence[Page]) -> bool:
    """Whether records on both sides of a border between pages have one time."""
    full = [page.records for page in pages if page.records]
    return any(before[-1].modified_at == after[0].modified_at for before, after in pairwise(full))


@pytest.fixture
async def start(
    account_of: Callable[[str], Awaitable[Control]], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[str, Entity], Awaitable[Reading]]]:
    """Begins with records that people made, and a connector that turns small pages."""
    opened: list[Connector] = []

    async def begin(provider: str, entity: Entity) -> Reading:
        for constant in PAGES[provider]:
            monkeypatch.setattr(constant, ROWS)
        # One after the other, so that people can work between any two of them.
        monkeypatch.setattr("connectors.alguna.reader.PAGES_AT_ONCE", 1)
        control, vendor = await account_of(provider), VENDORS[provider]
        opened.append((await control.services()).connect(provider))
        people = People(control, entity, vendor.name, vendor.edit, deletes=provider != "alguna")
        return Reading(opened[-1], people)

    yield begin
    for connector in opened:
        await connector.close()


async def at(reading: Reading, seconds: int) -> None:
    """It is so many seconds later, or earlier, at the vendor than here."""
    await reading.people.control.post("behaviour", {"clockSkewSeconds": seconds})


@pytest.mark.parametrize("clock", [0, -4 * HOURS], ids=["clock_ahead", "clock_behind"])
@pytest.mark.parametrize(
    ("provider", "entity"), [*((name, Entity.ACCOUNTS) for name in sorted(VENDORS)), ("alguna", Entity.SUBSCRIPTIONS)]
)
async def test_i3_i6_nothing_is_lost_or_told_twice_when_records_change_between_pages(
    start: Callable[[str, Entity], Awaitable[Reading]], provider: str, entity: Entity, clock: int
) -> None:
    reading = await start(provider, entity)
    people = reading.people
    await at(reading, clock)
    await people.create(RECORDS)

    await at(reading, clock + HOURS)
    first = await reading.read_on(busy=True)
    await reading.read_on(busy=False)
    assert reading.lost() == {}, "a first read"
    assert len(first) > RECORDS // ROWS

    await at(reading, clock + 2 * HOURS)
    for record_id in sorted(people.wrote)[: RECORDS // 2]:
        await people.rename(record_id)
    await people.create(RECORDS // 2)
    await at(reading, clock + 3 * HOURS)
    changes = await reading.read_on(busy=True)
    await reading.read_on(busy=False)
    assert reading.lost() == {}, "a read of changes"
    assert len(changes) > RECORDS // ROWS
    assert _tied(changes) or provider not in COARSE

    await at(reading, clock + 4 * HOURS)
    assert await reading.news() == []
    assert await reading.news() == []


@pytest.mark.parametrize("provider", sorted(LATE))
async def test_i3_what_becomes_visible_later_than_its_time_is_read_by_the_next_pass(
    start: Callable[[str, Entity], Awaitable[Reading]], provider: str
) -> None:
    reading = await start(provider, Entity.ACCOUNTS)
    people, (lag, seconds) = reading.people, LATE[provider]
    made = await people.create(RECORDS)
    await at(reading, HOURS)
    await reading.read_on(busy=False)
    people.wrote = {}
    await people.control.post("behaviour", {lag: seconds})
    for record_id in made[:ROWS]:
        await people.rename(record_id)

    await at(reading, HOURS + 30)
    await reading.read_on(busy=False)
    assert reading.lost() == people.wrote, "their times lie behind the cursor's, and they are hidden"

    await at(reading, HOURS + 30 + seconds)
    cursor = reading.cursor

    async def seen() -> bool:
        reading.cursor = cursor
        await reading.read_on(busy=True)
        return not any(one in reading.lost() for one in made[:ROWS])

    await eventually(seen)
