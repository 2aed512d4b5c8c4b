"""What an administrator can set in the portal: record `portal` of the control API's entity `setup`."""

from typing import Any

from pydantic import Field

from sandbox.kit.behaviour import ControlModel


class ValidationRule(ControlModel):
    """A value of this property that does not match the regular expression as a whole is refused with `message`."""

    object: str
    property: str
    pattern: str
    message: str


class Setup(ControlModel):
    """`missingScopes` (`crm.objects.deals.read`) are not granted to the app.

    `requiredOnCreate` (`{"companies": ["domain"]}`) holds for API writes from version 2026-09 on only (sheet 0).
    """

    access_token_seconds: float = Field(default=1800, gt=0)
    refresh_token_rotation: bool = False
    currency: str = "USD"
    missing_scopes: list[str] = []
    required_on_create: dict[str, list[str]] = {}
    validation_rules: list[ValidationRule] = []

    def record(self, **more: Any) -> dict[str, Any]:
        return {"id": "portal", **self.model_dump(by_alias=True), **more}
