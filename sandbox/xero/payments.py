"""Payments: created against an approved invoice, never changed, only deleted (sheet 2)."""

from decimal import Decimal
from uuid import uuid4

from sandbox.xero import values as read
from sandbox.xero.books import Books
from sandbox.xero.errors import RowError, XeroError, invalid_elements
from sandbox.xero.invoices import Invoices, check_lock
from sandbox.xero.values import Row, money

EXCEEDS = "Payment amount exceeds the amount outstanding on this document"
_ONLY_STATUS = "Only Status accepted for updates."
# What xero-python sends with every payment (sheet 9).
_HARMLESS = frozenset({"HasAccount", "HasValidationErrors", "PaymentID"})


class Payments:
    def __init__(self, books: Books, invoices: Invoices) -> None:
        self._books = books
        self._invoices = invoices

    def create(self, element: Row) -> Row:
        """Raises RowError for what the document or the account does not allow."""
        invoice = self._invoice(element)
        account = self._account(read.inner(element, "Account") or {})
        amount = read.number(element.get("Amount"))
        if amount is None or money(amount) <= 0:
            raise RowError("Payment amount must be greater than zero")
        day = read.day(element.get("Date")) or self._books.clock.now().date().isoformat()
        if invoice["Status"] not in ("AUTHORISED", "PAID"):
            raise RowError("Payments can only be made against Authorised documents")
        due = Decimal(invoice["Total"]) - sum(Decimal(one["Amount"]) for one in self._books.paid(invoice["InvoiceID"]))
        if money(amount) > due:
            raise RowError(EXCEEDS)
        check_lock(self._books, day)
        rate = read.number(element.get("CurrencyRate")) or Decimal(invoice["CurrencyRate"])
        row = {
            "PaymentID": str(uuid4()),
            "InvoiceID": invoice["InvoiceID"],
            "AccountID": account["AccountID"],
            "Date": day,
            "Amount": str(money(amount)),
            "CurrencyRate": str(rate),
            "Reference": read.text(element, "Reference", 255) or "",
            "IsReconciled": read.boolean(element.get("IsReconciled")) or False,
            "PaymentType": f"{invoice['Type']}PAYMENT",
            "Status": "AUTHORISED",
        }
        return self._put(row, invoice)

    def update(self, payment_id: str, element: Row) -> Row:
        """Only `Status: DELETED` is taken (sheet 2). Raises XeroError, RowError."""
        row = self._books.payments.rows[payment_id]
        if set(element) - _HARMLESS - {"Status"} or element.get("Status") != "DELETED":
            raise _refused(row, _ONLY_STATUS)
        return self.delete(row)

    def delete(self, row: Row) -> Row:
        """The invoice owes the amount again. Raises RowError for one that is reconciled or deleted already."""
        if row["Status"] == "DELETED":
            raise RowError("This payment has already been deleted")
        if row["IsReconciled"]:
            raise RowError("This payment cannot be deleted as it has been reconciled")
        check_lock(self._books, row["Date"])
        invoice = self._books.invoices.rows[row["InvoiceID"]]
        return self._put({**row, "Status": "DELETED"}, invoice)

    def _put(self, row: Row, invoice: Row) -> Row:
        """The invoice moves with its payments (sheet 7)."""
        row = self._books.payments.put({**row, "UpdatedDateUTC": self._books.stamp()})
        self._invoices.put(invoice, new=False)
        return row

    def _invoice(self, element: Row) -> Row:
        sent = read.inner(element, "Invoice") or {"InvoiceNumber": element.get("InvoiceNumber")}
        text = str(sent.get("InvoiceID") or sent.get("InvoiceNumber") or "")
        found = self._invoices.by_id_or_number(text)
        if found is None:
            raise RowError("Payment must be for a document: the invoice could not be found")
        return found

    def _account(self, sent: Row) -> Row:
        account_id, code = read.guid(sent.get("AccountID")), sent.get("Code")
        for row in self._books.accounts:
            if row["AccountID"] == account_id or (account_id is None and code and row["Code"] == code):
                if row["Type"] != "BANK" and not row["EnablePaymentsToAccount"]:
                    raise RowError(f"Account code '{row['Code']}' is not a valid code for this document.")
                return row
        raise RowError("Account could not be found")


def _refused(row: Row, message: str) -> XeroError:
    return invalid_elements([{"PaymentID": row["PaymentID"], "ValidationErrors": [{"Message": message}]}])
