"""One call of the REST API, free of HTTP, so that Composite can make calls of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sandbox.salesforce.errors import SalesforceError, not_found
from sandbox.salesforce.objects import BY_LOWER
from sandbox.salesforce.records import Edit
from sandbox.salesforce.schema import SObject

_ROOT = "/services/data/"
OLDEST_VERSION, NEWEST_VERSION = 31, 66


@dataclass(frozen=True)
class Call:
    """`path` are the decoded segments after `/services/data/vNN.N`; `headers` have lower-case names.

    `locked` says that rows shall fail as if another writer held them (a fault).
    """

    method: str
    version: int
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    session: str
    user_id: str
    locked: bool = False

    @property
    def data_url(self) -> str:
        return f"{_ROOT}v{self.version}.0"

    @property
    def edit(self) -> Edit:
        """Who writes, with the choice of the duplicate-rule header (sheet 4.6)."""
        options = self.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower().split(";")
        return Edit(self.user_id, allow_duplicates="allowsave=true" in options)

    def json(self) -> Any:
        """The parsed body. Raises JSON_PARSER_ERROR, or UNSUPPORTED_MEDIA_TYPE for other content."""
        kind = self.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind != "application/json":
            message = f"Content-Type {kind} is not supported"
            raise SalesforceError("UNSUPPORTED_MEDIA_TYPE", message, status=415)
        try:
            return json.loads(self.body)
        except ValueError:
            message = "The HTTP entity body is required, but this request has no entity body."
            if self.body:
                message = "Unexpected character in the request body at [line:1, column:1]"
            raise SalesforceError("JSON_PARSER_ERROR", message) from None

    def json_object(self) -> dict[str, Any]:
        """The body as an object. Raises JSON_PARSER_ERROR."""
        body = self.json()
        if not isinstance(body, dict):
            message = "Cannot deserialize instance of the request body from START_ARRAY at [line:1, column:1]"
            raise SalesforceError("JSON_PARSER_ERROR", message)
        return body

    def sub_call(self, method: str, url: str, body: Any, headers: Mapping[str, str]) -> "Call":
        """A call inside this one (Composite). `url` is `/services/data/vNN.N/…`. Raises NOT_FOUND."""
        version, path, query = parse_target(url)
        content = b"" if body is None else json.dumps(body).encode()
        return replace(
            self, method=method.upper(), version=version, path=path, query=query, headers=headers, body=content
        )


@dataclass(frozen=True)
class Reply:
    """`body` None means an empty one."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def parse_target(url: str) -> tuple[int, tuple[str, ...], dict[str, str]]:
    """Version, decoded path segments and query of a still encoded target. Raises NOT_FOUND."""
    parts = urlsplit(url)
    version, _, rest = parts.path.removeprefix(_ROOT).partition("/")
    number, dot, minor = version.removeprefix("v").partition(".")
    known = parts.path.startswith(_ROOT) and version.startswith("v") and dot and minor == "0" and number.isdecimal()
    if not known or not OLDEST_VERSION <= int(number) <= NEWEST_VERSION:
        raise not_found()
    segments = tuple(unquote(segment) for segment in rest.rstrip("/").split("/")) if rest.rstrip("/") else ()
    return int(number), segments, dict(parse_qsl(parts.query, keep_blank_values=True))


def sobject_named(name: str) -> SObject:
    """Raises NOT_FOUND for an object that the org has not."""
    found = BY_LOWER.get(name.lower())
    if found is None:
        raise not_found()
    return found
