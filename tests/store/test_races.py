"""Two writers at the same rows at the same moment, on each kind of database (I1, I3, I6, I7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Entity, OperationKind, Record, Side
from store import conflicts, links, passes, staging, writes
from store.conflicts import Question
from store.database import Database, is_taken
from store.links import NewLink
from store.passes import Tally
from store.scope import Scope
from store.tables.runs import ConflictRow, Pass
from store.types import utc_now
from store.writes import Outgoing, Planned

SCOPE = Scope("int_a", Entity.ACCOUNTS)
PASS = "pass_1"

Work = Callable[[AsyncSession], Awaitable[object]]


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Database]:
    """The same database as another process sees it."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture(autouse=True)
async def _pass(db: Database) -> None:
    async with db.transaction() as session:
        await passes.open_pass(session, SCOPE, PASS, mode="full", run_ids=[], config_version=1, at=utc_now())


async def at_once(first: Database, one: Work, second: Database, two: Work) -> None:
    """Let `two` run while `one` has done its work and not committed yet."""
    done, started = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with first.transaction() as session:
            await one(session)
            done.set()
            await started.wait()
            # Long enough for the other to read what it can read now; whoever has to wait for us waits longer.
            await asyncio.sleep(0.1)

    async def follow() -> None:
        await done.wait()
        started.set()
        async with second.transaction() as session:
            await two(session)

    await asyncio.gather(hold(), follow())


def question(value: str) -> Question:
    asked = {"algunaField": "name", "alguna": value, "external": "Theirs"}
    return Question("fields", "7", "cust_1", "001A", [asked])


async def the_conflict(db: Database) -> ConflictRow:
    async with db.session() as session:
        return (await session.execute(select(ConflictRow))).scalar_one()


async def asked(db: Database) -> ConflictRow:
    async with db.transaction() as session:
        await conflicts.put(session, SCOPE, [question("Ours")], None, utc_now())
    return await the_conflict(db)


async def test_i3_an_answer_never_counts_for_values_that_were_not_asked(db: Database, other: Database) -> None:
    row = await asked(db)
    await at_once(
        db,
        lambda session: conflicts.decide(session, row.id or 0, row.version, {"choices": {"name": "alguna"}}),
        other,
        lambda session: conflicts.put(session, SCOPE, [question("Newer")], None, utc_now()),
    )
    found = await the_conflict(db)
    assert (found.status, found.decision, found.version) == ("open", None, row.version + 1)
    assert found.fields[0]["alguna"] == "Newer"


async def test_i3_an_answer_that_the_merge_has_not_seen_waits_for_the_next(db: Database) -> None:
    row = await asked(db)
    async with db.transaction() as session:
        await conflicts.decide(session, row.id or 0, row.version, {"choices": {"name": "alguna"}})
    async with db.transaction() as session:
        await conflicts.put(session, SCOPE, [question("Ours")], None, utc_now())
    assert (await the_conflict(db)).status == "resolving"
    async with db.transaction() as session:
        await conflicts.put(session, SCOPE, [question("Ours")], None, utc_now(), tried={"7"})
    found = await the_conflict(db)
    assert (found.status, found.version) == ("open", row.version + 1), "tried in vain: asked again"


async def test_i3_an_answer_ends_with_the_chunk_that_carries_it_out_and_no_other(db: Database) -> None:
    row = await asked(db)
    async with db.transaction() as session:
        await conflicts.decide(session, row.id or 0, row.version, {"choices": {"name": "alguna"}})
        # A chunk that merged before the answer came has just written another field of this record.
        assert await conflicts.carried_out(session, SCOPE, [7], PASS, 1) == []
        await conflicts.carry_out(session, SCOPE, ["7"], PASS, 2)
        assert await conflicts.carried_out(session, SCOPE, [7], PASS, 1) == []
        assert await conflicts.carried_out(session, SCOPE, [7], PASS, 2) == [row.id]


async def test_i6_counts_of_chunks_that_end_together_add_up(db: Database, other: Database) -> None:
    def count(number: int) -> Work:
        tally = Tally()
        tally.add(Side.EXTERNAL, "created", number)
        return lambda session: passes.add_counts(session, PASS, tally, {"external": number})

    await at_once(db, count(2), other, count(5))
    async with db.session() as session:
        known = await session.get_one(Pass, PASS)
    assert known.counts["external"]["created"] == 7
    assert known.calls["external"] == 7


async def test_i6_a_page_is_stored_by_one_attempt_only(db: Database, other: Database) -> None:
    async with db.transaction() as session:
        await passes.reading(session, PASS, Side.EXTERNAL, full=True, at=utc_now())
    moved: list[bool] = []

    async def store(session: AsyncSession) -> None:
        moved.append(
            await passes.advance(session, PASS, Side.EXTERNAL, was=None, position="page 2", cursor=None, complete=False)
        )

    await at_once(db, store, other, store)
    assert sorted(moved) == [False, True]


def planned(source_id: str, link_id: int | None) -> Planned:
    kind = OperationKind.CREATE if link_id is None else OperationKind.UPDATE
    key = writes.operation_key(SCOPE, kind, Side.EXTERNAL, source_id, 0, 0)
    return Planned(key, kind, Side.EXTERNAL, source_id, None, None, {"Name": "A"}, {}, {}, link_id, utc_now())


async def test_i7_an_attempt_that_was_overtaken_stores_no_request(db: Database, other: Database) -> None:
    async with db.transaction() as session:
        await staging.claim(session, SCOPE, PASS, 1, 10)
        await writes.plan(session, SCOPE, PASS, 1, [planned("cust_1", None)], utc_now())
        old = await passes.next_epoch(session, PASS, 1)
    stored: list[list[int]] = []

    async def send(session: AsyncSession) -> None:
        request = Outgoing("POST", "accounts", "{}", {}, None, 0, (1,))
        stored.append(await writes.store_requests(session, SCOPE, Side.EXTERNAL, PASS, 1, old, [request], utc_now()))

    await at_once(db, lambda session: passes.next_epoch(session, PASS, 1), other, send)
    assert stored == [[]]


async def stage(db: Database, *ids: str, link_id: int | None = None) -> None:
    records = [(Record(Side.ALGUNA, Entity.ACCOUNTS, one, {"name": one}), link_id) for one in ids]
    async with db.transaction() as session:
        await staging.put(session, SCOPE, records, read_at=utc_now())


async def test_i1_two_attempts_claim_the_same_chunk_once(db: Database, other: Database) -> None:
    await stage(db, *(f"cust_{number}" for number in range(6)))
    claimed: list[list[str]] = []

    async def claim(session: AsyncSession) -> None:
        await passes.hold(session, PASS)
        found = await staging.claim(session, SCOPE, PASS, 1, 4)
        claimed.append([item.record.id for item in found])

    await at_once(db, claim, other, claim)
    assert claimed[0] == claimed[1]
    assert len(claimed[0]) == 4


@pytest.mark.parametrize("link_id", [None, 7])
async def test_i1_a_record_that_is_being_written_is_in_no_second_chunk(db: Database, link_id: int | None) -> None:
    await stage(db, "cust_1", "cust_2", link_id=link_id)
    async with db.transaction() as session:
        assert len(await staging.claim(session, SCOPE, PASS, 1, 10)) == 2
        await writes.plan(session, SCOPE, PASS, 1, [planned("cust_1", link_id)], utc_now())
    await stage(db, "cust_1", link_id=link_id)
    async with db.transaction() as session:
        assert await staging.claim(session, SCOPE, PASS, 2, 10) == []
        waiting = await writes.planned(session, PASS, 1, Side.EXTERNAL)
        await writes.finish(session, [item.operation.id for item in waiting], "done")
        assert [item.record.id for item in await staging.claim(session, SCOPE, PASS, 3, 10)] == ["cust_1"]


async def test_i2_a_record_linked_at_the_same_moment_is_told_from_other_faults(db: Database, other: Database) -> None:
    def link(external_id: str) -> Work:
        made = [NewLink("cust_1", external_id, "person")]
        return lambda session: links.add(session, SCOPE, made, config_version=1, at=utc_now())

    with pytest.raises(IntegrityError) as refused:
        await at_once(db, link("001A"), other, link("001B"))
    assert is_taken(refused.value)
    incomplete = insert(Pass).values(id="pass_2", integration_id="int_a", entity="accounts", mode="full")
    with pytest.raises(IntegrityError) as refused:
        await at_once(db, lambda session: session.execute(incomplete), other, lambda session: session.flush())
    assert not is_taken(refused.value)
