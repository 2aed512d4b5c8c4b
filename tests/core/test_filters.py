"""Record filters: what they mean, that they obey logic, and that bad ones are refused by their place (I9)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from core.config import IntegrationConfig, plan
from core.filter_config import Condition, RecordFilter, filter_plan
from core.filters import AllOf, AnyOf, Check, Clause, FilterOp, Not, fields_of, judge
from core.problems import problems_of
from core.records import Entity, OperationKind, Record, Side
from core.schema import EntitySchema, FieldSchema
from core.validate import check_config
from core.values import Value, dump_json, load_json
from tests.core.test_validate import Facts

# A loaded machine is no finding.
bounded = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
NAMES = ("name", "mrr", "status")
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.decimals(-3, 3, places=1),
    st.sampled_from(["", " ", "a", "ab", "Ab", "2026-01-01", "2026-01-01T00:00:00Z"]),
    st.lists(st.sampled_from(["a", "b"]), max_size=2),
)
RECORDS = st.dictionaries(st.sampled_from(NAMES), VALUES)
CHECKS = st.builds(
    Check,
    st.sampled_from(NAMES),
    st.sampled_from([op for op in FilterOp if op not in (FilterOp.IN, FilterOp.NOT_IN)]),
    VALUES,
) | st.builds(Check, st.sampled_from(NAMES), st.sampled_from([FilterOp.IN, FilterOp.NOT_IN]), st.lists(VALUES))
CLAUSES: st.SearchStrategy[Clause] = st.recursive(
    CHECKS,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("op", "value", "held", "answer"),
    [
        ("eq", "active", "active", True),
        ("eq", "active", "Active", False),
        ("eq", 5, Decimal("5.00"), True),
        ("eq", "active", None, False),
        ("ne", "active", None, True),
        ("in", ["a", "b"], "b", True),
        ("in", ["a", "b"], "", False),
        ("not_in", ["a", "b"], None, True),
        ("gt", 5, Decimal("5.01"), True),
        ("gte", 5, 5, True),
        ("lt", 5, None, False),
        ("lte", "2026-01-31", "2026-01-31", True),
        ("lt", "2026-01-31", "2026-01-30T23:59:59Z", True),
        ("gte", "2026-01-31", "2026-01-31T01:00:00+02:00", False),
        ("gt", 5, "many", None),
        ("contains", "ell", "hello", True),
        ("contains", "a", ["a", "b"], True),
        ("contains", "a", None, False),
        ("starts_with", "he", "hello", True),
        ("starts_with", "el", "hello", False),
        ("is_blank", None, " ", True),
        ("is_blank", None, 0, False),
        ("is_not_blank", None, False, True),
    ],
)
def test_each_op_means_what_it_says(op: str, value: Any, held: Value, answer: bool | None) -> None:
    assert judge(Check("f", FilterOp(op), value), {"f": held}) is answer
    assert judge(Check("f", FilterOp(op), value), {}) is None, "what was not read cannot be judged"


@bounded
@given(CLAUSES, CLAUSES, RECORDS)
def test_filters_obey_logic_with_the_unknown(one: Clause, other: Clause, fields: dict[str, Value]) -> None:
    assert judge(Not(Not(one)), fields) is judge(one, fields)
    assert judge(Not(AllOf((one, other))), fields) is judge(AnyOf((Not(one), Not(other))), fields)
    assert judge(AllOf((one, other)), fields) is judge(AllOf((other, one)), fields)
    assert judge(AnyOf((one, one)), fields) is judge(one, fields)


@bounded
@given(CLAUSES, RECORDS, st.sampled_from(NAMES), VALUES)
def test_only_the_fields_of_a_filter_matter_and_reading_more_never_turns_an_answer(
    clause: Clause, fields: dict[str, Value], name: str, value: Value
) -> None:
    if name not in fields_of(clause):
        assert judge(clause, {**fields, name: value}) is judge(clause, fields)
    before = judge(clause, fields)
    if before is not None and name not in fields:
        assert judge(clause, {**fields, name: value}) is before


def document(**given_filter: Any) -> dict[str, Any]:
    return {"entities": ["accounts"], "entityOptions": {"accounts": {"filter": given_filter}}}


@bounded
@given(CLAUSES)
def test_a_stored_filter_reads_as_it_was_written(clause: Clause) -> None:
    try:
        found = RecordFilter.model_validate({"alguna": written(clause)})
    except ValidationError:
        return
    again = load_json(dump_json(found.model_dump(by_alias=True)))
    assert RecordFilter.model_validate(again) == found
    assert filter_plan(RecordFilter.model_validate(again)) == filter_plan(found)


def written(clause: Clause) -> dict[str, Any]:
    match clause:
        case Check():
            return {"field": clause.field, "op": clause.op.value, "value": clause.value}
        case Not():
            return {"not": written(clause.part)}
        case AllOf():
            return {"all": [written(part) for part in clause.parts]}
        case AnyOf():
            return {"any": [written(part) for part in clause.parts]}


STATUS = {"field": "status", "op": "eq", "value": "active"}


@pytest.mark.parametrize(
    ("condition", "place"),
    [
        ({**STATUS, "op": "equals"}, "alguna.op"),
        ({**STATUS, "valu": 1}, "alguna.valu"),
        ({"al": [STATUS]}, "alguna.al"),
        ({"all": []}, "alguna.all"),
        ({"all": [STATUS], "any": [STATUS]}, "alguna"),
        ({}, "alguna"),
        ({"field": "status"}, "alguna"),
        ({"field": "status", "op": "eq", "value": None}, "alguna"),
        ({"field": "status", "op": "is_blank", "value": 1}, "alguna"),
        ({"field": "status", "op": "in", "value": "active"}, "alguna"),
        ({"field": "status", "op": "in", "value": []}, "alguna"),
        ({"any": [{"not": {**STATUS, "value": {"a": 1}}}]}, "alguna.any[0].not"),
        ({"not": {"not": {"not": {"not": {"not": {"not": STATUS}}}}}}, "alguna"),
        ({"any": [STATUS] * 101}, "alguna"),
    ],
)
def test_i9_a_malformed_filter_is_refused_at_its_place(condition: Any, place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        IntegrationConfig.model_validate(document(alguna=condition))
    fields = [problem.field for problem in problems_of(refused.value, IntegrationConfig)]
    assert fields == [f"entityOptions.accounts.filter.{place}"]


def test_i9_bottomless_nesting_is_refused_without_walking_through_it() -> None:
    bottomless: dict[str, Any] = dict(STATUS)
    for _ in range(5_000):
        bottomless = {"not": bottomless}
    with pytest.raises(ValidationError, match="at most 6 levels"):
        RecordFilter.model_validate({"alguna": bottomless})


def schema(side: Side) -> EntitySchema:
    fields = [
        FieldSchema("name", "Name", "text"),
        FieldSchema("status", "Status", "picklist", options=("active", "draft")),
        FieldSchema("mrr", "MRR", "currency"),
        FieldSchema("since", "Since", "date"),
        FieldSchema("vip", "VIP", "boolean"),
        FieldSchema("tags", "Tags", "list"),
    ]
    return EntitySchema(side, Entity.ACCOUNTS, "Account", {field.name: field for field in fields})


@pytest.mark.parametrize(
    ("condition", "place", "words"),
    [
        ({**STATUS, "field": "statsu"}, "field", "did you mean `status`"),
        ({**STATUS, "value": "activ"}, "value", "did you mean `active`"),
        ({"field": "mrr", "op": "gt", "value": "10"}, "value", "with a number"),
        ({"field": "mrr", "op": "contains", "value": "1"}, "op", "needs a text"),
        ({"field": "name", "op": "lt", "value": "b"}, "op", "no order"),
        ({"field": "since", "op": "lt", "value": "soon"}, "value", "like 2026-01-31"),
        ({"field": "vip", "op": "eq", "value": "true"}, "value", "true or false"),
        ({"field": "tags", "op": "eq", "value": "a"}, "op", "is a list"),
        ({"field": "name", "op": "eq", "value": 5}, "value", "with a text"),
    ],
)
def test_i9_a_filter_is_checked_against_both_schemas(condition: Any, place: str, words: str) -> None:
    mappings = {"mappings": {"accounts": [{"algunaField": "name", "externalField": "name"}]}}
    for side in Side:
        nested = {"any": [STATUS, {"not": condition}]}
        config = IntegrationConfig.model_validate({**document(**{side.value: nested}), **mappings})
        schemas = {(one, Entity.ACCOUNTS): schema(one) for one in Side}
        problems = check_config(config, [Entity.ACCOUNTS], schemas, {})
        assert [item.field for item in problems] == [f"entityOptions.accounts.filter.{side}.any[1].not.{place}"]
        assert words in problems[0].message


def test_i9_archive_is_refused_where_the_other_side_cannot() -> None:
    mappings = {"mappings": {"accounts": [{"algunaField": "name", "externalField": "name"}]}}
    facts = {
        (Side.EXTERNAL, Entity.ACCOUNTS): Facts(None),
        (Side.ALGUNA, Entity.ACCOUNTS): Facts(None, kinds=frozenset({OperationKind.CREATE})),
    }

    def refused(direction: str, **sides: Any) -> list[str]:
        config = IntegrationConfig.model_validate(
            {**document(**sides, onLeave="archive"), **mappings, "direction": direction}
        )
        return [item.field for item in check_config(config, [Entity.ACCOUNTS], {}, facts)]

    assert refused("bidirectional", alguna=STATUS) == []
    assert refused("bidirectional", external=STATUS) == ["entityOptions.accounts.filter.onLeave"]
    assert refused("external_to_alguna", alguna=STATUS) == ["entityOptions.accounts.filter.onLeave"]


def test_fields_of_a_filter_are_read_with_the_mapped_ones() -> None:
    config = IntegrationConfig.model_validate(document(alguna={"not": STATUS}))
    compiled = plan(config, Entity.ACCOUNTS, marker=None, parent=None)
    assert compiled.paths(Side.ALGUNA) == {"status"}
    assert compiled.paths(Side.EXTERNAL) == frozenset()
    inside = Record(Side.ALGUNA, Entity.ACCOUNTS, "a", {"status": "draft"})
    unread = Record(Side.ALGUNA, Entity.ACCOUNTS, "a", {})
    elsewhere = Record(Side.EXTERNAL, Entity.ACCOUNTS, "x", {})
    assert [compiled.filters.judge(one) for one in (inside, unread, elsewhere)] == [True, None, True]
    assert compiled.filters.excludes(unread), "a record that cannot be judged is not created on a guess"


def test_a_condition_dumps_only_what_was_said() -> None:
    condition = Condition.model_validate({"all": [STATUS, {"field": "mrr", "op": "is_blank"}]})
    assert condition.model_dump(by_alias=True, mode="json") == {"all": [STATUS, {"field": "mrr", "op": "is_blank"}]}
