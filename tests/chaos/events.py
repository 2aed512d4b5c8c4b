"""Events of both sides lost, doubled and shuffled while people go on to edit (`make test-chaos`): then all agrees."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select, text

from core.records import Entity, Side
from starter.services import probing, receiving
from starter.services.backend import Backend
from store import links
from store.scope import Scope
from store.tables.connections import Integration
from store.tables.runs import Run
from tests.chaos.post import PostOffice, post_office, public_url
from tests.chaos.tills import TILLS
from tests.crash.conftest import temporal_address as temporal_address
from tests.crash.systems import System
from tests.engine.test_waiting import until
from tests.engine.world import INTEGRATION, Sandboxes, World, make_world

pytestmark = pytest.mark.timeout(300)
RECORDS, ROUNDS = 6, 4
SUBSCRIPTIONS, INVOICES = Entity.SUBSCRIPTIONS, Entity.INVOICES
OVER = ("completed", "completed_with_errors", "failed", "canceled")


@dataclass
class Tale:
    """Records of which both sides tell events, and the text of each that people edit; `said` is what they last wrote,
    by Alguna's id."""

    entity: Entity
    alguna: System
    external: System
    said: dict[str, str] = field(default_factory=dict)

    def on(self, side: Side) -> System:
        return self.alguna if side is Side.ALGUNA else self.external


def _tales() -> list[Tale]:
    name = System("alguna", "id", ("name",))
    words = System("alguna", "id", ("description",))
    order = System("alguna", "id", ("purchase_order_number",))
    return [
        Tale(SUBSCRIPTIONS, name, System("salesforce", "Id", ("Name",))),
        Tale(SUBSCRIPTIONS, name, System("hubspot", "id", ("properties", "dealname"))),
        Tale(INVOICES, words, System("quickbooks", "Id", ("PrivateNote",))),
        Tale(INVOICES, words, System("netsuite", "id", ("memo",))),
        Tale(INVOICES, order, System("xero", "InvoiceID", ("Reference",))),
    ]


class Told:
    """A service in real time, people who edit on both sides, and a post office between the vendors and the service."""

    def __init__(self, world: World, tale: Tale, office: PostOffice, backend: Backend) -> None:
        self.world = world
        self.tale = tale
        self.office = office
        self.backend = backend
        self.pairs: dict[str, str] = {}
        self.edits = 0

    async def begin(self) -> None:
        """Records made in Alguna are on both sides; from here on both systems send their events."""
        provider = self.tale.external.provider
        till = next((one for one in TILLS if one.provider == provider), None)
        realtime = {"enabled": True, "entities": [self.tale.entity.value], "coalesceSeconds": 0, "pollSeconds": 0}
        if till is None:
            await self.world.boxes.seed("alguna", "subscriptions", RECORDS)
            await self.world.configure("accounts", "subscriptions", realtime=realtime)
        else:
            for item in till.items:
                await self.world.boxes.control(provider, "POST", "records/items", item)
            body = {"name": "Plain Harbor Ltd", "currency": till.currency}
            customer = await self.world.boxes.control("alguna", "POST", "records/accounts", body)
            for number in range(RECORDS):
                line = {"description": "Seats", "quantity": "1", "unit_price": f"{number + 1}.00"}
                issued = {"customer_id": customer["id"], "currency": till.currency, "status": "issued"}
                await self.world.boxes.control("alguna", "POST", "records/invoices", {**issued, "line_items": [line]})
            options = {name: values for name, values in till.options.items() if name != "payments"}
            await self.world.configure("accounts", "invoices", entityOptions=options, realtime=realtime)
        await self.world.sync()
        scope = Scope(INTEGRATION, self.tale.entity)
        ours = [row["id"] for row in await self.world.boxes.records("alguna", self.tale.entity.value)]
        async with self.world.services.db.session() as session:
            found = await links.active(session, scope, Side.ALGUNA, ours)
        self.pairs = {one: link.external_id for one, link in found.items()}
        assert len(self.pairs) == RECORDS
        await self._listen()

    async def _listen(self) -> None:
        """Give both systems the post office's address."""
        provider = self.tale.external.provider
        row = await self.world.services.connections.get_integration(INTEGRATION)
        made = await receiving.set_secret(self.backend, row, None)
        await self.world.boxes.control(provider, "POST", "webhooks", {"url": made["url"], "secret": made["secret"]})
        await self.world.boxes.control("alguna", "POST", "webhooks", {"url": f"{self.office.url}/webhooks/alguna"})
        await self.sent()
        self.office.keeps = True

    async def edit(self) -> None:
        """People write something new into every record; each pair has its people on one side only."""
        for number, (ours, theirs) in enumerate(self.pairs.items()):
            side = list(Side)[number % 2]
            system = self.tale.on(side)
            self.edits += 1
            self.tale.said[ours] = f"Edit {self.edits}"
            record_id = ours if side is Side.ALGUNA else theirs
            changes = system.renaming(self.tale.said[ours])
            await self.world.boxes.edit(system.provider, self.tale.entity.value, record_id, **changes)

    async def sent(self) -> None:
        """Both systems have sent all that they have to tell."""

        async def quiet() -> bool:
            told = [await self.world.boxes.control(one.provider, "GET", "webhooks") for one in map(self.tale.on, Side)]
            return not any(one["pending"] for one in told)

        await until(quiet, 30)

    async def rest(self) -> int:
        """Wait until what events have started is over, and none waits any more; return how many runs there were."""

        async def over() -> bool:
            async with self.world.services.db.session() as session:
                waiting = (await session.execute(text("SELECT count(*) FROM inbox"))).scalar()
            return waiting == 0 and all(run.status in OVER for run in await self._realtime())

        await until(over, 60)
        return len(await self._realtime())

    async def _realtime(self) -> list[Run]:
        async with self.world.services.db.session() as session:
            return [run for run in (await session.execute(select(Run))).scalars() if run.trigger == "realtime"]

    async def texts(self, side: Side) -> dict[str, str]:
        """The texts of a side's records by id."""
        system = self.tale.on(side)
        rows = await self.world.boxes.records(system.provider, self.tale.entity.value)
        return {system.id_of(row): system.name_of(row) for row in rows}


@asynccontextmanager
async def told(folder: Path, address: str, tale: Tale) -> AsyncIterator[Told]:
    """A service without records, whose receivers are behind a post office."""
    provider = tale.external.provider
    boxes = Sandboxes(provider)
    await boxes.start()
    world = await make_world(folder, address, boxes, heartbeat_seconds=3, chunk_size=4, public_url=public_url())
    given = probing.take_apart(provider, await boxes.control(provider, "GET", "credentials"))
    account = (await probing.check(provider, INTEGRATION, given)).account_id
    async with world.services.db.transaction() as session:
        row = await session.get(Integration, INTEGRATION)
        assert row is not None
        row.account_id = account
    backend = Backend(world.services, world.client)
    try:
        async with post_office(backend) as office:
            yield Told(world, tale, office, backend)
    finally:
        await world.close()
        await boxes.stop()


@pytest.mark.parametrize("tale", _tales(), ids=lambda tale: tale.external.provider)
async def test_i3_i4_events_lost_doubled_and_shuffled_while_people_edit(
    tmp_path: Path, temporal_address: str, tale: Tale
) -> None:
    chance = random.Random(7)
    async with told(tmp_path, temporal_address, tale) as trial, trial.world.worker():
        await trial.begin()
        for _ in range(ROUNDS):
            await trial.edit()
            await trial.sent()
            await asyncio.gather(trial.office.deliver(chance), trial.edit())
        await trial.sent()
        await trial.office.deliver(chance)
        assert trial.office.lost > 0
        assert trial.office.delivered > RECORDS
        assert await trial.rest() > 0
        # Of what was lost nobody has told: an ordinary sync finds it.
        for _ in range(2):
            run = await trial.world.sync()
            assert run.status == "completed", run.problem
        ours, theirs = await trial.texts(Side.ALGUNA), await trial.texts(Side.EXTERNAL)
        assert (len(ours), len(theirs)) == (RECORDS, RECORDS), "duplicates or losses"
        assert ours == trial.tale.said
        assert {one: theirs[partner] for one, partner in trial.pairs.items()} == trial.tale.said
        await trial.world.boxes.clear_calls()
        await trial.world.sync()
        assert await trial.world.boxes.writes() == []
