"""The Xero sandbox against xero-python, unchanged: an independent witness of the wire."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from xero_python.accounting import (
    Account,
    Address,
    Contact,
    ContactPerson,
    Contacts,
    CurrencyCode,
    Invoice,
    Invoices,
    LineItem,
    Payment,
    PaymentDelete,
    Payments,
)
from xero_python.exceptions import (
    AccountingBadRequestException,
    HTTPStatusException,
    NotFoundException,
    RateLimitException,
)

from tests.sandbox.xero_organisation import Organisation, Witness

DUE, ISSUED = date(2026, 5, 31), date(2026, 5, 1)


@pytest.fixture
def xero(organisation: Organisation) -> Witness:
    return organisation.witness()


def made(xero: Witness, name: str, **values: Any) -> str:
    body = Contacts(contacts=[Contact(name=name, **values)])
    return str(xero.accounting.create_contacts(xero.tenant, body).contacts[0].contact_id)


def invoice_of(contact_id: str, **values: Any) -> Invoice:
    line = LineItem(description="Seats", quantity=10, unit_amount=Decimal("10.0000"), account_code="200")
    given = {"line_items": [line], "status": "AUTHORISED", "date": ISSUED, "due_date": DUE, **values}
    return Invoice(type="ACCREC", contact=Contact(contact_id=contact_id), **given)


def issued(xero: Witness, contact_id: str, **values: Any) -> Invoice:
    body = Invoices(invoices=[invoice_of(contact_id, **values)])
    return xero.accounting.create_invoices(xero.tenant, body, unitdp=4).invoices[0]


def test_the_organisation_says_what_it_is_set_up_with(xero: Witness, organisation: Organisation) -> None:
    (connection,) = xero.identity.get_connections()
    assert (connection.tenant_id, connection.tenant_type) == (xero.tenant, "ORGANISATION")
    organisation.set_up(periodLockDate="2026-01-31")
    (found,) = xero.accounting.get_organisations(xero.tenant).organisations
    assert (found.name, found.base_currency.value) == (connection.tenant_name, "GBP")
    assert found.period_lock_date == date(2026, 1, 31)
    assert found.end_of_year_lock_date is None
    accounts = xero.accounting.get_accounts(xero.tenant, where='Type=="BANK"').accounts
    assert [account.code for account in accounts] == ["090"]
    rates = {one.tax_type: one.effective_rate for one in xero.accounting.get_tax_rates(xero.tenant).tax_rates}
    assert rates["OUTPUT2"] == 20
    assert "SEAT-PRO" in {item.code for item in xero.accounting.get_items(xero.tenant).items}
    assert "JPY" in {one.code.value for one in xero.accounting.get_currencies(xero.tenant).currencies}


def test_creates_reads_updates_and_archives_a_contact(xero: Witness) -> None:
    contact_id = made(
        xero,
        "  Plain   Harbor Ltd ",
        contact_number="ALG/1",
        email_address="post@plain-harbor.example",
        addresses=[Address(address_type="POBOX", address_line1="1 Dock Road", city="Hull", country="United Kingdom")],
        contact_persons=[ContactPerson(first_name="Ada", last_name="Oak", email_address="ada@plain-harbor.example")],
    )
    row = xero.accounting.get_contact(xero.tenant, contact_id).contacts[0]
    assert (row.name, row.contact_number, row.contact_status) == ("Plain Harbor Ltd", "ALG/1", "ACTIVE")
    assert {one.address_type: one.city for one in row.addresses} == {"POBOX": "Hull", "STREET": None}
    assert len(row.phones) == 4
    assert not row.is_customer
    by_number = xero.accounting.get_contact_by_contact_number(xero.tenant, "ALG/1").contacts[0]
    assert by_number.contact_id == contact_id

    change = Contacts(contacts=[Contact(last_name="Elm", email_address="new@plain-harbor.example")])
    after = xero.accounting.update_contact(xero.tenant, contact_id, change).contacts[0]
    assert (after.name, after.last_name, len(after.contact_persons)) == ("Plain Harbor Ltd", "Elm", 1)
    assert after.updated_date_utc > row.updated_date_utc

    archive = Contacts(contacts=[Contact(contact_id=contact_id, contact_status="ARCHIVED")])
    xero.accounting.update_or_create_contacts(xero.tenant, archive)
    assert xero.accounting.get_contacts(xero.tenant).contacts == []
    kept = xero.accounting.get_contacts(xero.tenant, include_archived=True).contacts
    assert [(one.contact_id, one.contact_status) for one in kept] == [(contact_id, "ARCHIVED")]
    assert xero.accounting.get_contact(xero.tenant, contact_id).contacts[0].contact_status == "ARCHIVED"
    with pytest.raises(NotFoundException):
        xero.accounting.get_contact(xero.tenant, "00000000-0000-4000-8000-000000000001")


def test_pages_and_filters_contacts(xero: Witness, organisation: Organisation) -> None:
    ids = organisation.seed("accounts", 23)
    api, tenant = xero.accounting, xero.tenant
    first = api.get_contacts(tenant, page=1, page_size=10)
    assert (first.pagination.page_count, first.pagination.item_count) == (3, 23)
    rest = [one for page in (2, 3) for one in api.get_contacts(tenant, page=page, page_size=10).contacts]
    assert {one.contact_id for one in [*first.contacts, *rest]} == set(ids)
    assert {one.contact_id for one in api.get_contacts(tenant, i_ds=ids[:3]).contacts} == set(ids[:3])
    some = first.contacts[4]
    found = api.get_contacts(tenant, where=f'EmailAddress=="{some.email_address.upper()}"').contacts
    assert [one.contact_id for one in found] == [some.contact_id]
    found = api.get_contacts(tenant, search_term=some.name[:12]).contacts
    assert some.contact_id in {one.contact_id for one in found}
    down = api.get_contacts(tenant, order="Name DESC").contacts
    assert [one.name for one in down] == sorted((one.name for one in down), key=str.casefold, reverse=True)
    assert api.get_contacts(tenant).contacts[0].addresses is None, "an unpaged list shows less"
    assert len(first.contacts[0].addresses) == 2
    with pytest.raises(AccountingBadRequestException) as refused:
        api.get_contacts(tenant, where='Nickname=="x"')
    assert (refused.value.error_data["ErrorNumber"], refused.value.error_data["Type"]) == (16, "QueryParseException")


def test_reads_what_changed_since(xero: Witness, organisation: Organisation) -> None:
    ids = organisation.seed("accounts", 3)
    organisation.tell("behaviour", {"clockSkewSeconds": 5})
    organisation.person("PATCH", f"accounts/{ids[1]}", {"LastName": "Changed"})
    changed = xero.accounting.get_contact(xero.tenant, ids[1]).contacts[0].updated_date_utc
    since = changed.replace(microsecond=0, tzinfo=UTC)
    rows = xero.accounting.get_contacts(xero.tenant, if_modified_since=since).contacts
    assert [one.contact_id for one in rows] == [ids[1]]
    assert xero.accounting.get_contacts(xero.tenant, if_modified_since=datetime(2100, 1, 1, tzinfo=UTC)).contacts == []


def test_put_refuses_what_post_overwrites(xero: Witness) -> None:
    first = made(xero, "Amber Works", contact_number="ALG-1")
    with pytest.raises(AccountingBadRequestException) as refused:
        made(xero, "amber  works")
    assert "is already assigned to another contact" in refused.value.reason
    with pytest.raises(AccountingBadRequestException) as refused:
        made(xero, "Another", contact_number="ALG-1")
    assert refused.value.reason.startswith("Another contact has this contact number.")
    body = Contacts(contacts=[Contact(name="AMBER WORKS", first_name="Stranger")])
    after = xero.accounting.update_or_create_contacts(xero.tenant, body).contacts[0]
    assert (after.contact_id, after.name, after.first_name) == (first, "AMBER WORKS", "Stranger")


def test_a_batch_tells_of_each_row(xero: Witness) -> None:
    rows = [Contact(name="Good One"), Contact(name="Bad", email_address="no address"), Contact(name="Good Two")]
    answer = xero.accounting.create_contacts(xero.tenant, Contacts(contacts=rows), summarize_errors=False).contacts
    assert [one.status_attribute_string for one in answer] == ["OK", "ERROR", "OK"]
    assert answer[1].validation_errors[0].message == "Email address must be valid"
    assert answer[1].contact_id == "00000000-0000-0000-0000-000000000000"
    with pytest.raises(AccountingBadRequestException) as refused:
        xero.accounting.create_contacts(xero.tenant, Contacts(contacts=[rows[1]]), summarize_errors=True)
    assert refused.value.reason == "Email address must be valid"


def test_creates_pays_and_voids_an_invoice(xero: Witness) -> None:
    contact_id = made(xero, "Harbor Optics")
    invoice = issued(xero, contact_id, invoice_number="ALG-0001", reference="PO 7")
    assert (invoice.status, invoice.sub_total, invoice.total_tax, invoice.total) == ("AUTHORISED", 100, 20, 120)
    assert (invoice.date, invoice.due_date) == (ISSUED, DUE)
    read = xero.accounting.get_invoice(xero.tenant, "ALG-0001").invoices[0]
    assert read.line_items[0].tax_type == "OUTPUT2"
    assert xero.accounting.get_contact(xero.tenant, contact_id).contacts[0].is_customer

    part = Payment(
        invoice=Invoice(invoice_id=invoice.invoice_id), account=Account(code="090"), date=DUE, amount=50, reference="p1"
    )
    paid = xero.accounting.create_payments(xero.tenant, Payments(payments=[part])).payments[0]
    assert (paid.payment_type, paid.status, paid.invoice.invoice_id) == (
        "ACCRECPAYMENT",
        "AUTHORISED",
        invoice.invoice_id,
    )
    after = xero.accounting.get_invoice(xero.tenant, invoice.invoice_id).invoices[0]
    assert (after.amount_paid, after.amount_due, after.status) == (50, 70, "AUTHORISED")
    rest = Payment(invoice=Invoice(invoice_number="ALG-0001"), account=Account(code="090"), date=DUE, amount=70)
    xero.accounting.create_payment(xero.tenant, rest)
    full = xero.accounting.get_invoice(xero.tenant, invoice.invoice_id).invoices[0]
    assert (full.status, full.fully_paid_on_date, len(full.payments)) == ("PAID", DUE, 2)

    void = Invoices(invoices=[Invoice(invoice_id=invoice.invoice_id, status="VOIDED")])
    with pytest.raises(AccountingBadRequestException) as refused:
        xero.accounting.update_invoice(xero.tenant, invoice.invoice_id, void)
    assert "it has payments or credit notes allocated" in refused.value.reason
    for one in xero.accounting.get_payments(xero.tenant, page=1, page_size=500).payments:
        gone = xero.accounting.delete_payment(xero.tenant, one.payment_id, PaymentDelete(status="DELETED"))
        assert gone.payments[0].status == "DELETED"
    assert xero.accounting.get_invoice(xero.tenant, invoice.invoice_id).invoices[0].amount_due == 120
    voided = xero.accounting.update_invoice(xero.tenant, invoice.invoice_id, void).invoices[0]
    assert (voided.status, voided.amount_due) == ("VOIDED", 0)
    with pytest.raises(AccountingBadRequestException) as refused:
        xero.accounting.update_invoice(xero.tenant, invoice.invoice_id, void)
    assert refused.value.reason == "Invoice not of valid status for modification"


def test_lists_invoices_by_status_number_and_contact(xero: Witness, organisation: Organisation) -> None:
    ids = organisation.seed("invoices", 4)
    api, tenant = xero.accounting, xero.tenant
    draft = issued(xero, made(xero, "Draft House"), status="DRAFT", line_items=[LineItem(description="Note")])
    organisation.person("DELETE", f"invoices/{draft.invoice_id}")
    assert {one.invoice_id for one in api.get_invoices(tenant, page=1).invoices} == set(ids)
    deleted = api.get_invoices(tenant, statuses=["DELETED"]).invoices
    assert [one.invoice_id for one in deleted] == [draft.invoice_id]
    some = api.get_invoices(tenant, i_ds=ids[:1], page=1).invoices[0]
    assert some.line_items
    assert api.get_invoices(tenant, i_ds=ids[:1]).invoices[0].line_items == [], "an unpaged list has no lines"
    by_number = api.get_invoices(tenant, invoice_numbers=[some.invoice_number]).invoices
    by_contact = api.get_invoices(tenant, contact_i_ds=[some.contact.contact_id]).invoices
    assert [one.invoice_id for one in by_number] == [one.invoice_id for one in by_contact] == [some.invoice_id]
    where = 'Type=="ACCREC" AND Status=="AUTHORISED" AND Date>=DateTime(2025,01,01)'
    assert len(api.get_invoices(tenant, where=where).invoices) == 4


def test_currencies_and_decimals(xero: Witness, organisation: Organisation) -> None:
    contact_id = made(xero, "Decimals House")
    line = LineItem(description="Calls", quantity=Decimal("333"), unit_amount=Decimal("0.0125"), account_code="200")
    fine = issued(xero, contact_id, line_items=[line], currency_code=CurrencyCode.USD)
    assert (fine.sub_total, fine.currency_rate) == (Decimal("4.16"), Decimal("1.27"))
    assert fine.line_items[0].unit_amount == Decimal("0.0125")
    coarse = xero.accounting.get_invoice(xero.tenant, fine.invoice_id).invoices[0]
    assert coarse.line_items[0].unit_amount == Decimal("0.01"), "without unitdp a read rounds"
    yen = issued(xero, contact_id, line_items=[line], currency_code=CurrencyCode.JPY)
    assert yen.sub_total == Decimal("4.16"), "two decimals for every currency"
    organisation.set_up(currencies=["GBP"])
    with pytest.raises(AccountingBadRequestException) as refused:
        issued(xero, contact_id, currency_code=CurrencyCode.EUR)
    assert refused.value.reason == "Organisation is not subscribed to currency EUR"


def test_payments_are_never_changed(xero: Witness, organisation: Organisation) -> None:
    [payment_id] = organisation.seed("payments", 1)
    body = Payments(payments=[Payment(reference="other")])
    with pytest.raises(AccountingBadRequestException) as refused:
        xero.accounting.delete_payment(xero.tenant, payment_id, body)
    assert refused.value.reason == "Only Status accepted for updates."
    payment = xero.accounting.get_payment(xero.tenant, payment_id).payments[0]
    over = Payment(
        invoice=Invoice(invoice_id=payment.invoice.invoice_id), account=Account(code="090"), amount=1_000_000
    )
    with pytest.raises(AccountingBadRequestException) as refused:
        xero.accounting.create_payments(xero.tenant, Payments(payments=[over]))
    assert refused.value.reason == "Payment amount exceeds the amount outstanding on this document"


def test_an_idempotency_key_answers_again_and_only_the_same_call(xero: Witness) -> None:
    body = Contacts(contacts=[Contact(name="Once Only")])
    first = xero.accounting.create_contacts(xero.tenant, body, idempotency_key="k-1").contacts[0]
    again = xero.accounting.create_contacts(xero.tenant, body, idempotency_key="k-1").contacts[0]
    assert first.contact_id == again.contact_id
    other = Contacts(contacts=[Contact(name="Another")])
    with pytest.raises(AccountingBadRequestException) as refused:
        xero.accounting.create_contacts(xero.tenant, other, idempotency_key="k-1")
    assert refused.value.error_data["Detail"] == "Idempotency Key: `k-1` is used with a different request."
    assert len(xero.accounting.get_contacts(xero.tenant).contacts) == 1


def test_the_client_refreshes_and_keeps_the_rotated_token(xero: Witness, organisation: Organisation) -> None:
    old = dict(xero.token)
    organisation.tell("auth", {"action": "expire_access_token"})
    with pytest.raises(HTTPStatusException) as expired:
        xero.accounting.get_contacts(xero.tenant)
    assert (expired.value.status, b"TokenExpired" in expired.value.http_resp.data) == (401, True)
    xero.token = {**old, "expires_at": 0}
    xero.client.configuration.oauth2_token.update_token(**xero.token)
    assert xero.accounting.get_contacts(xero.tenant).contacts == []
    assert xero.token["refresh_token"] != old["refresh_token"]
    organisation.tell("auth", {"action": "revoke_grant"})
    with pytest.raises(HTTPStatusException) as dead:
        xero.accounting.get_contacts(xero.tenant)
    assert dead.value.status == 401


def test_faults_have_the_vendors_shape(xero: Witness, organisation: Organisation) -> None:
    organisation.tell("faults", {"fault": "rate_limit", "times": 1, "retryAfter": 7})
    with pytest.raises(RateLimitException) as limited:
        xero.accounting.get_contacts(xero.tenant)
    assert (limited.value.rate_limit, limited.value.headers["retry-after"]) == ("minute", "7")
    organisation.tell("faults", {"fault": "error_503", "times": 1})
    with pytest.raises(HTTPStatusException) as down:
        xero.accounting.get_contacts(xero.tenant)
    assert down.value.status == 503
    rows = Contacts(contacts=[Contact(name=f"Row {number}") for number in range(4)])
    organisation.tell("faults", {"fault": "partial_failure", "times": 1})
    answer = xero.accounting.create_contacts(xero.tenant, rows, summarize_errors=False).contacts
    assert [one.status_attribute_string for one in answer] == ["ERROR", "OK", "ERROR", "OK"]
