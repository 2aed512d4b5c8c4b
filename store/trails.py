"""The audit trail: what was decided of a record, by which rule or person, in which run, from which values (I3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Side
from core.values import Value
from store.scope import Scope, table_of
from store.tables.runs import Audit

AUDIT = table_of(Audit)


@dataclass(slots=True)
class Trail:
    """What was decided of one record at one moment. A decision that names no field is about the whole record."""

    alguna_id: str | None
    external_id: str | None
    decisions: list[dict[str, Value]]


async def record(
    session: AsyncSession,
    scope: Scope,
    trails: Sequence[Trail],
    at: datetime,
    *,
    pass_id: str | None = None,
    run_id: str | None = None,
) -> None:
    """Keep decisions. `pass_id` and `run_id` say in what they were made; a person decides outside of any."""
    rows = [
        {
            **scope.columns(),
            "alguna_id": trail.alguna_id,
            "external_id": trail.external_id,
            "pass_id": pass_id,
            "run_id": run_id,
            "decisions": trail.decisions,
            "at": at,
        }
        for trail in trails
    ]
    if rows:
        await session.execute(insert(AUDIT), rows)


def about_record(alguna_id: str, external_id: str, /, action: str, rule: str, **more: Value) -> Trail:
    """Return the trail of a decision about the whole pair: it was linked, unlinked, deleted or merged."""
    return Trail(alguna_id, external_id, [{"field": None, "action": action, "rule": rule, **more}])


async def rules_of(
    session: AsyncSession, scope: Scope, pass_id: str, sources: Mapping[Side, Sequence[str]]
) -> dict[tuple[Side, str], dict[str, str]]:
    """The rules by which a pass decided, by record (side, id) and Alguna field."""
    found: dict[tuple[Side, str], dict[str, str]] = {}
    for side, ids in sources.items():
        column = AUDIT.c.alguna_id if side is Side.ALGUNA else AUDIT.c.external_id
        query = select(column, AUDIT.c.decisions).where(
            scope.covers(AUDIT), AUDIT.c.pass_id == pass_id, column.in_(list(ids))
        )
        for record_id, decisions in (await session.execute(query.order_by(AUDIT.c.id))).all():
            rules = {str(one["field"]): str(one["rule"]) for one in decisions if one["field"] is not None}
            found.setdefault((side, record_id), {}).update(rules)
    return found
