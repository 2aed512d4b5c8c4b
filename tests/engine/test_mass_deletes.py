"""Too many deletions at once stop and ask; scans that are short, failed or empty delete nothing (P11, P12)."""

from __future__ import annotations

from typing import Any

import pytest

from activities.contracts import Mode
from core import names
from core.records import Entity
from store.tables.runs import ConflictRow
from tests.engine.local import Local, store_answer
from tests.engine.test_deletes import begin, delete, errors, pairs, questions, rows, writes_of
from tests.engine.test_waiting import until
from tests.engine.world import INTEGRATION, World

GUARD: dict[str, Any] = {
    "onDelete": {"toAlguna": "unlink", "toExternal": "archive"},
    "deleteGuard": {"share": 0.2, "atLeast": 3},
}


async def one_question(world: World) -> ConflictRow:
    (question,) = await questions(world)
    assert question.kind == "deletions"
    return question


async def settled(world: World) -> bool:
    return not await questions(world) and not any(row.verdict in ("held", "approved") for row in await rows(world))


@pytest.mark.parametrize("word", ["approve", "reject"])
async def test_p11_many_deletions_wait_over_a_restart_for_a_persons_word(local: Local, word: str) -> None:
    async with local.worker():
        made = await begin(local, count=8, **GUARD)
        for _, theirs in made[:4]:
            await delete(local, "salesforce", "accounts", theirs)
        await local.boxes.edit("salesforce", "accounts", made[7][1], Name="Edited Works")
        run = await local.sync()
        assert (await local.counts(run))["accounts"]["heldDeletions"] == 4
        assert len(await pairs(local)) == 8, "nothing is unlinked before"
        names = [row["name"] for row in await local.boxes.records("alguna", "accounts")]
        assert "Edited Works" in names, "the rest of the pass goes on"
        question = await one_question(local)
        assert question.candidates[0] == {"side": "external", "deleted": 4, "linked": 8, "policy": "unlink"}
        await local.boxes.edit("alguna", "accounts", made[0][0], name="Changed while it waits")
        assert await writes_of(local) == [], "nothing is sent to a record that is gone"
        assert await errors(local) == []
    async with local.worker():
        await delete(local, "salesforce", "accounts", made[4][1])
        await local.boxes.edit("salesforce", "accounts", made[3][1], IsDeleted=False)
        await local.sync()
        later = await one_question(local)
        assert later.version > question.version, "the question is about what waits now"
        assert later.candidates[0]["deleted"] == 4
        await local.resolve(later, {"resolution": word})
        await until(lambda: settled(local))
        assert len(await pairs(local)) == (4 if word == "approve" else 8)
        await local.sync(Mode.FULL)
        assert await questions(local) == []
        # What was changed in the meantime goes the usual way of a target that is gone: `onNotFound`.
        assert [item.type for item in await errors(local)] == (["not_found"] if word == "reject" else [])
        if word == "reject":
            await local.boxes.edit("salesforce", "accounts", made[4][1], IsDeleted=False)
            await local.sync()
            await delete(local, "salesforce", "accounts", made[4][1])
            await local.sync()
            assert len(await pairs(local)) == 6, "once it has changed, a new deletion counts"


async def answer(world: World, question: ConflictRow, decision: dict[str, Any]) -> None:
    """Store a person's answer, and tell the question's workflow."""
    await store_answer(world, question, decision)
    workflow_id = names.conflict_workflow_id(INTEGRATION, Entity(question.entity), question.id or 0)
    await world.client.get_workflow_handle(workflow_id).signal(names.RESOLVE)


async def test_p11_approved_deletions_are_archived_unless_the_record_is_back(world: World) -> None:
    async with world.worker():
        made = await begin(world, "contacts", 8, **GUARD, entityOptions={"accounts": {"defaultCurrency": "EUR"}})
        for ours, _ in made[:5]:
            await delete(world, "alguna", "contacts", ours)
        await world.sync()
    async with world.worker():
        question = await one_question(world)
        assert question.candidates[0]["policy"] == "archive"
        assert len(await world.boxes.records("salesforce", "contacts")) == len(made)
        await answer(world, question, {"resolution": "approve"})

        async def archived() -> bool:
            return len(await world.boxes.records("salesforce", "contacts")) == len(made) - 5

        await until(archived)
        await until(lambda: settled(world))
        assert await writes_of(world) == []


async def test_p11_an_empty_or_forbidden_list_deletes_nothing(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.alguna.reader import AlgunaReader
    from core.errors import Permission

    async with local.worker():
        made = await begin(local, count=6, onDelete={"toExternal": "archive"}, deleteGuard={"share": 1, "atLeast": 99})
        real = AlgunaReader._customers
        whole = True

        async def empty(self: AlgunaReader, request: Any) -> Any:
            page = await real(self, request)
            kept = page.records[:1] if whole else []
            return type(page)(kept, page.position, page.cursor, page.complete_scan)

        monkeypatch.setattr(AlgunaReader, "_customers", empty)
        for whole in (True, False):
            for mode in (Mode.INCREMENTAL, Mode.FULL):
                assert await writes_of(local, mode) == [], (whole, mode)
                assert len(await pairs(local)) == len(made)

        async def forbidden(self: AlgunaReader, request: Any) -> Any:
            raise Permission("this key may not list customers")

        monkeypatch.setattr(AlgunaReader, "_customers", forbidden)
        await local.boxes.clear_calls()
        with pytest.raises(Permission):
            await local.sync()
        assert await local.boxes.writes() == []
        assert len(await pairs(local)) == len(made)


async def test_p11_a_short_scan_that_lacks_much_is_noticed_after_a_few_reads(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    import activities.deletions as module
    from connectors.alguna.reader import AlgunaReader

    monkeypatch.setattr(module, "SLICE", 5)
    async with local.worker():
        await begin(local, count=40, onDelete={"toExternal": "archive"})
        real = AlgunaReader._customers

        async def empty(self: AlgunaReader, request: Any) -> Any:
            page = await real(self, request)
            return type(page)([], page.position, page.cursor, page.complete_scan)

        monkeypatch.setattr(AlgunaReader, "_customers", empty)
        assert await writes_of(local) == []
        reads = [call for call in await local.boxes.calls("alguna") if "/customers/" in call["path"]]
        assert len(reads) == 5
        assert len(await pairs(local)) == 40
        monkeypatch.setattr(AlgunaReader, "_customers", real)
        assert await writes_of(local) == []


async def test_p11_a_page_that_salesforce_truncates_deletes_nothing(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.salesforce.reader import SalesforceReader

    async with local.worker():
        made = await begin(local, count=6, onDelete={"toAlguna": "unlink"}, deleteGuard={"share": 1, "atLeast": 99})
        real = SalesforceReader.fetch

        async def cut(self: SalesforceReader, request: Any) -> Any:
            page = await real(self, request)
            return type(page)(page.records[:2], page.position, page.cursor, page.complete_scan)

        monkeypatch.setattr(SalesforceReader, "fetch", cut)
        assert await writes_of(local, Mode.FULL) == []
        assert len(await pairs(local)) == len(made)
