"""HubSpot's facts as data: versions of its paths, objects, markers, limits of one call (HubSpot sheet 0 to 5)."""

from __future__ import annotations

from connectors.external import facts_in
from connectors.protocols import EntityFacts
from core.records import Entity, OperationKind

VENDOR = "HubSpot"
BASE_URL = "https://api.hubapi.com"
# Each dated version is supported for 18 months; v1 to v4 end in 2027 (sheet 0).
VERSIONS = ("v3", "2026-03", "2026-09")
DEFAULT_VERSION = "2026-03"

MARKER = "alguna_id"
MERGED_IDS = "hs_merged_object_ids"
ID = "hs_object_id"
EMAIL = "email"
MULTIPLE_CHOICE = "checkbox"

LIST_ROWS = 100
SEARCH_ROWS = 200
BATCH_ROWS = 100
ASSOCIATION_ROWS = 1_000
SEARCH_VALUES = 100
# A search's body may have 3,000 characters (sheet 3); this is what its values may take.
SEARCH_CHARACTERS = 2_200
# The vendor refuses about 16,000 characters of URL (sheet 3).
URL_CHARACTERS = 8_000
SEARCHES_PER_SECOND = 5.0

# A search sees a write up to half a minute late (sheet 3); this far back records are read again.
OVERLAP_SECONDS = 120
# The recycle bin is read in every pass while it is this small, else once an hour: it cannot be asked for changes.
SMALL_BIN_PAGES = 2
BIN_SECONDS = 3_600

# An installed app may make 110 calls in 10 s. What a worker holds in hand and a second's head start count too.
LIMITS: dict[str, float] = {"requestsPerSecond": 9, "searchesPerSecond": SEARCHES_PER_SECOND}

_ALL = frozenset({OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE})


def _facts(object_name: str) -> EntityFacts:
    """The company that a record belongs to is an association, so `parent` names no property."""
    return EntityFacts(
        object_name=object_name,
        marker=MARKER,
        parent=None,
        kinds=_ALL,
        returns_values=True,
        modified_step=0.001,
        batch=BATCH_ROWS,
    )


FACTS: dict[Entity, EntityFacts] = {
    Entity.ACCOUNTS: _facts("companies"),
    Entity.CONTACTS: _facts("contacts"),
    Entity.SUBSCRIPTIONS: _facts("deals"),
}
MODIFIED: dict[Entity, str] = {
    Entity.ACCOUNTS: "hs_lastmodifieddate",
    Entity.CONTACTS: "lastmodifieddate",
    Entity.SUBSCRIPTIONS: "hs_lastmodifieddate",
}
# What a create must have; HubSpot's own definitions do not say (sheet 2).
REQUIRED: dict[Entity, frozenset[str]] = {
    Entity.ACCOUNTS: frozenset({"name"}),
    Entity.CONTACTS: frozenset(),
    Entity.SUBSCRIPTIONS: frozenset({"dealname", "dealstage"}),
}
GROUPS: dict[Entity, str] = {
    Entity.ACCOUNTS: "companyinformation",
    Entity.CONTACTS: "contactinformation",
    Entity.SUBSCRIPTIONS: "dealinformation",
}
# The association with the one primary company (sheet 2).
PRIMARY_COMPANY: dict[Entity, int] = {Entity.CONTACTS: 1, Entity.SUBSCRIPTIONS: 5}
COMPANIES = "companies"


def facts_of(entity: Entity) -> EntityFacts:
    """Return the facts of an entity. Raises `FieldValidation` for one that HubSpot has not."""
    return facts_in(FACTS, VENDOR, entity)


def objects(entity: Entity, rest: str = "") -> str:
    """Return the path of an entity's records, without its version."""
    return f"/crm/objects/{facts_of(entity).object_name}{rest}"


def versioned(path: str, version: str) -> str:
    """Return a path with its version in the place where HubSpot wants it (sheet 0).

    `/crm/objects/companies` is `/crm/v3/objects/companies` or `/crm/objects/2026-03/companies`; associations were v4.
    """
    head, area, *rest = path.lstrip("/").split("/")
    if head in ("account-info", "oauth"):
        return "/".join(["", head, version, area, *rest])
    if version == "v3":
        return "/".join(["", head, "v4" if area == "associations" else version, area, *rest])
    return "/".join(["", head, area, version, *rest])
