"""Random but sensible worlds for the merge's laws: plans, records and bases as a running integration has them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from core.enums import Direction, Strategy, Transform
from core.errors import FieldValidation
from core.mapping import same_meaning, to_external
from core.merge import FieldBase
from core.plan import FieldPlan
from core.records import Side
from core.values import Value
from tests.core.merging import NOON, Pair, plan_of

TEXTS: list[Value] = [None, "", " ", "Acme", "acme", "Acme ", "Beta"]
AMOUNTS: list[Value] = [None, Decimal("0"), Decimal("1.005"), Decimal("1.01"), 7, Decimal("-1234.5")]
MONEY_TEXTS: list[Value] = [None, "$0.00", "$1.01", "1.01", "-$1,234.50", "7 dollars"]
DATES: list[Value] = [None, "2026-03-01", "2026-03-02", "soon"]
MOMENTS: list[Value] = [None, "2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000+0000", "2026-03-01T12:30:00+02:00"]
WORDS: list[Value] = [None, "Yes", "no", "perhaps"]
STAGES: list[Value] = [None, "Open", "Won", "Lost"]

# Field without direction and rules, Alguna's possible values, the external side's.
_KINDS: list[tuple[FieldPlan, list[Value], list[Value]]] = [
    (FieldPlan("a", "E"), TEXTS, TEXTS),
    (FieldPlan("a", "E", default="Beta"), TEXTS, TEXTS),
    (FieldPlan("a", "E", required=True), TEXTS, TEXTS),
    (
        FieldPlan("a", "E", transform=Transform.NUMBER_TO_CURRENCY, external_type="currency"),
        AMOUNTS,
        [value for value in AMOUNTS if value != 7],
    ),
    (FieldPlan("a", "E", transform=Transform.NUMBER_TO_CURRENCY, options={"currency": "USD"}), AMOUNTS, MONEY_TEXTS),
    (FieldPlan("a", "E", transform=Transform.DATE_TO_ISO, external_type="date", alguna_type="date"), DATES, DATES),
    (FieldPlan("a", "E", transform=Transform.DATE_TO_ISO, external_type="datetime"), MOMENTS, MOMENTS),
    (FieldPlan("a", "E", transform=Transform.BOOLEAN_TO_STRING), [None, True, False], WORDS),
    (
        FieldPlan("a", "E", transform=Transform.VALUE_MAP, options={"map": {"open": "Open", "won": "Won"}}),
        [None, "open", "won", "odd"],
        STAGES,
    ),
]


@st.composite
def worlds(draw: st.DrawFn, *, disputed: bool = False) -> Pair:
    """A pair of records of one to four fields, linked before or just now, edited on either side or not.

    `disputed`: two-way fields for a person to decide, none of them agreed before.
    """
    pair = Pair(plan_of(), {}, {})
    fields = []
    for index in range(draw(st.integers(1, 4))):
        kind, ours, theirs = draw(st.sampled_from(_KINDS))
        item = replace(
            kind,
            alguna_field=f"field{index}",
            external_field=f"Field{index}__c",
            direction=draw(st.sampled_from([Direction.BIDIRECTIONAL, *([] if disputed else [*Direction, None])])),
            strategy=Strategy.MANUAL if disputed else draw(st.sampled_from(list(Strategy))),
            write_once=draw(st.integers(0, 5)) == 0,
            fill_empty_only=draw(st.integers(0, 5)) == 0,
        )
        fields.append(item)
        base = None if disputed else draw(st.one_of(st.none(), _bases(item, ours, theirs)))
        if base is not None:
            pair.base[item.alguna_field] = base
        pair.alguna[item.alguna_field] = _now(draw, ours, base, Side.ALGUNA)
        pair.external[item.external_field] = _now(draw, theirs, base, Side.EXTERNAL)
    pair.plan = plan_of(*fields)
    pair.modified_at = {side: draw(_times()) for side in Side}
    return pair


@st.composite
def _bases(draw: st.DrawFn, item: FieldPlan, ours: list[Value], theirs: list[Value]) -> FieldBase:
    """An agreement: both sides mean the same, or their difference was accepted as drift."""
    value = draw(st.sampled_from(ours))
    try:
        carried = to_external(item, value)
    except FieldValidation:
        carried = draw(st.sampled_from(theirs))
    return FieldBase(value, carried, drift=not same_meaning(item, value, carried))


def _now(draw: st.DrawFn, values: list[Value], base: FieldBase | None, side: Side) -> Value:
    if base is not None and draw(st.booleans()):
        return base.value(side)
    return draw(st.sampled_from(values))


def _times() -> st.SearchStrategy[datetime | None]:
    return st.one_of(st.none(), st.integers(-5, 5).map(lambda seconds: NOON + timedelta(seconds=seconds / 2)))
