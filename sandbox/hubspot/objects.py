"""The portal's objects with their standard properties, and the unique `alguna_id` that somebody has added."""

from sandbox.hubspot.schema import ObjectType, Property

MARKER = "alguna_id"
_INDUSTRIES = (
    ("COMPUTER_SOFTWARE", "Computer Software"),
    ("FOOD_BEVERAGES", "Food & Beverages"),
    ("LOGISTICS_AND_SUPPLY_CHAIN", "Logistics and Supply Chain"),
    ("MACHINERY", "Machinery"),
    ("RETAIL", "Retail"),
)
_LIFECYCLE = tuple(
    (word, word.capitalize())
    for word in ("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")
)
_DEAL_TYPES = (("newbusiness", "New Business"), ("existingbusiness", "Existing Business"))
_CURRENCIES = tuple((code, code) for code in ("USD", "EUR", "GBP", "CAD", "AUD", "JPY"))

# The recorded default pipeline (sheet 8): stage, label, probability.
STAGES: tuple[tuple[str, str, str], ...] = (
    ("appointmentscheduled", "Appointment Scheduled", "0.2"),
    ("qualifiedtobuy", "Qualified To Buy", "0.4"),
    ("presentationscheduled", "Presentation Scheduled", "0.6"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
    ("contractsent", "Contract Sent", "0.9"),
    ("closedwon", "Closed Won", "1.0"),
    ("closedlost", "Closed Lost", "0.0"),
)


def _object(
    name: str, singular: str, type_id: str, modified: str, shown: str, own: list[tuple[str, str, str]], *more: Property
) -> ObjectType:
    """`own` are (name, label, type) of plain properties."""
    group = f"{singular}information"
    properties = [Property(field, label, group, kind) for field, label, kind in own]
    for field, label, kind in (
        ("createdate", "Create Date", "datetime"),
        (modified, "Last Modified Date", "datetime"),
        ("hs_object_id", "Record ID", "number"),
        ("hs_object_source", "Record creation source", "string"),
        ("hs_object_source_id", "Record creation source ID", "string"),
        ("hs_merged_object_ids", "Merged record IDs", "string"),
    ):
        properties.append(Property(field, label, group, kind, read_only=True))
    marker = Property(MARKER, "Alguna ID", group, unique=True, custom=True)
    found = {one.name: one for one in (*properties, *more, marker)}
    defaults = (*shown.split(), "createdate", modified, "hs_object_id")
    return ObjectType(name, singular, type_id, modified, defaults, found)


_ADDRESS = [
    ("address", "Street Address", "string"),
    ("city", "City", "string"),
    ("state", "State/Region", "string"),
    ("zip", "Postal Code", "string"),
    ("country", "Country/Region", "string"),
    ("phone", "Phone Number", "string"),
]

COMPANY = _object(
    "companies",
    "company",
    "0-2",
    "hs_lastmodifieddate",
    "name domain",
    [
        ("name", "Company name", "string"),
        ("domain", "Company Domain Name", "string"),
        ("website", "Website URL", "string"),
        ("hs_additional_domains", "Additional Domains", "string"),
        ("address2", "Street Address 2", "string"),
        *_ADDRESS,
        ("description", "Description", "string"),
        ("numberofemployees", "Number of Employees", "number"),
        ("annualrevenue", "Annual Revenue", "number"),
    ],
    Property("industry", "Industry", "companyinformation", "enumeration", options=_INDUSTRIES),
    Property("lifecyclestage", "Lifecycle Stage", "companyinformation", "enumeration", options=_LIFECYCLE),
)
CONTACT = _object(
    "contacts",
    "contact",
    "0-1",
    "lastmodifieddate",
    "firstname lastname email",
    [
        ("email", "Email", "string"),
        ("firstname", "First Name", "string"),
        ("lastname", "Last Name", "string"),
        ("jobtitle", "Job Title", "string"),
        ("company", "Company Name", "string"),
        ("hs_additional_emails", "Additional email addresses", "string"),
        *_ADDRESS,
        ("date_of_birth", "Date of birth", "date"),
        ("hs_email_optout", "Unsubscribed from all email", "bool"),
    ],
    Property("hs_email_domain", "Email Domain", "contactinformation", calculated=True),
    Property("lifecyclestage", "Lifecycle Stage", "contactinformation", "enumeration", options=_LIFECYCLE),
)
DEAL = _object(
    "deals",
    "deal",
    "0-3",
    "hs_lastmodifieddate",
    "dealname amount closedate pipeline dealstage",
    [
        ("dealname", "Deal Name", "string"),
        ("amount", "Amount", "number"),
        ("closedate", "Close Date", "datetime"),
        ("description", "Deal Description", "string"),
    ],
    Property("dealtype", "Deal Type", "dealinformation", "enumeration", options=_DEAL_TYPES),
    Property("deal_currency_code", "Currency", "dealinformation", "enumeration", options=_CURRENCIES),
    Property(
        "pipeline",
        "Pipeline",
        "dealinformation",
        "enumeration",
        options=(("default", "Sales Pipeline"),),
        external_options=True,
    ),
    Property(
        "dealstage",
        "Deal Stage",
        "dealinformation",
        "enumeration",
        options=tuple((stage, label) for stage, label, _ in STAGES),
        external_options=True,
    ),
    Property("hs_is_closed_won", "Is Closed Won", "dealinformation", "bool", calculated=True),
)

OBJECTS: dict[str, ObjectType] = {one.name: one for one in (COMPANY, CONTACT, DEAL)}
ENTITIES: dict[str, ObjectType] = {"accounts": COMPANY, "contacts": CONTACT, "subscriptions": DEAL}
_BY_ALIAS = {
    alias: one
    for one in OBJECTS.values()
    for alias in (one.name, one.type_id, one.singular, one.singular.upper(), one.name.upper())
}


def object_named(alias: str) -> ObjectType | None:
    """The object behind a plural, singular or type id (sheet 0)."""
    return _BY_ALIAS.get(alias)
