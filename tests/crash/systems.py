"""What the crash and chaos tests must know of a provider: how its raw accounts are told apart and edited by a person.

A new provider joins every suite by one line in `PROVIDERS`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class System:
    """A provider's raw accounts: the key of their id, the path to their name, and which calls read and write them.

    `reads` and `writes` are what a sandbox's fault takes as `match`; `refused` are characters that the vendor takes in
    no name; `given` is what a person must fill in besides the name; `options` are what the accounts' config needs.
    """

    provider: str
    id: str
    name: tuple[str, ...]
    reads: dict[str, str] = field(default_factory=lambda: {"method": "GET", "path": ""})
    writes: dict[str, str] = field(default_factory=lambda: {"method": "POST|PATCH|PUT", "path": "^(?!.*(oauth|query))"})
    refused: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=lambda: {"defaultCurrency": "EUR"})

    def id_of(self, row: dict[str, Any]) -> str:
        """The record's id."""
        return str(row[self.id])

    def name_of(self, row: dict[str, Any]) -> str:
        """The record's name."""
        value: Any = row
        for step in self.name:
            value = value[step]
        return str(value)

    def making(self, name: str) -> dict[str, Any]:
        """The body of the control API's POST by which a person makes a record."""
        return {**self.renaming(name), **self.given}

    def renaming(self, name: str) -> dict[str, Any]:
        """The body of the control API's PATCH by which a person renames a record."""
        body: Any = name
        for step in reversed(self.name):
            body = {step: body}
        return dict(body)


ALGUNA = System("alguna", "id", ("name",), given={"currency": "EUR"})
PROVIDERS = [
    System("salesforce", "Id", ("Name",)),
    System(
        "hubspot",
        "id",
        ("properties", "name"),
        reads={"path": "^/crm/(?!.*/batch/(create|update|archive)$)"},
        writes={"path": "/batch/(create|update)$"},
    ),
    System(
        "quickbooks",
        "Id",
        ("DisplayName",),
        reads={"path": "/(query|cdc)$"},
        writes={"method": "POST", "path": "/(batch|customer)$"},
        refused=":\t\n",
    ),
    System(
        "netsuite",
        "id",
        ("companyName",),
        reads={"path": "/suiteql$"},
        writes={"path": "/record/v1/customer(/\\d+)?$"},
        options={"subsidiary": "1", "defaultCurrency": "USD"},
    ),
    System("xero", "ContactID", ("Name",), writes={"method": "PUT|POST", "path": "^/api.xro/"}),
]
BY_NAME = {one.provider: one for one in PROVIDERS}
