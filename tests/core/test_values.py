"""Comparing values, and reading and writing nested documents by path."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import paths
from core.compare import alike, blank, equal
from core.errors import FieldValidation
from core.values import Value, dump_json, load_json


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (None, "", True),
        ("", [], True),
        (" ", None, True),
        (0, None, False),
        (False, None, False),
        (5, Decimal("5.00"), True),
        (0.1, Decimal("0.1"), True),
        (True, 1, False),
        ("5", 5, False),
        ("a", "A", False),
        ("a", "a ", False),
        ([1, "x"], [Decimal(1), "x"], True),
        ({"a": 1}, {"a": 2}, False),
    ],
)
def test_equal(left: Value, right: Value, same: bool) -> None:
    assert equal(left, right) is same
    assert equal(right, left) is same


def test_alike_forgives_outer_blanks_only() -> None:
    assert alike("a b", " a b\n")
    assert not alike("a b", "a  b")


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", " ", "a"]), st.decimals(-3, 3, places=1)
)


@given(VALUES, VALUES, VALUES)
def test_equal_is_an_equivalence(one: Value, two: Value, three: Value) -> None:
    assert equal(one, one)
    assert equal(one, two) is equal(two, one)
    assert equal(one, three) or not (equal(one, two) and equal(two, three))
    assert not equal(one, two) or blank(one) is blank(two)


@given(VALUES)
def test_i7_a_stored_value_equals_itself(value: Value) -> None:
    assert equal(load_json(dump_json(value)), value)


DOCUMENT: dict[str, Any] = {
    "name": "Acme",
    "phone": None,
    "note": "",
    "billingAddress": {"line1": "1 Road"},
    "shippingAddress": None,
    "contacts": [{"email": "a@acme.example", "isPrimary": False}, {"email": "b@acme.example", "isPrimary": True}],
    "addresses": [{"type": "billing", "city": "Oslo"}],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "Acme"),
        ("billingAddress.line1", "1 Road"),
        ("contacts[0].email", "a@acme.example"),
        ("contacts[isPrimary=true].email", "b@acme.example"),
        ("addresses[type=billing].city", "Oslo"),
        ("contacts[].email", ["a@acme.example", "b@acme.example"]),
        ("addresses[0]", {"type": "billing", "city": "Oslo"}),
    ],
)
def test_get(path: str, value: Value) -> None:
    assert paths.get(DOCUMENT, path) == value


def test_project_tells_missing_null_and_empty_apart() -> None:
    wanted = ["name", "phone", "note", "fax", "billingAddress.line2", "shippingAddress.line1", "contacts[7].email"]
    assert paths.project(DOCUMENT, wanted) == {
        "name": "Acme",
        "phone": None,
        "note": "",
        "shippingAddress.line1": None,
    }
    assert paths.has(DOCUMENT, "phone")
    assert not paths.has(DOCUMENT, "fax")
    assert paths.get(DOCUMENT, "fax", "none") == "none"


def test_set_makes_what_is_on_the_way() -> None:
    document: dict[str, Any] = {}
    paths.set(document, "billingAddress.line1", "1 Road")
    paths.set(document, "addresses[type=billing].city", "Oslo")
    paths.set(document, "addresses[type=billing].country", "NO")
    paths.set(document, "tags[0]", "new")
    paths.set(document, "contacts[0].email", "a@acme.example")
    assert document == {
        "billingAddress": {"line1": "1 Road"},
        "addresses": [{"type": "billing", "city": "Oslo", "country": "NO"}],
        "tags": ["new"],
        "contacts": [{"email": "a@acme.example"}],
    }


@pytest.mark.parametrize(
    "path",
    ["name", "a.b.c", "list[0].x", "list[kind=work].x", "list[0]", "a.list[main=true].b.c", "list[kind.name=work].x"],
)
@given(value=VALUES)
def test_what_is_set_is_read_back(path: str, value: Value) -> None:
    document = paths.set({}, path, value)
    assert paths.project(document, [path]) == {path: value}


@pytest.mark.parametrize("path", ["", "a..b", ".a", "a.", "a[0", "a]b", "a[0]b", "a[x]", "a[=1]", "a[k=]", "a[-1]"])
def test_malformed_paths_are_refused(path: str) -> None:
    with pytest.raises(FieldValidation, match="not a field path"):
        paths.get({}, path)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a..b", "a name is missing (character 3)"),
        ("lineItems[0.amount", "this `[` is not closed (character 10)"),
        ("lineItems[first].amount", "`first` is neither a position, nor `key=value`, nor empty (character 11)"),
        ("a]b", "`]` does not belong here (character 2)"),
    ],
)
def test_i9_a_malformed_path_says_where(path: str, why: str) -> None:
    with pytest.raises(FieldValidation) as refused:
        paths.check(path)
    assert why in refused.value.message


def test_i3_one_item_of_a_list_by_what_it_holds() -> None:
    invoice = {
        "lineItems": [
            {"productId": "prod_1", "amount": 5, "item": {"code": "A"}},
            {"productId": "prod_2", "amount": 7, "item": {"code": "B"}, "tax": None},
            "odd",
        ]
    }
    assert paths.get(invoice, "lineItems[0].amount") == 5
    assert paths.get(invoice, "lineItems[productId=prod_2].amount") == 7
    assert paths.get(invoice, "lineItems[item.code=B].amount") == 7
    assert paths.get(invoice, "lineItems[].productId") == ["prod_1", "prod_2", None]
    assert not paths.has(invoice, "lineItems[productId=prod_3].amount")
    assert paths.project(invoice, ["lineItems[1].tax", "lineItems[0].tax"]) == {"lineItems[1].tax": None}


def test_a_path_knows_how_a_schema_declares_it() -> None:
    assert paths.declared("contacts[isPrimary=true].email") == "contacts[].email"
    assert paths.selects("a.contacts[item.kind=x].phones[0].number") == ["a.contacts[].item.kind"]
    assert paths.names_all("contacts[].email")
    assert not paths.names_all("contacts[0].email")


@pytest.mark.parametrize("path", ["list[]", "list[].x", "list[3].x"])
def test_set_refuses_a_path_that_names_no_single_place(path: str) -> None:
    with pytest.raises(FieldValidation, match="no single place"):
        paths.set({}, path, 1)
