"""The QuickBooks sandbox against python-quickbooks and intuit-oauth, unchanged: independent witnesses of the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError
from quickbooks.batch import batch_create, batch_delete, batch_update
from quickbooks.cdc import change_data_capture
from quickbooks.exceptions import AuthorizationException, ObjectNotFoundException, QuickbooksException
from quickbooks.objects.account import Account
from quickbooks.objects.base import Address, EmailAddress, Ref
from quickbooks.objects.company_info import CompanyInfo
from quickbooks.objects.customer import Customer
from quickbooks.objects.detailline import DiscountLine, DiscountLineDetail, SalesItemLine, SalesItemLineDetail
from quickbooks.objects.invoice import Invoice
from quickbooks.objects.item import Item
from quickbooks.objects.payment import Payment, PaymentLine
from quickbooks.objects.preferences import Preferences
from quickbooks.objects.tax import TxnTaxDetail
from quickbooks.objects.taxcode import TaxCode
from quickbooks.utils import build_where_clause

from tests.sandbox.quickbooks_company import Client, Running, running_company


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with running_company() as company:
        yield company


@pytest.fixture
def company(running: Running) -> Running:
    return running.fresh()


@pytest.fixture
def qb(company: Running) -> Client:
    return company.client()


def customer(name: str, **values: Any) -> Any:
    found = Customer()
    found.DisplayName = name
    for key, value in values.items():
        setattr(found, key, value)
    return found


def invoice(owner: Any, *amounts: float, **values: Any) -> Any:
    found = Invoice()
    found.CustomerRef = owner.to_ref()
    for amount in amounts:
        line = SalesItemLine()
        line.Amount, line.Description = amount, "Work"
        line.SalesItemLineDetail = SalesItemLineDetail()
        line.SalesItemLineDetail.ItemRef = ref("1")
        line.SalesItemLineDetail.TaxCodeRef = ref(values.get("code", "NON"))
        found.Line.append(line)
    return found


def ref(value: str) -> Any:
    found = Ref()
    found.value = value
    return found


def payment(owner: Any, total: float, *invoices: tuple[Any, float]) -> Any:
    found = Payment()
    found.CustomerRef, found.TotalAmt = owner.to_ref(), total
    for one, amount in invoices:
        line = PaymentLine()
        line.Amount = amount
        line.LinkedTxn = [one.to_linked_txn()]
        found.Line.append(line)
    return found


def test_creates_reads_updates_and_deactivates_a_customer(qb: Client) -> None:
    made = customer("  Plain Harbor Ltd ", PrimaryEmailAddr=EmailAddress(), BillAddr=Address())
    made.PrimaryEmailAddr.Address = "books@plain.example"
    made.BillAddr.City = "Hull"
    made = made.save(qb=qb)
    assert (made.DisplayName, made.SyncToken, made.sparse) == ("Plain Harbor Ltd", "0", False)
    read = Customer.get(made.Id, qb=qb)
    assert (read.PrimaryEmailAddr.Address, read.BillAddr.City, read.PrintOnCheckName) == (
        "books@plain.example",
        "Hull",
        "Plain Harbor Ltd",
    )
    read.Notes = "Called"
    changed = read.save(qb=qb)
    assert (changed.Notes, changed.SyncToken) == ("Called", "1")
    with pytest.raises(QuickbooksException) as stale:
        read.save(qb=qb)
    assert stale.value.error_code == 5010

    changed.Active = False
    gone = changed.save(qb=qb)
    assert (gone.DisplayName, gone.FullyQualifiedName) == ("Plain Harbor Ltd (deleted)",) * 2
    assert Customer.all(qb=qb) == []
    [found] = Customer.where("Active IN (true, false)", qb=qb)
    assert not found.Active
    again = customer("Plain Harbor Ltd").save(qb=qb)
    assert again.Id != made.Id, "an inactive customer has let go of its name"


def test_pages_counts_and_filters(company: Running, qb: Client) -> None:
    ids = company.seed("accounts", 105)
    assert Customer.count(qb=qb) == 105
    first = Customer.all(order_by="Id", qb=qb)
    second = Customer.all(order_by="Id", start_position=101, qb=qb)
    assert [one.Id for one in [*first, *second]] == ids
    assert len(Customer.all(max_results=1000, qb=qb)) == 105
    name = first[3].DisplayName
    assert [one.Id for one in Customer.filter(DisplayName=name, Active=True, qb=qb)] == [ids[3]]
    assert [one.Id for one in Customer.choose(ids[:2], qb=qb)] == ids[:2]
    like = Customer.where(f"DisplayName LIKE '{name[:12]}%'", order_by="DisplayName DESC", qb=qb)
    assert ids[3] in [one.Id for one in like]
    by_mail = Customer.where(f"PrimaryEmailAddr = '{first[3].PrimaryEmailAddr.Address}'", qb=qb)
    assert [one.Id for one in by_mail] == [ids[3]]
    company.make(DisplayName=r"O'Brien & Sons \ 100%")
    clause = build_where_clause(DisplayName=r"O'Brien & Sons \\ 100%")
    assert [one.DisplayName for one in Customer.where(clause, qb=qb)] == [r"O'Brien & Sons \ 100%"]


def test_an_invoice_is_totalled_by_the_company(qb: Client) -> None:
    owner = customer("Payer").save(qb=qb)
    draft = invoice(owner, 60.0, 39.99, code="TAX")
    draft.TxnTaxDetail = TxnTaxDetail()
    draft.TxnTaxDetail.TxnTaxCodeRef = ref("2")
    # The client always sends its tax amount, which overrides; the caller has to leave it out.
    del draft.TxnTaxDetail.TotalTax
    line = DiscountLine()
    line.DiscountLineDetail = DiscountLineDetail()
    line.DiscountLineDetail.PercentBased, line.DiscountLineDetail.DiscountPercent = True, 10
    draft.Line.append(line)
    made = draft.save(qb=qb)
    assert (made.TotalAmt, made.TxnTaxDetail.TotalTax, made.Balance) == (107.99, 18.0, 107.99)
    assert [one.DetailType for one in made.Line][-1] == "SubTotalLineDetail"
    read = Invoice.get(made.Id, qb=qb)
    assert read.CustomerRef.name == "Payer"
    assert read.DueDate > read.TxnDate
    read.PrivateNote = "Checked"
    assert read.save(qb=qb).TotalAmt == 107.99, "a read invoice can be sent back"


def test_payments_settle_invoices_and_give_back(qb: Client) -> None:
    owner = customer("Payer").save(qb=qb)
    first, second = invoice(owner, 100.0).save(qb=qb), invoice(owner, 50.0).save(qb=qb)
    made = payment(owner, 160.0, (first, 100.0), (second, 30.0)).save(qb=qb)
    assert (made.UnappliedAmt, made.DepositToAccountRef.name) == (30.0, "Undeposited Funds")
    reads = [Invoice.get(one.Id, qb=qb) for one in (first, second)]
    assert [(one.Balance, one.SyncToken) for one in reads] == [(0.0, "1"), (20.0, "1")]
    assert reads[0].LinkedTxn[0].TxnId == made.Id
    assert Customer.get(owner.Id, qb=qb).Balance == -10.0
    with pytest.raises(QuickbooksException) as linked:
        reads[0].delete(qb=qb)
    assert linked.value.error_code == 800

    made.void(qb=qb)
    voided = Payment.get(made.Id, qb=qb)
    assert (voided.TotalAmt, voided.Line, voided.PrivateNote) == (0.0, [], "Voided")
    first = Invoice.get(first.Id, qb=qb)
    assert first.Balance == 100.0
    answer = first.delete(qb=qb)
    assert answer["Invoice"] == {"status": "Deleted", "domain": "QBO", "Id": first.Id}
    with pytest.raises(ObjectNotFoundException):
        Invoice.get(first.Id, qb=qb)
    second = Invoice.get(second.Id, qb=qb)
    second.void(qb=qb)
    second = Invoice.get(second.Id, qb=qb)
    assert (second.TotalAmt, second.Balance, second.PrivateNote) == (0.0, 0.0, "Voided")


def test_batches_tell_each_item_its_outcome(qb: Client) -> None:
    customer("Taken").save(qb=qb)
    answer = batch_create([customer(name) for name in ("One", "Taken", "Two")], qb=qb)
    assert sorted(one.DisplayName for one in answer.successes) == ["One", "Two"]
    assert [one.Error[0].code for one in answer.faults] == ["6240"]
    found = Customer.where("DisplayName IN ('One', 'Two')", qb=qb)
    for one in found:
        one.CompanyName = f"{one.DisplayName} Ltd"
    assert len(batch_update(found, qb=qb).successes) == 2
    bills = batch_create([invoice(found[0], 10.0) for _ in range(31)], qb=qb)
    assert len(bills.successes) == 31, "the client splits at thirty"
    made = Invoice.all(qb=qb)
    assert len(batch_delete(made[:2], qb=qb).successes) == 2


def test_changes_since_tell_of_live_and_deleted_records(company: Running, qb: Client) -> None:
    company.seed("invoices", 3)
    made = Invoice.all(qb=qb)
    made[0].delete(qb=qb)
    since = made[0].MetaData["CreateTime"] if isinstance(made[0].MetaData, dict) else made[0].MetaData.CreateTime
    answer = change_data_capture([Customer, Invoice, Payment], since, qb=qb)
    assert len(answer.Customer) == 3
    states = {one.Id: getattr(one, "status", None) for one in answer.Invoice}
    assert states == {made[0].Id: "Deleted", made[1].Id: None, made[2].Id: None}
    assert not hasattr(answer, "Payment")


def test_a_request_id_gives_the_first_answer_again(qb: Client) -> None:
    first = customer("Once").save(qb=qb, request_id="key-1")
    assert customer("Another").save(qb=qb, request_id="key-1").Id == first.Id
    assert Customer.count(qb=qb) == 1


def test_the_books_describe_themselves(qb: Client) -> None:
    assert CompanyInfo.all(qb=qb)[0].Country == "US"
    prefs = Preferences.get(qb=qb)
    assert prefs.CurrencyPrefs.HomeCurrency.value == "USD"
    assert prefs.SalesFormsPrefs.CustomTxnNumbers
    assert {one.Sku for one in Item.all(qb=qb)} >= {"SEAT-STD", "PLATFORM"}
    assert "20% tax" in [one.Name for one in TaxCode.all(qb=qb)]
    assert [one.Name for one in Account.filter(AccountType="Bank", qb=qb)] == ["Checking"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"DisplayName": "Taken"}, 6240),
        ({"DisplayName": "a:b"}, 2040),
        ({"DisplayName": ""}, 6090),
        ({"GivenName": "x" * 101}, 2050),
        ({"Nickname": "x"}, 2010),
    ],
)
def test_a_bad_customer_is_refused_by_number(qb: Client, change: dict[str, Any], code: int) -> None:
    customer("Taken").save(qb=qb)
    with pytest.raises(QuickbooksException) as refused:
        customer("Free", **change).save(qb=qb)
    assert refused.value.error_code == code


def test_a_query_that_does_not_parse_or_may_not_be_asked_is_refused(qb: Client) -> None:
    for clause, code in (("Notes = 'x'", 4001), ("DisplayName = 'x' OR Id = '1'", 4000), ("DisplayName ~ 'x'", 4000)):
        with pytest.raises(QuickbooksException) as refused:
            Customer.where(clause, qb=qb)
        assert refused.value.error_code == code


def test_tokens_expire_are_refreshed_and_die(company: Running, qb: Client) -> None:
    company.tell("auth", {"action": "expire_access_token"})
    with pytest.raises(AuthorizationException) as expired:
        Customer.all(qb=qb)
    assert '"code":"3200"' in expired.value.detail.replace(" ", "")
    auth = company.auth()
    auth.refresh()
    assert (auth.expires_in, auth.x_refresh_token_expires_in) == (3600, 8_726_400)
    assert Customer.all(qb=company.client(auth=auth)) == []
    auth.revoke()
    with pytest.raises(AuthClientError) as dead:
        auth.refresh()
    assert (dead.value.status_code, "invalid_grant" in str(dead.value.content)) == (400, True)


def test_another_company_is_forbidden(company: Running) -> None:
    client = company.client(company_id="9130000000000001")
    with pytest.raises(QuickbooksException) as forbidden:
        Customer.all(qb=client)
    assert "errorCode=003100" in str(forbidden.value)


def test_consent_names_the_company_and_gives_a_code(company: Running) -> None:
    auth = company.auth(refresh_token=None, realm_id=None)
    url = auth.get_authorization_url([Scopes.ACCOUNTING], state_token="s1")
    assert "Connect app" in company.control.get(url).text
    sent = company.control.post(url, data={"decision": "allow"}, follow_redirects=False)
    back = sent.headers["location"]
    query = dict(part.split("=", 1) for part in back.partition("?")[2].split("&"))
    assert (query["state"], query["realmId"]) == ("s1", company.credentials["realmId"])
    auth.get_bearer_token(query["code"], realm_id=query["realmId"])
    assert Customer.all(qb=company.client(auth=auth)) == []
    with pytest.raises(AuthClientError):
        auth.get_bearer_token(query["code"])
