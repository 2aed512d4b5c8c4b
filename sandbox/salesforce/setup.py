"""What an administrator can set in the org: record `org` of the control API's entity `setup`."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from sandbox.kit.administered import Switches
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


class Automation(ControlModel):
    """Rewrites a field at every save: `upper`, `trim`, or `set` to `value`.

    A flow of the kind that runs before the save belongs to it; one `afterSave` is an edit of its own by another user.
    """

    sobject: str
    field: str
    rule: Literal["upper", "trim", "set"]
    value: str | None = None
    after_save: bool = False

    def rewritten(self, value: Any) -> Any:
        """The value that the field gets."""
        if self.rule == "set":
            return self.value
        if not isinstance(value, str):
            return value
        return value.upper() if self.rule == "upper" else value.strip()


class Setup(Switches):
    """`hiddenFields` (`Account.Phone`) are out of the user's sight: not in describe, unknown to reads and writes."""

    record_id: ClassVar[str] = "org"

    refresh_token_rotation: bool = True
    session_timeout_seconds: float = Field(default=7200, gt=0)
    api_enabled: bool = True
    user_active: bool = True
    duplicate_rules: list[DuplicateRule] = []
    validation_rules: list[ValidationRule] = []
    hidden_fields: list[str] = []
    automations: list[Automation] = []

    @property
    def hidden(self) -> frozenset[str]:
        return frozenset(self.hidden_fields)

    def rewrites(self, sobject: str, row: Mapping[str, Any], *, after_save: bool) -> dict[str, Any]:
        """What the automations of an object change in a row that is being saved, or was."""
        mine = [one for one in self.automations if one.sobject == sobject and one.after_save is after_save]
        changed = {one.field: one.rewritten(row.get(one.field)) for one in mine}
        return {name: value for name, value in changed.items() if value != row.get(name)}
