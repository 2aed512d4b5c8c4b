"""Counting the API calls of a pass, by the step that made them."""

from __future__ import annotations

from collections.abc import Mapping

from activities.engine import Engine, PassContext
from activities.rehearsal import planned_calls, planned_key
from store import passes
from store.passes import Tally


def calls_made(context: PassContext) -> dict[str, int]:
    """The calls that the connectors have made so far by side, and those that a dry run would have made."""
    made = {side.value: connector.calls for side, connector in context.connectors.items()}
    return made | {planned_key(side): planned_calls(connector) for side, connector in context.connectors.items()}


async def count_calls(engine: Engine, context: PassContext, before: Mapping[str, int]) -> None:
    """Add to the pass the calls made since `before`."""
    made = {name: number - before[name] for name, number in calls_made(context).items()}
    async with engine.db.transaction() as session:
        await passes.add_counts(session, context.ref.pass_id, Tally(), {k: n for k, n in made.items() if n})
