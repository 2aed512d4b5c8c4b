"""SOQL by itself: the index ways to rows give what looking at every row would give; literals and errors are exact."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.ids import make_id, normalise, to_18
from sandbox.salesforce.objects import SOBJECTS
from sandbox.salesforce.schema import Row
from sandbox.salesforce.soql.statement import Late, compile_query
from sandbox.salesforce.table import Table

STAMPS = [f"2026-11-01T10:00:{second:02d}.000+0000" for second in range(6)]
IDS = [make_id("001", "0n0", number) for number in range(1, 25)]
TABLES = {name: Table(sobject) for name, sobject in SOBJECTS.items()}
for _place, _id in enumerate(IDS):
    TABLES["Account"].put(
        {
            "Id": _id,
            "Name": f"N{_place % 5}",
            "IsDeleted": _place % 7 == 0,
            "SystemModstamp": STAMPS[_place * 5 % 6],
            **({"MRR__c": float(_place % 4)} if _place % 3 else {}),
        }
    )
OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
Case = tuple[str, Callable[[Row], bool]]


def run(soql: str) -> list[Row]:
    statement = compile_query(soql, TABLES, "/services/data/v66.0", frozenset())
    return statement.rows(include_deleted=False, late=Late())


@st.composite
def comparisons(draw: st.DrawFn) -> Case:
    """A comparison as SOQL text and as the test that it stands for."""
    operator = draw(st.sampled_from(sorted(OPERATORS)))
    test = OPERATORS[operator]
    if draw(st.booleans()):
        stamp = draw(st.sampled_from(STAMPS))
        return f"SystemModstamp {operator} {stamp[:19]}Z", lambda row: test(row["SystemModstamp"], stamp)
    if draw(st.booleans()):
        record_id = draw(st.sampled_from(IDS))
        return f"Id {operator} '{record_id}'", lambda row: test(row["Id"], record_id)
    name = draw(st.sampled_from(["n0", "N1", "N3"]))
    return f"Name {operator} '{name}'", lambda row: test(row["Name"].lower(), name.lower())


def joined(cases: list[Case], word: str) -> Case:
    texts, tests = [text for text, _ in cases], [test for _, test in cases]
    how = all if word == "AND" else any
    return "(" + f" {word} ".join(texts) + ")", lambda row: how(test(row) for test in tests)


CONDITIONS = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.builds(joined, st.lists(inner, min_size=2, max_size=3), st.sampled_from(["AND", "OR"])),
        inner.map(lambda case: (f"(NOT {case[0]})", lambda row: not case[1](row))),
    ),
    max_leaves=6,
)


@given(CONDITIONS, st.sampled_from(["", " ORDER BY Id", " ORDER BY SystemModstamp, Id", " ORDER BY Name DESC, Id"]))
def test_every_way_to_the_rows_gives_what_a_full_look_gives(case: Case, order: str) -> None:
    text, test = case
    expected = {row["Id"] for row in TABLES["Account"].rows.values() if test(row) and not row["IsDeleted"]}
    found = run(f"SELECT Id FROM Account WHERE {text}{order}")
    assert {row["Id"] for row in found} == expected
    assert len(found) == len(expected)
    if "Stamp" in order:
        assert found == sorted(found, key=lambda row: (row["SystemModstamp"], row["Id"]))
    assert (
        run(f"SELECT Id FROM Account WHERE {text} ORDER BY SystemModstamp, Id LIMIT 3")
        == run(f"SELECT Id FROM Account WHERE {text} ORDER BY SystemModstamp, Id")[:3]
    )


def test_rows_of_one_second_have_no_useful_order_by_themselves() -> None:
    rows = [row for row in run("SELECT Id FROM Account ORDER BY SystemModstamp") if row["SystemModstamp"] == STAMPS[0]]
    assert len(rows) > 2
    assert [row["Id"] for row in rows] != sorted(row["Id"] for row in rows)


def test_nulls_come_first_unless_told() -> None:
    assert "MRR__c" not in run("SELECT Id FROM Account ORDER BY MRR__c DESC")[0]
    assert "MRR__c" not in run("SELECT Id FROM Account ORDER BY MRR__c")[0]
    last = run("SELECT Id FROM Account ORDER BY MRR__c DESC NULLS LAST")
    assert last[0]["MRR__c"] == 3.0
    assert "MRR__c" not in last[-1]


@pytest.mark.parametrize(
    ("soql", "message"),
    [
        ("SELECT Id FROM Account WHERE", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Account WHERE MRR__c = '5'", "must be of type double and should not be enclosed in quotes"),
        ("SELECT Id FROM Account WHERE Name = 5", "must be of type string and should be enclosed in quotes"),
        ("SELECT Id FROM Account WHERE Name = 'open", "Bind variables only allowed in Apex code"),
        ("SELECT Id FROM Account WHERE Id = 'short'", "invalid ID field: short"),
        ("SELECT Id FROM Account WHERE Ownr.Name = 'a'", "Didn't understand relationship 'Ownr' in field path."),
        ("SELECT Id, Name, Name FROM Account", "duplicate field selected: Name"),
        ("SELECT Id FROM Account ORDER BY Description", "field 'Description' can not be sorted in a query call"),
        ("SELECT Id FROM Account OFFSET 2001", "Maximum SOQL offset allowed is 2000"),
        ("SELECT Name, COUNT(Id) FROM Account", "Field must be grouped or aggregated: Name"),
    ],
)
def test_errors_say_what_is_wrong(soql: str, message: str) -> None:
    with pytest.raises(SalesforceError) as refused:
        run(soql)
    assert message in refused.value.message


def test_ids_have_the_suffix_of_recorded_ones() -> None:
    assert to_18("001dM00003kRs59") == "001dM00003kRs59QAC"
    assert normalise("001dM00003kRs59") == "001dM00003kRs59QAC"
    assert normalise("001dM00003kRs59qac") == "001dM00003kRs59QAC"
    assert normalise("001dM00003kRs5-") is None
    assert sorted(IDS) == IDS
