"""Payments and the invoices they settle (sheet 2, 8.4, 8.13)."""

from decimal import Decimal
from typing import Any

from sandbox.quickbooks.books import Books, Row
from sandbox.quickbooks.errors import QuickBooksError, bad_reference, business, missing
from sandbox.quickbooks.invoices import Invoices
from sandbox.quickbooks.money import currency_of, rate_of
from sandbox.quickbooks.schema import ACCOUNT, CUSTOMER, INVOICE, PAYMENT
from sandbox.quickbooks.values import decimal, number

UNDEPOSITED = "4"
_DEPOSIT_TYPES = ("Bank", "Other Current Asset")
Values = dict[str, Any]


class Payments:
    """Prepares the values of a payment, and carries its lines to the invoices."""

    def __init__(self, books: Books, invoices: Invoices) -> None:
        self._books = books
        self._invoices = invoices

    def prepared(self, values: Values, before: Row | None) -> Values:
        """The values to store; each line with what it could settle. Raises QuickBooksError."""
        values = dict(values)
        customer_id = (values.get("CustomerRef") or {}).get("value")
        if customer_id is None:
            raise missing("CustomerRef")
        customer = self._books.refer(CUSTOMER, customer_id, "CustomerRef")
        if values.get("TotalAmt") is None:
            raise missing("TotalAmt")
        values["TxnDate"] = values.get("TxnDate") or self._books.today()
        self._books.check_open(values["TxnDate"], before.values["TxnDate"] if before else None)
        if before is not None:
            self.check_changeable(before)
        self._check_account(values)
        values["CurrencyRef"] = currency_of(self._books, values, customer, before)
        values["ExchangeRate"] = rate_of(self._books, values)
        values["Line"] = [self._line(one, values, before) for one in values.get("Line") or [] if _linked(one)]
        applied = sum(self.amounts(values).values(), Decimal(0))
        total = Decimal(str(values["TotalAmt"]))
        if total < 0 or applied > total:
            raise business("The amount that is applied exceeds the amount of the payment.", "TotalAmt")
        return {**values, "UnappliedAmt": number(total - applied), "ProcessPayment": False}

    def check_changeable(self, row: Row) -> None:
        """Raises QuickBooksError 6540 once the money is in a deposit, 6210 in a closed period."""
        self._books.check_open(row.values["TxnDate"])
        if row.deposited:
            detail = "The transaction has been deposited. To change it, remove it from the deposit first."
            raise QuickBooksError("6540", "Deposited Transaction cannot be changed", detail)

    def amounts(self, values: Values) -> dict[str, Decimal]:
        """What a payment settles, by invoice."""
        found: dict[str, Decimal] = {}
        for line in values.get("Line", []):
            for link in line["LinkedTxn"]:
                if link["TxnType"] == "Invoice":
                    found[link["TxnId"]] = found.get(link["TxnId"], Decimal(0)) + Decimal(str(line["Amount"]))
        return found

    def carry(self, payment_id: str, before: Values, after: Values) -> None:
        """The invoices of a stored payment follow it."""
        old, amounts = self.amounts(before), self.amounts(after)
        self._books.settle(payment_id, old, amounts)
        for invoice_id in dict.fromkeys([*old, *amounts]):
            if old.get(invoice_id) != amounts.get(invoice_id):
                self._invoices.settled(invoice_id)

    def voided(self, row: Row) -> Values:
        """The values after a void: no amount and no lines."""
        self.check_changeable(row)
        note = row.values.get("PrivateNote", "")
        return {**row.values, "TotalAmt": 0.0, "UnappliedAmt": 0.0, "Line": [], "PrivateNote": f"Voided {note}".strip()}

    def let_go(self, invoice_id: str) -> None:
        """An invoice is voided: what settled it is unapplied again."""
        for payment_id in list(self._books.applied.get(invoice_id, {})):
            row = self._books.find(PAYMENT, payment_id)
            if row is not None:
                kept = [one for one in row.values["Line"] if invoice_id not in [t["TxnId"] for t in one["LinkedTxn"]]]
                values = {**row.values, "Line": kept}
                left = Decimal(str(row.values["TotalAmt"])) - sum(self.amounts(values).values(), Decimal(0))
                self._books.put(PAYMENT, row, {**values, "UnappliedAmt": number(left)})
                self._books.settle(payment_id, [invoice_id], self.amounts(values))

    def shown(self, row: Row) -> Values:
        """The lines as read, with the noise that the vendor adds."""
        return {"Line": [{**one, "LineEx": {"any": self._noise(one)}} for one in row.values.get("Line", [])]}

    def _line(self, raw: Values, values: Values, before: Row | None) -> Values:
        """A line, cut to what is open of its invoice: too much is accepted and stays unapplied (sheet 8.13)."""
        amount = decimal(raw.get("Amount"), "Line.Amount")
        if amount is None:
            raise missing("Line.Amount")
        link = raw["LinkedTxn"][0]
        kind, txn_id = str(link.get("TxnType")), str(link.get("TxnId"))
        if kind != "Invoice":
            raise QuickBooksError("620", "Transaction cannot be linked", f"Txn type {kind}", element="Line.LinkedTxn")
        invoice = self._books.find(INVOICE, txn_id)
        if invoice is None:
            raise bad_reference("Invoice", txn_id, "Line.LinkedTxn.TxnId")
        if not self._same_family(invoice.values["CustomerRef"]["value"], values["CustomerRef"]["value"]):
            raise business("The linked transaction belongs to another customer.", "Line.LinkedTxn")
        if invoice.values["CurrencyRef"] != values["CurrencyRef"]:
            raise business("The linked transaction has another currency.", "Line.LinkedTxn")
        own = self._books.applied.get(txn_id, {}).get(before.id, Decimal(0)) if before else Decimal(0)
        amount = min(amount, Decimal(str(invoice.values["Balance"])) + own)
        return {"Amount": number(amount), "LinkedTxn": [{"TxnId": txn_id, "TxnType": kind}]}

    def _same_family(self, one: str, other: str) -> bool:
        """Whether two customers are the same, or one is above the other."""
        return other in self._above(one) or one in self._above(other)

    def _above(self, customer_id: str) -> list[str]:
        found = [customer_id]
        row = self._books.find(CUSTOMER, customer_id)
        while row is not None and row.values.get("ParentRef"):
            found.append(row.values["ParentRef"]["value"])
            row = self._books.find(CUSTOMER, found[-1])
        return found

    def _check_account(self, values: Values) -> None:
        given = (values.get("DepositToAccountRef") or {}).get("value")
        if given is None:
            values["DepositToAccountRef"] = {"value": UNDEPOSITED}
            return
        row = self._books.refer(ACCOUNT, given, "DepositToAccountRef")
        if row.values.get("AccountType") not in _DEPOSIT_TYPES:
            raise business("The account is neither a bank account nor another current asset.", "DepositToAccountRef")

    def _noise(self, line: Values) -> list[Values]:
        invoice = self._books.find(INVOICE, line["LinkedTxn"][0]["TxnId"])
        values = invoice.values if invoice else {}
        pairs = {
            "txnId": line["LinkedTxn"][0]["TxnId"],
            "txnOpenBalance": str(values.get("Balance", 0.0)),
            "txnReferenceNumber": values.get("DocNumber", ""),
        }
        name = "{http://schema.intuit.com/finance/v3}NameValue"
        kind = "com.intuit.schema.finance.v3.NameValue"
        return [
            {"name": name, "declaredType": kind, "scope": "javax.xml.bind.JAXBElement$GlobalScope",
             "value": {"Name": key, "Value": value}, "nil": False, "globalScope": True, "typeSubstituted": False}
            for key, value in pairs.items()
        ]  # fmt: skip


def _linked(raw: Any) -> bool:
    """Lines without a link say nothing."""
    return isinstance(raw, dict) and bool(raw.get("LinkedTxn"))
