"""Two money documents that a rule finds alike are linked only if what must never differ agrees (I2, ADR 10).

One number with two totals, or one amount on two days, may be two documents: a person says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from activities.engine import Engine, PassContext
from core.mapping import same_meaning
from core.matching import Ambiguity
from core.records import MONEY, Record, Side
from store import staging

Pair = tuple[str, str, int]


async def in_agreement(
    engine: Engine, context: PassContext, pairs: Sequence[Pair], read: Mapping[tuple[Side, str], Record]
) -> tuple[list[Pair], list[Ambiguity]]:
    """Part the pairs whose required fields agree from those that are a question, asked of both records.

    `read` are records that are not staged, by side and id.
    """
    if context.ref.entity not in MONEY or not pairs:
        return list(pairs), []
    known = dict(read)
    async with engine.db.session() as session:
        for side, place in ((Side.ALGUNA, 0), (Side.EXTERNAL, 1)):
            ids = [str(pair[place]) for pair in pairs]
            staged = await staging.find(session, context.scope, side, ids)
            known |= {(side, record_id): item.record for record_id, item in staged.items()}
    certain: list[Pair] = []
    asked: list[Ambiguity] = []
    for alguna_id, external_id, rule in pairs:
        ours, theirs = known.get((Side.ALGUNA, alguna_id)), known.get((Side.EXTERNAL, external_id))
        if ours is not None and theirs is not None and _agree(context, ours, theirs):
            certain.append((alguna_id, external_id, rule))
            continue
        asked.append(Ambiguity(Side.ALGUNA, alguna_id, (external_id,), rule))
        asked.append(Ambiguity(Side.EXTERNAL, external_id, (alguna_id,), rule))
    return certain, asked


def _agree(context: PassContext, ours: Record, theirs: Record) -> bool:
    required = [item for item in context.plan.fields if item.required and item.direction is not None]
    return all(
        same_meaning(item, ours.fields.get(item.alguna_field), theirs.fields.get(item.external_field))
        for item in required
    )
