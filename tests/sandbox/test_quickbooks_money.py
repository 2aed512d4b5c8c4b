"""Invoices and payments in the QuickBooks sandbox: totals, taxes, currencies, numbers, closed periods, balances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.quickbooks_company import Running, running_company

SALE = "SalesItemLineDetail"


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with running_company() as company:
        yield company


@pytest.fixture
def company(running: Running) -> Running:
    return running.fresh()


def line(amount: float, code: str | None = None, **detail: Any) -> dict[str, Any]:
    more = {"TaxCodeRef": {"value": code}} if code else {}
    return {"Amount": amount, "DetailType": SALE, SALE: {"ItemRef": {"value": "1"}, **more, **detail}}


def test_lines_have_to_add_up_and_name_live_items(company: Running) -> None:
    owner = company.make(DisplayName="Payer")["Id"]
    body = {"CustomerRef": {"value": owner}}
    assert company.refused("invoice", {**body, "Line": [line(10.0, Qty=3, UnitPrice=3)]})["code"] == "6070"
    assert company.refused("invoice", {**body, "Line": [line(10.0, "2")]})["code"] == "6100"
    assert company.refused("invoice", {**body, "Line": []})["element"] == "Line"
    unknown = line(1.0, ItemRef={"value": "999"})
    assert company.refused("invoice", {**body, "Line": [unknown]})["code"] == "2500"
    company.person("PATCH", "items/2", {"Active": False})
    assert company.refused("invoice", {**body, "Line": [line(1.0, ItemRef={"value": "2"})]})["code"] == "610"
    noted = {"Amount": 5.0, "DetailType": SALE, SALE: {}, "Description": "A note"}
    made = company.post("invoice", {**body, "Line": [line(7.0), noted]})["Invoice"]
    assert (made["TotalAmt"], [one["DetailType"] for one in made["Line"]][1]) == (7.0, "DescriptionOnly")


def test_lines_of_an_update_replace_all_and_keep_their_ids(company: Running) -> None:
    owner = company.make(DisplayName="Payer")["Id"]
    made = company.bill(owner, Line=[line(1.0), line(2.0)])
    kept = {**made["Line"][1], "Amount": 5.0}
    body = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "Line": [kept, line(4.0)]}
    changed = company.post("invoice", body)["Invoice"]
    assert [(one.get("Id"), one["Amount"]) for one in changed["Line"]] == [("2", 5.0), ("3", 4.0), (None, 9.0)]
    untouched = company.post("invoice", {"Id": made["Id"], "SyncToken": "1", "sparse": True, "PrivateNote": "x"})
    assert untouched["Invoice"]["TotalAmt"] == 9.0


def test_document_numbers_go_by_the_company(company: Running) -> None:
    owner = company.make(DisplayName="Payer")["Id"]
    assert "DocNumber" not in company.bill(owner)
    first = company.bill(owner, DocNumber="INV-1")
    error = company.refused("invoice", {"CustomerRef": {"value": owner}, "Line": [line(1.0)], "DocNumber": "INV-1"})
    assert (error["code"], f"TxnId={first['Id']}" in error["Detail"]) == ("6140", True)
    company.set_up(customTxnNumbers=False)
    assert company.bill(owner)["DocNumber"] == "1001"
    assert company.bill(owner, DocNumber="INV-1")["DocNumber"] == "INV-1", "stored twice in silence"
    assert "DocNumber" not in company.bill(owner, DocNumber="")


def test_a_closed_period_refuses_every_change(company: Running) -> None:
    owner = company.make(DisplayName="Payer")["Id"]
    made = company.bill(owner, TxnDate="2026-01-31")
    company.set_up(closingDate="2026-03-31")
    target = {"Id": made["Id"], "SyncToken": "0"}
    for path, body in (
        ("invoice", {"CustomerRef": {"value": owner}, "Line": [line(1.0)], "TxnDate": "2026-03-31"}),
        ("invoice", {**target, "sparse": True, "TxnDate": "2026-05-01"}),
        ("invoice?operation=void", target),
        ("invoice?operation=delete", target),
        ("payment", {"CustomerRef": {"value": owner}, "TotalAmt": 1, "TxnDate": "2026-02-01"}),
    ):
        assert company.refused(path, body)["code"] == "6210"
    assert company.api("GET", "preferences").json()["Preferences"]["AccountingInfoPrefs"]["BookCloseDate"]
    assert company.bill(owner, TxnDate="2026-04-01")["TotalAmt"] == 100.0


def test_tax_is_rounded_once_per_rate_and_can_be_overridden(company: Running) -> None:
    owner = company.make(DisplayName="Payer")["Id"]
    code = company.post("taxservice/taxcode", {"TaxCode": "QST", "TaxRateDetails": [{"RateValue": 9.975}]})["TaxCodeId"]
    detail = {"TxnTaxCodeRef": {"value": code}}
    lines = [line(4495.16, "TAX"), line(10.0, "NON")]
    made = company.bill(owner, Line=lines, TxnTaxDetail=detail)
    assert (made["TxnTaxDetail"]["TotalTax"], made["TotalAmt"]) == (448.39, 4953.55)
    assert made["TxnTaxDetail"]["TaxLine"][0]["TaxLineDetail"]["NetAmountTaxable"] == 4495.16
    given = company.bill(owner, Line=lines, TxnTaxDetail={**detail, "TotalTax": 448.4})
    assert given["TotalAmt"] == 4953.56
    company.set_up(automatedSalesTax=True)
    automatic = company.bill(owner, Line=[line(100.0, "TAX")])
    assert automatic["TxnTaxDetail"]["TotalTax"] == 8.25
    abroad = company.bill(owner, Line=[line(100.0, "TAX")], ShipAddr={"Country": "France"})
    assert abroad["TxnTaxDetail"]["TotalTax"] == 0.0


def test_elsewhere_each_line_has_its_tax_code(company: Running) -> None:
    company.set_up(country="GB", homeCurrency="GBP")
    owner = company.make(DisplayName="Payer")["Id"]
    body = {"CustomerRef": {"value": owner}, "Line": [line(10.05, "2"), line(10.05, "2"), line(10.0, "7")]}
    assert company.refused("invoice", body)["element"] == "GlobalTaxCalculation"
    made = company.post("invoice", {**body, "GlobalTaxCalculation": "TaxExcluded"})["Invoice"]
    assert (made["TxnTaxDetail"]["TotalTax"], made["TotalAmt"]) == (4.02, 34.12)
    bare = {**body, "Line": [line(1.0)], "GlobalTaxCalculation": "TaxExcluded"}
    assert company.refused("invoice", bare)["code"] == "6000"
    untaxed = company.post("invoice", {**bare, "GlobalTaxCalculation": "NotApplicable"})["Invoice"]
    assert untaxed["TotalAmt"] == 1.0


def test_a_foreign_customer_is_billed_in_its_own_currency(company: Running) -> None:
    owner = company.make(DisplayName="Abroad", CurrencyRef={"value": "EUR"})["Id"]
    body = {"CustomerRef": {"value": owner}, "Line": [line(100.0)]}
    assert company.refused("invoice", body)["element"] == "CurrencyRef"
    assert company.refused("invoice", {**body, "CurrencyRef": {"value": "USD"}})["code"] == "6000"
    made = company.post("invoice", {**body, "CurrencyRef": {"value": "EUR"}})["Invoice"]
    assert (made["HomeTotalAmt"], made["ExchangeRate"]) == (108.0, 1.08)
    change = {"Id": owner, "SyncToken": "0", "sparse": True, "CurrencyRef": {"value": "USD"}}
    assert company.refused("customer", change)["code"] == "6000"
    assert company.refused("customer", {"DisplayName": "Odd", "CurrencyRef": {"value": "XXX"}})["code"] == "2500"
    company.set_up(multicurrency=False)
    assert company.refused("customer", {"DisplayName": "Late", "CurrencyRef": {"value": "EUR"}})["code"] == "6000"


def test_too_large_a_payment_is_taken_and_the_rest_stays_unapplied(company: Running) -> None:
    owner, other = (company.make(DisplayName=name)["Id"] for name in ("Payer", "Other"))
    made = company.bill(owner, 50.0)
    paid = company.pay(owner, 80.0, (made["Id"], 80.0))
    assert (paid["UnappliedAmt"], paid["Line"][0]["Amount"]) == (30.0, 50.0)
    link = [{"Amount": 1, "LinkedTxn": [{"TxnId": made["Id"], "TxnType": "Invoice"}]}]
    for body, code in (
        ({"CustomerRef": {"value": other}, "TotalAmt": 1, "Line": link}, "6000"),
        ({"CustomerRef": {"value": owner}, "Line": link}, "2020"),
        ({"CustomerRef": {"value": owner}, "TotalAmt": 1, "DepositToAccountRef": {"value": "79"}}, "6000"),
    ):
        assert company.refused("payment", body)["code"] == code
    again = {"Id": paid["Id"], "SyncToken": "0", "sparse": True, "Line": []}
    assert company.post("payment", again)["Payment"]["UnappliedAmt"] == 80.0
    assert company.person("GET", f"invoices/{made['Id']}")["Balance"] == 50.0
    company.person("PATCH", f"payments/{paid['Id']}", {"deposited": True})
    target = {"Id": paid["Id"], "SyncToken": "1"}
    assert company.refused("payment?operation=update&include=void", {**target, "sparse": True})["code"] == "6540"
    assert company.refused("payment?operation=delete", target)["code"] == "6540"


def test_voiding_a_paid_invoice_leaves_its_payment_unapplied(company: Running) -> None:
    owner = company.make(DisplayName="Payer")["Id"]
    made = company.bill(owner, 50.0)
    paid = company.pay(owner, 50.0, (made["Id"], 50.0))
    stale = company.refused("invoice?operation=void", {"Id": made["Id"], "SyncToken": "0"})
    assert stale["code"] == "5010", "the payment has moved the invoice's token"
    company.post("invoice?operation=void", {"Id": made["Id"], "SyncToken": "1"})
    row = company.person("GET", f"payments/{paid['Id']}")
    assert (row["UnappliedAmt"], row["Line"], row["SyncToken"]) == (50.0, [], "1")
