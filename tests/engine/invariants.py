"""What must hold of the books of every completed pass: each record ended once, and the counts are their sum (I6)."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Side
from store import runs, staging
from store.endings import COUNTED
from store.staging import StagedRecord
from store.tables.runs import Outcome, Pass, Run

EXACT = COUNTED - {"unchanged", "skipped"}
"""Outcomes of which every record has a row; a read may also just count records as unchanged or skipped."""


class Claims:
    """Which records the passes of this process took up: (pass, side, record id)."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, Side, str]] = set()

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Note every record that a chunk holds at any of its steps."""
        real = staging.of_chunk

        async def noted(session: AsyncSession, scope: Any, pass_id: str, *rest: Any, **more: Any) -> list[StagedRecord]:
            found = await real(session, scope, pass_id, *rest, **more)
            self.seen |= {(pass_id, item.record.side, item.record.id) for item in found}
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(staging, "of_chunk", noted)
            yield


async def check_books(session: AsyncSession, run: Run, claims: Claims) -> None:
    """Hold the completed passes of a run to I6."""
    for one in await runs.passes_of(session, run.id):
        if one.state == "completed":
            query = select(Outcome).where(Outcome.pass_id == one.id)  # type: ignore[arg-type]
            _check_pass(one, list((await session.execute(query)).scalars()), claims)


def _check_pass(one: Pass, rows: list[Outcome], claims: Claims) -> None:
    assert all(row.source_id for row in rows), rows
    ended = {(one.id, Side(row.target).other, row.source_id) for row in rows}
    assert len(ended) == len(rows), "a record ends once per target"
    claimed = {key for key in claims.seen if key[0] == one.id}
    assert claimed <= ended, f"claimed, but without an ending: {claimed - ended}"
    counted = Counter((row.target, row.outcome) for row in rows)
    for side in Side:
        shown = one.counts.get(side.value, {})
        assert all(number >= 0 for number in shown.values()), shown
        for outcome in COUNTED:
            in_rows, told = counted[side.value, outcome], shown.get(outcome, 0)
            assert told == in_rows if outcome in EXACT else told >= in_rows, (one.entity, side, outcome, told, in_rows)
    conflicts = sum(row.outcome == "conflict" and (row.target == "external" or row.alguna_id is None) for row in rows)
    assert one.counts.get("conflicts", 0) == conflicts
