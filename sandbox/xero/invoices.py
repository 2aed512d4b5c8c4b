"""Invoices: statuses, numbers, what a document needs and when it can still change (sheet 2, 4, 8)."""

from datetime import date
from decimal import Decimal
from uuid import uuid4

from sandbox.xero import values as read
from sandbox.xero.books import Books
from sandbox.xero.contacts import Contacts
from sandbox.xero.errors import RowError
from sandbox.xero.lines import EXCLUSIVE, LINE_AMOUNT_TYPES, Lines, totals
from sandbox.xero.values import Row

NEXT = {
    None: ("DRAFT", "SUBMITTED", "AUTHORISED"),
    "DRAFT": ("DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"),
    "SUBMITTED": ("SUBMITTED", "AUTHORISED", "DRAFT", "DELETED"),
    "AUTHORISED": ("AUTHORISED", "VOIDED"),
}
ALLOCATED = "This document cannot be edited as it has a payment or credit note allocated to it."
_NOT_MODIFIABLE = "Invoice not of valid status for modification"
_TAKEN = "Invoice # must be unique."
_WHEN_PAID = frozenset({"Reference", "DueDate", "InvoiceNumber", "BrandingThemeID", "Contact", "Url", "LineItems"})
# What clients send along and what says only which invoice is meant.
_HARMLESS = frozenset(
    {"InvoiceID", "Type", "Status", "HasAttachments", "HasErrors", "IsDiscounted", "StatusAttributeString"}
)
# Units of a currency for one of the base currency: the rate of the day, unless the document names one.
_DAY_RATES = {"GBP": "1.000000", "USD": "1.270000", "EUR": "1.170000", "CAD": "1.750000", "AUD": "1.950000"}
NO_LINES = "One or more line items must be specified"


class Invoices:
    def __init__(self, books: Books, contacts: Contacts) -> None:
        self._books = books
        self._contacts = contacts

    def write(self, element: Row, invoice_id: str | None, *, create: bool, unit_decimals: int) -> tuple[Row, list[str]]:
        """One row of a PUT (`create`) or POST; the stored row and its warnings. Raises RowError."""
        before = None if create else self._meant(element, invoice_id)
        return self.save(element, before, unit_decimals)

    def save(self, element: Row, before: Row | None, unit_decimals: int = 2) -> tuple[Row, list[str]]:
        """A new invoice, or the given one with the elements that are there. Raises RowError."""
        status = self._status(element, before)
        if before is not None and status in ("VOIDED", "DELETED") and status != before["Status"]:
            return self._ended(before, status), []
        paid = before is not None and bool(self._books.paid(before["InvoiceID"]))
        if paid and any(name not in _WHEN_PAID | _HARMLESS for name in element):
            raise RowError(ALLOCATED)
        row = {**(before or self._blank(element)), **self._header(element, before), "Status": status}
        row = self._with_lines(element, row, before, unit_decimals, narrowly=paid)
        self._check(row)
        self._check_locks(row if before is None else before, row)
        warnings = _sent_to_contact(element, row)
        if row["InvoiceNumber"] is None and row["Type"] == "ACCREC":
            row["InvoiceNumber"] = self._books.number()
        return self.put(row, new=before is None), warnings

    def put(self, row: Row, *, new: bool) -> Row:
        """Store with a new modification time; a paid-up invoice is PAID, one that owes again AUTHORISED."""
        if row["Status"] in ("AUTHORISED", "PAID"):
            payments = self._books.paid(row["InvoiceID"])
            due = Decimal(row["Total"]) - sum(Decimal(one["Amount"]) for one in payments)
            row["Status"] = "PAID" if due <= 0 and payments else "AUTHORISED"
            row["FullyPaidOnDate"] = max(one["Date"] for one in payments) if row["Status"] == "PAID" else None
        row = self._books.invoices.put({**row, "UpdatedDateUTC": self._books.stamp()})
        self._books.changed("INVOICE", row["InvoiceID"], new)
        return row

    def by_id_or_number(self, text: str) -> Row | None:
        return self._books.invoices.rows.get(read.guid(text) or "") or next(
            iter(self._books.invoices.find("number", text)), None
        )

    def _meant(self, element: Row, invoice_id: str | None) -> Row | None:
        """By id, else by the number of a sales invoice, which overwrites that one (sheet 4). Raises RowError."""
        named = invoice_id or read.guid(element.get("InvoiceID"))
        if named is not None:
            found = self._books.invoices.rows.get(named)
            if found is None:
                raise RowError("Invoice could not be found")
            return found
        held = self._books.invoices.find("number", str(element.get("InvoiceNumber") or ""))
        return held[0] if held else None

    def _status(self, element: Row, before: Row | None) -> str:
        sent = element.get("Status")
        present = before["Status"] if before is not None else None
        if before is None:
            if sent is not None and sent not in NEXT[None]:
                raise RowError("Invoice not of valid status for creation")
            return str(sent or "DRAFT")
        if present == "PAID" and sent in (None, "PAID", "AUTHORISED"):
            return "PAID"
        if present == "PAID" and sent == "VOIDED":
            raise RowError(_has_allocations("VOIDED"))
        if present not in NEXT or (sent or present) not in NEXT[present]:
            raise RowError(_NOT_MODIFIABLE)
        return str(sent or present)

    def _ended(self, before: Row, status: str) -> Row:
        if self._books.paid(before["InvoiceID"]):
            raise RowError(_has_allocations(status))
        self._check_locks(before, before)
        return self.put({**before, "Status": status}, new=False)

    def _blank(self, element: Row) -> Row:
        if element.get("Type") not in ("ACCREC", "ACCPAY"):
            raise RowError("Invoice Type must be specified")
        base = self._books.setup.base_currency
        return {
            "InvoiceID": str(uuid4()),
            "Type": element["Type"],
            "InvoiceNumber": None,
            "Reference": "",
            "Date": self._books.clock.now().date().isoformat(),
            "DueDate": None,
            "LineAmountTypes": EXCLUSIVE,
            "CurrencyCode": base,
            "CurrencyRate": "1.000000",
            "LineItems": [],
            "SentToContact": False,
        }

    def _header(self, element: Row, before: Row | None) -> Row:
        sent: Row = {}
        contact = read.inner(element, "Contact")
        if contact is not None:
            sent["ContactID"] = self._contacts.for_invoice(contact)["ContactID"]
        elif before is None:
            raise RowError("A Contact must be specified for this type of transaction")
        for name, most in (("InvoiceNumber", 255), ("Reference", 255), ("Url", 1000)):
            value = read.text(element, name, most)
            if value is not None:
                sent[name] = value or None
        for name in ("Date", "DueDate", "ExpectedPaymentDate"):
            day = read.day(element.get(name))
            if day is not None:
                sent[name] = day
        types = read.text(element, "LineAmountTypes", 20)
        if types is not None and types.lower() not in LINE_AMOUNT_TYPES:
            raise RowError(f"Line amount types {types} is not valid")
        if types is not None:
            sent["LineAmountTypes"] = LINE_AMOUNT_TYPES[types.lower()]
        return {**sent, **self._currency(element)}

    def _currency(self, element: Row) -> Row:
        code = read.text(element, "CurrencyCode", 3)
        if not code:
            return {}
        if code not in self._books.setup.currencies:
            raise RowError(f"Organisation is not subscribed to currency {code}")
        rate = read.number(element.get("CurrencyRate"))
        if rate is None or code == self._books.setup.base_currency:
            rate = Decimal(_DAY_RATES.get(code, "1.000000"))
        return {"CurrencyCode": code, "CurrencyRate": str(rate.quantize(Decimal("0.000001")))}

    def _with_lines(self, element: Row, row: Row, before: Row | None, unit_decimals: int, *, narrowly: bool) -> Row:
        sent = read.rows_of(element, "LineItems")
        lines = Lines(self._books, row["LineAmountTypes"], unit_decimals)
        if sent is not None:
            if not sent:
                raise RowError(NO_LINES)
            row["LineItems"] = lines.written(sent, before["LineItems"] if before else [], narrowly=narrowly)
        elif before is not None and before["LineAmountTypes"] != row["LineAmountTypes"]:
            row["LineItems"] = lines.retyped(row["LineItems"])
        amounts = totals(row["LineItems"], row["LineAmountTypes"])
        return {**row, **{name: str(value) for name, value in amounts.items()}}

    def _check(self, row: Row) -> None:
        """What the status asks for (sheet 2), and a number that no other invoice has."""
        messages = []
        if not row["LineItems"]:
            messages.append(NO_LINES)
        if row["Status"] in ("AUTHORISED", "SUBMITTED"):
            if row["DueDate"] is None:
                messages.append("The DueDate must be specified for an approved invoice")
            for line in row["LineItems"]:
                if not line.get("Description"):
                    messages.append("Description must be specified for each line item")
                if line.get("LineAmount") is not None and not line.get("AccountCode"):
                    messages.append("Account code must be specified")
        number = row["InvoiceNumber"]
        if number is not None and row["Type"] == "ACCREC":
            if not (number.isascii() and number.isprintable()):
                messages.append("Invoice number must be of printable ASCII characters")
            others = self._books.invoices.find("number", number)
            if any(other["InvoiceID"] != row["InvoiceID"] for other in others):
                messages.append(_TAKEN)
        if messages:
            raise RowError(*dict.fromkeys(messages))

    def _check_locks(self, *rows: Row) -> None:
        for row in rows:
            check_lock(self._books, row["Date"])


def check_lock(books: Books, day: str) -> None:
    """Raises RowError for a day in a locked period (sheet 8)."""
    for name, until in (
        ("end of year lock date", books.setup.end_of_year_lock_date),
        ("period lock date", books.setup.period_lock_date),
    ):
        if until is not None and date.fromisoformat(day) <= until:
            shown = f"{until.day} {until:%B %Y}"
            raise RowError(f"The document date cannot be before the {name}, currently set at {shown}")


def _has_allocations(status: str) -> str:
    return (
        f"The status {status} cannot be applied to the invoice because it has payments or credit notes allocated to it."
    )


def _sent_to_contact(element: Row, row: Row) -> list[str]:
    """Only of an approved invoice; else a warning (sheet 2)."""
    sent = read.boolean(element.get("SentToContact"))
    if sent is None:
        return []
    if sent and row["Status"] in ("DRAFT", "SUBMITTED"):
        return ["Only AUTHORISED and PAID invoices may have SentToContact updated."]
    row["SentToContact"] = sent
    return []
