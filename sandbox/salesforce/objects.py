"""The objects of the sandbox org, with the lengths and flags of recorded describes (sheet 2.2)."""

from collections.abc import Sequence
from typing import Any

from sandbox.salesforce.schema import Child, Field, SObject, audit_fields

_READ_ONLY: dict[str, Any] = {"createable": False, "updateable": False}
_REQUIRED: dict[str, Any] = {"nillable": False}
_LONG_TEXT: dict[str, Any] = {"filterable": False, "sortable": False}
_EXTERNAL_ID: dict[str, Any] = {"external_id": True, "unique": True, "case_sensitive": True, "id_lookup": True}

# stage: (probability, forecast category, closed, won)
STAGES: dict[str, tuple[int, str, bool, bool]] = {
    "Prospecting": (10, "Pipeline", False, False),
    "Qualification": (10, "Pipeline", False, False),
    "Needs Analysis": (20, "Pipeline", False, False),
    "Value Proposition": (50, "Pipeline", False, False),
    "Id. Decision Makers": (60, "Pipeline", False, False),
    "Perception Analysis": (70, "Pipeline", False, False),
    "Proposal/Price Quote": (75, "Best Case", False, False),
    "Negotiation/Review": (90, "Best Case", False, False),
    "Closed Won": (100, "Closed", True, True),
    "Closed Lost": (0, "Omitted", True, False),
}
_FORECASTS = ("Omitted", "Pipeline", "Best Case", "Commit", "Closed")
_INDUSTRIES = (
    "Agriculture",
    "Banking",
    "Biotechnology",
    "Chemicals",
    "Communications",
    "Construction",
    "Consulting",
    "Education",
    "Electronics",
    "Energy",
    "Engineering",
    "Entertainment",
    "Finance",
    "Government",
    "Healthcare",
    "Hospitality",
    "Insurance",
    "Manufacturing",
    "Media",
    "Retail",
    "Shipping",
    "Technology",
    "Telecommunications",
    "Transportation",
    "Utilities",
    "Other",
)
_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")


def _text(name: str, label: str, length: int, kind: str = "string", **flags: Any) -> Field:
    return Field(name, kind, label, length, **flags)


def _picklist(name: str, label: str, values: Sequence[str], length: int = 255, **flags: Any) -> Field:
    return Field(name, "picklist", label, length, picklist=tuple(values), **flags)


def _lookup(name: str, label: str, to: str, relationship: str, **flags: Any) -> Field:
    return Field(name, "reference", label, 18, reference_to=to, relationship=relationship, **flags)


def _id(label: str) -> Field:
    return Field("Id", "id", label, 18, nillable=False, defaulted=True, id_lookup=True, **_READ_ONLY)


def _owner() -> Field:
    return _lookup("OwnerId", "Owner ID", "User", "Owner", nillable=False, defaulted=True)


def _address(prefix: str) -> tuple[Field, ...]:
    accuracy = ("Address", "NearAddress", "Block", "Street", "ExtendedZip", "Zip", "City", "County", "State", "Unknown")
    return (
        _text(f"{prefix}Street", f"{prefix} Street", 255, "textarea"),
        _text(f"{prefix}City", f"{prefix} City", 40),
        _text(f"{prefix}State", f"{prefix} State/Province", 80),
        _text(f"{prefix}PostalCode", f"{prefix} Zip/Postal Code", 20),
        _text(f"{prefix}Country", f"{prefix} Country", 80),
        Field(f"{prefix}Latitude", "double", f"{prefix} Latitude", precision=18, scale=15),
        Field(f"{prefix}Longitude", "double", f"{prefix} Longitude", precision=18, scale=15),
        _picklist(f"{prefix}GeocodeAccuracy", f"{prefix} Geocode Accuracy", accuracy, 40, restricted=True),
        Field(
            f"{prefix}Address",
            "address",
            f"{prefix} Address",
            compound=prefix,
            filterable=False,
            sortable=False,
            **_READ_ONLY,
        ),
    )


ACCOUNT = SObject(
    "Account",
    "Account",
    "Accounts",
    "001",
    (
        _id("Account ID"),
        _lookup("MasterRecordId", "Master Record ID", "Account", "MasterRecord", **_READ_ONLY),
        _text("Name", "Account Name", 255, **_REQUIRED),
        _text("AccountNumber", "Account Number", 40),
        _picklist("Type", "Account Type", ("Prospect", "Customer - Direct", "Customer - Channel", "Partner", "Other")),
        _picklist("Industry", "Industry", _INDUSTRIES),
        _picklist("AccountSource", "Account Source", _SOURCES),
        _lookup("ParentId", "Parent Account ID", "Account", "Parent"),
        _text("Phone", "Account Phone", 40, "phone"),
        _text("Fax", "Account Fax", 40, "phone"),
        _text("Website", "Website", 255, "url"),
        Field("AnnualRevenue", "currency", "Annual Revenue", precision=18, scale=0),
        Field("NumberOfEmployees", "int", "Employees", precision=8),
        _text("Description", "Account Description", 32000, "textarea", **_LONG_TEXT),
        _owner(),
        *_address("Billing"),
        *_address("Shipping"),
        *audit_fields(),
        _text("Alguna_Customer_ID__c", "Alguna Customer ID", 255, **_EXTERNAL_ID),
        _text("Email__c", "Email", 80, "email"),
        Field("MRR__c", "currency", "MRR", precision=18, scale=2),
    ),
    (
        Child("Account", "ParentId", "ChildAccounts", False),
        Child("Contact", "AccountId", "Contacts", True),
        Child("Opportunity", "AccountId", "Opportunities", True),
    ),
    etag=True,
)

CONTACT = SObject(
    "Contact",
    "Contact",
    "Contacts",
    "003",
    (
        _id("Contact ID"),
        _lookup("MasterRecordId", "Master Record ID", "Contact", "MasterRecord", **_READ_ONLY),
        _lookup("AccountId", "Account ID", "Account", "Account"),
        _text("LastName", "Last Name", 80, **_REQUIRED),
        _text("FirstName", "First Name", 40),
        _picklist("Salutation", "Salutation", ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof."), 40),
        _text("Name", "Full Name", 121, nillable=False, **_READ_ONLY),
        _text("Email", "Email", 80, "email", id_lookup=True),
        _text("Phone", "Business Phone", 40, "phone"),
        _text("MobilePhone", "Mobile Phone", 40, "phone"),
        _text("HomePhone", "Home Phone", 40, "phone"),
        _text("OtherPhone", "Other Phone", 40, "phone"),
        _text("Title", "Title", 128),
        _text("Department", "Department", 80),
        _text("Description", "Contact Description", 32000, "textarea", **_LONG_TEXT),
        _owner(),
        *_address("Mailing"),
        *_address("Other"),
        _lookup("ReportsToId", "Reports To ID", "Contact", "ReportsTo"),
        Field("Birthdate", "date", "Birthdate"),
        _picklist("LeadSource", "Lead Source", _SOURCES),
        *audit_fields(),
        _text("Alguna_Contact_ID__c", "Alguna Contact ID", 255, **_EXTERNAL_ID),
    ),
    (Child("Contact", "ReportsToId", "ReportsTo", False), Child("Opportunity", "ContactId", "Opportunities", False)),
)

_DERIVED: dict[str, Any] = {**_READ_ONLY, "nillable": False, "defaulted": True}

OPPORTUNITY = SObject(
    "Opportunity",
    "Opportunity",
    "Opportunities",
    "006",
    (
        _id("Opportunity ID"),
        _lookup("AccountId", "Account ID", "Account", "Account"),
        _text("Name", "Name", 120, id_lookup=True, **_REQUIRED),
        _picklist("StageName", "Stage", tuple(STAGES), restricted=True, **_REQUIRED),
        Field("CloseDate", "date", "Close Date", **_REQUIRED),
        Field("Amount", "currency", "Amount", precision=18, scale=2),
        Field("Probability", "percent", "Probability (%)", precision=3, scale=0, defaulted=True),
        _picklist("ForecastCategoryName", "Forecast Category", _FORECASTS, 40, restricted=True, defaulted=True),
        _picklist("Type", "Opportunity Type", ("New Customer", "Existing Customer - Upgrade")),
        _picklist("LeadSource", "Lead Source", _SOURCES),
        _text("NextStep", "Next Step", 255),
        _text("Description", "Description", 32000, "textarea", **_LONG_TEXT),
        _owner(),
        Field("Pricebook2Id", "reference", "Price Book ID", 18, reference_to="Pricebook2"),
        Field("CampaignId", "reference", "Campaign ID", 18, reference_to="Campaign"),
        _lookup("ContactId", "Contact ID", "Contact", "Contact", updateable=False),
        Field("IsClosed", "boolean", "Closed", **_DERIVED),
        Field("IsWon", "boolean", "Won", **_DERIVED),
        Field("ExpectedRevenue", "currency", "Expected Amount", precision=18, scale=2, **_READ_ONLY),
        Field("HasOpportunityLineItem", "boolean", "Has Line Item", **_DERIVED),
        _text("Fiscal", "Fiscal Period", 6, **_READ_ONLY),
        Field("FiscalYear", "int", "Fiscal Year", precision=9, **_READ_ONLY),
        Field("FiscalQuarter", "int", "Fiscal Quarter", precision=9, **_READ_ONLY),
        *audit_fields(),
        _text("Alguna_Subscription_ID__c", "Alguna Subscription ID", 255, **_EXTERNAL_ID),
    ),
)

USER = SObject(
    "User",
    "User",
    "Users",
    "005",
    (
        _id("User ID"),
        _text("Username", "Username", 80, nillable=False, id_lookup=True),
        _text("LastName", "Last Name", 80, **_REQUIRED),
        _text("FirstName", "First Name", 40),
        _text("Name", "Full Name", 121, nillable=False, **_READ_ONLY),
        _text("Email", "Email", 128, "email", **_REQUIRED),
        Field("IsActive", "boolean", "Active", nillable=False, defaulted=True),
        _picklist("UserType", "User Type", ("Standard",), 40, **_READ_ONLY),
        *(one for one in audit_fields() if one.name not in ("IsDeleted", "LastActivityDate")),
    ),
    writable=False,
)

ORGANIZATION = SObject(
    "Organization",
    "Organization",
    "Organizations",
    "00D",
    (
        _id("Organization ID"),
        _text("Name", "Name", 80, **_REQUIRED),
        _text("OrganizationType", "Edition", 40, "picklist", **_READ_ONLY),
        _text("DefaultCurrencyIsoCode", "Default Currency ISO Code", 40, "picklist", **_READ_ONLY),
        _text("InstanceName", "Instance Name", 5, **_READ_ONLY),
        Field("IsSandbox", "boolean", "Is Sandbox", **_DERIVED),
        _text("DefaultLocaleSidKey", "Locale", 40, "picklist"),
        *(one for one in audit_fields() if one.name.startswith(("Created", "LastMod", "System"))),
    ),
    writable=False,
)

SOBJECTS = {one.name: one for one in (ACCOUNT, CONTACT, OPPORTUNITY, USER, ORGANIZATION)}
BY_LOWER = {name.lower(): one for name, one in SOBJECTS.items()}
# Alguna-side entity names of the control API.
ENTITIES = {"accounts": ACCOUNT, "contacts": CONTACT, "subscriptions": OPPORTUNITY}
