"""Echoes, edits in the middle of our own work, equal stamps, late commits and wrong clocks (I3, I5, P6-P9)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from activities import steps
from activities.contracts import ChunkRef, ChunkResult
from activities.engine import Engine
from activities.write import write
from core.enums import Direction
from core.records import Entity
from tests.engine.test_agreement import BOTH, one, quiet
from tests.engine.test_waiting import until
from tests.engine.world import Sandboxes, World, make_world

Edit = Callable[[], Awaitable[None]]


@pytest.fixture
async def careful(tmp_path: Path, temporal_address: str, boxes: Sandboxes) -> AsyncIterator[World]:
    """A world that looks at every target again before it writes, as passes do whose read is older than 10 s."""
    made = await make_world(tmp_path, temporal_address, boxes, heartbeat_seconds=3, stale_read_seconds=0)
    yield made
    await made.close()


@contextmanager
def around_write(*, before: Edit | None = None, after: Edit | None = None) -> Iterator[None]:
    """Let a person edit just before, or just after, the first step that writes."""
    edits = {"before": before, "after": after}

    async def edited(engine: Engine, chunk: ChunkRef) -> ChunkResult:
        for_now = {name: edits.pop(name) for name in list(edits)}
        if edit := for_now.get("before"):
            await edit()
        result = await write(engine, chunk)
        if edit := for_now.get("after"):
            await edit()
        return result

    with patch.object(steps, "write", edited):
        yield


async def pair(world: World, **more: Any) -> tuple[str, str]:
    """One linked account: its Alguna id and its Salesforce id."""
    await world.boxes.seed("alguna", "accounts", 1)
    await world.configure("accounts", mappings=BOTH, **more)
    await world.sync()
    [row] = await world.boxes.records("salesforce", "accounts")
    return row["Alguna_Customer_ID__c"], row["Id"]


async def test_i3_p7_an_edit_between_the_merge_and_our_write_goes_back_to_the_merge(careful: World) -> None:
    async with careful.worker():
        ours, theirs = await pair(careful, conflictResolution="external_wins")

        async def edit() -> None:
            await careful.boxes.edit("salesforce", "accounts", theirs, Name="Meanwhile", Email__c="mean@while.example")

        await careful.boxes.edit("alguna", "accounts", ours, name="Ours")
        with around_write(before=edit):
            await careful.sync()
        await one(careful, "salesforce", "accounts", Name="Meanwhile", Email__c="mean@while.example")
        row = await one(careful, "alguna", "accounts", name="Meanwhile")
        assert [item["email"] for item in row["contacts"]] == ["mean@while.example"]
        await quiet(careful)


async def test_i3_p7_an_edit_between_our_write_and_its_read_back_is_no_echo(world: World) -> None:
    """On the external side it is seen by the read-back of the same pass, on Alguna's by the next pass."""
    async with world.worker():
        ours, theirs = await pair(world)

        async def over_there() -> None:
            await world.boxes.edit("salesforce", "accounts", theirs, Name="On Top Of Ours")

        await world.boxes.edit("alguna", "accounts", ours, name="Ours")
        with around_write(after=over_there):
            await world.sync()
        await one(world, "salesforce", "accounts", Name="On Top Of Ours")
        await one(world, "alguna", "accounts", name="On Top Of Ours")

        async def over_here() -> None:
            await world.boxes.edit("alguna", "accounts", ours, name="On Top Of Theirs")

        await world.boxes.edit("salesforce", "accounts", theirs, Name="Theirs")
        with around_write(after=over_here):
            await world.sync()
        await world.sync()
        await one(world, "salesforce", "accounts", Name="On Top Of Theirs")
        await one(world, "alguna", "accounts", name="On Top Of Theirs")
        await quiet(world)


async def test_i5_p6_our_own_writes_never_come_back_and_never_hide_a_persons_change(world: World) -> None:
    """Without the base the vendor's own spelling of our value looks like a difference, and is written for ever.

    A guard by author or time would either loop too, or swallow the edit that follows our write at once (P7).
    """
    flow = {"sobject": "Account", "field": "Name", "rule": "upper"}
    async with world.worker():
        ours, theirs = await pair(world)
        await world.boxes.control("salesforce", "POST", "records/setup", {"automations": [flow]})
        await world.boxes.edit("alguna", "accounts", ours, name="  Out And Trimmed  ")
        await world.sync()
        for _ in range(2):
            await quiet(world)
        await world.boxes.edit("salesforce", "accounts", theirs, Email__c="Back@Again.Example")
        await world.sync()
        await world.boxes.edit("salesforce", "accounts", theirs, Name="A Person Right After")
        await world.sync()
        await one(world, "alguna", "accounts", name="A PERSON RIGHT AFTER")
        for _ in range(2):
            await quiet(world)


async def test_p8_a_thousandfold_stamp_over_page_borders_counts_each_record_once(world: World) -> None:
    async with world.worker():
        await pair(world)
        ids = await world.boxes.seed("salesforce", "accounts", 2_050, seed=9)
        run = await world.sync(direction=Direction.ALGUNA_TO_EXTERNAL)
        assert run.status == "completed", run.problem
        counts = (await world.counts(run))["accounts"]
    stamps = {row["SystemModstamp"] for row in await world.boxes.records("salesforce", "accounts")}
    assert len(stamps) < 20, "far more rows than stamps"
    assert counts["alguna"]["skipped"] == len(ids) == 2_050


async def test_p9_a_row_that_is_committed_late_is_not_passed_over(world: World) -> None:
    async with world.worker():
        ours, theirs = await pair(world)
        await world.boxes.control("salesforce", "POST", "behaviour", {"commitLagSeconds": 3})
        await world.boxes.edit("salesforce", "accounts", theirs, Name="Committed Late")
        await world.sync()
        await world.boxes.control("salesforce", "POST", "behaviour", {"commitLagSeconds": 0})
        [row] = await world.boxes.records("alguna", "accounts")
        assert row["name"] != "Committed Late", "no scan shows it yet"

        async def arrived() -> bool:
            await world.sync()
            return bool((await world.boxes.records("alguna", "accounts"))[0]["name"] == "Committed Late")

        await until(arrived)
        assert (await one(world, "alguna", "accounts", name="Committed Late"))["id"] == ours
        await quiet(world)


@pytest.mark.parametrize("skew", [-3600, 3600])
async def test_i4_a_wrong_clock_of_either_system_loses_nothing(world: World, skew: int) -> None:
    await world.boxes.control("salesforce", "POST", "behaviour", {"clockSkewSeconds": skew})
    await world.boxes.control("alguna", "POST", "behaviour", {"clockSkewSeconds": -skew})
    async with world.worker():
        ours, theirs = await pair(world)
        await world.boxes.edit("alguna", "accounts", ours, name="From The Past Or Future")
        await world.boxes.edit("salesforce", "accounts", theirs, Email__c="skewed@clock.example")
        await world.sync()
        await one(world, "salesforce", "accounts", Name="From The Past Or Future")
        row = await one(world, "alguna", "accounts", id=ours)
        assert [item["email"] for item in row["contacts"]] == ["skewed@clock.example"]
        await quiet(world)
    assert await world.linked(Entity.ACCOUNTS) == 1
