"""Reading ahead: the vendor answers while the pages before are stored."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.protocols import Connector, FetchRequest, Page
from core.errors import SyncError
from store.types import utc_now

STORED_TOGETHER = 1000
"""Small pages are stored together, until so many records are read, or for so many seconds: a transaction costs as much
for a hundred records as for a thousand."""
TOGETHER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Ahead:
    """Pages that are being read; since `at` what they show may be out of date."""

    at: datetime
    _reading: asyncio.Task[tuple[Page, SyncError | None]]

    @classmethod
    def begin(cls, connector: Connector, request: FetchRequest) -> Ahead:
        """Begin to read the next pages."""
        return cls(utc_now(), asyncio.create_task(_pages(connector, request)))

    async def pages(self) -> tuple[Page, SyncError | None]:
        """The pages as one. Where a later one fails, those before it, which are to be stored, and the failure."""
        return await self._reading

    async def let_go(self) -> None:
        """End a read that nobody waits for any more."""
        self._reading.cancel()
        await asyncio.wait([self._reading])
        if not self._reading.cancelled():
            self._reading.exception()


async def _pages(connector: Connector, request: FetchRequest) -> tuple[Page, SyncError | None]:
    page, started = await connector.fetch(request), time.monotonic()
    records = list(page.records)
    while (
        page.position is not None and len(records) < STORED_TOGETHER and time.monotonic() - started < TOGETHER_SECONDS
    ):
        try:
            page = await connector.fetch(replace(request, position=page.position))
        except SyncError as error:
            return replace(page, records=records), error
        records += page.records
    return replace(page, records=records), None
