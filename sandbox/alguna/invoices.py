"""Invoices: drafts, asynchronous issuing, payments by hand, voiding (Alguna sheet 2.3)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from sandbox.alguna import values as read
from sandbox.alguna.errors import ApiError, invalid, not_found, not_now
from sandbox.alguna.lines import line_item, totals
from sandbox.alguna.organisation import Organisation
from sandbox.alguna.paging import Lists, choices
from sandbox.alguna.payments import Payments
from sandbox.alguna.routing import Call, Reply, Routes
from sandbox.kit.clock import iso
from sandbox.kit.vendor import Record

_DATES = ("invoicing_date", "issue_date", "due_date", "paid_date")
_SORTABLE = {**{field: field for field in ("created_at", *_DATES, "status")}, "account_name": "_account_name"}
_LISTED = (
    *("id", "customer_id", "currency", "status", "description", "total", "billing_period", "billing_period_start"),
    *("billing_period_end", "tax_calculation_id", "created_at", "updated_at"),
)
_INTERNAL = ("subscription_id",)
_SOURCES = ("bank_transfer", "cheque", "payment_card", "cash", "other")
_OPEN = ("issued", "overdue")
_ISSUING_SECONDS = 1.0
_TERM = timedelta(days=30)


class Invoices:
    """`/invoices…`. Issuing takes a second; an open invoice becomes overdue 30 days after its issue date."""

    def __init__(self, org: Organisation, lists: Lists, routes: Routes, payments: Payments) -> None:
        self._org = org
        self._lists = lists
        self._payments = payments
        org.when_due("issue_invoice", self._issue)
        org.when_due("invoice_overdue", self._overdue)
        routes.add("GET", "invoices", self._list)
        routes.add("POST", "invoices", lambda call: Reply(shown(self.create(call.body))))
        routes.add("GET", "invoices/{}", lambda call: Reply(shown(self.get(call.ids[0]))))
        routes.add("PATCH", "invoices/{}", lambda call: Reply(shown(self.change(self.get(call.ids[0]), call.body))))
        routes.add("POST", "invoices/{}/line-items", self._add_line)
        routes.add("PATCH", "invoices/{}/line-items/{}", self._change_line)
        routes.add("DELETE", "invoices/{}/line-items/{}", self._delete_line)
        routes.add("POST", "invoices/{}/mark-as-paid", self._mark_as_paid)
        routes.add("POST", "invoices/{}/void", self._void)

    def get(self, invoice_id: str) -> Record:
        """The stored row. Raises ApiError 404."""
        row = self._org.store.invoices.get(invoice_id)
        if row is None:
            raise not_found("invoice")
        return row

    def create(self, body: Record, subscription_id: str | None = None) -> Record:
        """A draft, or with `status: issued` a `processing` invoice that becomes `issued` later."""
        if body.get("tax_calculation_id") is not None:
            raise not_found("tax calculation")
        customer = self._org.store.customers.get(read.text(body.get("customer_id"), "customer_id"))
        if customer is None:
            raise not_found("customer")
        status = read.one_of(body.get("status") or "draft", ("draft", "issued"), "status")
        currency = read.currency(body.get("currency"))
        if currency != customer["currency"]:
            raise invalid("currency must be the customer's currency")
        lines = read.listing(body.get("line_items") or [], "line_items")
        start = read.optional_moment(body.get("billing_period_start"), "billing_period_start")
        end = read.optional_moment(body.get("billing_period_end"), "billing_period_end")
        if (start is None) != (end is None):
            raise invalid("billing_period_start and billing_period_end go together")
        row: Record = {
            "id": self._org.new_id("inv"),
            "customer_id": customer["id"],
            "subscription_id": subscription_id,
            "currency": currency,
            "status": status,
            "description": read.optional_text(body.get("description"), "description") or "",
            "billing_period": f"{start[:10]} - {end[:10]}" if start and end else "",
            "billing_period_start": start,
            "billing_period_end": end,
            "tax_calculation_id": None,
            "issue_date": read.optional_moment(body.get("issue_date"), "issue_date"),
            "due_date": None,
            "invoicing_date": None,
            "paid_date": None,
            "external_reference": None,
            "external_id": None,
            "external_provider": None,
            "external_url": None,
            "purchase_order_number": read.optional_text(body.get("purchase_order_number"), "purchase_order_number"),
            "merchant_id": None,
            "line_items": [line_item(self._org, sent, f"line_items[{n}]", customer) for n, sent in enumerate(lines)],
        }
        row |= totals(row["line_items"], Decimal(0), currency)
        row["created_at"] = row["updated_at"] = self._org.stamp()
        return self.release(row) if status == "issued" else self._org.store.invoices.put(row)

    def release(self, row: Record) -> Record:
        """Hand a finished invoice over for issuing: at once, or `scheduled` where its issue date is to come."""
        if not row["line_items"]:
            raise invalid("an invoice without line items cannot be issued")
        now = self._org.clock.now()
        at = now if row["issue_date"] is None else max(now, read.moment(row["issue_date"], "issue_date"))
        self._org.later(max(at, now + timedelta(seconds=_ISSUING_SECONDS)), "issue_invoice", row["id"])
        return self._save({**row, "status": "scheduled" if at > now else "processing"})

    def issue(self, row: Record, *, quietly: bool = False) -> Record:
        """The invoice goes out: it gets its number and its dates, and is overdue at once where these are long past."""
        store = self._org.store
        store.invoice_number += 1
        issued_on = row["issue_date"] or self._org.now()
        due = read.moment(issued_on, "issue_date") + _TERM
        late = due <= self._org.clock.now()
        if not late:
            self._org.later(due, "invoice_overdue", row["id"])
        row = self._save(
            {
                **row,
                "status": "overdue" if late else "issued",
                "external_reference": f"INV-{store.invoice_number:06d}",
                "issue_date": issued_on,
                "invoicing_date": issued_on,
                "due_date": iso(due),
            }
        )
        if not quietly:
            self._org.events.invoice("issued", row)
        return row

    def change(self, row: Record, body: Record) -> Record:
        """Only the description and the purchase order number; other keys are ignored."""
        sent: Record = {}
        if "description" in body:
            sent["description"] = read.optional_text(body["description"], "description") or ""
        if "purchase_order_number" in body:
            sent["purchase_order_number"] = read.optional_text(body["purchase_order_number"], "purchase_order_number")
        return self._save({**row, **sent})

    def pay(self, row: Record, amount: Decimal, paid_at: str, *, quietly: bool = False) -> Record:
        """Record a payment against an open invoice; it is `paid` once nothing remains."""
        if row["status"] not in _OPEN:
            raise not_now(f"an invoice that is {row['status']} cannot be paid")
        remaining = Decimal(row["amount_remaining"])
        if amount != Decimal(read.money(amount, row["currency"])):
            raise invalid(f"amount_paid has more decimals than {row['currency']}")
        if not 0 < amount <= remaining:
            raise invalid(f"amount_paid must be more than 0 and at most the remaining {row['amount_remaining']}")
        self._payments.record(row, amount, paid_at, quietly=quietly)
        row = {**row, **totals(row["line_items"], Decimal(row["amount_paid"]) + amount, row["currency"])}
        if amount < remaining:
            return self._save(row)
        row = self._save({**row, "status": "paid", "paid_date": paid_at})
        if not quietly:
            self._org.events.invoice("paid", row)
        return row

    def void(self, row: Record, void_date: Any = None) -> Record:
        """Only issued or overdue ones (else 400); not in the future nor before the issue date (else 422)."""
        if row["status"] not in _OPEN:
            raise not_now("only issued or overdue invoices can be voided")
        when = read.optional_moment(void_date, "void_date") or self._org.now()
        if when > self._org.now():
            raise invalid("void_date is in the future")
        if when < row["issue_date"]:
            raise invalid("void_date is before the issue date")
        return self._save({**row, "status": "void", "amount_remaining": read.money(Decimal(0), row["currency"])})

    def reopen(self, row: Record, amounts: Record) -> Record:
        """A payment was taken back: the invoice has these amounts again, and is open."""
        return self._save({**row, **amounts, "status": "issued", "paid_date": None})

    def remove(self, row: Record) -> None:
        """Forget the invoice."""
        self._org.store.invoices.remove(row["id"])
        self._org.stamp()

    def _save(self, row: Record) -> Record:
        return self._org.store.invoices.put({**row, "updated_at": self._org.stamp()})

    def _issue(self, invoice_id: str) -> None:
        row = self._org.store.invoices.get(invoice_id)
        if row is not None and row["status"] in ("processing", "scheduled"):
            self.issue(row)

    def _overdue(self, invoice_id: str) -> None:
        row = self._org.store.invoices.get(invoice_id)
        if row is not None and row["status"] == "issued":
            self._org.events.invoice("overdue", self._save({**row, "status": "overdue"}))

    def _list(self, call: Call) -> Reply:
        """Rows are short: no dates, amounts paid or external ids."""
        query, table = call.query, self._org.store.invoices
        bounds = [(f"{field}_{end}", field, end) for field in _DATES for end in ("gte", "lte")]
        names = ("customer_id", "subscription_id", "external_reference", "reference", "tax_calculation_id", "tag_ids")
        key = tuple(query.get(name) for name in (*names, "status", "autopay", *(name for name, _, _ in bounds)))
        by_name = (query.get("sort") or "").startswith("account_name:")
        rows = None
        if any(key) or by_name:
            rows = self._narrowed(call)
            for name, field, end in bounds:
                if query.get(name):
                    rows = _within(rows, field, end, iso(_bound(query[name], name)))
        if rows is not None and by_name:
            rows = [{**row, "_account_name": self._account_name(row)} for row in rows]
        page = self._lists.page(table, query, self._org.changes, sortable=_SORTABLE, rows=rows, key=key)
        return Reply({**page, "data": [{field: row[field] for field in _LISTED} for row in page["data"]]})

    def _narrowed(self, call: Call) -> list[Record]:
        query, table = call.query, self._org.store.invoices
        rows = table.find("customer", query["customer_id"]) if query.get("customer_id") else list(table)
        statuses = choices(query, "status")
        wanted = {
            "subscription_id": query.get("subscription_id"),
            "external_reference": query.get("external_reference") or query.get("reference"),
        }
        for field, value in wanted.items():
            rows = rows if not value else [row for row in rows if row[field] == value]
        if query.get("tag_ids") or query.get("tax_calculation_id") or query.get("autopay") == "true":
            return []
        return rows if statuses is None else [row for row in rows if row["status"] in statuses]

    def _account_name(self, row: Record) -> str:
        customer = self._org.store.customers.get(row["customer_id"])
        return customer["name"] if customer else ""

    def _editable(self, invoice_id: str) -> Record:
        row = self.get(invoice_id)
        if row["status"] != "draft":
            raise not_now("the invoice is finalised")
        return row

    def _with_lines(self, row: Record, lines: list[Record]) -> Record:
        return self._save({**row, "line_items": lines, **totals(lines, Decimal(0), row["currency"])})

    def _add_line(self, call: Call) -> Reply:
        row = self._editable(call.ids[0])
        read.text(call.body.get("description"), "description")
        customer = self._org.store.customers.get(row["customer_id"]) or {}
        line = line_item(self._org, call.body, "line item", customer)
        return Reply(shown(self._with_lines(row, [*row["line_items"], line])))

    def _change_line(self, call: Call) -> Reply:
        row = self._editable(call.ids[0])
        line = _line(row, call.ids[1])
        changed = {**line, "description": read.text(call.body.get("description"), "description")}
        self._with_lines(row, [changed if one is line else one for one in row["line_items"]])
        return Reply(changed)

    def _delete_line(self, call: Call) -> Reply:
        row = self._editable(call.ids[0])
        line = _line(row, call.ids[1])
        self._with_lines(row, [one for one in row["line_items"] if one is not line])
        self._org.events.line_item_deleted(line["id"], row["id"])
        return Reply()

    def _mark_as_paid(self, call: Call) -> Reply:
        row, body = self.get(call.ids[0]), call.body
        read.one_of(body.get("external_payment_source"), _SOURCES, "external_payment_source")
        read.optional_text(body.get("external_payment_note"), "external_payment_note")
        given = body.get("amount_paid")
        amount = Decimal(row["amount_remaining"]) if given is None else read.decimal(given, "amount_paid")
        paid_at = read.optional_moment(body.get("paid_date"), "paid_date") or self._org.now()
        return Reply(shown(self.pay(row, amount, paid_at)))

    def _void(self, call: Call) -> Reply:
        return Reply(shown(self.void(self.get(call.ids[0]), call.body.get("void_date"))))


def shown(row: Record) -> Record:
    """The full invoice as the API gives it."""
    return {key: row[key] for key in row if key not in _INTERNAL}


def _line(row: Record, line_item_id: str) -> Record:
    lines: list[Record] = [line for line in row["line_items"] if line["id"] == line_item_id]
    if not lines:
        raise not_found("line item")
    return lines[0]


def _bound(value: str, name: str) -> Any:
    try:
        return read.moment(value.replace(" ", "+"), name)
    except ApiError as error:
        raise ApiError(400, error.detail) from error


def _within(rows: list[Record], field: str, end: str, bound: str) -> list[Record]:
    dated = [row for row in rows if row[field] is not None]
    return [row for row in dated if (row[field] >= bound if end == "gte" else row[field] <= bound)]
