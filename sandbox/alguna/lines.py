"""Invoice lines and what they add up to. Prices exclude tax; a line's tax rate is a percentage."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sandbox.alguna import values as read
from sandbox.alguna.errors import not_found
from sandbox.alguna.organisation import Organisation
from sandbox.kit.vendor import Record


def line_item(org: Organisation, value: Any, field: str, customer: Record) -> Record:
    """A new line. Tax follows the customer's `tax_rate`, which is a fraction ("0.20")."""
    sent = read.mapping(value, field)
    quantity = read.decimal(sent.get("quantity"), f"{field}.quantity")
    unit_price = read.decimal(sent.get("unit_price"), f"{field}.unit_price")
    product_id = read.optional_text(sent.get("product_id"), f"{field}.product_id")
    product = org.store.products.get(product_id) if product_id else None
    if product_id and product is None:
        raise not_found("product")
    rate = Decimal(customer.get("tax_rate") or 0)
    currency = customer.get("currency", "")
    net = Decimal(read.money(quantity * unit_price, currency))
    tax = Decimal(read.money(net * rate, currency))
    return {
        "id": org.new_id("line"),
        "description": read.optional_text(sent.get("description"), f"{field}.description")
        or (product["name"] if product else ""),
        "quantity": str(quantity),
        "unit_price": str(unit_price),
        "amount_excluding_tax": read.money(net, currency),
        "amount_including_tax": read.money(net + tax, currency),
        "total_price": read.money(net, currency),
        "tax_amount": read.money(tax, currency),
        "tax_rate": read.money(rate * 100),
        "product_id": product_id,
        "is_editable": True,
        "billing_period_start": read.optional_moment(sent.get("billing_period_start"), f"{field}.billing_period_start"),
        "billing_period_end": read.optional_moment(sent.get("billing_period_end"), f"{field}.billing_period_end"),
    }


def totals(lines: Iterable[Record], paid: Decimal, currency: str) -> Record:
    """The amounts of an invoice with these lines, of which `paid` has been paid."""
    net, tax = Decimal(0), Decimal(0)
    for line in lines:
        net += Decimal(line["amount_excluding_tax"])
        tax += Decimal(line["tax_amount"])
    amounts = {
        "subtotal": net,
        "tax": tax,
        "total": net + tax,
        "amount_paid": paid,
        "amount_remaining": net + tax - paid,
    }
    return {name: read.money(amount, currency) for name, amount in amounts.items()}
