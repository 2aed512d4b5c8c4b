"""Invoices: totals and balances as the company computes them, voids, closed periods, numbers (sheet 2, 8)."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sandbox.quickbooks import lines, taxes
from sandbox.quickbooks.books import Books, Row
from sandbox.quickbooks.errors import QuickBooksError, business, missing
from sandbox.quickbooks.money import currency_of, rate_of
from sandbox.quickbooks.schema import CUSTOMER, INVOICE
from sandbox.quickbooks.values import cents, number

_TERM = timedelta(days=30)
_TAX_MODES = ("TaxExcluded", "TaxInclusive", "NotApplicable")
Values = dict[str, Any]


class Invoices:
    """Prepares the values of an invoice; knows what payments do to it."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def prepared(self, values: Values, before: Row | None) -> Values:
        """The values to store, with all totals. Raises QuickBooksError."""
        values = dict(values)
        customer = self._customer(values, before)
        values["TxnDate"] = values.get("TxnDate") or self._books.today()
        self._books.check_open(values["TxnDate"], before.values["TxnDate"] if before else None)
        values["DueDate"] = values.get("DueDate") or (date.fromisoformat(values["TxnDate"]) + _TERM).isoformat()
        self._check_number(values, before)
        self._check_tax_mode(values)
        if values.get("EmailStatus") == "NeedToSend" and not values.get("BillEmail"):
            raise missing("BillEmail")
        for name in ("BillAddr", "ShipAddr"):
            values[name] = values.get(name) or customer.values.get(name)
        values["CurrencyRef"] = currency_of(self._books, values, customer, before)
        values["ExchangeRate"] = rate_of(self._books, values)
        values.setdefault("EmailStatus", "NotSet")
        values.setdefault("PrintStatus", "NeedToPrint")
        untaxed = values.get("GlobalTaxCalculation") == "NotApplicable"
        held = before.values["Line"] if before else []
        values["Line"] = lines.checked(self._books, values.get("Line"), held, untaxed=untaxed)
        return self._totalled(values, self.paid(before.id) if before else Decimal(0))

    def paid(self, invoice_id: str) -> Decimal:
        """What payments have settled."""
        return sum(self._books.applied.get(invoice_id, {}).values(), Decimal(0))

    def settled(self, invoice_id: str) -> None:
        """Its payments have changed: the balance follows, and with it the token (sheet 2)."""
        row = self._books.find(INVOICE, invoice_id)
        if row is not None:
            self._books.put(INVOICE, row, self._balanced(row.values, self.paid(invoice_id)))

    def check_removable(self, row: Row) -> None:
        """Raises QuickBooksError: a paid invoice cannot be deleted, nor one of a closed period."""
        self._books.check_open(row.values["TxnDate"])
        if self._books.applied.get(row.id):
            detail = "The transaction is linked to a payment. Remove the link first."
            raise QuickBooksError("800", "Object has dependants", detail)

    def voided(self, row: Row) -> Values:
        """The values after a void; payments are let go by the caller."""
        self._books.check_open(row.values["TxnDate"])
        note = row.values.get("PrivateNote", "")
        values = {**row.values, "Line": lines.zeroed(row.values["Line"]), "PrivateNote": f"Voided {note}".strip()}
        values.pop("TxnTaxDetail", None)
        return self._totalled(values, Decimal(0))

    def shown(self, row: Row) -> Values:
        """What is read beyond the stored values."""
        linked = [{"TxnId": one, "TxnType": "Payment"} for one in self._books.applied.get(row.id, {})]
        return {"Line": lines.with_subtotal(row.values["Line"]), "LinkedTxn": linked}

    def _customer(self, values: Values, before: Row | None) -> Row:
        given = (values.get("CustomerRef") or {}).get("value")
        if given is None:
            raise missing("CustomerRef")
        if before is not None and before.values["CustomerRef"]["value"] == given:
            held = self._books.find(CUSTOMER, given)
            if held is not None:
                return held
        return self._books.refer(CUSTOMER, given, "CustomerRef")

    def _check_number(self, values: Values, before: Row | None) -> None:
        """`""` is kept as no number; a missing one is counted on, unless the company gives its own (sheet 8.9)."""
        given = values.get("DocNumber")
        if before is None and "DocNumber" not in values and not self._books.setup.custom_txn_numbers:
            values["DocNumber"] = self._books.new_document_number()
        held = self._books.holder(INVOICE, given) if given and self._books.setup.custom_txn_numbers else None
        if held is not None and (before is None or held[1] != before.id):
            detail = (
                "Duplicate Document Number Error : You must specify a different number. This number has already been "
                f"used. DocNumber={given} is assigned to TxnType=Invoice with TxnId={held[1]}"
            )
            raise QuickBooksError("6140", "Duplicate Document Number Error", detail, element="DocNumber")

    def _check_tax_mode(self, values: Values) -> None:
        """Not for the US; elsewhere it has to be said (sheet 2)."""
        if not self._books.setup.line_taxes:
            values.pop("GlobalTaxCalculation", None)
        elif values.get("GlobalTaxCalculation") not in _TAX_MODES:
            if values.get("GlobalTaxCalculation"):
                detail = f"Invalid Enumeration : {values['GlobalTaxCalculation']}"
                raise QuickBooksError("2170", "Invalid Enumeration", detail, element="GlobalTaxCalculation")
            raise missing("GlobalTaxCalculation")

    def _totalled(self, values: Values, paid: Decimal) -> Values:
        address = values.get("ShipAddr") or values.get("BillAddr") or {}
        tax, detail = taxes.computed(self._books, values["Line"], values.get("TxnTaxDetail"), address)
        values["TxnTaxDetail"] = detail
        net = lines.subtotal(values["Line"]) - lines.discount(values["Line"])
        values["TotalAmt"] = number(net + tax)
        return self._balanced(values, paid)

    def _balanced(self, values: Values, paid: Decimal) -> Values:
        total = Decimal(str(values["TotalAmt"]))
        if paid > max(total, Decimal(0)):
            raise business("The amount that is applied to the transaction exceeds its total.", "TotalAmt")
        values = {**values, "Balance": number(total - paid)}
        if self._books.setup.multicurrency:
            rate = Decimal(str(values["ExchangeRate"]))
            values |= {"HomeTotalAmt": number(cents(total * rate)), "HomeBalance": number(cents((total - paid) * rate))}
        return values
