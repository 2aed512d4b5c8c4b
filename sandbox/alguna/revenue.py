"""Recurring revenue of a subscription version: `GET /subscriptions/{id}/revenue`."""

from decimal import Decimal

from sandbox.alguna.values import money
from sandbox.kit.vendor import Record

_MONTHS = {"monthly": 1, "quarterly": 3, "semi_annual": 6, "yearly": 12}
_UNIT_MONTHS = {"day": Decimal(12) / 365, "week": Decimal(12) / 52, "month": Decimal(1), "year": Decimal(12)}


def revenue(subscription: Record, version: Record) -> Record:
    """MRR from the version's fixed prices; ARR = 12 MRR; ACV = MRR over at most the first 12 contract months.

    A canceled subscription has none. `recurring_revenue_status` says whether all recurring prices are known.
    """
    known = unknown = 0
    mrr = Decimal(0)
    for item in version["items"]:
        price = item["price"]
        if price.get("billing_frequency") == "one-off":
            continue
        amount = _monthly(price)
        known, unknown = known + (amount is not None), unknown + (amount is None)
        mrr += amount or 0
    if subscription["status"] == "canceled":
        mrr = Decimal(0)
    months = min(subscription["contract"]["duration_months"] or 12, 12)
    status = "complete" if not unknown else "partial" if known else "unavailable"
    return {
        "subscription_id": subscription["id"],
        "currency": subscription["currency"],
        "mrr": money(mrr),
        "arr": money(mrr * 12),
        "acv": money(mrr * months),
        "recurring_revenue_status": status,
    }


def _monthly(price: Record) -> Decimal | None:
    """What a recurring fixed price brings a month; None for prices that depend on use."""
    if price.get("type") != "fixed" or price.get("fee_type") == "metered":
        return None
    model = price["fixed_pricing_model"]
    months: Decimal | int
    if price.get("billing_interval_unit"):
        months = _UNIT_MONTHS.get(price["billing_interval_unit"], Decimal(1)) * (
            price.get("billing_interval_count") or 1
        )
    else:
        months = _MONTHS.get(price.get("billing_interval") or "monthly", 1)
    return Decimal(model["price_per_unit"]) * int(model.get("units") or 1) / months
