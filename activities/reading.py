"""Reading records by id, as every step needs them."""

from __future__ import annotations

from activities.engine import PassContext
from core.records import Record, Side


async def read_records(context: PassContext, side: Side, ids: list[str]) -> dict[str, Record]:
    """Read records of the pass's entity by id, with every path the plan needs."""
    if not ids:
        return {}
    return await context.connectors[side].read(context.ref.entity, ids, context.plan.paths(side))


def deleted(context: PassContext, side: Side, record_id: str) -> Record:
    """What is known of a record that a read by id does not find."""
    return Record(side, context.ref.entity, record_id, {}, deleted=True)
