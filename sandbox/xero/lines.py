"""Invoice lines and what they add up to: tax per line, rounded to two decimals, then summed (sheet 2, 8)."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

from sandbox.xero import values as read
from sandbox.xero.books import Books, tax_rate
from sandbox.xero.errors import RowError
from sandbox.xero.values import Row, money

EXCLUSIVE, INCLUSIVE, NO_TAX = "Exclusive", "Inclusive", "NoTax"
LINE_AMOUNT_TYPES = {name.lower(): name for name in (EXCLUSIVE, INCLUSIVE, NO_TAX)}
_UNIT_DECIMALS = (2, 4)
_MOST = Decimal("9999999999.99")
# What a part-paid invoice's line may still change (sheet 2).
_ALWAYS_EDITABLE = frozenset({"LineItemID", "Description", "AccountCode", "Tracking"})


class Lines:
    """Makes the lines of one invoice. Everything wrong is a RowError with the line's own message."""

    def __init__(self, books: Books, amount_types: str, unit_decimals: int) -> None:
        self._books = books
        self._amount_types = amount_types
        self._quantum = Decimal(1).scaleb(-unit_decimals)

    def written(self, sent: list[Row], before: list[Row], *, narrowly: bool = False) -> list[Row]:
        """The lines after a write: known ids are updated, others are new and come first, missing ones go (sheet 2)."""
        known = {line["LineItemID"]: line for line in before}
        new: list[Row] = []
        kept: list[Row] = []
        for one in sent:
            old = known.get(read.guid(one.get("LineItemID")) or "")
            if narrowly and (old is None or not _is_narrow(one, old)):
                raise RowError("This document cannot be edited as it has a payment or credit note allocated to it.")
            (kept if old else new).append(self._line(one, old))
        if narrowly and len(kept) != len(before):
            raise RowError("This document cannot be edited as it has a payment or credit note allocated to it.")
        return [*new, *kept]

    def retyped(self, lines: list[Row]) -> list[Row]:
        """The same lines under other line amount types."""
        return [self._priced({**line, "TaxAmount": None}, None) for line in lines]

    def _line(self, sent: Row, old: Row | None) -> Row:
        item = self._item(sent)
        row: Row = {**(old or {"LineItemID": str(uuid4())})}
        for name, most in (("Description", 4000), ("ItemCode", 30), ("AccountCode", 10), ("TaxType", 50)):
            value = read.text(sent, name, most)
            if value is not None:
                row[name] = value or None
        if item is not None:
            for name in ("Description", "AccountCode", "TaxType"):
                row[name] = row.get(name) or item[name]
        for name in ("Quantity", "UnitAmount", "DiscountRate", "DiscountAmount", "TaxAmount"):
            amount = read.number(sent.get(name))
            if amount is not None:
                row[name] = str(amount)
        if item is not None and row.get("UnitAmount") is None:
            row["UnitAmount"] = item["UnitPrice"]
        self._check_codes(row)
        tax_is_theirs = sent.get("TaxAmount") is not None
        return self._priced({**row, "TaxAmount": row.get("TaxAmount") if tax_is_theirs else None}, sent)

    def _item(self, sent: Row) -> Row | None:
        code = read.text(sent, "ItemCode", 30)
        if not code:
            return None
        item = self._books.item(code)
        if item is None:
            raise RowError(f"Item code '{code}' is not valid")
        return item

    def _check_codes(self, row: Row) -> None:
        code = row.get("AccountCode")
        account = self._books.account(code)
        if code and (account is None or account["Status"] != "ACTIVE" or account["Type"] == "BANK"):
            raise RowError(f"Account code '{code}' is not a valid code for this document.")
        if row.get("TaxType") is None and account is not None:
            row["TaxType"] = account["TaxType"]
        tax_type = row.get("TaxType")
        if tax_type and tax_rate(tax_type) is None:
            raise RowError(f"The TaxType code '{tax_type}' cannot be used with account code '{code}'.")

    def _priced(self, row: Row, sent: Row | None) -> Row:
        if row.get("Quantity") is None and row.get("UnitAmount") is None and (sent or {}).get("LineAmount") is None:
            return {**row, "LineAmount": None}
        given = read.number((sent or {}).get("LineAmount"))
        quantity = Decimal(row.get("Quantity") or 1)
        unit = Decimal(row["UnitAmount"]) if row.get("UnitAmount") is not None else (given or Decimal(0)) / quantity
        unit = unit.quantize(self._quantum, "ROUND_HALF_UP")
        amount = money(quantity * unit - self._discount(row, quantity * unit))
        if given is not None and row.get("UnitAmount") is not None and money(given) != amount:
            raise RowError(f"The line total {money(given)} does not match the expected line total {amount}")
        if abs(amount) > _MOST:
            raise RowError("The line amount is too large")
        tax = self._tax(row, amount)
        amounts = {"Quantity": quantity, "UnitAmount": unit, "LineAmount": amount, "TaxAmount": tax}
        return {**row, **{name: str(value) for name, value in amounts.items()}}

    @staticmethod
    def _discount(row: Row, amount: Decimal) -> Decimal:
        if row.get("DiscountRate") is not None:
            return amount * Decimal(row["DiscountRate"]) / 100
        return Decimal(row.get("DiscountAmount") or 0)

    def _tax(self, row: Row, amount: Decimal) -> Decimal:
        if self._amount_types == NO_TAX:
            return Decimal("0.00")
        if row.get("TaxAmount") is not None:
            return money(Decimal(row["TaxAmount"]))
        rate = Decimal(tax_rate(row.get("TaxType") or "NONE") or 0) / 100
        return money(amount * rate if self._amount_types == EXCLUSIVE else amount - amount / (1 + rate))


def unit_decimals(text: str | None) -> int:
    """`unitdp`: 2 unless 4 is asked for (sheet 8)."""
    return int(text) if text in [str(one) for one in _UNIT_DECIMALS] else 2


def totals(lines: list[Row], amount_types: str) -> dict[str, Decimal]:
    """SubTotal, TotalTax and Total."""
    amount = sum((Decimal(line["LineAmount"]) for line in lines if line.get("LineAmount")), Decimal("0.00"))
    tax = sum((Decimal(line["TaxAmount"]) for line in lines if line.get("TaxAmount")), Decimal("0.00"))
    if amount_types == INCLUSIVE:
        return {"SubTotal": amount - tax, "TotalTax": tax, "Total": amount}
    return {"SubTotal": amount, "TotalTax": tax, "Total": amount + tax}


def _is_narrow(sent: Row, old: Row) -> bool:
    """Whether a line of a paid invoice changes only what it may."""
    return all(name in _ALWAYS_EDITABLE or _same(sent[name], old.get(name)) for name in sent)


def _same(sent: Any, kept: Any) -> bool:
    if sent == kept:
        return True
    try:
        return Decimal(str(sent)) == Decimal(str(kept))
    except ArithmeticError:
        return False
