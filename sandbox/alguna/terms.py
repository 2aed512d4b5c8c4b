"""The parts of a subscription as requests send them: billing, contract, renewal, items."""

import calendar
from typing import Any

from sandbox.alguna import values as read
from sandbox.alguna.errors import invalid
from sandbox.kit.clock import iso
from sandbox.kit.vendor import Record

_COLLECTION = ("manual", "autopay", "external")
_PERIODS = ("fixed", "monthly_rolling")
_PRICE_MODELS = {"fixed": "fixed_pricing_model", "unit": "unit_pricing_model"}
_BILLING_DEFAULTS: Record = {
    "auto_issue_invoices": True,
    "auto_pay_invoices": False,
    "payment_collection_method": "manual",
    "payment_terms": None,
    "first_billing_date": None,
    "payment_method_id": None,
}


def billing_terms(value: Any, present: Record | None = None) -> Record:
    """What was sent, over what is there (or Alguna's defaults, as far as the samples show them)."""
    sent = read.mapping(value or {}, "billing")
    terms = {**(present or _BILLING_DEFAULTS), **{key: sent[key] for key in _BILLING_DEFAULTS if key in sent}}
    read.boolean(terms["auto_issue_invoices"], "billing.auto_issue_invoices")
    read.boolean(terms["auto_pay_invoices"], "billing.auto_pay_invoices")
    read.one_of(terms["payment_collection_method"], _COLLECTION, "billing.payment_collection_method")
    terms["first_billing_date"] = read.optional_moment(terms["first_billing_date"], "billing.first_billing_date")
    return terms


def contract_terms(value: Any) -> Record:
    sent = read.mapping(value or {}, "contract")
    duration = sent.get("duration_months")
    contract: Record = {
        "period_type": read.one_of(sent.get("period_type") or "monthly_rolling", _PERIODS, "contract.period_type"),
        "start_date": read.optional_moment(sent.get("start_date"), "contract.start_date"),
        "end_date": None,
        "duration_months": None if duration is None else read.whole(duration, "contract.duration_months"),
    }
    contract["end_date"] = ends_at(contract)
    return contract


def renewal_terms(value: Any, present: Record | None = None) -> Record:
    sent = read.mapping(value or {}, "renewal")
    terms = {**(present or {"auto_renew": False, "duration_months": None, "period_type": None})}
    terms |= {key: sent[key] for key in terms if key in sent}
    read.boolean(terms["auto_renew"], "renewal.auto_renew")
    return terms


def ends_at(contract: Record) -> str | None:
    """The end of a contract with start and duration: the same day of the month, that many months on."""
    months = contract["duration_months"]
    if contract["start_date"] is None or not months:
        return None
    start = read.moment(contract["start_date"], "contract.start_date")
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return iso(start.replace(year=year, month=month + 1, day=day))


def items_of(value: Any, currency: str) -> list[Record]:
    """Priced items, each with a product and the price; models other than fixed and unit are kept unread."""
    items = []
    for place, sent in enumerate(read.listing(value, "items")):
        field = f"items[{place}]"
        item = read.mapping(sent, field)
        price = read.mapping(item.get("price") or {}, f"{field}.price")
        model = _PRICE_MODELS.get(price.get("type", ""))
        if not item.get("product_id") and not item.get("bundle_id"):
            raise invalid(f"{field} needs a product_id or a bundle_id")
        if model is not None:
            price = {**price, model: _priced(price, model, f"{field}.price.{model}")}
        items.append({**item, "price": {"charge_on_contract_start": False, **price, "currency": currency}})
    return items


def _priced(price: Record, model: str, field: str) -> Record:
    terms = read.mapping(price.get(model), field)
    per_unit = read.decimal(terms.get("price_per_unit"), f"{field}.price_per_unit")
    if model == _PRICE_MODELS["unit"]:
        return terms
    units = read.whole(terms.get("units"), f"{field}.units")
    return {**terms, "units": units, "total": read.money(per_unit * units)}


def fixed_item(product_id: str | None, price: str, units: int, currency: str) -> Record:
    """A monthly recurring item with a fixed number of units."""
    total = read.money(read.decimal(price, "price") * units)
    return {
        "product_id": product_id,
        "bundle_id": None,
        "price": {
            "type": "fixed",
            "fee_type": "fixed",
            "billing_direction": "advance",
            "billing_frequency": "recurring",
            "billing_interval": "monthly",
            "charge_on_contract_start": False,
            "currency": currency,
            "fixed_pricing_model": {"price_per_unit": price, "units": units, "total": total},
        },
    }
