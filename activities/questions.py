"""What a person is asked about a record with several possible partners: candidates with reasons (design 3.5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from activities.finding import Findings
from core.matching import Ambiguity, Keyed
from core.plan import MatchPlan
from core.records import Side
from core.similarity import Likeness, Proposal, ranked
from core.values import Value
from store.conflicts import Question

MOST_CANDIDATES: Final = 20
"""More are not listed: who has so many shares a value that says nothing."""

MOST_COMPARED: Final = 200
"""And so many are compared at all (I10)."""


def question(item: Ambiguity, findings: Findings, plan: MatchPlan) -> Question:
    """Return the question which of its candidates a record is, the most like first."""
    other = item.side.other
    blank = Keyed(item.side, item.id, {})
    record = findings.pool.get((item.side, item.id), blank)
    known = [findings.pool.get((other, one), Keyed(other, one, {})) for one in item.candidates[:MOST_COMPARED]]
    listed = ranked(record, known, plan, least=0)[:MOST_CANDIDATES]
    ours = item.side is Side.ALGUNA
    return Question(
        "match",
        f"{item.side}:{item.id}",
        alguna_id=item.id if ours else None,
        external_id=None if ours else item.id,
        candidates=[_candidate(other, one, findings.bound.get((other, one.id))) for one in listed],
    )


def _candidate(side: Side, one: Proposal, bound: str | None) -> dict[str, Value]:
    key = "algunaId" if side is Side.ALGUNA else "externalId"
    return {key: one.id, "score": Decimal(str(one.likeness.score)), "reasons": list(_reasons(one.likeness, bound))}


def _reasons(likeness: Likeness, bound: str | None) -> tuple[str, ...]:
    return likeness.reasons if bound is None else (*likeness.reasons, f"linked with {bound} already")
