"""One call of the API, free of HTTP: method, path below `/services/rest`, query, headers, body."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.netsuite.errors import bad_parameter, bad_request

JSON = "application/vnd.oracle.resource+json"


@dataclass(frozen=True)
class Call:
    """`path` are the decoded segments; header names are in lower case; `host` is scheme and host."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    host: str

    @property
    def prefers(self) -> list[str]:
        return [part.strip().lower() for part in self.headers.get("prefer", "").split(",")]

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() == "true"

    def names(self, name: str) -> list[str]:
        return [part for part in self.query.get(name, "").split(",") if part]

    def object(self) -> dict[str, Any]:
        """The body as an object; none is an empty one. Raises NetSuiteError."""
        if not self.body:
            return {}
        try:
            body = json.loads(self.body)
        except ValueError:
            raise bad_request("The request body is not valid JSON.") from None
        if not isinstance(body, dict):
            raise bad_request("The request body has to be an object.")
        return body

    def page(self, most: int) -> tuple[int, int]:
        """(limit, offset): the offset has to be a multiple of the limit (sheet 3). Raises NetSuiteError."""
        found = []
        for name, default in (("limit", most), ("offset", 0)):
            text = self.query.get(name)
            if text is not None and not text.isdecimal():
                raise bad_parameter(name, f"Invalid value for the query parameter {name}: {text}.")
            found.append(default if text is None else int(text))
        limit, offset = found
        if not 0 < limit <= most:
            raise bad_parameter("limit", f"The limit has to be between 1 and {most}.")
        if offset % limit:
            raise bad_parameter("offset", "The offset has to be divisible by the limit.")
        return limit, offset


@dataclass(frozen=True)
class Reply:
    """`body` None means an empty one; `kind` is the `type=` of the content type."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "singular"
    media: str = JSON
