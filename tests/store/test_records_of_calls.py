"""Configs, the notebook and idempotency keys."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from core.ports import Notebook
from store.configs import Configs
from store.connections import Connections
from store.crypto import Vault
from store.database import Database
from store.idempotency import IN_FLIGHT, Answer, IdempotencyKeys, InFlight, KeyReused
from store.notebook import StoreNotebook
from store.rekey import rewrite
from store.tables.connections import IdempotentCall
from store.types import utc_now


async def test_configs_are_versioned(db: Database) -> None:
    configs = Configs(db)
    assert await configs.current("int_a") is None
    assert await configs.save("int_a", {"entities": ["accounts"]}) == 1
    assert await configs.save("int_a", {"entities": ["accounts"]}) == 1
    assert await configs.save("int_a", {"entities": [], "rate": Decimal("0.10")}) == 2
    assert await configs.save("int_b", {"entities": []}) == 1
    assert await configs.current("int_a") == (2, {"entities": [], "rate": Decimal("0.10")})
    assert await configs.at("int_a", 1) == {"entities": ["accounts"]}
    assert await configs.at("int_a", 3) is None


async def test_configs_saved_at_once_get_different_versions(db: Database, vault: Vault) -> None:
    await Connections(db, vault).create_integration("int_a", "salesforce", {}, "00D1")
    versions = await asyncio.gather(*(Configs(db).save("int_a", {"number": number}) for number in range(8)))
    assert sorted(versions) == list(range(1, 9))


async def test_the_notebook_keeps_facts_by_connection_topic_and_key(db: Database) -> None:
    notebook: Notebook = StoreNotebook(db, "alguna")
    await notebook.put("revenue", {f"sub_{number}": {"mrr": Decimal("1.10"), "n": number} for number in range(1500)})
    await notebook.put("revenue", {"sub_1": None})
    await notebook.put("other", {"sub_2": "x"})
    await notebook.put("empty", {})
    found = await notebook.get("revenue", [f"sub_{number}" for number in range(1600)])
    assert len(found) == 1500
    assert found["sub_1"] is None
    assert found["sub_2"] == {"mrr": Decimal("1.10"), "n": 2}
    assert await StoreNotebook(db, "int_a").get("revenue", ["sub_2"]) == {}


async def age(db: Database, by: timedelta) -> None:
    async with db.transaction() as session:
        await session.execute(update(IdempotentCall).values(created_at=utc_now() - by))


async def test_a_repeated_call_gets_the_first_answer(db: Database, vault: Vault) -> None:
    keys = IdempotencyKeys(db, vault)
    assert await keys.begin("POST /x", "k", "hash") is None
    with pytest.raises(InFlight):
        await keys.begin("POST /x", "k", "hash")
    await keys.finish("POST /x", "k", Answer(202, '{"syncId":"sync_1"}'))
    assert await keys.begin("POST /x", "k", "hash") == Answer(202, '{"syncId":"sync_1"}')
    with pytest.raises(KeyReused):
        await keys.begin("POST /x", "k", "other hash")
    assert await keys.begin("POST /y", "k", "other hash") is None


async def test_of_many_at_once_one_is_carried_out(db: Database, vault: Vault) -> None:
    keys = IdempotencyKeys(db, vault)
    results = await asyncio.gather(*(keys.begin("s", "k", "h") for _ in range(8)), return_exceptions=True)
    assert results.count(None) == 1
    assert sum(isinstance(result, InFlight) for result in results) == 7


async def test_keys_are_free_again_after_a_day_a_refusal_or_a_death(db: Database, vault: Vault) -> None:
    keys = IdempotencyKeys(db, vault)
    await keys.begin("s", "k", "h")
    await keys.forget("s", "k")
    assert await keys.begin("s", "k", "h2") is None
    await age(db, timedelta(minutes=3))
    assert await keys.begin("s", "k", "h2") is None
    await keys.finish("s", "k", Answer(204, ""))
    await age(db, timedelta(hours=23))
    await keys.purge()
    assert await keys.begin("s", "k", "h2") == Answer(204, "")
    await age(db, timedelta(hours=25))
    assert await keys.begin("s", "k", "h3") is None


async def test_i7_what_a_dead_call_had_stored_is_answered_and_not_carried_out_again(db: Database, vault: Vault) -> None:
    keys = IdempotencyKeys(db, vault)
    await keys.begin("s", "k", "h")
    async with keys.carrying_out("s", "k"), db.transaction() as session:
        await keys.will_answer(session, 202, {"syncId": "sync_1"})
    with pytest.raises(InFlight):
        await keys.begin("s", "k", "h")
    await age(db, IN_FLIGHT + timedelta(seconds=1))
    with pytest.raises(KeyReused):
        await keys.begin("s", "k", "other")
    assert await keys.begin("s", "k", "h") == Answer(202, '{"syncId":"sync_1"}', left=True)
    assert await keys.begin("s", "k", "h") == Answer(202, '{"syncId":"sync_1"}')


async def test_what_was_taken_back_is_not_answered(db: Database, vault: Vault) -> None:
    keys = IdempotencyKeys(db, vault)
    await keys.begin("s", "k", "h")
    async with keys.carrying_out("s", "k"), db.transaction() as session:
        await keys.will_answer(session, 202, {"syncId": "sync_1"})
        await keys.will_not_answer(session)
    await age(db, IN_FLIGHT + timedelta(seconds=1))
    assert await keys.begin("s", "k", "h") is None


async def test_a_call_without_a_key_stores_no_answer(db: Database, vault: Vault) -> None:
    keys = IdempotencyKeys(db, vault)
    await keys.begin("s", "k", "h")
    async with db.transaction() as session:
        await keys.will_answer(session, 202, {"syncId": "sync_1"})
    await age(db, IN_FLIGHT + timedelta(seconds=1))
    assert await keys.begin("s", "k", "h") is None


async def test_a_call_that_takes_long_is_not_given_up(
    db: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.idempotency._ALIVE_SECONDS", 0.01)
    keys = IdempotencyKeys(db, vault)
    await keys.begin("s", "k", "h")
    await age(db, timedelta(hours=1))
    async with keys.carrying_out("s", "k"), asyncio.timeout(20):
        while await age_of(db) > IN_FLIGHT:
            await asyncio.sleep(0.01)
    with pytest.raises(InFlight):
        await keys.begin("s", "k", "h")


async def age_of(db: Database) -> timedelta:
    async with db.session() as session:
        return utc_now() - (await session.execute(select(col(IdempotentCall.created_at)))).scalar_one()


async def test_i8_answers_are_not_stored_in_clear(db: Database) -> None:
    old, new = Vault.new_key(), Vault.new_key()
    keys = IdempotencyKeys(db, Vault([old]))
    await keys.begin("s", "k", "h")
    await keys.finish("s", "k", Answer(201, '{"secret":"shown once"}'))
    async with db.session() as session:
        stored = (await session.execute(select(col(IdempotentCall.body)))).scalar_one()
    assert "shown once" not in str(stored)
    assert await rewrite(db, Vault([new, old])) == 1
    assert await IdempotencyKeys(db, Vault([new])).begin("s", "k", "h") == Answer(201, '{"secret":"shown once"}')
