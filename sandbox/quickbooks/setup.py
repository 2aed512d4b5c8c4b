"""What an administrator of the company can set: record `company` of the control API's entity `setup`."""

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from sandbox.kit.administered import Switches


class Setup(Switches):
    """The company's preferences, and the behaviours of Intuit's gateway that differ between accounts and years.

    `country` decides the tax model: US has one tax code per transaction, all others one per line (sheet 8.2).
    Refresh tokens change when they are older than `refreshRotationSeconds`; the one before works on for
    `oldRefreshTokenSeconds` (sheet 1). `throttleShape` is how a 429 looks (sheet 5). With `badEmailBreaksPages` one
    customer with an address that is none makes every page with it fail, as seen in 2019 (sheet 8.8).
    """

    record_id: ClassVar[str] = "company"

    access_token_seconds: float = Field(default=3600, gt=0)
    refresh_rotation_seconds: float = Field(default=86_400, ge=0)
    old_refresh_token_seconds: float = Field(default=86_400, ge=0)
    country: Literal["US", "GB", "CA", "AU"] = "US"
    home_currency: str = "USD"
    multicurrency: bool = True
    automated_sales_tax: bool = False
    automated_tax_percent: float = Field(default=8.25, ge=0)
    custom_txn_numbers: bool = True
    closing_date: date | None = None
    throttle_shape: Literal["json", "xml", "forbidden"] = "json"
    webhook_format: Literal["cloudevents", "classic"] = "cloudevents"
    request_id_seconds: float = Field(default=86_400, ge=0)
    bad_email_breaks_pages: bool = False

    @property
    def line_taxes(self) -> bool:
        """Whether each line has a tax code of its own."""
        return self.country != "US"
