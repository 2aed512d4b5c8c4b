"""Amounts in the number fields of a CRM's deals, both ways, and what tests of amounts hold both sides to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from connectors.offering import OUT, mapped
from core.records import Entity, Side
from tests.chaos.tills import TYPES
from tests.engine.inproc import make_passes
from tests.engine.local import Local
from tests.engine.world import Sandboxes

ENTITIES = ("accounts", "subscriptions")
_NAME = {"salesforce": "Name", "hubspot": "name"}
_TITLE = {"salesforce": ("Name", "StageName", "Prospecting"), "hubspot": ("dealname", "dealstage", "closedwon")}


@dataclass
class Deals:
    """A CRM's deals and Alguna's subscriptions. Towards the CRM the contract's value flows, back a number of theirs."""

    world: Local
    provider: str
    amount: str

    async def configure(self) -> None:
        """The amount of deals is our contracts' value."""
        await self._configure(mapped("acv", self.amount, OUT))

    async def configure_back(self) -> None:
        """The amount of deals is kept in Alguna, too."""
        await self._configure(mapped(f"metadata.{self.amount}", self.amount))

    async def sell(self, amount: str) -> str | None:
        """A person sells so much a month in Alguna; None where Alguna takes no such amount."""
        owner = (await self.world.boxes.records("alguna", "accounts"))[0]["id"]
        body = {"customer_id": owner, "name": f"Seats {amount}", "currency": "EUR", "mrr": amount, "status": "active"}
        reply = await self.world.boxes.http.post(self._place(Side.ALGUNA), json=body)
        assert reply.status_code < 500, reply.text
        return str(reply.json()["id"]) if reply.is_success else None

    async def value(self, deal_id: str, amount: str) -> bool:
        """A person gives a deal an amount at the CRM; whether it takes that."""
        changes = {self.amount: amount}
        body = {"properties": changes} if self.provider == "hubspot" else changes
        reply = await self.world.boxes.http.patch(f"{self._place(Side.EXTERNAL)}/{deal_id}", json=body)
        assert reply.status_code < 500, reply.text
        return reply.is_success

    async def valued(self) -> dict[str, Decimal | None]:
        """The amounts of deals by id, as the CRM shows them."""
        rows = await self.world.boxes.records(self.provider, "subscriptions")
        return {str(row.get("Id") or row["id"]): self._of(row.get("properties", row)) for row in rows}

    async def worth(self) -> dict[str, Decimal | None]:
        """What Alguna says that a contract brings in its first year, by subscription."""
        granted = await self.world.boxes.control("alguna", "GET", "credentials")
        headers = {"Authorization": f"Bearer {granted['apiKey']}", "Alguna-Version": "2026-04-01"}
        async with httpx.AsyncClient(base_url=granted["baseUrl"], trust_env=False, headers=headers) as http:
            rows = await self.world.boxes.records("alguna", "subscriptions")
            told = {row["id"]: (await http.get(f"/subscriptions/{row['id']}/revenue")).json() for row in rows}
        return {record_id: Decimal(one["acv"]) for record_id, one in told.items()}

    async def kept(self) -> dict[str, Decimal | None]:
        """What Alguna keeps of the deals' amounts, by subscription."""
        rows = await self.world.boxes.records("alguna", "subscriptions")
        return {row["id"]: self._of(row["metadata"]) for row in rows}

    async def judge(self, ours: dict[str, Decimal | None]) -> tuple[list[Decimal], list[str]]:
        """Return the amounts on which both sides agree, and the records that differ and of which nobody is told."""
        theirs, pairs = await self.valued(), await self.world.links_of(Entity.SUBSCRIPTIONS)
        told = {
            one.alguna_id
            for one in await self.world.errors()
            if one.entity == "subscriptions" and one.type in TYPES and one.field and one.message
        }
        agreed = [
            amount for one, amount in ours.items() if amount is not None and theirs.get(pairs.get(one, "")) == amount
        ]
        differ = {
            one: theirs.get(pairs.get(one, ""))
            for one, amount in ours.items()
            if theirs.get(pairs.get(one, "")) != amount
        }
        return agreed, [f"{ours[one]}, there {there}" for one, there in differ.items() if one not in told]

    def _of(self, values: dict[str, Any]) -> Decimal | None:
        value = values.get(self.amount)
        return None if value in (None, "") else Decimal(str(value))

    def _place(self, side: Side) -> str:
        box = self.world.boxes.alguna if side is Side.ALGUNA else self.world.boxes.external
        return f"{box.url}/_sandbox/records/subscriptions"

    async def _configure(self, amount: dict[str, object]) -> None:
        title, stage, first = _TITLE[self.provider]
        stages = {"map": {"draft": first, "active": first, "canceled": first}, "default": first}
        mappings = {
            "accounts": [mapped("name", _NAME[self.provider])],
            "subscriptions": [
                mapped("name", title),
                mapped("status", stage, OUT, transform="value_map", transformOptions=stages),
                mapped("startDate", "CloseDate" if self.provider == "salesforce" else "closedate", OUT),
                amount,
            ],
        }
        await self.world.configure(*ENTITIES, mappings=mappings)


@asynccontextmanager
async def deals(folder: Path, provider: str, amount: str) -> AsyncIterator[Deals]:
    """A connected service without Temporal between Alguna, with one customer, and an empty CRM."""
    boxes = Sandboxes(provider)
    await boxes.start()
    await boxes.empty(scale=1000)
    world = await make_passes(folder, boxes, kind=Local, chunk_size=100)
    assert isinstance(world, Local)
    try:
        await boxes.control("alguna", "POST", "records/accounts", {"name": "Plain Harbor Ltd", "currency": "EUR"})
        yield Deals(world, provider, amount)
    finally:
        await world.close()
        await boxes.stop()
