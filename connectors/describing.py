"""What a vendor says of its objects, kept for a while by each process."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from core.records import Entity

S = TypeVar("S")
# A field that an admin adds shows up after this many seconds in a process that runs on.
_KEEP_SECONDS = 600.0


class KeptSchemas(ABC, Generic[S]):
    """Describes objects, each once in a while."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._kept: dict[Entity, tuple[float, S]] = {}

    @abstractmethod
    async def _describe(self, entity: Entity) -> S:
        """Ask the vendor."""

    async def get(self, entity: Entity) -> S:
        """Return an entity's object; asks the vendor when it is not known, or not lately."""
        kept = self._kept.get(entity)
        if kept is not None and time.monotonic() - kept[0] < _KEEP_SECONDS:
            return kept[1]
        return await self.ask(entity)

    async def ask(self, entity: Entity) -> S:
        """Return an entity's object as it is now."""
        found = await self._describe(entity)
        self._kept[entity] = (time.monotonic(), found)
        return found

    def peek(self, entity: Entity) -> S | None:
        """Return what was described before, without asking."""
        kept = self._kept.get(entity)
        return kept[1] if kept else None

    def forget(self, entity: Entity) -> None:
        """Ask again next time, because the object was changed or a field turned out to be gone."""
        self._kept.pop(entity, None)
