"""What the Xero sandbox makes of documents: lines, tax, statuses, locked periods, archived contacts."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.sandbox.xero_organisation import Organisation


def message_of(answer: httpx.Response) -> str:
    """The first message of a 400."""
    assert answer.status_code == 400, answer.text
    return str(answer.json()["Elements"][0]["ValidationErrors"][0]["Message"])


def test_lines_are_updated_added_and_dropped_by_their_ids(organisation: Organisation) -> None:
    contact_id = organisation.contact(Name="Lines House")
    lines = [{"Description": text, "Quantity": 1, "UnitAmount": 10, "AccountCode": "200"} for text in "ABC"]
    row = organisation.invoice(contact_id, LineItems=lines)
    first, second, _ = row["LineItems"]
    kept = {"LineItemID": first["LineItemID"], "UnitAmount": 20}
    added = {"Description": "New", "Quantity": 1, "UnitAmount": 1, "AccountCode": "200"}
    (after,) = organisation.rows("POST", f"/Invoices/{row['InvoiceID']}", json={"LineItems": [kept, added]})
    assert [(one["Description"], one["LineAmount"]) for one in after["LineItems"]] == [("New", 1.0), ("A", 20.0)]
    assert second["LineItemID"] not in {one["LineItemID"] for one in after["LineItems"]}
    (header,) = organisation.rows("POST", f"/Invoices/{row['InvoiceID']}", json={"Reference": "R"})
    assert len(header["LineItems"]) == 2


def test_tax_is_rounded_by_line_and_shown_by_kind(organisation: Organisation) -> None:
    contact_id = organisation.contact(Name="Tax House")
    line = {"Description": "x", "Quantity": 1, "UnitAmount": 0.13, "AccountCode": "200", "TaxType": "TAX002"}
    totals = {
        kind: organisation.invoice(contact_id, LineItems=[line] * 3, LineAmountTypes=kind)
        for kind in ("Exclusive", "Inclusive", "NoTax")
    }
    shown = {kind: (row["SubTotal"], row["TotalTax"], row["Total"]) for kind, row in totals.items()}
    assert shown == {"Exclusive": (0.39, 0.06, 0.45), "Inclusive": (0.33, 0.06, 0.39), "NoTax": (0.39, 0.0, 0.39)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Status": "PAID"}, "Invoice not of valid status for creation"),
        ({"LineItems": []}, "One or more line items must be specified"),
        ({"Contact": {}}, "A Contact must be specified for this type of transaction"),
        ({"DueDate": None}, "The DueDate must be specified for an approved invoice"),
        (
            {"LineItems": [{"Description": "x", "Quantity": 1, "UnitAmount": 1, "AccountCode": "999"}]},
            "Account code '999' is not a valid code for this document.",
        ),
        (
            {"LineItems": [{"Description": "x", "UnitAmount": 1, "AccountCode": "200", "TaxType": "X1"}]},
            "The TaxType code 'X1' cannot be used with account code '200'.",
        ),
        (
            {"LineItems": [{"Description": "x", "Quantity": 2, "UnitAmount": 1, "LineAmount": 3}]},
            "The line total 3.00 does not match the expected line total 2.00",
        ),
        ({"Date": "2026-01-31"}, "The document date cannot be before the period lock date, currently set at"),
    ],
)
def test_documents_that_cannot_be_are_refused(organisation: Organisation, change: Any, message: str) -> None:
    organisation.set_up(periodLockDate="2026-01-31")
    contact_id = organisation.contact(Name="Strict House")
    good = {
        "Type": "ACCREC",
        "Contact": {"ContactID": contact_id},
        "Date": "2026-05-01",
        "DueDate": "2026-05-31",
        "Status": "AUTHORISED",
        "LineItems": [{"Description": "x", "Quantity": 1, "UnitAmount": 1, "AccountCode": "200"}],
    }
    assert message_of(organisation.api("PUT", "/Invoices", json={**good, **change})).startswith(message)


def test_a_paid_invoice_changes_only_what_it_may(organisation: Organisation) -> None:
    [payment_id] = organisation.seed("payments", 1)
    invoice_id = organisation.person("GET", f"payments/{payment_id}")["Invoice"]["InvoiceID"]
    path = f"/Invoices/{invoice_id}"
    assert message_of(organisation.api("POST", path, json={"CurrencyCode": "USD"})).startswith("This document cannot")
    assert organisation.rows("POST", path, json={"Reference": "late"})[0]["Reference"] == "late"
    assert message_of(organisation.api("POST", path, json={"Status": "VOIDED"})).startswith("The status VOIDED cannot")


def test_an_archived_contact_takes_no_invoice_and_keeps_its_number(organisation: Organisation) -> None:
    contact_id = organisation.contact(Name="Gone House", ContactNumber="G1")
    organisation.person("DELETE", f"accounts/{contact_id}")
    body = {"Type": "ACCREC", "Contact": {"ContactID": contact_id}, "LineItems": [{"Description": "x"}]}
    assert "has been archived" in message_of(organisation.api("PUT", "/Invoices", json=body))
    taken = organisation.api("PUT", "/Contacts", json={"Name": "Other", "ContactNumber": "G1"})
    assert message_of(taken).startswith("Another contact has this contact number.")
    again = organisation.contact(Name="Gone House")
    back = organisation.api("POST", f"/Contacts/{contact_id}", json={"ContactStatus": "ACTIVE"})
    assert "already assigned to another contact" in message_of(back)
    organisation.person("PATCH", f"accounts/{again}", {"mergedInto": organisation.contact(Name="Winner")})
    merged = organisation.rows("GET", f"/Contacts/{again}")[0]
    assert merged["ContactStatus"] == "ARCHIVED"
    assert merged["MergedToContactID"]
