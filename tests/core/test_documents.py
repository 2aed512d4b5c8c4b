"""Lines and totals of money documents: nothing is lost on the way, and totals agree to the cent (ADR 10)."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import IntegrationConfig, plan
from core.documents import (
    AlgunaLine,
    ExternalLine,
    TaxRounding,
    Totals,
    alguna_lines,
    allocation_id,
    compute_totals,
    external_lines,
    fit_price,
    line_values,
    rounding_amount,
    rounding_line,
    same_money,
    split_allocation,
)
from core.errors import FieldValidation
from core.mapping import same_meaning, to_alguna, to_external
from core.money import round_amount
from core.plan import FieldPlan
from core.records import Entity
from core.values import dump_json, load_json

CURRENCIES = st.sampled_from(["JPY", "EUR", "KWD"])
DIGITS = {"JPY": 0, "EUR": 2, "KWD": 3}
amounts = st.decimals("-99999", "99999", places=4, allow_nan=False)
prices = st.decimals("0", "9999", places=6, allow_nan=False)
rates = st.decimals("0", "30", places=3, allow_nan=False)
names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(str.strip)


@st.composite
def drawn_lines(draw: st.DrawFn) -> list[AlgunaLine]:
    return draw(
        st.lists(
            st.builds(
                AlgunaLine,
                description=st.none() | names,
                quantity=st.decimals("0.001", "500", places=3, allow_nan=False),
                unit_price=prices,
                amount=amounts,
                tax=st.none() | amounts,
                tax_rate=st.none() | rates,
                product_id=st.sampled_from([None, "prod_a", "prod_b"]),
                sku=st.sampled_from([None, "A-1", "B-1"]),
            ),
            min_size=1,
            max_size=5,
        )
    )


def lines_field(**options: Any) -> FieldPlan:
    """A mapping of lines under these options of invoices."""
    mapping = {"algunaField": "lineItems", "externalField": "Line", "transform": "invoice_lines", "writeOnce": True}
    document = {"entities": ["invoices"], "mappings": {"invoices": [mapping]}, "entityOptions": {"invoices": options}}
    types = {"lineItems": "list", "Line": "list"}
    config = IntegrationConfig.model_validate(document)
    compiled = plan(config, Entity.INVOICES, marker=None, parent=None, external_types=types, alguna_types=types)
    return compiled.fields[0]


EVERYTHING = {
    "itemMap": {"items": {"prod_a": "11", "prod_b": "12"}, "default": "99"},
    "taxMap": {"19": "STD", "0": "NON", "default": "OTHER"},
    "salesAccount": "200",
}


@given(lines=drawn_lines())
def test_lines_survive_their_stored_form(lines: list[AlgunaLine]) -> None:
    assert alguna_lines(load_json(dump_json(line_values(lines)))) == [
        AlgunaLine(
            **{name: getattr(line, name) or None for name in ("description", "product_id", "sku", "tax_type")},
            quantity=line.quantity,
            unit_price=line.unit_price,
            amount=line.amount,
            tax=line.tax,
            tax_rate=line.tax_rate,
        )
        for line in lines
    ]


@given(lines=drawn_lines())
def test_no_line_and_no_amount_is_lost_on_the_way_out_and_back(lines: list[AlgunaLine]) -> None:
    field = lines_field(**EVERYTHING)
    value = line_values(lines)
    carried = to_external(field, value)
    outside = external_lines(carried)
    assert [line.amount for line in outside] == [line.amount for line in lines]
    assert all(line.item and line.account == "200" for line in outside)
    back = alguna_lines(to_alguna(field, carried))
    assert [line.amount for line in back] == [line.amount for line in lines]
    assert [line.product_id for line in back] == [line.product_id for line in lines]
    assert same_meaning(field, value, carried)


@given(lines=drawn_lines(), where=st.integers(0, 4))
def test_a_line_that_finds_no_item_refuses_the_whole_document(lines: list[AlgunaLine], where: int) -> None:
    lines = [replace(line, product_id=line.product_id or "prod_a") for line in lines]
    strange = AlgunaLine(description="Onboarding", unit_price=Decimal(5), amount=Decimal(5), product_id="prod_new")
    lines.insert(min(where, len(lines)), strange)
    field = lines_field(itemMap={"items": {"prod_a": "11", "prod_b": "12"}}, taxMap={"default": "STD"})
    with pytest.raises(FieldValidation) as refused:
        to_external(field, line_values(lines))
    assert "(`Onboarding`)" in refused.value.message
    assert 'entityOptions.invoices.itemMap.items["prod_new"]' in refused.value.message


@pytest.mark.parametrize(
    ("options", "line", "said"),
    [
        ({}, {"unitPrice": 1}, "line 1 finds no item: set entityOptions.invoices.itemMap"),
        ({"itemMap": {"items": {}}}, {"unitPrice": 1, "productId": "prod_x"}, 'itemMap.items["prod_x"]'),
        ({"itemMap": {"by": "sku"}}, {"unitPrice": 1, "productId": "prod_x"}, "give the product a sku in Alguna, or"),
        ({"itemMap": {"by": "sku"}}, {"unitPrice": 1}, "has no product: set entityOptions.invoices.itemMap.default"),
        ({"salesAccount": "200"}, {"unitPrice": 1, "tax": 1, "taxRate": "20.0"}, 'taxMap["20"]'),
        ({"salesAccount": "200"}, {"unitPrice": "1,5"}, "line 1: `unitPrice` '1,5' is not a number"),
        ({"salesAccount": "200"}, {"unitprice": 1}, "line 1 has no `unitprice` (did you mean `unitPrice`?)"),
        ({"salesAccount": "200"}, {"description": "nothing"}, "neither `unitPrice` nor `amount`"),
    ],
)
def test_what_is_missing_is_named_with_what_to_set(options: dict[str, Any], line: Any, said: str) -> None:
    with pytest.raises(FieldValidation) as refused:
        to_external(lines_field(**options), [line])
    assert said in refused.value.message


def test_items_by_id_come_before_the_sku_and_the_default() -> None:
    field = lines_field(itemMap={"by": "sku", "items": {"prod_a": "11"}, "default": "99"})
    price: dict[str, Any] = {"unitPrice": Decimal(1)}
    lines = [{**price, "productId": "prod_a", "sku": "A"}, {**price, "productId": "prod_b", "sku": "B"}, price]
    found = external_lines(to_external(field, lines))
    assert [(line.item, line.sku) for line in found] == [("11", None), (None, "B"), ("99", None)]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"taxRate": "19.00", "tax": 1}, "STD"),
        ({"taxRate": "7", "tax": 1}, "OTHER"),
        ({"tax": 0}, "NON"),
        ({"tax": 0, "taxRate": 0, "taxType": "reverse_charge"}, "NON"),
        ({"tax": 1, "taxType": "reverse_charge"}, "RC"),
        ({}, None),
    ],
)
def test_tax_codes_are_found_by_rate_then_by_type_then_by_default(line: dict[str, Any], code: str | None) -> None:
    field = lines_field(
        salesAccount="200", taxMap={"19": "STD", "0": "NON", "reverse_charge": "RC", "default": "OTHER"}
    )
    assert external_lines(to_external(field, [{"unitPrice": 1, **line}]))[0].tax_code == code


@given(
    lines=st.lists(st.tuples(amounts, rates), min_size=1, max_size=8),
    rounding=st.sampled_from(TaxRounding),
    currency=CURRENCIES,
)
def test_totals_have_the_decimals_of_their_currency_and_differ_by_rounding_alone(
    lines: list[tuple[Decimal, Decimal]], rounding: TaxRounding, currency: str
) -> None:
    made = compute_totals(lines, rounding=rounding, currency=currency)
    cent = Decimal(1).scaleb(-DIGITS[currency])
    assert made.total == made.total.quantize(cent)
    assert made.net == sum(round_amount(amount, currency) for amount, _ in lines)
    exact = sum((round_amount(amount, currency) * rate / 100 for amount, rate in lines), Decimal(0))
    assert abs(made.tax - exact) <= cent / 2 * len(lines)


def test_tax_per_line_and_per_document_differ_by_a_cent() -> None:
    lines = [(Decimal("0.13"), Decimal(19))] * 3
    made = {rounding: compute_totals(lines, rounding=rounding, currency="EUR").tax for rounding in TaxRounding}
    assert made == {
        TaxRounding.PER_LINE: Decimal("0.06"),
        TaxRounding.PER_RATE: Decimal("0.07"),
        TaxRounding.PER_DOCUMENT: Decimal("0.07"),
    }
    even = compute_totals(
        [(Decimal("0.50"), Decimal(25))], rounding=TaxRounding.PER_LINE, currency="EUR", mode=ROUND_HALF_EVEN
    )
    assert even.tax == Decimal("0.12")
    assert compute_totals(
        [(Decimal("1.2345"), Decimal(0))], rounding=TaxRounding.PER_LINE, currency="KWD", places=2
    ).net == Decimal("1.23")


@given(
    lines=st.lists(st.tuples(amounts, rates), min_size=1, max_size=6),
    off=st.integers(-3, 3),
    currency=CURRENCIES,
)
def test_a_rounding_line_makes_totals_agree_to_the_cent_or_the_document_is_refused_with_both(
    lines: list[tuple[Decimal, Decimal]], off: int, currency: str
) -> None:
    cent = Decimal(1).scaleb(-DIGITS[currency])
    made = compute_totals(lines, rounding=TaxRounding.PER_LINE, currency=currency)
    expected = made.total + off * cent

    def needed() -> Decimal:
        return rounding_amount(expected, made, currency=currency, allowance=2 * cent, system="Xero")

    if abs(off) > 2:
        with pytest.raises(FieldValidation) as refused:
            needed()
        assert f"{expected:f} {currency} in Alguna" in refused.value.message
        assert f"{made.total:f} {currency} in Xero" in refused.value.message
        return
    amount = needed()
    with_line = compute_totals(
        [*lines, (rounding_line(amount, "860").amount, Decimal(0))], rounding=TaxRounding.PER_LINE, currency=currency
    )
    assert with_line.total == expected


def test_a_document_without_a_total_is_refused() -> None:
    with pytest.raises(FieldValidation, match="no total in Alguna"):
        rounding_amount(None, Totals(Decimal(1), Decimal(0)), currency="EUR", allowance=Decimal(0), system="Xero")


@given(
    quantity=st.decimals("0.001", "900", places=3, allow_nan=False),
    price=prices,
    currency=CURRENCIES,
    decimals=st.sampled_from([None, 2, 4]),
)
def test_a_fitted_line_comes_to_its_amount_as_the_vendor_multiplies(
    quantity: Decimal, price: Decimal, currency: str, decimals: int | None
) -> None:
    amount = round_amount(quantity * price, currency)
    line = ExternalLine(description="Seats", quantity=quantity, unit_price=price, amount=amount)
    fitted = fit_price(line, currency=currency, decimals=decimals)
    assert round_amount(fitted.quantity * fitted.unit_price, currency) == fitted.amount == amount
    assert fitted.description == "Seats" or f"{quantity.normalize():f} × " in (fitted.description or "")


@pytest.mark.parametrize(("price", "fits"), [("1.004", True), ("1.005", False), ("1.006", True)])
def test_where_nobody_knows_how_halves_are_rounded_a_line_is_its_whole_amount(price: str, fits: bool) -> None:
    line = ExternalLine(unit_price=Decimal(price), amount=round_amount(Decimal(price), "USD"))
    assert fit_price(line, currency="USD").unit_price == Decimal(price)
    careful = fit_price(line, currency="USD", half_up=False)
    assert careful.unit_price == (Decimal(price) if fits else line.amount)
    assert careful.description == (None if fits else f"1 × {price}")


def test_the_same_money_in_any_order_means_the_same() -> None:
    ours = [{"unitPrice": 2, "amount": Decimal("2.00")}, {"unitPrice": 1, "amount": 1}, {"amount": 0}]
    assert same_money(ours, [{"amount": 1}, {"amount": 2}])
    assert not same_money(ours, [{"amount": 1}, {"amount": Decimal("2.01")}])
    assert not same_money(ours, [{"amount": 1}])


@given(payment=st.text(min_size=1), invoice=st.text(min_size=1))
def test_an_allocation_names_its_payment_and_its_invoice(payment: str, invoice: str) -> None:
    assert split_allocation(allocation_id(payment, invoice)) == (payment, invoice)
    assert split_allocation(allocation_id(payment, None)) == (payment, None)


def test_plain_ids_stay_readable() -> None:
    assert allocation_id("pay_1", "inv_2") == "pay_1:inv_2"
