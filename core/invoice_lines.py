"""The transform invoice_lines: Alguna's lines as a provider's, by the maps of the entity's options, and back (ADR 10).

`itemMap` finds the vendor's item by the product's id, else by its sku, else its `default`. `taxMap` finds the vendor's
tax code by the line's rate ("20", "19.0"), else by its tax type, else, of a line with tax, under `default`; a line
without tax may have no code. `salesAccount` is written on each line. A line that finds no item, or no code for its tax,
is refused and named; it is never left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from core.documents import AlgunaLine, ExternalLine, alguna_lines, external_lines, line_values
from core.errors import FieldValidation
from core.plan import FieldPlan
from core.values import Value

ITEM_MAP, TAX_MAP, SALES_ACCOUNT = "itemMap", "taxMap", "salesAccount"
LINE_OPTIONS: Final = frozenset({ITEM_MAP, TAX_MAP, SALES_ACCOUNT})
DEFAULT: Final = "default"
"""The key of `taxMap` for whatever has no entry of its own."""

_OPTIONS_AT: Final = "entityOptions.invoices"


def lines_to_external(value: Value, field: FieldPlan) -> Value:
    """Carry `lineItems` to the provider. Raises FieldValidation that names the line and what to set."""
    lines = alguna_lines(value)
    if not lines:
        raise FieldValidation("the invoice has no lines")
    return line_values(_outward(line, number, field.options) for number, line in enumerate(lines, start=1))


def lines_to_alguna(value: Value, field: FieldPlan) -> Value:
    """Carry a provider's lines to Alguna: an item without a counterpart gives a line without a product."""
    lines = external_lines(value)
    if not lines:
        raise FieldValidation("the invoice has no lines")
    return line_values(_inward(line, field.options) for line in lines)


def _outward(line: AlgunaLine, number: int, options: Mapping[str, Value]) -> ExternalLine:
    item, sku = _item(line, number, options)
    return ExternalLine(
        description=line.description,
        quantity=line.quantity,
        unit_price=line.unit_price,
        amount=line.amount,
        tax=line.tax,
        item=item,
        sku=sku,
        tax_code=_tax_code(line, number, options),
        account=_text(options.get(SALES_ACCOUNT)),
    )


def _item(line: AlgunaLine, number: int, options: Mapping[str, Value]) -> tuple[str | None, str | None]:
    """The vendor's item of a line, or the sku by which the vendor knows it."""
    found = options.get(ITEM_MAP)
    if not isinstance(found, dict):
        if options.get(SALES_ACCOUNT):
            return None, None
        raise FieldValidation(f"{_named(line, number)} finds no item: set {_OPTIONS_AT}.itemMap")
    items = found.get("items") or {}
    if line.product_id is not None and line.product_id in items:
        return str(items[line.product_id]), None
    if found.get("by") == "sku" and line.sku is not None:
        return None, line.sku
    if found.get("default") is not None:
        return str(found["default"]), None
    product = line.product_id or line.sku
    if product is None:
        raise FieldValidation(
            f"{_named(line, number)} has no product: set {_OPTIONS_AT}.itemMap.default for such lines"
        )
    wanted = f'set {_OPTIONS_AT}.itemMap.items["{product}"]'
    if found.get("by") == "sku":
        wanted = "give the product a sku in Alguna, or " + wanted
    raise FieldValidation(f"{_named(line, number)} finds no item for the product `{product}`: {wanted}")


def _tax_code(line: AlgunaLine, number: int, options: Mapping[str, Value]) -> str | None:
    known = options.get(TAX_MAP)
    codes: Mapping[str, Any] = known if isinstance(known, dict) else {}
    rate = line.tax_rate if line.tax_rate is not None else _implied_rate(line)
    for key, code in codes.items():
        number_of_key = _rate(key)
        if rate is not None and number_of_key is not None and number_of_key == rate:
            return str(code)
    untaxed = not line.tax and not rate
    for word in (line.tax_type, None if untaxed else DEFAULT):
        if word is not None and word in codes:
            return str(codes[word])
    if untaxed:
        return None
    wanted = f"{rate.normalize():f}" if rate is not None else (line.tax_type or DEFAULT)
    raise FieldValidation(f'{_named(line, number)} finds no tax code: set {_OPTIONS_AT}.taxMap["{wanted}"]')


def _implied_rate(line: AlgunaLine) -> Decimal | None:
    return Decimal(0) if line.tax is not None and not line.tax else None


def _inward(line: ExternalLine, options: Mapping[str, Value]) -> AlgunaLine:
    item_map = options.get(ITEM_MAP)
    found: Mapping[str, Any] = item_map if isinstance(item_map, dict) else {}
    products = [product for product, item in (found.get("items") or {}).items() if item == line.item]
    return AlgunaLine(
        description=line.description,
        quantity=line.quantity,
        unit_price=line.unit_price,
        amount=line.amount,
        tax=line.tax,
        tax_rate=_rate_of(line.tax_code, options),
        product_id=products[0] if len(products) == 1 else None,
        sku=line.sku if len(products) != 1 and found.get("by") == "sku" else None,
    )


def _rate_of(tax_code: str | None, options: Mapping[str, Value]) -> Decimal | None:
    known = options.get(TAX_MAP)
    codes: Mapping[str, Any] = known if isinstance(known, dict) else {}
    rates = [rate for key, code in codes.items() if code == tax_code and (rate := _rate(key)) is not None]
    return rates[0] if len(rates) == 1 else None


def _rate(key: str) -> Decimal | None:
    """The number that a key of `taxMap` is (`20`, `20.0`, `20 %`); None: it is a word."""
    try:
        rate = Decimal(key.strip().removesuffix("%").strip())
    except InvalidOperation:
        return None
    return rate if rate.is_finite() else None


def _named(line: AlgunaLine, number: int) -> str:
    return f"line {number} (`{line.description:.60}`)" if line.description else f"line {number}"


def _text(value: Value) -> str | None:
    return str(value) if value else None
