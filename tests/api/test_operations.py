"""What those who run the service look at: metrics, and the doctor."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import text

from starter.services import doctor
from store.crypto import Vault
from tests.api.test_with_worker import synced
from tests.api.world import World
from worker import make_engine, make_worker


async def scraped(world: World) -> dict[tuple[str, ...], float]:
    reply = await world.api.get("/metrics")
    assert reply.status_code == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


async def found(world: World) -> dict[str, Any]:
    answer = await world.call("GET", "/doctor")
    return {one["check"]: one for one in answer["findings"]} | {"": answer["state"]}


async def test_metrics_count_what_people_wait_for_and_name_no_record(world: World) -> None:
    await world.control("alguna", "seed", {"entity": "accounts", "count": 4})
    await world.configure()
    engine = make_engine(world.backend.services, world.temporal)
    async with make_worker(world.temporal, engine):
        await synced(world)
    await engine.close()
    numbers = await scraped(world)
    assert numbers["external_sync_links", "accounts", world.id] == 4
    assert numbers["external_sync_runs", world.id, "completed", "manual"] == 1
    assert numbers["external_sync_connected", world.id] == 1
    assert 0 <= numbers["external_sync_success_age_seconds", world.id] < 600
    assert numbers["external_sync_api_calls_today", world.id] > 0
    link = (await world.call("GET", "/{id}/links/accounts"))["data"][0]
    page = (await world.api.get("/metrics")).text
    assert link["algunaId"] not in page
    assert (await world.api.get("/metrics", headers={"Authorization": ""})).status_code == 401


async def test_the_doctor_says_what_to_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = await found(world)
    assert (empty["database"]["state"], empty["migrations"]["state"], empty["temporal"]["state"]) == ("ok",) * 3
    assert empty["search attributes"]["state"] == "ok"
    assert (empty["workers"]["state"], empty["workers"]["mend"]) == ("failed", "external-sync worker")
    assert empty["integrations"]["state"] == "warning"
    await world.connect_alguna()
    await world.configure()
    engine = make_engine(world.backend.services, world.temporal)
    async with make_worker(world.temporal, engine):
        well = await found(world)
        while well["workers"]["state"] != "ok":
            well = await found(world)
    await engine.close()
    assert well["alguna: connection"]["state"] == well[f"{world.id}: connection"]["state"] == "ok"
    assert well[f"{world.id}: marker of accounts"]["state"] == "ok"
    assert well["encryption keys"]["state"] == "ok"
    assert f"{world.id}: events" not in well, "nobody asked for real time"
    changed = {"public_url": "http://sync.invalid", "encryption_keys": (SecretStr(Vault.new_key()),)}
    settings = world.backend.settings.model_copy(update=changed)
    object.__setattr__(world.backend.services, "settings", settings)
    await world.call("PATCH", "/{id}/sync-config", {"realtime": {"enabled": True, "pollSeconds": 0}})
    moved = await found(world)
    assert (moved["public address"]["state"], moved["public address"]["detail"][:32]) == (
        "warning",
        "http://sync.invalid does not ans",
    )
    assert moved["encryption keys"]["state"] == "failed"
    assert "nothing looks" in moved[f"{world.id}: events"]["detail"]

    async def ahead(_url: str) -> float:
        return 3600.0

    monkeypatch.setattr(doctor, "clock_skew", ahead)
    assert (await found(world))[f"{world.id}: clock"]["state"] == "warning"
    monkeypatch.undo()
    await world.control("salesforce", "auth", {"action": "revoke_grant"})
    ill = await found(world)
    assert ill[f"{world.id}: connection"]["mend"] == f"external-sync reconnect {world.id}"
    assert ill[""] == "failed"
    await world.control("salesforce", "auth", {"action": "restore"})
    async with world.backend.db.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    strange = (await found(world))["migrations"]
    assert (strange["state"], "revision 9999" in strange["detail"]) == ("failed", True)
    async with world.backend.db.transaction() as session:
        await session.execute(text("DELETE FROM alembic_version"))
    behind = (await found(world))["migrations"]
    assert (behind["state"], behind["detail"][:17]) == ("failed", "not applied: 0001")


async def test_the_clock_of_a_server_is_compared(world: World) -> None:
    skew = await doctor.clock_skew(world.sandboxes["salesforce"])
    assert skew is not None
    assert abs(skew) < 30
    assert await doctor.clock_skew("http://127.0.0.1:1") is None
