"""`/Contacts`, `/Invoices`, `/Payments` and what the organisation is set up with (sheet 3, 4)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.xero.books import Books
from sandbox.xero.calls import Call
from sandbox.xero.contacts import Contacts
from sandbox.xero.errors import not_found, not_implemented
from sandbox.xero.invoices import Invoices
from sandbox.xero.lines import unit_decimals
from sandbox.xero.lists import DAY, FLAG, MOMENT, NUMBER, TEXT, Kind, listed
from sandbox.xero.payments import Payments
from sandbox.xero.shapes import Shapes, tax_rates
from sandbox.xero.values import Row
from sandbox.xero.where import parse_where
from sandbox.xero.writing import written


@dataclass(frozen=True)
class Reply:
    """The rows under the plural name, and the pages if the call asked for any."""

    plural: str
    rows: list[Row]
    pagination: dict[str, int] | None = None


class Resources:
    """The API of one organisation."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.contacts = Contacts(books)
        self.invoices = Invoices(books, self.contacts)
        self.payments = Payments(books, self.invoices)
        self.shapes = Shapes(books)
        self._handlers: dict[str, Callable[[Call], Reply]] = {
            "contacts": self._contacts_call,
            "invoices": self._invoices_call,
            "payments": self._payments_call,
            "organisation": lambda call: self._static(call, "Organisations", [self.shapes.organisation()]),
            "accounts": lambda call: self._static(call, "Accounts", [self.shapes.account(r) for r in books.accounts]),
            "items": lambda call: self._static(call, "Items", [self.shapes.item(r) for r in books.items]),
            "taxrates": lambda call: self._static(call, "TaxRates", tax_rates()),
            "currencies": lambda call: self._static(call, "Currencies", self._currencies()),
        }

    def handle(self, resource: str, call: Call) -> Reply:
        """Raises XeroError."""
        handler = self._handlers.get(resource.lower())
        if handler is None:
            raise not_found()
        return handler(call)

    def _contacts_call(self, call: Call) -> Reply:
        if call.method == "GET":
            if call.path:
                return Reply("Contacts", [self.shapes.contact(_found(self.contacts.by_id_or_number(call.path[0])))])
            return self._list_contacts(call)
        elements, record_id = self._target(call, CONTACT, self.books.contacts.rows)
        rows = written(
            call,
            CONTACT,
            elements,
            lambda one: (self.contacts.write(one, record_id, create=call.method == "PUT"), []),
            self.shapes.contact,
        )
        return Reply("Contacts", rows)

    def _list_contacts(self, call: Call) -> Reply:
        rows: Iterable[Row] = _chosen(self.books.contacts.rows, call.ids("IDs"))
        if not call.flag("includeArchived"):
            rows = [row for row in rows if row["ContactStatus"] != "ARCHIVED"]
        names = ("Name", "FirstName", "LastName", "ContactNumber", "CompanyNumber", "EmailAddress")
        page = listed(_with_term(rows, call.one("searchTerm"), names), call, CONTACT)
        whole = page.pagination is not None and not call.flag("summaryOnly")
        return Reply("Contacts", [self.shapes.contact(row, whole=whole) for row in page.rows], page.pagination)

    def _invoices_call(self, call: Call) -> Reply:
        decimals = unit_decimals(call.one("unitdp"))

        def shape(row: Row) -> Row:
            return self.shapes.invoice(row, unit_decimals=decimals)

        if call.method == "GET":
            if call.path:
                return Reply("Invoices", [shape(_found(self.invoices.by_id_or_number(call.path[0])))])
            return self._list_invoices(call, decimals)
        elements, record_id = self._target(call, INVOICE, self.books.invoices.rows)
        rows = written(
            call,
            INVOICE,
            elements,
            lambda one: self.invoices.write(one, record_id, create=call.method == "PUT", unit_decimals=decimals),
            shape,
        )
        return Reply("Invoices", rows)

    def _list_invoices(self, call: Call, decimals: int) -> Reply:
        rows: Iterable[Row] = _chosen(self.books.invoices.rows, call.ids("IDs"))
        statuses = call.many("Statuses")
        wanted = set(statuses or ["DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED"])
        rows = [row for row in rows if row["Status"] in wanted]
        for key, some in (
            ("InvoiceNumber", call.many("InvoiceNumbers")),
            ("ContactID", call.ids("ContactIDs")),
        ):
            rows = rows if some is None else [row for row in rows if row[key] in set(some)]
        rows = _with_term(rows, call.one("searchTerm"), ("InvoiceNumber", "Reference"))
        summary = call.flag("summaryOnly")
        page = listed(rows, call, self._invoice_kind, always_paged=statuses is not None or summary)
        whole = page.pagination is not None and not summary
        shown = [self.shapes.invoice(row, whole=whole, unit_decimals=decimals) for row in page.rows]
        return Reply("Invoices", shown, page.pagination)

    def _payments_call(self, call: Call) -> Reply:
        if call.method == "GET":
            if call.path:
                return Reply("Payments", [self.shapes.payment(_found(self.books.payments.rows.get(call.path[0])))])
            page = listed(self.books.payments.rows.values(), call, self._payment_kind)
            return Reply("Payments", [self.shapes.payment(row) for row in page.rows], page.pagination)
        elements, record_id = self._target(call, PAYMENT, self.books.payments.rows)

        def write(one: Row) -> tuple[Row, list[str]]:
            if record_id is not None:
                return self.payments.update(record_id, one), []
            return self.payments.create(one), []

        return Reply("Payments", written(call, PAYMENT, elements, write, self.shapes.payment))

    @property
    def _invoice_kind(self) -> Kind:
        """With the fields that lie in other records or are computed."""

        def value(row: Row, name: str) -> Any:
            if name.startswith("Contact."):
                return self.books.contacts.rows[row["ContactID"]].get(name.partition(".")[2])
            if name in ("AmountDue", "AmountPaid"):
                return self.shapes.invoice(row, whole=False)[name]
            return row.get(name)

        return Kind(INVOICE.singular, INVOICE.plural, INVOICE.id_key, INVOICE.fields, value)

    @property
    def _payment_kind(self) -> Kind:
        def value(row: Row, name: str) -> Any:
            if name.startswith("Invoice."):
                return self.books.invoices.rows[row["InvoiceID"]].get(name.partition(".")[2])
            return row.get(name)

        return Kind(PAYMENT.singular, PAYMENT.plural, PAYMENT.id_key, PAYMENT.fields, value)

    def _target(self, call: Call, kind: Kind, known: dict[str, Row]) -> tuple[list[Row], str | None]:
        """The rows of a write, and the record that its path names. Raises XeroError."""
        if call.method not in ("PUT", "POST") or len(call.path) > 1 or (call.path and call.method == "PUT"):
            raise not_implemented()
        record_id = None
        if call.path:
            by_number = self.invoices.by_id_or_number(call.path[0]) if kind is INVOICE else None
            record_id = _found(by_number or known.get(call.path[0]))[kind.id_key]
        return call.elements(kind.plural), record_id

    def _static(self, call: Call, plural: str, rows: list[Row]) -> Reply:
        if call.method != "GET":
            raise not_implemented()
        if call.path:
            keys = ("Code", "AccountID", "ItemID", "TaxType")
            return Reply(plural, [_found(next((r for r in rows if call.path[0] in [r.get(k) for k in keys]), None))])
        kind = _static_kind(plural, rows)
        where = call.one("where")
        if where is not None:
            test = parse_where(where, kind.singular, frozenset(kind.fields))
            rows = [row for row in rows if test(lambda name, row=row: kind.read(row, name))]  # type: ignore[misc]
        return Reply(plural, rows)

    def _currencies(self) -> list[Row]:
        return [{"Code": code, "Description": code} for code in self.books.setup.currencies]


def _found(row: Row | None) -> Row:
    if row is None:
        raise not_found()
    return row


def _chosen(rows: dict[str, Row], ids: list[str] | None) -> list[Row]:
    return list(rows.values()) if ids is None else [rows[one] for one in dict.fromkeys(ids) if one in rows]


def _with_term(rows: Iterable[Row], term: str | None, names: tuple[str, ...]) -> list[Row]:
    if term is None:
        return list(rows)
    part = term.casefold()
    return [row for row in rows if any(part in str(row.get(name) or "").casefold() for name in names)]


def _static_kind(plural: str, rows: list[Row]) -> Kind:
    fields = {name: FLAG if isinstance(value, bool) else TEXT for row in rows for name, value in row.items()}
    return Kind(plural.removesuffix("s"), plural, "", fields)


CONTACT = Kind(
    "Contact",
    "Contacts",
    "ContactID",
    {
        **{name: TEXT for name in ("ContactID", "Name", "EmailAddress", "AccountNumber", "ContactNumber")},
        **{name: TEXT for name in ("FirstName", "LastName", "ContactStatus", "CompanyNumber", "TaxNumber")},
        "UpdatedDateUTC": MOMENT,
    },
)
INVOICE = Kind(
    "Invoice",
    "Invoices",
    "InvoiceID",
    {
        **{name: TEXT for name in ("InvoiceID", "InvoiceNumber", "Reference", "Type", "Status", "CurrencyCode")},
        **{name: TEXT for name in ("Contact.ContactID", "Contact.Name", "Contact.ContactNumber")},
        **{name: NUMBER for name in ("Total", "SubTotal", "TotalTax", "AmountDue", "AmountPaid")},
        **{name: DAY for name in ("Date", "DueDate", "FullyPaidOnDate")},
        "UpdatedDateUTC": MOMENT,
    },
)
PAYMENT = Kind(
    "Payment",
    "Payments",
    "PaymentID",
    {
        **{name: TEXT for name in ("PaymentID", "Reference", "Status", "PaymentType")},
        **{name: TEXT for name in ("Invoice.InvoiceID", "Invoice.InvoiceNumber")},
        "Amount": NUMBER,
        "Date": DAY,
        "IsReconciled": FLAG,
        "UpdatedDateUTC": MOMENT,
    },
)
