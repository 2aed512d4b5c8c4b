"""NetSuite's facts as data: record types, columns that SuiteQL reads, limits of one call (NetSuite sheet 2 to 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from connectors.external import facts_in
from connectors.protocols import EntityFacts
from core.records import Entity, OperationKind

VENDOR: Final = "NetSuite"
HOST: Final = "https://{account}.suitetalk.api.netsuite.com"
RECORDS: Final = "/services/rest/record/v1"
QUERY: Final = "/services/rest/query/v1/suiteql"
TOKEN: Final = "/services/rest/auth/oauth2/v1/token"

MARKER: Final = "externalId"
LINES: Final = "item"
TOTAL: Final = "total"
AMOUNT: Final = "amount"
ADDRESS: Final = "billingAddress."

ROWS: Final = 1_000
"""The most rows of one page of SuiteQL, and the most values of an IN (sheet 3)."""

OVERLAP_SECONDS: Final = 70 * 60
"""How far reads reach back when something changed lately: SuiteQL's clock is local, and once a year it goes back by an
hour; the rest is for times that are whole minutes (sheet 0, 8)."""

BATCH: Final = 50
"""Operations that are prepared together: reads before a write are shared, the writes go one record a call (sheet 4)."""

# Three of the account's five slots, which all its integrations share (sheet 5).
LIMITS: Final[dict[str, float]] = {"concurrent": 3}

_ALL = frozenset({OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE})


def _facts(
    name: str, marker: str | None, parent: str | None, kinds: frozenset[OperationKind] = _ALL, **options: str
) -> EntityFacts:
    """A write answers with the record's address only, and times are whole minutes (sheet 0, 4)."""
    return EntityFacts(
        object_name=name,
        marker=marker,
        parent=parent,
        kinds=kinds,
        returns_values=False,
        modified_step=60.0,
        batch=BATCH,
        page=ROWS,
        option_fields=options,
    )


FACTS: Final[dict[Entity, EntityFacts]] = {
    Entity.ACCOUNTS: _facts("customer", MARKER, None, subsidiary="subsidiary"),
    Entity.INVOICES: _facts("invoice", MARKER, "entity"),
    # A payment carries the id of Alguna's payment, not of its allocation, so nothing holds an allocation's id.
    Entity.PAYMENTS: _facts(
        "customerPayment", None, "invoice", _ALL - {OperationKind.UPDATE}, paymentAccount="account"
    ),
}
RECORD_TYPES: Final = {facts.object_name.lower(): entity for entity, facts in FACTS.items()}


def facts_of(entity: Entity) -> EntityFacts:
    """Return the facts of an entity. Raises `FieldValidation` for one that NetSuite has not."""
    return facts_in(FACTS, VENDOR, entity)


def record_path(entity: Entity, record_id: str = "", query: str = "") -> str:
    """Return the path of a record type, or of one record."""
    path = f"{RECORDS}/{facts_of(entity).object_name}"
    return f"{path}/{record_id}{query}" if record_id else path + query


Kind = Literal["text", "boolean", "number", "currency", "date", "id", "list"]


@dataclass(frozen=True, slots=True)
class Column:
    """A field that SuiteQL can read: `sql` is its expression, empty where it is put together otherwise."""

    name: str
    sql: str
    kind: Kind = "text"
    required: bool = False
    read_only: bool = False
    create_only: bool = False
    most: int | None = None


_DAY = "TO_CHAR({}, 'YYYY-MM-DD')"
_PARTS = (("addr1", 150), ("addr2", 150), ("addr3", 150), ("city", 50), ("state", 150), ("zip", 36), ("country", 2))
_SHOWN_ID = Column("id", "t.id", "id", read_only=True)
_TRANSACTION = (
    Column(MARKER, "t.externalid", most=100),
    Column("tranId", "t.tranid", create_only=True, most=45),
    Column("currency", "c.symbol", create_only=True, most=3),
    Column("memo", "t.memo", most=999),
)
COLUMNS: Final[dict[Entity, tuple[Column, ...]]] = {
    Entity.ACCOUNTS: (
        _SHOWN_ID,
        Column(MARKER, "t.externalid", most=100),
        Column("companyName", "t.companyname", required=True, most=83),
        Column("entityId", "t.entityid", most=83),
        Column("isPerson", "t.isperson", "boolean", create_only=True),
        Column("firstName", "t.firstname", most=32),
        Column("lastName", "t.lastname", most=32),
        Column("email", "t.email", most=254),
        Column("phone", "t.phone", most=32),
        Column("url", "t.url", most=100),
        Column("comments", "t.comments", most=4000),
        Column("accountNumber", "t.accountnumber", most=30),
        Column("currency", "c.symbol", create_only=True, most=3),
        Column("subsidiary", "s.subsidiary", "id", create_only=True),
        *(Column(f"{ADDRESS}{name}", f"a.{name}", most=most) for name, most in _PARTS),
    ),
    Entity.INVOICES: (
        _SHOWN_ID,
        *_TRANSACTION,
        Column("entity", "t.entity", "id", required=True, create_only=True),
        Column("tranDate", _DAY.format("t.trandate"), "date", create_only=True),
        Column("dueDate", _DAY.format("t.duedate"), "date"),
        Column("otherRefNum", "t.otherrefnum", most=45),
        Column(LINES, "", "list", required=True, create_only=True),
        Column(TOTAL, "t.foreigntotal", "currency", required=True, create_only=True),
        Column("amountPaid", "t.foreignamountpaid", "currency", read_only=True),
        Column("amountRemaining", "t.foreignamountunpaid", "currency", read_only=True),
        Column("status", "t.status", read_only=True),
    ),
    Entity.PAYMENTS: (
        Column("id", "", "id", read_only=True),
        *_TRANSACTION,
        Column("invoice", "", "id", required=True, create_only=True),
        Column(AMOUNT, "", "currency", required=True, create_only=True),
        Column("tranDate", _DAY.format("t.trandate"), "date", required=True, create_only=True),
        Column("account", "", "id", create_only=True),
    ),
}
