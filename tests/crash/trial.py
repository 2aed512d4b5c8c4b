"""A sync of accounts whose worker dies while people rename them, and how both systems are judged at the end."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from core.records import Entity, Side
from store import links, writes
from store.scope import Scope
from tests.crash.killing import Killing
from tests.crash.systems import ALGUNA
from tests.engine.world import INTEGRATION

SCOPE = Scope(INTEGRATION, Entity.ACCOUNTS)
DIRECTIONS = {"to_external": (Side.ALGUNA,), "to_alguna": (Side.EXTERNAL,), "both": tuple(Side)}
"""On which sides people make records."""


@dataclass(kw_only=True)
class Trial(Killing):
    """Accounts under kills. `names` is the book of what people last called a record; `born`, where they made which."""

    direction: str
    names: dict[tuple[Side, str], str] = field(default_factory=dict)
    born: dict[Side, list[str]] = field(default_factory=dict)
    edits: int = 0

    async def begin(self, records: int, **config: Any) -> None:
        """Let people make records, and configure the sync."""
        await self.grow(records)
        await self.world.configure("accounts", entityOptions={"accounts": self.system.options}, **config)

    async def grow(self, records: int) -> None:
        """Let people make so many records more, on each side where they make any."""
        for side in DIRECTIONS[self.direction]:
            box = "alguna" if side is Side.ALGUNA else self.system.provider
            known = self.born.setdefault(side, [])
            offset = len(known) + (500 if side is Side.EXTERNAL else 0)
            known += await self.world.boxes.seed(box, "accounts", records, offset=offset, seed=self.seed)

    async def meanwhile(self) -> None:
        """Somebody renames a record."""
        await self.edit(1)

    async def more(self) -> None:
        """More names and more records."""
        await self.edit(6)
        await self.grow(2)

    def told(self) -> dict[str, int]:
        """Return the kills, the edits of people and the records they made."""
        return {"kills": len(self.kills), "edits": self.edits, "records": sum(map(len, self.born.values()))}

    async def edit(self, count: int) -> None:
        """Let people rename records on either side. Each pair has its people on one side only: nothing is contested."""
        for side, record_id in random.Random(self.edits).sample(await self.desks(), count):
            system = ALGUNA if side is Side.ALGUNA else self.system
            self.edits += 1
            name = f"Renamed {self.edits} Ltd"
            await self.world.boxes.edit(system.provider, "accounts", record_id, **system.renaming(name))
            self.names[side, record_id] = name

    async def check(self) -> None:
        """Judge: no duplicate, no lost edit, nothing stuck or open, and a further pass that writes nothing."""
        boxes, system = self.world.boxes, self.system
        ours = {ALGUNA.id_of(row): row for row in await boxes.records("alguna", "accounts")}
        theirs = {system.id_of(row): row for row in await boxes.records(system.provider, "accounts")}
        made = sum(map(len, self.born.values()))
        assert (len(ours), len(theirs), await self.world.linked()) == (made,) * 3, "duplicates or losses"
        async with self.world.services.db.session() as session:
            assert await writes.count_open(session, SCOPE) == 0
            assert await writes.unsettled(session, SCOPE) == []
            pairs = await links.active(session, SCOPE, Side.ALGUNA, sorted(ours))
        for alguna_id, row in ours.items():
            partner = pairs[alguna_id].external_id
            called = {ALGUNA.name_of(row), system.name_of(theirs[partner])}
            assert len(called) == 1, f"not in agreement: {called}"
            wanted = {self.names.get((Side.ALGUNA, alguna_id)), self.names.get((Side.EXTERNAL, partner))} - {None}
            assert not wanted or called <= wanted, f"lost edit: {called}, not {wanted}"
        await boxes.clear_calls()
        async with self.world.worker():
            run = await self.world.sync()
        assert run.status == "completed", run.problem
        assert await boxes.writes() == []

    async def desks(self) -> list[tuple[Side, str]]:
        """Where people work on each pair: where it was made, but every third one at its partner, once there is one."""
        desks: list[tuple[Side, str]] = []
        async with self.world.services.db.session() as session:
            for side, ids in self.born.items():
                pairs = await links.active(session, SCOPE, side, ids)
                for place, record_id in enumerate(ids):
                    if place % 3 != 2:
                        desks.append((side, record_id))
                    elif record_id in pairs:
                        desks.append((side.other, pairs[record_id].id_on(side.other)))
        return desks
