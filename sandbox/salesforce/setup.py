"""What an administrator can set in the org: record `org` of the control API's entity `setup`."""

from typing import Any

from pydantic import Field

from sandbox.kit.behaviour import ControlModel


class DuplicateRule(ControlModel):
    """Rows whose `fields` all agree (case aside) are duplicates; `allowSave` makes it an alert, else it blocks."""

    sobject: str
    fields: list[str] = Field(min_length=1)
    allow_save: bool = True
    name: str = ""

    @property
    def developer_name(self) -> str:
        return self.name or f"Standard_{self.sobject}_Duplicate_Rule"


class ValidationRule(ControlModel):
    """A row is refused with `message` when `field` is set and does not match the regular expression as a whole."""

    sobject: str
    field: str
    pattern: str
    message: str


class Setup(ControlModel):
    """`hiddenFields` (`Account.Phone`) are out of the user's sight: not in describe, unknown to reads and writes."""

    refresh_token_rotation: bool = True
    session_timeout_seconds: float = Field(default=7200, gt=0)
    api_enabled: bool = True
    user_active: bool = True
    duplicate_rules: list[DuplicateRule] = []
    validation_rules: list[ValidationRule] = []
    hidden_fields: list[str] = []

    @property
    def hidden(self) -> frozenset[str]:
        return frozenset(self.hidden_fields)

    def record(self) -> dict[str, Any]:
        return {"id": "org", **self.model_dump(by_alias=True)}
