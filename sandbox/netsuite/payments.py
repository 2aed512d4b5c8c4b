"""What a customer payment's save checks and derives: what it settles, and what is left of it (sheet 2)."""

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.netsuite import invoices
from sandbox.netsuite.errors import bad_value, missing, user_error
from sandbox.netsuite.lookups import RECEIVABLE
from sandbox.netsuite.schema import Row
from sandbox.netsuite.values import rounded, text_of

if TYPE_CHECKING:
    from sandbox.netsuite.records import Records


def derive(records: "Records", row: Row, before: Row | None) -> None:
    """Fill in and check a payment in place. Raises NetSuiteError."""
    for name, label in (("customer", "Customer"), ("payment", "Payment Amount")):
        if name not in row:
            raise missing(label)
    if before is not None:
        invoices.check_open(records, before)
        if before["customer"] != row["customer"]:
            raise user_error("You cannot change the customer of a payment.", "customer")
        if before["status"] == "V":
            raise user_error("This transaction has been voided and can no longer be changed.")
    invoices.head(records, row, row["customer"])
    invoices.number(records, row, "customerPayment", "PYMT")
    row.setdefault("arAcct", RECEIVABLE)
    row.setdefault("undepFunds", "F" if "account" in row else "T")
    if rounded(Decimal(row["payment"]), records.digits(row["currency"])) != Decimal(row["payment"]):
        raise bad_value(row["payment"], "payment", "payment")
    _apply(records, row)
    applied = sum((Decimal(line["amount"]) for line in row["apply"]), Decimal(0))
    total = Decimal(row["payment"])
    if total <= 0:
        raise user_error("The payment amount must be greater than zero.", "payment")
    if applied > total:
        raise user_error("The amount applied exceeds the amount of the payment.", "apply")
    row |= {"applied": text_of(applied), "unapplied": text_of(total - applied), "total": text_of(total)}
    row["status"] = "C" if "account" in row else "B"


def voided(records: "Records", before: Row) -> Row:
    """All amounts become zero, and nothing is settled any more. Raises NetSuiteError in a closed period."""
    invoices.check_open(records, before)
    zero = dict.fromkeys(("payment", "applied", "unapplied", "total"), "0")
    return {**before, **zero, "apply": [], "memo": invoices.VOID_MEMO, "status": "V"}


def _apply(records: "Records", row: Row) -> None:
    """Only lines that settle something are kept; `apply: false` or an amount of 0 takes one back (sheet 2)."""
    kept: list[Row] = []
    for place, line in enumerate(row.get("apply", [])):
        if line.get("apply") is False or line.get("amount") == "0":
            continue
        if "doc" not in line:
            raise missing("Apply: Invoice")
        invoice = records.lookup("invoice", line["doc"])
        path = f"apply.items[{place}]"
        if invoice["entity"] != row["customer"] or invoice["currency"] != row["currency"]:
            raise bad_value(line["doc"], "doc", f"{path}.doc")
        if invoice["approvalStatus"] != "2" or invoice["status"] == "V":
            raise user_error("You cannot apply a payment to an invoice that is not approved and open.", f"{path}.doc")
        left = _open_amount(records, invoice, row["id"])
        amount = Decimal(line["amount"]) if "amount" in line else left
        if not 0 < amount <= left:
            detail = f"The amount {text_of(amount)} exceeds the open balance of the invoice, {text_of(left)}."
            raise user_error(detail, f"{path}.amount")
        kept.append({"doc": line["doc"], "apply": True, "amount": text_of(amount), "line": line.get("line", "0")})
    if row.get("autoApply"):
        kept += _automatic(records, row, kept)
    row["apply"] = kept


def _open_amount(records: "Records", invoice: Row, payment_id: str) -> Decimal:
    """What is left of an invoice, this payment's own part of it not counted."""
    own = (
        Decimal(line["amount"])
        for payment in records.payments_of(invoice["id"])
        if payment["id"] == payment_id
        for line in payment["apply"]
        if line["doc"] == invoice["id"]
    )
    return Decimal(invoice["amountRemaining"]) + sum(own, Decimal(0))


def _automatic(records: "Records", row: Row, kept: list[Row]) -> list[Row]:
    """With `autoApply` NetSuite itself settles the oldest open invoices with what is left."""
    left = Decimal(row["payment"]) - sum((Decimal(line["amount"]) for line in kept), Decimal(0))
    named = {line["doc"] for line in kept}
    made: list[Row] = []
    for other in records.transactions_of(row["customer"]):
        if "entity" not in other or other["id"] in named or other["currency"] != row["currency"]:
            continue
        amount = min(left, _open_amount(records, other, row["id"]))
        if amount > 0 and other["status"] == "A":
            made.append({"doc": other["id"], "apply": True, "amount": text_of(amount), "line": "0"})
            left -= amount
    return made
