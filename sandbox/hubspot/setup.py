"""What an administrator can set in the portal: record `portal` of the control API's entity `setup`."""

from typing import ClassVar

from pydantic import Field

from sandbox.kit.administered import Switches
from sandbox.kit.behaviour import ControlModel


class ValidationRule(ControlModel):
    """A value of this property that does not match the regular expression as a whole is refused with `message`."""

    object: str
    property: str
    pattern: str
    message: str


class Setup(Switches):
    """`missingScopes` (`crm.objects.deals.read`) are not granted to the app.

    `requiredOnCreate` (`{"companies": ["domain"]}`) holds for API writes from version 2026-09 on only (sheet 0).
    """

    record_id: ClassVar[str] = "portal"

    access_token_seconds: float = Field(default=1800, gt=0)
    refresh_token_rotation: bool = False
    currency: str = "USD"
    missing_scopes: list[str] = []
    required_on_create: dict[str, list[str]] = {}
    validation_rules: list[ValidationRule] = []
