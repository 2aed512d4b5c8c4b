"""What an administrator can set in the organisation: record `organisation` of the control API's entity `setup`."""

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from sandbox.kit.administered import Switches


class Setup(Switches):
    """`otherTenants` are names of further, empty organisations that the same consent covers.

    `missingScopes` (`accounting.payments`) are not granted to the app; `plan` decides the calls of a day.
    """

    record_id: ClassVar[str] = "organisation"

    access_token_seconds: float = Field(default=1800, gt=0)
    other_tenants: list[str] = []
    disconnected: bool = False
    missing_scopes: list[str] = []
    plan: Literal["starter", "core"] = "core"
    base_currency: str = "GBP"
    currencies: list[str] = ["GBP", "USD", "EUR", "CAD", "AUD", "NZD", "JPY", "KWD"]
    timezone: str = "GMTSTANDARDTIME"
    period_lock_date: date | None = None
    end_of_year_lock_date: date | None = None
    numbers_start: str = "INV-"
