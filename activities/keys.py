"""The match keys of records, within their parents where that matters (design 3.5, ADR 10).

Two invoices with one number, or two payments of one amount, are the same only if they belong to the same customer or
invoice: keys of money documents hold the parent, by its id in Alguna, so those under a parent without a link have none.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from activities.engine import PassContext
from core.matching import Keyed, keyed, within
from core.records import MONEY, PARENT_OF, Record, Side
from store import links, match_keys, staging
from store.scope import Scope


async def keyed_records(session: AsyncSession, context: PassContext, records: Sequence[Record]) -> list[Keyed]:
    """Reduce records to what matching needs."""
    plain = [keyed(record, context.plan.matching) for record in records]
    if context.ref.entity not in MONEY:
        return plain
    scope = Scope(context.scope.integration_id, PARENT_OF[context.ref.entity])
    parents: dict[tuple[Side, str], str] = {}
    for side in Side:
        ids = {record.parent_id for record in records if record.side is side and record.parent_id}
        linked = await links.active(session, scope, side, sorted(ids))
        parents |= {(side, parent_id): state.alguna_id for parent_id, state in linked.items()}
    return [
        within(one, parents.get((record.side, record.parent_id or "")))
        for one, record in zip(plain, records, strict=True)
    ]


async def key_again(session: AsyncSession, context: PassContext, row_ids: Sequence[int]) -> None:
    """Give staged records their keys, now that their parents are linked."""
    if context.ref.entity not in MONEY:
        return
    rows = await staging.by_row(session, context.scope, row_ids)
    alone = [item.record for item in rows if item.link_id is None and not item.record.deleted]
    await match_keys.put(session, context.scope, await keyed_records(session, context, alone))
