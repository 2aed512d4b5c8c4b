"""The books of errors and endings, on each kind of database: when errors open, stay ignored, close; one ending each."""

from __future__ import annotations

from sqlalchemy import select

from core.errors import ErrorType, RecordFailure
from core.records import Entity, Side
from store import endings, errors, passes
from store.database import Database
from store.endings import Ending
from store.errors import Chosen, FailedRecord
from store.scope import Scope
from store.tables.runs import Outcome, Pass, RecordError
from store.types import utc_now

SCOPE = Scope("int_one", Entity.ACCOUNTS)


def failed(digest: str = "a", kind: ErrorType = ErrorType.FIELD_VALIDATION, place: str = "") -> FailedRecord:
    failure = RecordFailure(kind, "too long", "Name", "LONG")
    return FailedRecord(Side.EXTERNAL, "cus_1", "cus_1", "001A", failure, place=place, digest=digest)


async def open_one(db: Database, item: FailedRecord) -> RecordError:
    async with db.transaction() as session:
        await errors.open_errors(session, SCOPE, "sync_1", [item], utc_now())
        query = select(RecordError).where(errors.ERRORS.c.place == item.place)
        return (await session.execute(query)).scalar_one()


async def test_an_ignored_error_comes_back_only_when_its_record_or_cause_changes(db: Database) -> None:
    assert (await open_one(db, failed())).status == "open"
    async with db.transaction() as session:
        assert await errors.ignore(session, SCOPE.integration_id, Chosen(types=["field_validation"]), "a test") == 1
    same = await open_one(db, failed())
    assert (same.status, same.reason, same.attempts) == ("ignored", "a test", 2)
    changed = await open_one(db, failed("b"))
    assert (changed.status, changed.reason, changed.attempts) == ("open", None, 3)


async def test_an_error_names_the_run_that_closed_it_and_begins_anew_after_that(db: Database) -> None:
    passing = await open_one(db, failed(kind=ErrorType.TRANSIENT))
    assert passing.next_retry_at is not None
    await open_one(db, failed(place="Name"))
    async with db.transaction() as session:
        await errors.close_errors(session, SCOPE, Side.EXTERNAL, ["cus_1"], "sync_2", errors.of_writes())
        rows = {row.place: row for row in (await session.execute(select(RecordError))).scalars()}
    assert (rows[""].status, rows[""].resolved_by, rows[""].next_retry_at) == ("resolved", "sync_2", None)
    assert rows["Name"].status == "open", "a write of the other fields does not hide the field that fails"
    again = await open_one(db, failed())
    assert (again.status, again.attempts, again.resolved_by) == ("open", 1, None)


async def test_i6_a_record_that_is_merged_again_in_a_pass_is_counted_once(db: Database) -> None:
    async with db.transaction() as session:
        await passes.open_pass(session, SCOPE, "p", mode="full", run_ids=[], config_version=1, at=utc_now())
    for chunk, outcome in ((1, "failed"), (1, "updated"), (2, "updated"), (3, "unchanged"), (4, "conflict")):
        async with db.transaction() as session:
            one = Ending(Side.EXTERNAL, outcome, "cus_1", "001A")
            await endings.record(session, SCOPE, "p", [one], utc_now(), chunk=chunk)
            counted = (await session.get_one(Pass, "p")).counts
            [row] = (await session.execute(select(Outcome))).scalars()
            shown = {name: number for name, number in counted["external"].items() if number}
            expected = {(1, "updated"): "failed", (3, "unchanged"): "updated"}.get((chunk, outcome), outcome)
            assert row.outcome == expected, (chunk, outcome)
            assert shown == ({} if expected == "conflict" else {expected: 1})
            assert counted.get("conflicts", 0) == int(expected == "conflict")
