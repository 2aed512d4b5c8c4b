"""A cause that refuses everything costs a handful of calls; a row that spoils a request costs itself (P17, P18)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.protocols import WriteRequest, WriteResult
from connectors.salesforce import writer
from core.errors import FieldValidation
from core.records import Operation
from store.tables.circuits import Circuit, HeldRecord
from store.tables.runs import RecordError
from tests.engine.world import Sandboxes, World, make_world

MAPPINGS = {
    "accounts": [
        {"algunaField": "name", "externalField": "Name"},
        {"algunaField": "email", "externalField": "Email__c"},
    ]
}


@pytest.fixture
async def small(tmp_path: Path, temporal_address: str, boxes: Sandboxes) -> AsyncIterator[World]:
    """A service that works in small chunks, one at a time, and loses patience soon."""
    numbers = {"chunk_size": 20, "window": 1, "circuit_failures": 10}
    made = await make_world(tmp_path, temporal_address, boxes, heartbeat_seconds=3, **numbers)
    yield made
    await made.close()


async def allow_names(world: World, pattern: str) -> None:
    """An administrator's validation rule on the names of accounts."""
    rule = {"sobject": "Account", "field": "Name", "pattern": pattern, "message": "This name is frozen"}
    await world.boxes.control("salesforce", "PATCH", "records/setup/org", {"validationRules": [rule]})


async def all_of(world: World, model: Any) -> list[Any]:
    async with world.services.db.session() as session:
        return list((await session.execute(select(model))).scalars())


async def test_p17_p18_a_cause_that_refuses_all_is_tried_by_one_record_while_others_go_on(small: World) -> None:
    good = await small.boxes.control("alguna", "POST", "records/accounts", {"name": "Good Works", "currency": "EUR"})
    await small.configure("accounts", mappings=MAPPINGS)
    async with small.worker():
        await small.sync()
        await allow_names(small, "Good.*")
        await small.boxes.seed("alguna", "accounts", 80)
        contacts = [{"email": "new@good.example", "first_name": "Ada", "last_name": "Good", "is_primary": True}]
        await small.boxes.edit("alguna", "accounts", good["id"], contacts=contacts)
        await small.boxes.clear_calls()
        run = await small.sync()
        assert run.status == "completed_with_errors"
        counts = (await small.counts(run))["accounts"]["external"]
        assert counts["updated"] == 1, "another cause's record goes on"
        assert counts["failed"] + counts["skipped"] == 80
        assert counts["failed"] <= 20, "no more than the first chunk was sent"
        assert len(await small.boxes.writes()) == 2, "one request of creates, one update"
        errors = await all_of(small, RecordError)
        [shown] = [row for row in errors if row.source_id.startswith("circuit:")]
        assert shown.message.startswith("circuit open: ")
        assert "follow by themselves" in shown.hint
        assert len({row.group for row in errors}) == 1
        assert len(await all_of(small, HeldRecord)) == counts["skipped"]

        await small.boxes.clear_calls()
        await small.sync()
        assert len(await small.boxes.writes()) == 1, "half open: a single record tries it"
        assert [row.state for row in await all_of(small, Circuit)] == ["open"]

        await small.boxes.control("salesforce", "PATCH", "records/setup/org", {"validationRules": []})
        run = await small.sync()
        assert len(await small.boxes.records("salesforce", "accounts")) == 81
        assert await all_of(small, HeldRecord) == []
        after = await all_of(small, RecordError)
        assert Counter((row.status, row.resolved_by) for row in after) == {("resolved", run.id): len(after)}
        await small.boxes.clear_calls()
        await small.sync()
        assert await small.boxes.writes() == []


async def test_p18_a_row_that_spoils_a_request_as_a_whole_fails_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = writer.send, list[int]()

    async def strict(client: Any, request: WriteRequest, operations: Sequence[Operation]) -> list[WriteResult]:
        calls.append(len(operations))
        if "Poison" in request.body:
            raise FieldValidation("the request is malformed", vendor_code="JSON_PARSER_ERROR")
        return await real(client, request, operations)

    monkeypatch.setattr(writer, "send", strict)
    await world.configure("accounts", mappings=MAPPINGS)
    for number in range(16):
        name = "Poison Works" if number == 11 else f"Plain {number} Works"
        await world.boxes.control("alguna", "POST", "records/accounts", {"name": name, "currency": "EUR"})
    async with world.worker():
        run = await world.sync()
        assert run.status == "completed_with_errors"
        counts = (await world.counts(run))["accounts"]["external"]
        assert (counts["created"], counts["failed"]) == (15, 1)
        assert Counter(calls) == {16: 1, 8: 2, 4: 2, 2: 2, 1: 2}, "halved until the row is found"
        [error] = await all_of(world, RecordError)
        assert (error.type, error.vendor_code) == ("field_validation", "JSON_PARSER_ERROR")
