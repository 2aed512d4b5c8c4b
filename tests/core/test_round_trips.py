"""The law of two-way mappings: whatever options are accepted, what went over comes back with the same meaning."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.compare import alike
from core.countries import TABLES
from core.dates import to_iso
from core.enums import Direction, Transform
from core.errors import FieldValidation
from core.mapping import same_meaning, to_alguna, to_external
from core.plan import FieldPlan
from core.transform_check import check_transform
from core.values import Value

WORDS = st.sampled_from(["Yes", "No", "Y", "N", "on", "off", "yes"])
SPELLINGS = WORDS | st.lists(WORDS, min_size=1, max_size=3)
CODES = st.sampled_from(["a", "b", "c", "A", "B", 1, "1", ""])
TYPES = st.sampled_from(["text", "date", "datetime", "number", "currency", "boolean", "picklist"])
COUNTRIES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"table": st.sampled_from(TABLES), "algunaTable": st.sampled_from(TABLES)}
)
MAPS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"map": st.dictionaries(st.sampled_from(["a", "b", "c", "1"]), CODES, min_size=1)},
    optional={"unmapped": st.sampled_from(["error", "pass"]), "default": CODES},
)
OPTIONS: dict[Transform, st.SearchStrategy[dict[str, Any]]] = {
    Transform.NUMBER_TO_CURRENCY: st.fixed_dictionaries(
        {},
        optional={
            "currency": st.sampled_from(["USD", "JPY", "KWD", "CHF"]),
            "locale": st.sampled_from(["en_US", "de_DE", "fr_FR", "hi_IN", "ar_EG", "sv_SE"]),
            "style": st.sampled_from(["symbol", "code"]),
        },
    ),
    Transform.DATE_TO_ISO: st.fixed_dictionaries(
        {}, optional={"timezone": st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland"])}
    ),
    Transform.BOOLEAN_TO_STRING: st.fixed_dictionaries({}, optional={"true": SPELLINGS, "false": SPELLINGS}),
    Transform.VALUE_MAP: MAPS | COUNTRIES,
}
VALUES: dict[Transform, st.SearchStrategy[Value]] = {
    Transform.NUMBER_TO_CURRENCY: st.decimals(-(10**9), 10**9, places=4) | st.integers(-(10**6), 10**6),
    Transform.DATE_TO_ISO: st.dates().map(str)
    | st.sampled_from(["2026-03-01T10:00:00.000+0000", "/Date(1518685950940+0000)/", "2026-10-25T02:30:00"]),
    Transform.BOOLEAN_TO_STRING: st.booleans(),
    Transform.VALUE_MAP: st.sampled_from(["a", "b", "c", "A", "B", "1", "z", "DE", "GBR", "Norway"]),
}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(list(OPTIONS)), TYPES, TYPES, st.data())
def test_i3_what_is_accepted_both_ways_comes_back(
    transform: Transform, ours: str, theirs: str, data: st.DataObject
) -> None:
    options = data.draw(OPTIONS[transform])
    field = FieldPlan("a", "E", transform=transform, options=options, alguna_type=ours, external_type=theirs)
    assume(not list(check_transform(field, direction=Direction.BIDIRECTIONAL)))
    value = data.draw(VALUES[transform])
    if transform is Transform.DATE_TO_ISO:
        value = to_iso(value, ours, "UTC")
    try:
        carried = to_external(field, value)
    except FieldValidation:
        return
    back = to_alguna(field, carried)
    assert alike(to_external(field, back), carried), "the second way over gives the same"
    assert same_meaning(field, value, carried)
    assert same_meaning(field, back, carried)
    if transform is Transform.BOOLEAN_TO_STRING:
        assert back is value
    if transform is Transform.NUMBER_TO_CURRENCY:
        assert isinstance(back, Decimal)
        assert abs(back - Decimal(value if isinstance(value, int) else str(value))) <= Decimal("0.5")
