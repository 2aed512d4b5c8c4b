"""The control API of a running sandbox account, for the helpers of tests that also speak its wire protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx


@dataclass
class Controlled:
    """`setup_id` is the record of entity `setup` that holds what an administrator can switch."""

    setup_id: ClassVar[str]

    url: str
    control: httpx.Client
    credentials: dict[str, Any] = field(default_factory=dict)

    def connect(self) -> None:
        """Get a grant of its own."""
        self.credentials = self.control.get("/_sandbox/credentials").json()

    def seed(self, entity: str, count: int, offset: int = 0) -> list[str]:
        body = {"entity": entity, "count": count, "seed": 7, "offset": offset}
        ids: list[str] = self.control.post("/_sandbox/seed", json=body).json()["ids"]
        return ids

    def person(self, method: str, path: str, body: Any = None) -> Any:
        """A person's edit, or a look at a raw record."""
        response = self.control.request(method, f"/_sandbox/records/{path}", json=body)
        response.raise_for_status()
        return response.json() if response.content else None

    def set_up(self, **values: Any) -> None:
        """Change what an administrator can switch."""
        self.person("PATCH", f"setup/{self.setup_id}", values)

    def tell(self, path: str, body: Any) -> None:
        """Any other call of the control API."""
        self.control.post(f"/_sandbox/{path}", json=body).raise_for_status()
