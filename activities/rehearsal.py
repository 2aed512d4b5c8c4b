"""Dry runs: the real sync, on a copy of the state, with connectors that read but do not write.

So a dry run plans with the very code that a sync runs, and says what that sync would do. What it leaves are its
passes with their counts, and the outcomes with the values that would be written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from connectors.protocols import (
    Connector,
    Current,
    EntityFacts,
    FetchRequest,
    KnowsNewParents,
    Page,
    WriteRequest,
    WriteResult,
    WriteStatus,
)
from core.errors import ErrorType, RecordFailure
from core.field_check import length_problem
from core.records import PARENT_OF, Entity, Operation, OperationKind, Record, Side
from core.schema import EntitySchema
from core.values import Value
from store import passes, rehearsal, trails, writes
from store.database import Database
from store.endings import Ending
from store.passes import Tally
from store.rehearsal import PLANNED
from store.scope import Scope
from store.tables.runs import Pass
from store.types import utc_now
from store.writes import OpenOperation

if TYPE_CHECKING:
    from activities.contracts import PassRef
    from activities.engine import Engine, PassContext


class RehearsedConnector:
    """A connector that reads for real, and says of every write that it was done; see `Connector`."""

    def __init__(self, inner: Connector, db: Database) -> None:
        """Take the real connector, and the database that knows the records which would be created."""
        self.inner = inner
        self.schema: EntitySchema | None = None
        """What the system says of its fields: a text that is too long for one would be refused."""
        self._db = db
        self.sent = 0
        """How many writing calls would have been made."""

    @property
    def side(self) -> Side:
        """The side that is served."""
        return self.inner.side

    @property
    def calls(self) -> int:
        """How many calls were really made."""
        return self.inner.calls

    def facts(self, entity: Entity) -> EntityFacts:
        """As the real one."""
        return self.inner.facts(entity)

    async def check(self) -> str:
        """As the real one."""
        return await self.inner.check()

    async def describe(self, entity: Entity) -> EntitySchema:
        """As the real one."""
        return await self.inner.describe(entity)

    async def default_currency(self) -> str | None:
        """As the real one."""
        return await self.inner.default_currency()

    async def fetch(self, request: FetchRequest) -> Page:
        """As the real one."""
        return await self.inner.fetch(request)

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read the records that exist."""
        there = [one for one in ids if not one.startswith(PLANNED)]
        return await self.inner.read(entity, there, fields) if there else {}

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """As the real one."""
        return await self.inner.look_up(entity, field, values, fields)

    async def find_created(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Record]:
        """Nothing was created."""
        return {}

    def needs_current(self, operation: Operation, age: float) -> bool:
        """As the real one."""
        return self.inner.needs_current(operation, age)

    def leases(self, operations: Sequence[Operation]) -> list[str]:
        """None: nothing is written."""
        return []

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """Read the targets that exist; of those under a parent that would be created, say what it would be like."""
        there = [one for one in operations if not _under_planned(one)]
        found = await self.inner.current(there, fields) if there else {}
        planned = [one for one in operations if _under_planned(one)]
        if not planned:
            return found
        # What a write must know beside its parent: settings, items, tax rates.
        found |= await self.inner.current([replace(one, parent_id=None) for one in planned], fields)
        if isinstance(self.inner, KnowsNewParents):
            # Reading the new parents is a call for each in the real sync.
            numbers = {_number(one.parent_id or "") for one in planned}
            self.sent += len(numbers)
            async with self._db.session() as session:
                values = await rehearsal.values_of(session, numbers)
            for one in planned:
                parent = values.get(_number(one.parent_id or ""), {})
                found[one.id] = self.inner.current_of_new(one, parent, found.get(one.id))
        return found

    def normalise(self, entity: Entity, values: Mapping[str, Value]) -> dict[str, Value]:
        """As the real one."""
        return self.inner.normalise(entity, values)

    def plan(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> list[WriteRequest]:
        """As the real one."""
        return self.inner.plan(operations, current)

    async def send(
        self, request: WriteRequest, operations: Sequence[Operation], fields: Collection[str]
    ) -> list[WriteResult]:
        """Count the call, and say that it was carried out. What would not be sent has its outcome already."""
        if not request.method:
            return await self.inner.send(request, operations, fields)
        self.sent += 1
        return [self._outcome(one) for one in operations]

    def _outcome(self, operation: Operation) -> WriteResult:
        for path, value in operation.values.items():
            field = self.schema.field(path) if self.schema else None
            if field is not None and (problem := length_problem(field, value)):
                failure = RecordFailure(ErrorType.FIELD_VALIDATION, problem, field=path)
                return WriteResult(operation.id, WriteStatus.REJECTED, operation.target_id, failure=failure)
        return WriteResult(operation.id, WriteStatus.DONE, operation.target_id or f"{PLANNED}{operation.id}")

    async def close(self) -> None:
        """The real one stays open for others."""


def _under_planned(operation: Operation) -> bool:
    return operation.target_id is None and (operation.parent_id or "").startswith(PLANNED)


def _number(planned_id: str) -> int:
    return int(planned_id.removeprefix(PLANNED))


async def prepare(engine: Engine, ref: PassRef) -> None:
    """Before a pass of a dry run: copy the state of its entity, and of its parents where they are not in the run."""
    run_id = ref.run_ids[0]
    async with engine.db.session() as session:
        there = await rehearsal.copied(session, run_id)
    entity: Entity | None = ref.entity
    while entity is not None:
        if entity not in there:
            await rehearsal.copy(engine.db, Scope(ref.integration_id, entity), run_id, utc_now())
        entity = PARENT_OF.get(entity)


async def finish(session: AsyncSession, context: PassContext) -> None:
    """At the end of a pass: list what would be linked, and note what the next sync has to settle first."""
    pass_id, real = context.ref.pass_id, Scope(context.ref.integration_id, context.ref.entity)
    known = await session.get_one(Pass, pass_id)
    outward = any(item.flows_to(Side.EXTERNAL) for item in context.plan.fields)
    target = Side.EXTERNAL if outward else Side.ALGUNA
    await rehearsal.show_links(session, context.scope, pass_id, target, known.started_at)
    tally = Tally()
    tally.note("unsettled", sum(len(one.operation_ids) for one in await writes.unsettled(session, real)))
    facts = context.facts[Side.EXTERNAL]
    written = known.counts.get(Side.EXTERNAL.value, {})
    rows = sum(written.get(outcome, 0) for outcome in ("created", "updated", "archived"))
    reads = 0 if facts.returns_values else -(-rows // facts.page)
    await passes.add_counts(session, pass_id, tally, {planned_key(Side.EXTERNAL): reads})


def planned_key(side: Side) -> str:
    """The name under which a pass counts the calls that it would have made to a side."""
    return f"planned_{side.value}"


def planned_calls(connector: Connector) -> int:
    """How many writing calls a connector would have made."""
    return connector.sent if isinstance(connector, RehearsedConnector) else 0


async def show_changes(
    session: AsyncSession, context: PassContext, opened: Collection[OpenOperation], endings: Sequence[Ending]
) -> None:
    """Put to the outcomes of a request what would be written: from, to and rule of each field."""
    operations = {(item.operation.target, item.operation.source_id): item.operation for item in opened}
    sources: dict[Side, list[str]] = {
        side: [one for target, one in operations if target is side.other] for side in Side
    }
    rules = await trails.rules_of(session, context.scope, context.ref.pass_id, sources)
    for ending in endings:
        source = ending.target.other
        source_id = ending.alguna_id if source is Side.ALGUNA else ending.external_id
        operation = operations.get((ending.target, source_id or ""))
        if operation is not None:
            names = {item.name(ending.target): item.alguna_field for item in context.plan.fields}
            decided = rules.get((source, operation.source_id), {})
            usual = "create" if operation.kind is OperationKind.CREATE else "marker"
            ending.changes = [
                {
                    "field": path,
                    "from": operation.expected.get(path),
                    "to": value,
                    "rule": decided.get(names.get(path, ""), usual),
                }
                for path, value in sorted(operation.values.items())
            ]
