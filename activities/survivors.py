"""Records whose partner was deleted: one that matches may be the partner made again, which a person must say (I2).

Their match keys are kept (`activities.deletions`), but they pair with nothing by a rule: the tombstone, or the link
that goes on, stands in the way until a person, or the marker on the new record, says that it is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from activities.engine import Engine, PassContext
from activities.intake import revivable
from core.matching import Ambiguity, Keyed
from core.records import Side
from store import links
from store.links import LinkState

Named = tuple[Side, str]


def is_held(state: LinkState, side: Side) -> bool:
    """Whether an active link binds its record of a side: not if the partner is deleted."""
    return state.gone is not side.other


async def survivors(engine: Engine, context: PassContext, known: Iterable[Keyed]) -> set[Named]:
    """Those of these records whose partner was deleted."""
    found: set[Named] = set()
    candidates = list(known)
    async with engine.db.session() as session:
        for side in Side:
            ids = sorted({item.id for item in candidates if item.side is side})
            linked = await links.active(session, context.scope, side, ids)
            buried = await links.tombstoned(session, context.scope, side, ids)
            found |= {(side, record_id) for record_id in linked}
            found |= {(side, record_id) for record_id, tomb in buried.items() if not revivable(tomb, side)}
    return found


def as_questions(
    pairs: Sequence[tuple[str, str, int]], lone: Collection[Named]
) -> tuple[list[tuple[str, str, int]], list[Ambiguity]]:
    """Part the pairs that a rule found from those that are a question, because one of them lost its partner."""
    certain: list[tuple[str, str, int]] = []
    asked: list[Ambiguity] = []
    for alguna_id, external_id, rule in pairs:
        if (Side.ALGUNA, alguna_id) in lone:
            asked.append(Ambiguity(Side.EXTERNAL, external_id, (alguna_id,), rule))
        elif (Side.EXTERNAL, external_id) in lone:
            asked.append(Ambiguity(Side.ALGUNA, alguna_id, (external_id,), rule))
        else:
            certain.append((alguna_id, external_id, rule))
    return certain, asked


async def set_free(session: AsyncSession, side: Side, linked: dict[str, LinkState]) -> dict[str, LinkState]:
    """End the links of these records whose partner is deleted; return those that still bind their record."""
    dead = [state.id for state in linked.values() if not is_held(state, side)]
    await links.tombstone(session, dead, "its record was made again; linked anew")
    return {record_id: state for record_id, state in linked.items() if is_held(state, side)}
