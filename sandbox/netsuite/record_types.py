"""The record types of the account (sheet 2), and the lookups that they refer to."""

from sandbox.netsuite.schema import Field, RecordType, Sublist

_ADDRESS = tuple(
    Field(name, most=150) for name in ("addressee", "attention", "addr1", "addr2", "addr3", "city", "state", "zip")
) + (Field("addrPhone", most=32), Field("country", "enum", any_text=True))

CUSTOMER = RecordType(
    "customer",
    "Customer",
    "entity",
    (
        Field("externalId", most=100),
        Field("isPerson", "boolean"),
        Field("entityId", most=83),
        Field("autoName", "boolean"),
        Field("companyName", most=83),
        Field("firstName", most=32),
        Field("lastName", most=32),
        Field("email", most=254),
        Field("altEmail", most=254),
        Field("phone", most=32),
        Field("altPhone", most=32),
        Field("url", most=100),
        Field("comments", most=4000),
        Field("accountNumber", most=30),
        Field("isInactive", "boolean"),
        Field("subsidiary", "ref", "subsidiary"),
        Field("currency", "ref", "currency"),
        Field("terms", "ref", "term"),
        Field("receivablesAccount", "ref", "account"),
        Field("emailPreference", "enum", options=(("DEFAULT", "Default"), ("HTML", "HTML"), ("PDF", "PDF"))),
        Field("custentity_alguna_mrr", "number"),
        Field("custentity_alguna_rev", most=300),
        Field("balance", "number", read_only=True),
        Field("overdueBalance", "number", read_only=True),
        Field("dateCreated", "datetime", read_only=True),
        Field("lastModifiedDate", "datetime", read_only=True),
    ),
    (
        Sublist(
            "addressBook",
            (
                Field("id", "integer", any_text=True),
                Field("internalId", "integer", read_only=True),
                Field("label", most=150),
                Field("defaultBilling", "boolean"),
                Field("defaultShipping", "boolean"),
                Field("addressBookAddress", "subrecord", fields=_ADDRESS),
            ),
            key="id",
        ),
        Sublist("currencyList", (Field("currency", "ref", "currency"),), key="currency"),
    ),
    created="dateCreated",
    permission="LIST_CUSTJOB",
)

_TRANSACTION = (
    Field("externalId", most=100),
    Field("tranId", most=45),
    Field("transactionNumber", read_only=True),
    Field("tranDate", "date"),
    Field("postingPeriod", "ref", "accountingPeriod"),
    Field("currency", "ref", "currency"),
    Field("exchangeRate", "number"),
    Field("subsidiary", "ref", "subsidiary"),
    Field("memo", most=999),
    Field("custbody_alguna_rev", most=300),
    Field("createdDate", "datetime", read_only=True),
    Field("lastModifiedDate", "datetime", read_only=True),
)
_STATUS = (
    ("A", "Open"),
    ("B", "Paid In Full"),
    ("D", "Pending Approval"),
    ("E", "Rejected"),
    ("V", "Voided"),
)

INVOICE = RecordType(
    "invoice",
    "Invoice",
    "transaction",
    (
        *_TRANSACTION,
        Field("entity", "ref", "customer"),
        Field("dueDate", "date"),
        Field("startDate", "date"),
        Field("endDate", "date"),
        Field("terms", "ref", "term"),
        Field("otherRefNum", most=45),
        Field("email", most=254),
        Field("message", most=999),
        Field("account", "ref", "account"),
        Field("approvalStatus", "enum", options=(("1", "Pending Approval"), ("2", "Approved"), ("3", "Rejected"))),
        Field("taxDetailsOverride", "boolean"),
        Field("status", "enum", options=_STATUS, read_only=True),
        *(
            Field(name, "number", read_only=True)
            for name in ("subtotal", "discountTotal", "taxTotal", "total", "amountPaid", "amountRemaining")
        ),
    ),
    (
        Sublist(
            "item",
            (
                Field("line", "integer"),
                Field("item", "ref", "serviceSaleItem"),
                Field("quantity", "number"),
                Field("rate", "number"),
                Field("amount", "number"),
                Field("price", "ref", "priceLevel", any_text=True),
                Field("description", most=4000),
                Field("taxDetailsReference", most=100),
                Field("lineUniqueKey", read_only=True),
            ),
            key="line",
            required=True,
        ),
        Sublist(
            "taxDetails",
            (
                Field("taxDetailsReference", most=100),
                Field("taxType", "ref", "taxType"),
                Field("taxCode", "ref", "salesTaxItem"),
                Field("taxBasis", "number"),
                Field("taxRate", "number"),
                Field("taxAmount", "number"),
            ),
            key="taxDetailsReference",
        ),
    ),
    permission="TRAN_CUSTINVC",
)

PAYMENT = RecordType(
    "customerPayment",
    "Payment",
    "transaction",
    (
        *_TRANSACTION,
        Field("customer", "ref", "customer"),
        Field("payment", "number"),
        Field("checkNumber", most=45),
        Field("account", "ref", "account"),
        Field("undepFunds", "enum", options=(("T", "Undeposited Funds"), ("F", "Account"))),
        Field("arAcct", "ref", "account"),
        Field("autoApply", "boolean"),
        Field("status", "enum", options=(("B", "Not Deposited"), ("C", "Deposited"), ("V", "Voided")), read_only=True),
        *(Field(name, "number", read_only=True) for name in ("applied", "unapplied", "total", "balance", "pending")),
    ),
    (
        Sublist(
            "apply",
            (
                Field("doc", "ref", "invoice"),
                Field("apply", "boolean"),
                Field("amount", "number"),
                Field("line", "integer"),
                *(Field(name, "number", read_only=True) for name in ("due", "total")),
                *(Field(name, read_only=True) for name in ("refNum", "type", "applyDate", "currency")),
            ),
            key="doc",
        ),
    ),
    permission="TRAN_CUSTPYMT",
)


def _lookup(name: str, label: str, *fields: Field) -> RecordType:
    shared = (Field("externalId"), Field("name"), Field("isInactive", "boolean"))
    return RecordType(name, label, name, (*shared, *fields), writable=False)


LOOKUPS = (
    _lookup("subsidiary", "Subsidiary", Field("currency", "ref", "currency")),
    _lookup("currency", "Currency", Field("symbol"), Field("currencyPrecision", "integer")),
    _lookup("account", "Account", Field("acctNumber"), Field("acctType")),
    _lookup("term", "Term", Field("daysUntilNetDue", "integer")),
    _lookup("serviceSaleItem", "Service for Sale", Field("itemId"), Field("displayName"), Field("basePrice", "number")),
    _lookup("taxType", "Tax Type", Field("country")),
    _lookup("salesTaxItem", "Tax Code", Field("itemId"), Field("rate", "number"), Field("taxType", "ref", "taxType")),
    _lookup("accountingPeriod", "Period", Field("startDate", "date"), Field("endDate", "date")),
)
TYPES = {one.name: one for one in (CUSTOMER, INVOICE, PAYMENT, *LOOKUPS)}
BY_LOWER = {name.lower(): one for name, one in TYPES.items()}
ENTITIES = {"accounts": CUSTOMER, "invoices": INVOICE, "payments": PAYMENT}
