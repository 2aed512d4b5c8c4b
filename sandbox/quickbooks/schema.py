"""The company's objects with their properties: types, lengths, what may be sent and what a query may name (sheet 2).

Properties that the vendor's own clients send and that matter to nothing here are taken and dropped.
"""

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """How a property is checked. `NAME` is text without the characters that names may not have; `PARTS` a structure
    whose own texts are checked; `RAW` is taken as it is by the code of its object; `DROPPED` is not kept."""

    TEXT = "text"
    NAME = "name"
    BOOL = "bool"
    DATE = "date"
    NUMBER = "number"
    REF = "ref"
    EMAIL = "email"
    PARTS = "parts"
    RAW = "raw"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Field:
    """`parts` are the texts of a structure with their lengths; `query` says that queries may filter and sort by it."""

    type: Type
    most: int = 0
    query: bool = False
    parts: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """An object. Name lists have `Active` and no deletion; transactions are deleted and voided.

    `name_field` is what a record is found by; names of name lists are unique.
    """

    name: str
    fields: dict[str, Field]
    name_list: bool
    name_field: str = ""
    cdc: bool = True
    writable: bool = True
    deletable: bool = False

    @property
    def path(self) -> str:
        return self.name.lower()


def _texts(names: str, most: int, *, query: bool = False, name: bool = False) -> dict[str, Field]:
    kind = Type.NAME if name else Type.TEXT
    return {one: Field(kind, most, query) for one in names.split()}


def _all(names: str, kind: Type, *, query: bool = False) -> dict[str, Field]:
    return {one: Field(kind, query=query) for one in names.split()}


_EMAIL = Field(Type.EMAIL, 100, query=True)
_ADDRESS = {**{f"Line{number}": 500 for number in range(1, 6)}, "City": 255, "CountrySubDivisionCode": 255,
            "Country": 255, "PostalCode": 30, "Note": 0, "Id": 0, "Lat": 0, "Long": 0}  # fmt: skip
_ADDRESSES = {name: Field(Type.PARTS, parts=_ADDRESS) for name in ("BillAddr", "ShipAddr", "ShipFromAddr")}
_PHONES = {
    name: Field(Type.PARTS, parts={"FreeFormNumber": 30})
    for name in ("PrimaryPhone", "AlternatePhone", "Mobile", "Fax")
}
_COMMON = {
    **_all("Id", Type.DROPPED, query=True),
    **_all("SyncToken sparse domain MetaData status", Type.DROPPED),
}

_PERSON = {
    **_COMMON,
    **_texts("DisplayName", 500, query=True, name=True),
    **_texts("Title Suffix", 16, query=True, name=True),
    **_texts("GivenName MiddleName FamilyName", 100, query=True, name=True),
    **_texts("CompanyName", 100, query=True),
    **_texts("PrintOnCheckName", 110, query=True, name=True),
    "PrimaryEmailAddr": _EMAIL,
    **_PHONES,
    **_ADDRESSES,
    "WebAddr": Field(Type.PARTS, parts={"URI": 1000}),
    **_all("Active", Type.BOOL, query=True),
    **_all("CurrencyRef SalesTermRef PaymentMethodRef", Type.REF),
    **_all("Balance FullyQualifiedName", Type.DROPPED, query=True),
}

CUSTOMER = Kind(
    "Customer",
    {
        **_PERSON,
        **_texts("Notes", 2000),
        **_texts("ResaleNum PrimaryTaxIdentifier", 16),
        **_texts("PreferredDeliveryMethod", 30),
        **_all("Job BillWithParent Taxable", Type.BOOL),
        **_all("ParentRef DefaultTaxCodeRef CustomerTypeRef ARAccountRef", Type.REF),
        **_all("OpenBalanceDate BalanceWithJobs Level IsProject V4IDPseudonym ClientEntityId", Type.DROPPED),
        **_all("TaxExemptionReasonId", Type.RAW),
    },
    name_list=True,
    name_field="DisplayName",
)
VENDOR = Kind(
    "Vendor",
    {**_PERSON, **_texts("AcctNum", 100), **_all("Vendor1099", Type.BOOL), **_all("BillRate", Type.DROPPED)},
    name_list=True,
    name_field="DisplayName",
)
EMPLOYEE = Kind("Employee", {**_PERSON, **_all("PrimaryAddr", Type.DROPPED)}, name_list=True, name_field="DisplayName")

_MEMO = Field(Type.PARTS, parts={"value": 1000})
_SALE = {
    **_COMMON,
    **_all("TxnDate", Type.DATE, query=True),
    **_all("CustomerRef", Type.REF, query=True),
    **_all("CurrencyRef DepositToAccountRef ARAccountRef TaxExemptionRef ClassRef DepartmentRef", Type.REF),
    **_all("ExchangeRate", Type.NUMBER),
    **_texts("PrivateNote", 4000),
    **_all("Line", Type.RAW),
    **_texts("TransactionLocationType", 100),
}
INVOICE = Kind(
    "Invoice",
    {
        **_SALE,
        **_texts("DocNumber", 21, query=True),
        **_all("DueDate", Type.DATE, query=True),
        **_all("ShipDate", Type.DATE),
        **_all("SalesTermRef ShipMethodRef RecurDataRef", Type.REF),
        "CustomerMemo": _MEMO,
        **{name: Field(Type.EMAIL, 100) for name in ("BillEmail", "BillEmailCc", "BillEmailBcc")},
        **_ADDRESSES,
        **_texts("EmailStatus PrintStatus GlobalTaxCalculation", 30),
        **_texts("TrackingNum", 31),
        **_all("TxnTaxDetail CustomField", Type.RAW),
        **_all("ApplyTaxAfterDiscount", Type.BOOL),
        **_all("Balance TotalAmt", Type.DROPPED, query=True),
        **_all("HomeTotalAmt HomeBalance DeliveryInfo InvoiceLink LinkedTxn Deposit FreeFormAddress", Type.DROPPED),
        **_all("AllowIPNPayment AllowOnlinePayment AllowOnlineCreditCardPayment", Type.DROPPED),
        **_all("AllowOnlineACHPayment EInvoiceStatus TaxExemptionRef", Type.DROPPED),
    },
    name_list=False,
    name_field="DocNumber",
    deletable=True,
)
PAYMENT = Kind(
    "Payment",
    {
        **_SALE,
        **_texts("PaymentRefNum", 21, query=True),
        **_all("TotalAmt", Type.NUMBER, query=True),
        **_all("PaymentMethodRef", Type.REF),
        **_all("UnappliedAmt ProcessPayment TxnSource TxnStatus CreditCardPayment LinkedTxn", Type.DROPPED),
    },
    name_list=False,
    deletable=True,
)

_LISTED = {**_COMMON, **_all("Active", Type.BOOL, query=True)}
ITEM = Kind(
    "Item",
    {
        **_LISTED,
        **_texts("Name", 100, query=True, name=True),
        **_texts("Sku Type", 100, query=True),
        **_texts("Description PurchaseDesc", 4000),
        **_all("UnitPrice PurchaseCost", Type.NUMBER, query=True),
        **_all("Taxable TrackQtyOnHand SubItem SalesTaxIncluded PurchaseTaxIncluded", Type.BOOL),
        **_all("IncomeAccountRef ExpenseAccountRef AssetAccountRef ParentRef", Type.REF),
        **_all("SalesTaxCodeRef PurchaseTaxCodeRef", Type.REF),
        **_all("FullyQualifiedName", Type.DROPPED, query=True),
        **_all("Level QtyOnHand InvStartDate AbatementRate ReverseChargeRate ServiceType", Type.DROPPED),
        **_all("ItemCategoryType", Type.DROPPED),
    },
    name_list=True,
    name_field="Name",
)
ACCOUNT = Kind(
    "Account",
    {
        **_LISTED,
        **_texts("Name", 100, query=True, name=True),
        **_texts("AccountType AccountSubType Classification", 100, query=True),
        **_texts("Description AcctNum", 100),
        **_all("SubAccount", Type.BOOL),
        **_all("CurrencyRef ParentRef TaxCodeRef", Type.REF),
        **_all("FullyQualifiedName CurrentBalance CurrentBalanceWithSubAccounts", Type.DROPPED, query=True),
    },
    name_list=True,
    name_field="Name",
)
TAX_CODE = Kind(
    "TaxCode",
    {**_LISTED, **_texts("Name Description", 100, query=True), **_all("Taxable TaxGroup", Type.BOOL)},
    name_list=True,
    name_field="Name",
    cdc=False,
    writable=False,
)
TAX_RATE = Kind(
    "TaxRate",
    {**_LISTED, **_texts("Name Description", 100, query=True), **_all("RateValue", Type.NUMBER, query=True)},
    name_list=True,
    name_field="Name",
    cdc=False,
    writable=False,
)
CURRENCY = Kind(
    "CompanyCurrency",
    {**_LISTED, **_texts("Code Name", 100, query=True)},
    name_list=True,
    name_field="Name",
    writable=False,
)

KINDS: dict[str, Kind] = {
    one.name: one for one in (CUSTOMER, VENDOR, EMPLOYEE, INVOICE, PAYMENT, ITEM, ACCOUNT, TAX_CODE, TAX_RATE, CURRENCY)
}
_BY_PATH = {one.path: one for one in KINDS.values()}


def kind_at(path: str) -> Kind | None:
    """The object of a path segment or query word, whatever its case."""
    return _BY_PATH.get(path.lower())
