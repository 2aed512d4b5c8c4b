"""What the connectors of providers do alike: reads go to a reader, creates of unknown outcome are found by marker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from connectors.protocols import Current, EntityFacts, FetchRequest, Page, WriteResult, WriteStatus
from connectors.rest import RestClient
from connectors.writing import adopted
from core.errors import ErrorType, FieldValidation, RecordFailure
from core.records import Entity, Operation, OperationKind, Record, Side

# A target read longer ago than this is read again before it is written (design 3.3).
STALE_SECONDS = 10.0


class Reader(Protocol):
    """The reads of one connection, as `connectors.protocols.Connector` describes them."""

    async def fetch(self, request: FetchRequest) -> Page: ...

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]: ...

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]: ...


def facts_in(known: Mapping[Entity, EntityFacts], vendor: str, entity: Entity) -> EntityFacts:
    """Return the facts of an entity. Raises `FieldValidation` for one that the vendor has not."""
    try:
        return known[entity]
    except KeyError:
        raise FieldValidation(f"{vendor} has no {entity.value}; it has {', '.join(known)}") from None


class ExternalConnector(ABC):
    """The part of `connectors.protocols.Connector` that is the same for providers."""

    side = Side.EXTERNAL

    def __init__(self, client: RestClient, reader: Reader) -> None:
        """Take the connection's client and its reader."""
        self._calls = client
        self._reads = reader

    @property
    def calls(self) -> int:
        """How many calls this connector has made."""
        return self._calls.calls

    @abstractmethod
    def facts(self, entity: Entity) -> EntityFacts:
        """Return the constant facts of an entity."""

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page of changes."""
        return await self._reads.fetch(request)

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read records by id; those that are known to be deleted have `deleted` set."""
        return await self._reads.read(entity, ids, fields)

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find records by the values of a field, by the vendor's own comparison."""
        return await self._reads.look_up(entity, field, values, fields)

    async def find_created(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Record]:
        """Find what creates of unknown outcome made, by the unique marker that they carried."""
        found: dict[int, Record] = {}
        for entity, chosen in _by_entity(operations).items():
            marker = self.facts(entity).marker
            if marker is None:
                continue
            records = await self._reads.look_up(entity, marker, {one.source_id for one in chosen}, fields)
            by_marker = {record.marker: record for record in records}
            found |= {one.id: by_marker[one.source_id] for one in chosen if one.source_id in by_marker}
        return found

    def needs_current(self, operation: Operation, age: float) -> bool:
        """Creates are safe by their marker; other writes need a read that is at most 10 s old."""
        return operation.kind is not OperationKind.CREATE and age > STALE_SECONDS

    def leases(self, operations: Sequence[Operation]) -> list[str]:
        """None: this connection's entity has one writer, and a record is written in one call."""
        return []

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """Read the records that are about to be written."""
        result: dict[int, Current] = {}
        for entity, chosen in _by_entity(operations).items():
            ids = {one.target_id for one in chosen if one.target_id is not None}
            found = await self._reads.read(entity, ids, fields) if ids else {}
            result |= {one.id: Current(found.get(one.target_id or "")) for one in chosen}
        return result

    async def adopt(
        self, results: Sequence[WriteResult], operations: Sequence[Operation], fields: Collection[str]
    ) -> list[WriteResult]:
        """Look up creates that were refused as duplicates without a word of whose: it may be our own record."""
        unclear = {one.operation_id for one in results if one.status is WriteStatus.REJECTED and self._is_unclear(one)}
        creates = [one for one in operations if one.id in unclear and one.kind is OperationKind.CREATE]
        return adopted(results, await self.find_created(creates, fields)) if creates else list(results)

    def is_unclear(self, failure: RecordFailure) -> bool:
        """Whether a refusal may be for the marker that our own record holds."""
        return failure.type is ErrorType.DUPLICATE

    async def close(self) -> None:
        """Release the network connections."""
        await self._calls.close()

    def _is_unclear(self, result: WriteResult) -> bool:
        return result.failure is not None and self.is_unclear(result.failure)


def _by_entity(operations: Sequence[Operation]) -> dict[Entity, list[Operation]]:
    groups: dict[Entity, list[Operation]] = {}
    for operation in operations:
        groups.setdefault(operation.entity, []).append(operation)
    return groups
