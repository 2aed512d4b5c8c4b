"""Passes carried out step by step in the test itself: real store, sandboxes, connectors and activities, no Temporal.

What the activities start or signal there is kept in `Mailbox`, to be looked at or carried out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from pydantic import SecretStr
from sqlalchemy import select
from sqlmodel import col
from temporalio.client import Client

from activities.contracts import ChunkRef, Mode, PassRef, RunRequest
from activities.engine import Engine
from activities.fetch import fetch
from activities.match import match
from activities.transform import transform
from activities.write import write
from core.records import Entity
from runtime.settings import Settings
from runtime.wiring import Services, open_services
from store.crypto import Vault
from store.scope import Scope
from store.tables.runs import ConflictRow, Pass, RecordError
from store.tables.sync import Link
from tests.engine.world import INTEGRATION, Sandboxes, World, empty_store
from worker import make_engine

MOST_READS = 50
"""Far more than any pass of a test needs."""


class Mailbox:
    """Stands for the Temporal client: keeps what is started and signalled."""

    namespace = "default"

    def __init__(self) -> None:
        self.started: list[tuple[str, Any, str]] = []

    async def start_workflow(self, workflow: str, argument: Any = None, *, id: str, **more: Any) -> None:
        self.started.append((workflow, argument, id))

    def get_workflow_handle(self, workflow_id: str) -> Mailbox:
        return self

    async def signal(self, *given: Any) -> None:
        return

    def runs(self) -> list[RunRequest]:
        """The runs that were started."""
        return [argument for _, argument, _ in self.started if isinstance(argument, RunRequest)]


class Passes(World):
    """A world whose passes are carried out here."""

    def __init__(self, boxes: Sandboxes, services: Services, settings: Settings) -> None:
        self.mailbox = Mailbox()
        client = cast(Client, self.mailbox)
        super().__init__(boxes, services, client, settings, "")
        self.engine: Engine = make_engine(services, client)

    async def close(self) -> None:
        await self.engine.close()
        await self.services.close()

    async def run_pass(self, entity: Entity, mode: Mode = Mode.INCREMENTAL) -> Pass:
        """Carry out one pass, as the entity's writer would, chunk after chunk; return its row."""
        of = PassRef(pass_id=f"pass_{uuid4().hex}", integration_id=INTEGRATION, entity=entity, mode=mode)
        return await self.carry_out(of)

    async def carry_out(self, of: PassRef) -> Pass:
        """Carry out a pass that may belong to runs. It must come to an end by itself."""
        number, reads = 0, 0
        while not (result := await fetch(self.engine, of)).closed:
            reads += 1
            assert reads < MOST_READS, "the pass does not end"
            left = 0 if result.more else result.waiting
            while left > 0:
                number, left = number + 1, left - result.chunk_size
                chunk = ChunkRef(of=of, number=number)
                if (await match(self.engine, chunk)).proceed and (await transform(self.engine, chunk)).proceed:
                    await write(self.engine, chunk)
        async with self.services.db.session() as session:
            row = await session.get(Pass, of.pass_id)
        assert row is not None
        return row

    async def run_all(self, *entities: Entity, mode: Mode = Mode.INCREMENTAL) -> dict[Entity, Pass]:
        """Carry out a pass of each entity, parents first."""
        return {entity: await self.run_pass(entity, mode) for entity in Entity if entity in entities}

    async def links_of(self, entity: Entity) -> dict[str, str]:
        """The active links of an entity: Alguna id -> external id."""
        async with self.services.db.session() as session:
            rows = (await session.execute(select(Link))).scalars()
            return {
                row.alguna_id: row.external_id for row in rows if row.entity == entity.value and row.status == "active"
            }

    async def conflicts(self, *statuses: str) -> list[ConflictRow]:
        """The conflicts with these statuses (open ones where none is named)."""
        async with self.services.db.session() as session:
            rows = (await session.execute(select(ConflictRow).order_by(col(ConflictRow.id)))).scalars()
            return [row for row in rows if row.status in (statuses or ("open",))]

    async def errors(self, status: str = "open") -> list[RecordError]:
        """The record errors with a status."""
        async with self.services.db.session() as session:
            rows = (await session.execute(select(RecordError).order_by(col(RecordError.id)))).scalars()
            return [row for row in rows if row.status == status]

    async def total_calls(self) -> int:
        """How many calls both systems got since the log was cleared, token calls aside."""
        calls = [*await self.boxes.calls("alguna"), *await self.boxes.calls("salesforce")]
        return len([call for call in calls if "oauth2" not in call["path"]])

    def scope(self, entity: Entity) -> Scope:
        return Scope(INTEGRATION, entity)


async def make_passes(folder: Path, boxes: Sandboxes, *, kind: type[Passes] = Passes, **settings: Any) -> Passes:
    """Make a connected service with an empty store, without a configuration."""
    chosen = Settings(
        data_dir=folder,
        database_url=await empty_store(folder),
        encryption_keys=(SecretStr(Vault.new_key()),),
        **settings,
    )
    services = open_services(chosen)
    await services.db.migrate()
    made = kind(boxes, services, chosen)
    await made.connect()
    return made
