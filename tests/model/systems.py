"""What the model must know of a provider, as data: where people find its fields, and how records go and come back.

A new provider joins the random histories by one entry in `SYSTEMS_BY_NAME`, beside that in `tests/crash/systems.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.crash import systems

ACCOUNTS, CONTACTS, SUBSCRIPTIONS = "accounts", "contacts", "subscriptions"
NAME, EMAIL, CITY, LAST_NAME = "name", "email", "billingAddress.city", "lastName"

Row = dict[str, Any]
Step = str | tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its name in mappings, and the way to it in a raw record: keys, or (key, value) for the list's item."""

    name: str
    path: tuple[Step, ...]

    def read(self, row: Row) -> Any:
        """The value in a raw record; None where there is none."""
        value: Any = row
        for step in self.path:
            if isinstance(step, str):
                value = (value or {}).get(step)
            else:
                value = next((item for item in value or [] if item.get(step[0]) == step[1]), None)
        return value

    def body(self, value: str | None) -> Row:
        """What a person sends to set it."""
        body: Any = value
        for step in reversed(self.path):
            body = {step: body} if isinstance(step, str) else [{step[0]: step[1], **body}]
        return dict(body)


@dataclass(frozen=True, slots=True)
class Parent:
    """How a raw child names the account it belongs to, and what puts it under another."""

    read: Callable[[Row], Any]
    body: Callable[[str], Row]


@dataclass(frozen=True, slots=True)
class Kind:
    """The raw records of one entity. `fields` go by Alguna's words.

    `given` is what a person fills in besides, `mappings` what a create needs besides, `rules` how records match.
    """

    fields: Mapping[str, Field]
    parent: Parent | None = None
    given: Row = field(default_factory=dict)
    rules: Sequence[Row] = ()
    mappings: Sequence[Row] = ()


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """A provider. `raw` is what the crash tests know of it.

    `bin` is (key, value) that marks what is deleted or archived, `restoring` what a person sends to bring it back, and
    `archiving` to take it away where that is no deletion. `merging` is the key that merges a record into another of the
    entities `merges`; `merged` tells that this was done. `lowers` are the fields that the vendor keeps in lower case.
    """

    raw: systems.System
    kinds: Mapping[str, Kind]
    bin: tuple[str, Any]
    restoring: Row
    archiving: Row | None = None
    merging: str = "mergedInto"
    merges: tuple[str, ...] = (ACCOUNTS,)
    merged: str = "mergedInto"
    blank: str | None = None
    lowers: frozenset[tuple[str, str]] = frozenset()

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.raw.provider

    @property
    def entity_sets(self) -> list[tuple[str, ...]]:
        """The sets of entities that are synced: accounts alone, with each kind of child, and all."""
        children = tuple(name for name in self.kinds if name != ACCOUNTS)
        sets = [(ACCOUNTS,), *((ACCOUNTS, name) for name in children), (ACCOUNTS, *children)]
        return list(dict.fromkeys(sets))

    def is_gone(self, row: Row) -> bool:
        """Whether a raw record is deleted, archived or merged into another."""
        return row.get(self.bin[0]) == self.bin[1] or bool(row.get(self.merged))

    def can_return(self, row: Row) -> bool:
        """Whether a raw record can be brought back."""
        return row.get(self.bin[0]) == self.bin[1] and not row.get(self.merged)

    def making(self, entity: str, values: Mapping[str, str | None], parent_id: str | None) -> Row:
        """The body by which a person makes a record."""
        kind = self.kinds[entity]
        bodies = [kind.fields[name].body(value) for name, value in values.items() if value is not None]
        bodies += [kind.parent.body(parent_id)] if kind.parent and parent_id else []
        body: Row = {}
        for one in (kind.given, *bodies):
            for key, value in one.items():
                body[key] = {**body[key], **value} if isinstance(body.get(key), dict) else value
        return body

    def editing(self, entity: str, name: str, value: str | None) -> Row:
        """The body by which a person changes a field."""
        return self.kinds[entity].fields[name].body(self.blank if value is None else value)

    def keeps(self, entity: str, name: str, value: Any) -> Any:
        """A value as this system keeps it."""
        text = value.strip() if isinstance(value, str) else value
        return text.lower() if isinstance(text, str) and (entity, name) in self.lowers else text


def _plain(*names: str, under: tuple[str, ...] = ()) -> list[Field]:
    return [Field(name, (*under, *name.split("."))) for name in names]


def _fields(words: Sequence[str], fields: Sequence[Field]) -> dict[str, Field]:
    return dict(zip(words, fields, strict=True))


def _by_field(ours: str, theirs: str, normalize: str) -> Row:
    return {"type": "field", "algunaField": ours, "externalField": theirs, "normalize": normalize}


def _by_marker(theirs: str) -> Row:
    return {"type": "external_id", "algunaField": "id", "externalField": theirs}


def _primary(number: int) -> Parent:
    """HubSpot's association of a contact or deal with its primary company."""

    def read(row: Row) -> Any:
        companies = row["associations"].get("companies", [])
        return next((one["id"] for one in companies if number in one["types"]), None)

    return Parent(read, lambda parent_id: {"associations": [parent_id]})


_OUT = "alguna_to_external"
_ACCOUNT = (NAME, EMAIL, CITY)
_PERSON = (LAST_NAME, EMAIL)
_UNDER_ACCOUNT = Parent(lambda row: row["AccountId"], lambda parent_id: {"AccountId": parent_id})


def _stage(name: str, stage: str) -> Row:
    options = {"map": {"draft": stage}, "default": stage}
    mapping = {"algunaField": "status", "externalField": name, "direction": _OUT}
    return {**mapping, "transform": "value_map", "transformOptions": options}


def _start(name: str) -> Row:
    mapping = {"algunaField": "startDate", "externalField": name, "direction": _OUT}
    return {**mapping, "transform": "date_to_iso", "default": "2026-12-31"}


_SALESFORCE = System(
    systems.BY_NAME["salesforce"],
    {
        ACCOUNTS: Kind(
            _fields(_ACCOUNT, _plain("Name", "Email__c", "BillingCity")),
            rules=[_by_marker("Alguna_Customer_ID__c"), _by_field(EMAIL, "Email__c", "email")],
        ),
        CONTACTS: Kind(
            _fields(_PERSON, _plain("LastName", "Email")), _UNDER_ACCOUNT, rules=[_by_field(EMAIL, "Email", "email")]
        ),
        SUBSCRIPTIONS: Kind(
            _fields((NAME,), _plain("Name")),
            _UNDER_ACCOUNT,
            given={"StageName": "Prospecting", "CloseDate": "2026-12-31"},
            mappings=[_stage("StageName", "Prospecting"), _start("CloseDate")],
        ),
    },
    bin=("IsDeleted", True),
    restoring={"IsDeleted": False},
    merging="MasterRecordId",
    merges=(ACCOUNTS, CONTACTS),
    merged="MasterRecordId",
)
# A company has no address of mail: people keep it in its description.
_HUBSPOT = System(
    systems.BY_NAME["hubspot"],
    {
        ACCOUNTS: Kind(
            _fields(_ACCOUNT, _plain("name", "description", "city", under=("properties",))),
            rules=[_by_marker("alguna_id"), _by_field(EMAIL, "description", "email")],
        ),
        CONTACTS: Kind(
            _fields(_PERSON, _plain("lastname", "email", under=("properties",))),
            _primary(1),
            rules=[_by_field(EMAIL, "email", "email")],
        ),
        SUBSCRIPTIONS: Kind(
            _fields((NAME,), _plain("dealname", under=("properties",))),
            _primary(5),
            given={"properties": {"dealstage": "contractsent"}},
            mappings=[_stage("dealstage", "appointmentscheduled")],
        ),
    },
    bin=("archived", True),
    restoring={"archived": False},
    merges=(ACCOUNTS, CONTACTS, SUBSCRIPTIONS),
    blank="",
    lowers=frozenset({(CONTACTS, EMAIL)}),
)
# No customer has a place for the other side's id, and no two have one name.
_QUICKBOOKS = System(
    systems.BY_NAME["quickbooks"],
    {
        ACCOUNTS: Kind(
            _fields(_ACCOUNT, _plain("DisplayName", "PrimaryEmailAddr.Address", "BillAddr.City")),
            rules=[_by_field(NAME, "DisplayName", "name")],
        )
    },
    bin=("Active", False),
    restoring={"Active": True},
)
_NETSUITE = System(
    systems.BY_NAME["netsuite"],
    {
        ACCOUNTS: Kind(
            {
                **_fields((NAME, EMAIL), _plain("companyName", "email")),
                CITY: Field(
                    "billingAddress.city",
                    ("addressBook", "items", ("defaultBilling", True), "addressBookAddress", "city"),
                ),
            },
            rules=[_by_marker("externalId"), _by_field(EMAIL, "email", "email")],
        )
    },
    bin=("isInactive", True),
    restoring={"isInactive": False},
    archiving={"isInactive": True},
    merges=(),
)
_XERO = System(
    systems.BY_NAME["xero"],
    {
        ACCOUNTS: Kind(
            {
                **_fields((NAME, EMAIL), _plain("Name", "EmailAddress")),
                CITY: Field("Addresses.POBOX.City", ("Addresses", ("AddressType", "POBOX"), "City")),
            },
            rules=[_by_marker("ContactNumber"), _by_field(NAME, "Name", "name")],
        )
    },
    bin=("ContactStatus", "ARCHIVED"),
    restoring={"ContactStatus": "ACTIVE"},
    merged="MergedToContactID",
    blank="",
)
SYSTEMS_BY_NAME = {one.provider: one for one in (_SALESFORCE, _HUBSPOT, _QUICKBOOKS, _NETSUITE, _XERO)}
