"""What an invoice's save checks and derives: party, period, lines, tax, totals, what is left to pay (sheet 2, 8)."""

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.netsuite.errors import bad_value, missing, unknown_field, user_error
from sandbox.netsuite.lookups import RECEIVABLE
from sandbox.netsuite.schema import Row
from sandbox.netsuite.values import rounded, text_of

if TYPE_CHECKING:
    from sandbox.netsuite.records import Records

VOID_MEMO = "VOID"
_LOCKED = ("entity", "currency", "tranDate", "item", "taxDetails", "exchangeRate")


def derive(records: "Records", row: Row, before: Row | None) -> None:
    """Fill in and check an invoice in place. Raises NetSuiteError."""
    if "entity" not in row:
        raise missing("Customer")
    if not row.get("item"):
        raise user_error("You must enter at least one line item for this transaction.", "item")
    if before is not None:
        check_open(records, before)
        if before["entity"] != row["entity"]:
            raise user_error("You cannot change the customer of a transaction.", "entity")
        if before["status"] == "V" and any(before.get(name) != row.get(name) for name in _LOCKED):
            raise user_error("This transaction has been voided and can no longer be changed.")
    head(records, row, row["entity"])
    number(records, row, "invoice", "INV")
    row.setdefault("account", RECEIVABLE)
    if "dueDate" not in row:
        days = int(records.lookup("term", row["terms"])["daysUntilNetDue"]) if "terms" in row else 0
        row["dueDate"] = (date.fromisoformat(row["tranDate"]) + timedelta(days=days)).isoformat()
    row.setdefault("approvalStatus", "1" if records.setup.invoice_approval else "2")
    _lines(records, row)
    _totals(records, row)
    row |= settled(records, row, before)


def head(records: "Records", row: Row, customer_id: str) -> None:
    """What invoices and payments share: subsidiary, currency, date and period, all as the customer allows."""
    customer = records.lookup("customer", customer_id)
    if customer["isInactive"] and "createdDate" not in row:
        raise user_error("This customer is inactive.", "entity")
    if row.setdefault("subsidiary", customer["subsidiary"]) != customer["subsidiary"]:
        raise bad_value(row["subsidiary"], "subsidiary", "subsidiary")
    row.setdefault("currency", customer["currency"])
    if row["currency"] not in {line["currency"] for line in customer["currencyList"]}:
        raise bad_value(row["currency"], "currency", "currency")
    row.setdefault("exchangeRate", "1")
    row.setdefault("tranDate", records.today().isoformat())
    row["postingPeriod"] = _period(records, row["tranDate"])
    check_open(records, row)


def number(records: "Records", row: Row, kind: str, start: str) -> None:
    """Transactions are numbered by themselves; an own number is taken where that may be, and is unique."""
    if "tranId" not in row:
        row["tranId"] = f"{start}{row['id']}"
    elif "createdDate" not in row and records.setup.auto_numbering and not records.setup.allow_override:
        raise user_error("You cannot override the automatically generated number.", "tranId")
    if records.holder(kind, "tranId", row["tranId"]) not in (None, row["id"]):
        raise user_error(f"The transaction number {row['tranId']} is already in use. This record already exists.")
    row.setdefault("transactionNumber", f"{start}-{row['id']}")


def check_open(records: "Records", row: Row) -> None:
    """Raises NetSuiteError when the period that a transaction posts to is closed."""
    closed_before = records.setup.closed_before
    period = records.lookup("accountingPeriod", row["postingPeriod"])
    if closed_before is not None and period["endDate"] < closed_before.isoformat():
        detail = f"The accounting period {period['name']} is closed. You cannot save transactions that post to it."
        raise user_error(detail, "postingPeriod")


def settled(records: "Records", row: Row, before: Row | None = None) -> dict[str, Any]:
    """What payments leave of an invoice, and its status."""
    paid = sum(
        (
            Decimal(line["amount"])
            for payment in records.payments_of(row["id"])
            for line in payment["apply"]
            if line["doc"] == row["id"]
        ),
        Decimal(0),
    )
    left = Decimal(row["total"]) - paid
    if left < 0 <= Decimal(row["total"]):
        raise user_error("The invoice's total cannot be less than what has been paid of it.", "item")
    status = "V" if row.get("status") == "V" else "D" if row["approvalStatus"] == "1" else "A" if left else "B"
    return {"amountPaid": text_of(paid), "amountRemaining": text_of(left), "status": status}


def voided(records: "Records", before: Row) -> Row:
    """Raises NetSuiteError for one with payments, or in a closed period."""
    check_open(records, before)
    if records.payments_of(before["id"]):
        raise user_error("You cannot void a transaction that other transactions are applied to.")
    zero = {"rate": "0", "amount": "0"}
    row = {**before, "item": [{**line, **zero} for line in before["item"]], "memo": VOID_MEMO}
    row["taxDetails"] = [{**line, "taxBasis": "0", "taxAmount": "0"} for line in before.get("taxDetails", [])]
    _totals(records, row)
    return {**row, "amountRemaining": "0", "amountPaid": "0", "status": "V"}


def _period(records: "Records", day: str) -> str:
    for period in records.rows["accountingPeriod"].values():
        if period["startDate"] <= day <= period["endDate"]:
            return str(period["id"])
    raise user_error("The transaction date you specified is not within the date range of your accounting period.")


def _lines(records: "Records", row: Row) -> None:
    """Numbers the lines, and completes rate or amount from the other, rounded to the currency."""
    digits = records.digits(row["currency"])
    highest = max([int(line["line"]) for line in row["item"] if "line" in line], default=0)
    for place, line in enumerate(row["item"]):
        if "item" not in line:
            raise missing("Item")
        if "line" not in line:
            highest += 1
            line["line"] = str(highest)
        line.setdefault("lineUniqueKey", f"{row['id']}{int(line['line']):03d}")
        line.setdefault("quantity", "1")
        quantity = Decimal(line["quantity"])
        if "rate" not in line and "amount" not in line:
            line["rate"] = records.lookup("serviceSaleItem", line["item"])["basePrice"]
        if "amount" not in line:
            line["amount"] = text_of(rounded(quantity * Decimal(line["rate"]), digits))
        elif rounded(Decimal(line["amount"]), digits) != Decimal(line["amount"]):
            raise bad_value(line["amount"], "amount", f"item.items[{place}].amount")
        if "rate" not in line:
            line["rate"] = text_of(rounded(Decimal(line["amount"]) / quantity, 8)) if quantity else "0"


def _totals(records: "Records", row: Row) -> None:
    subtotal = sum((Decimal(line["amount"]) for line in row["item"]), Decimal(0))
    tax = _tax(records, row)
    if subtotal + tax < 0:
        raise user_error("The total of an invoice cannot be negative.", "item")
    row |= {"subtotal": text_of(subtotal), "taxTotal": text_of(tax), "total": text_of(subtotal + tax)}


def _tax(records: "Records", row: Row) -> Decimal:
    """The details of an override, else the account's own rate on every line, rounded line by line."""
    digits = records.digits(row["currency"])
    details: list[Row] = row.get("taxDetails", [])
    if not records.setup.suite_tax:
        if details or row.get("taxDetailsOverride"):
            raise unknown_field("taxDetails", "taxDetails")
    elif row.get("taxDetailsOverride"):
        return _details(row, details, digits)
    elif details:
        raise user_error("Tax details can be given only with taxDetailsOverride.", "taxDetails")
    rate = records.setup.default_tax_rate
    return sum((rounded(Decimal(line["amount"]) * rate, digits) for line in row["item"]), Decimal(0))


def _details(row: Row, details: list[Row], digits: int) -> Decimal:
    references = {line["taxDetailsReference"] for line in row["item"] if "taxDetailsReference" in line}
    total = Decimal(0)
    for place, line in enumerate(details):
        path = f"taxDetails.items[{place}]"
        for name in ("taxDetailsReference", "taxType", "taxCode", "taxBasis", "taxRate", "taxAmount"):
            if name not in line:
                raise missing(name)
        if line["taxDetailsReference"] not in references:
            raise bad_value(line["taxDetailsReference"], "taxDetailsReference", f"{path}.taxDetailsReference")
        if rounded(Decimal(line["taxAmount"]), digits) != Decimal(line["taxAmount"]):
            raise bad_value(line["taxAmount"], "taxAmount", f"{path}.taxAmount")
        total += Decimal(line["taxAmount"])
    return total
