"""What each payment was last seen to settle: a payment that is changed, voided or deleted does not say what it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from core.ports import Notebook

_TOPIC = "netsuite.allocations"


class Allocations:
    """Remembers the invoices of payments, for all processes."""

    def __init__(self, notebook: Notebook) -> None:
        """Take the notebook of the connection."""
        self._notebook = notebook

    async def of(self, payments: Collection[str]) -> dict[str, list[str]]:
        """Return payment id -> ids of the invoices that it settled when it was last read."""
        stored = await self._notebook.get(_TOPIC, sorted(payments)) if payments else {}
        return {one: [str(invoice) for invoice in held] for one, held in stored.items() if isinstance(held, list)}

    async def keep(self, settled: Mapping[str, Sequence[str]]) -> None:
        """Remember what payments settle; those that settled more keep it, so that an unfinished read loses nothing."""
        known = await self.of(settled)
        news = {
            one: [*known.get(one, []), *(x for x in held if x not in known.get(one, []))]
            for one, held in settled.items()
        }
        fresh = {one: held for one, held in news.items() if held != known.get(one)}
        if fresh:
            await self._notebook.put(_TOPIC, {one: list(held) for one, held in fresh.items()})
