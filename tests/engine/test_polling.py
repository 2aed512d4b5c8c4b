"""Looks between schedules: what no event tells is found by cheap reads, told once, and merged by the writer alone."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from activities.contracts import Mode
from activities.polling import AGAIN_SECONDS, BY_ID_AT_MOST, poll
from core.records import Entity, Side
from store import polls
from store.connections import ALGUNA
from store.tokens import ConnectionState
from store.types import utc_now
from tests.engine.inproc import Passes
from tests.engine.world import INTEGRATION

REALTIME = {"enabled": True, "pollSeconds": 60}


async def synced(passes: Passes, count: int, **more: object) -> dict[str, str]:
    """Seed customers, sync all, and let the time of a look come; return the links."""
    await passes.boxes.seed("alguna", "accounts", count)
    await passes.configure("accounts", "contacts", realtime=REALTIME, **more)
    await passes.run_all(Entity.ACCOUNTS, Entity.CONTACTS)
    await later(passes)
    await passes.boxes.clear_calls()
    return await passes.links_of(Entity.ACCOUNTS)


async def later(passes: Passes) -> None:
    """Let more than an interval go by: all times of looks and reads are two minutes earlier."""
    async with passes.services.db.transaction() as session:
        for table, column in (("cursors", "moved_at"), ("polls", "started_at"), ("polls", "completed_at")):
            back = f"(SELECT datetime({column}, '-2 minutes') || '.000000')"
            if session.get_bind().dialect.name == "postgresql":
                back = f"{column} - INTERVAL '2 minutes'"
            await session.execute(text(f"UPDATE {table} SET {column} = {back} WHERE {column} IS NOT NULL"))


async def alguna_sorts(passes: Passes) -> list[str]:
    """How each call to Alguna wanted the customers ordered."""
    return [
        "newest first" if "desc" in call["query"] else "oldest first"
        for call in await passes.boxes.calls("alguna")
        if call["path"] == "/customers"
    ]


async def test_i10_a_quiet_look_costs_few_calls_and_starts_nothing(passes: Passes) -> None:
    await synced(passes, 5)
    assert await poll(passes.engine, INTEGRATION) is not None
    assert passes.mailbox.runs() == []
    assert await alguna_sorts(passes) == ["newest first", "oldest first"], "contacts come with their customers"
    assert len(await passes.boxes.calls("salesforce")) <= 4, "changed and deleted rows of two objects"
    async with passes.services.db.session() as session:
        known = await polls.completed(session, passes.scope(Entity.ACCOUNTS))
        assert known.keys() == set(Side)
        assert await polls.completed(session, passes.scope(Entity.CONTACTS)) != {}
    assert utc_now() - min(known.values()) < timedelta(seconds=60), "maxLag is counted from here"
    await passes.boxes.clear_calls()
    left = await poll(passes.engine, INTEGRATION)
    assert 30 < (left or 0) <= 60
    assert await passes.total_calls() == 0, "a look that comes too early asks nobody"


async def test_i4_i5_news_of_both_sides_is_told_once_and_merged_by_the_writer(passes: Passes) -> None:
    known = await synced(passes, 5)
    ours, theirs = list(known.items())[0]
    other = list(known)[1]
    [created] = await passes.boxes.seed("alguna", "accounts", 1, offset=5)
    await passes.boxes.edit("alguna", "accounts", other, name="Renamed in Alguna")
    await passes.boxes.edit("salesforce", "accounts", theirs, Name="Renamed in Salesforce")
    await poll(passes.engine, INTEGRATION)
    assert {(run.trigger, run.mode) for run in passes.mailbox.runs()} == {("realtime", Mode.INBOX)}
    assert passes.mailbox.runs()[0].entities == [Entity.ACCOUNTS]
    await later(passes)
    await poll(passes.engine, INTEGRATION)
    assert len([run for run in passes.mailbox.runs() if run.entities == [Entity.ACCOUNTS]]) == 1, "told once"
    made = await passes.run_pass(Entity.ACCOUNTS, Mode.INBOX)
    assert made.state == "completed"
    links = await passes.links_of(Entity.ACCOUNTS)
    assert created in links
    names = {row["Id"]: row["Name"] for row in await passes.boxes.records("salesforce", "accounts")}
    assert names[links[other]] == "Renamed in Alguna"
    assert (await passes.boxes.control("alguna", "GET", f"records/accounts/{ours}"))["name"] == "Renamed in Salesforce"
    before = len(passes.mailbox.runs())
    await passes.run_pass(Entity.CONTACTS, Mode.INBOX)
    for _ in range(2):
        await later(passes)
        await poll(passes.engine, INTEGRATION)
    assert len(passes.mailbox.runs()) == before, "our own writes are no news"


async def test_a_creation_is_told_before_the_scan_ends_and_the_scan_goes_on_where_it_stood(passes: Passes) -> None:
    await synced(passes, 150)
    [created] = await passes.boxes.seed("alguna", "accounts", 1, offset=150)
    assert await poll(passes.engine, INTEGRATION, slice_seconds=0) == 0, "more is left: look again at once"
    assert await alguna_sorts(passes) == ["newest first", "oldest first"]
    assert [run.entities for run in passes.mailbox.runs()][0] == [Entity.ACCOUNTS]
    await passes.run_pass(Entity.ACCOUNTS, Mode.INBOX)
    assert created in await passes.links_of(Entity.ACCOUNTS)
    await passes.boxes.clear_calls()
    while await poll(passes.engine, INTEGRATION, slice_seconds=0) == 0:
        assert len(await passes.boxes.calls("alguna")) < 10
    [scanned] = [call["query"] for call in await passes.boxes.calls("alguna") if "asc" in call["query"]]
    assert "offset=100" in scanned, "it goes on at the second page"


async def test_i10_much_news_is_left_to_one_whole_pass(passes: Passes) -> None:
    await synced(passes, 3)
    await passes.boxes.seed("alguna", "accounts", BY_ID_AT_MOST + 20, offset=3)
    await poll(passes.engine, INTEGRATION)
    whole = [run for run in passes.mailbox.runs() if run.mode is Mode.INCREMENTAL]
    assert [run.entities for run in whole] == [[Entity.ACCOUNTS, Entity.CONTACTS]], "one, for both that a scan shows"


async def test_i11_a_dead_grant_makes_the_looks_wait_without_calls(passes: Passes) -> None:
    await synced(passes, 3)
    await passes.boxes.control("salesforce", "POST", "auth", {"action": "revoke_grant"})
    assert await poll(passes.engine, INTEGRATION) == AGAIN_SECONDS
    assert await passes.services.connections.state(INTEGRATION) is ConnectionState.AUTH_EXPIRED
    await passes.boxes.clear_calls()
    await later(passes)
    assert await poll(passes.engine, INTEGRATION) == AGAIN_SECONDS
    assert len(await passes.boxes.calls("alguna")) == len(await passes.boxes.calls("salesforce")) == 0


async def test_sides_whose_events_come_are_not_asked(passes: Passes) -> None:
    await passes.services.connections.set_webhook_secret(INTEGRATION, "a-token-of-sixteen")
    values = await passes.services.connections.secrets(ALGUNA)
    await passes.services.connections.put_credentials(ALGUNA, ALGUNA, {**values, "webhookSecret": "whsec_AAAA"}, None)
    await passes.boxes.seed("alguna", "subscriptions", 2)
    await passes.configure("accounts", "subscriptions", realtime=REALTIME)
    await passes.run_all(Entity.ACCOUNTS, Entity.SUBSCRIPTIONS)
    await later(passes)
    await passes.boxes.clear_calls()
    await poll(passes.engine, INTEGRATION)
    assert {call["path"] for call in await passes.boxes.calls("alguna")} == {"/customers"}, "no event tells of those"
    assert await passes.boxes.calls("salesforce") == []


async def test_looks_end_when_the_configuration_wants_none(passes: Passes) -> None:
    await synced(passes, 2)
    for realtime in ({"enabled": False}, {"enabled": True, "pollSeconds": 0}):
        await passes.configure("accounts", realtime=realtime)
        assert await poll(passes.engine, INTEGRATION) is None
    await passes.configure("accounts", realtime=REALTIME)
    await passes.services.connections.set_paused(INTEGRATION, True)
    assert await poll(passes.engine, INTEGRATION) is None
    await passes.services.connections.delete_integration(INTEGRATION)
    assert await poll(passes.engine, INTEGRATION) is None
