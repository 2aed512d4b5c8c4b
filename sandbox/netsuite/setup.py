"""What an administrator can set in the account: record `company` of the control API's entity `setup`."""

from datetime import date
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from sandbox.kit.administered import Switches
from sandbox.kit.behaviour import ControlModel


class Certificate(ControlModel):
    """A public key (PEM) that is mapped to the integration; its id is the `kid` of the assertions it checks."""

    id: str
    public_key: str


class Setup(Switches):
    """`missingPermissions` are taken from the role (`TRAN_CUSTINVC`); `hiddenTables` from SuiteQL.

    With `autoNumbering` customers and transactions get numbers, which can be overridden where `allowOverride` says so.
    Without `suiteTax` no tax field can be written over REST, and `defaultTaxRate` (a fraction) is added to every line;
    with it that is what lines without tax details bear. `closedBefore` closes the periods that ended before that day.
    """

    record_id: ClassVar[str] = "company"

    access_token_seconds: float = Field(default=3600, gt=0)
    one_world: bool = True
    subsidiaries: list[str] = Field(default=["Parent Company"], min_length=1)
    auto_numbering: bool = False
    allow_override: bool = True
    closed_before: date | None = None
    invoice_approval: bool = False
    suite_tax: bool = True
    default_tax_rate: Decimal = Decimal(0)
    date_format: Literal["MM/DD/YYYY", "DD/MM/YYYY", "DD.MM.YYYY", "YYYY-MM-DD"] = "MM/DD/YYYY"
    time_zone: str = "America/Los_Angeles"
    company_language: str = "en_US"
    user_language: str = "en_US"
    most_rows: int = Field(default=100_000, gt=0)
    missing_permissions: list[str] = []
    hidden_tables: list[str] = []
    certificates: list[Certificate] = []
