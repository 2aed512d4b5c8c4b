"""The demo's other systems as data: where each keeps the records of a pair, and how an outsider reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from starter.sandboxes import Sandbox

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One pair of a system: an entity of Alguna and its records at the vendor.

    `path` reads one record of the vendor (`{id}`, and the keys of the grant). Its value at `field` (dotted) is that of
    Alguna's field `ours`, a number for money. `edit` says what a person changes to give it another value; None where
    nobody can.
    """

    entity: str
    path: str
    field: str
    ours: str
    money: bool = False
    edit: Callable[[str], Row] | None = None


@dataclass(frozen=True, slots=True)
class System:
    """One vendor. `headers` are what a call carries beside the token; `reads` finds the POST calls that only read.

    `bills` is the sample company whose invoice and payment it brings to Alguna, which knows that company and its tax.
    """

    provider: str
    title: str
    kinds: tuple[Kind, ...]
    reads: re.Pattern[str]
    headers: Callable[[Row], dict[str, str]] = lambda _granted: {}
    bills: int | None = None

    @property
    def integration(self) -> str:
        """The id of its integration in examples/demo.yaml."""
        return f"int_{self.provider}"


class VendorSide:
    """Reads one vendor by its own API, with a grant of its own."""

    def __init__(self, system: System, sandbox: Sandbox) -> None:
        """Take a grant from the sandbox."""
        self.system = system
        self.sandbox = sandbox
        self._granted = granted = sandbox.credentials()
        headers = {"Authorization": f"Bearer {granted['accessToken']}", "Accept": "application/json"}
        self._http = httpx.Client(
            base_url=granted["baseUrl"], headers=headers | system.headers(granted), timeout=30, trust_env=False
        )

    def value(self, kind: Kind, record_id: str) -> object:
        """Return the value of the field that is shown, as the vendor's API gives it."""
        response = self._http.get(kind.path.format(**{**self._granted, "id": document_of(record_id)}))
        response.raise_for_status()
        found: Any = response.json()
        for part in kind.field.split("."):
            found = found[int(part)] if isinstance(found, list) else found[part]
        return found

    def writes(self) -> list[str]:
        """Return the calls that wrote since the log was cleared."""
        return [f"{call['method']} {call['path']}" for call in self.sandbox.calls() if self._is_write(call)]

    def _is_write(self, call: Mapping[str, Any]) -> bool:
        return call["method"] not in ("GET", "HEAD") and not self.system.reads.search(call["path"])


def document_of(record_id: str) -> str:
    """The document behind an id: a payment's share of an invoice is `{payment}:{invoice}` (ADR 10)."""
    return record_id.partition(":")[0]


def _hubspot(entity: str, name: str, field: str, ours: str) -> Kind:
    path = f"/crm/v3/objects/{name}/{{id}}?properties={field}"
    return Kind(entity, path, f"properties.{field}", ours, edit=lambda value: {"properties": {field: value}})


def _accounts(path: str, within: str, field: str) -> Kind:
    """A customer, whose name stands at the top of its record, inside `within` in an answer."""
    return Kind("accounts", path, within + field, "name", edit=lambda value: {field: value})


def _invoices(path: str, field: str) -> Kind:
    return Kind("invoices", path, field, "total", money=True)


def _payments(path: str, field: str) -> Kind:
    return Kind("payments", path, field, "amount", money=True)


SYSTEMS = (
    System(
        provider="hubspot",
        title="HubSpot",
        kinds=(
            _hubspot("accounts", "companies", "name", "name"),
            _hubspot("contacts", "contacts", "lastname", "last_name"),
            _hubspot("subscriptions", "deals", "dealname", "name"),
        ),
        reads=re.compile(r"/oauth/|/search$|/batch/read$"),
    ),
    System(
        provider="quickbooks",
        title="QuickBooks",
        kinds=(
            _accounts("/v3/company/{realmId}/customer/{id}", "Customer.", "DisplayName"),
            _invoices("/v3/company/{realmId}/invoice/{id}", "Invoice.TotalAmt"),
            _payments("/v3/company/{realmId}/payment/{id}", "Payment.TotalAmt"),
        ),
        reads=re.compile(r"/oauth2/|/query$"),
        bills=4,
    ),
    System(
        provider="netsuite",
        title="NetSuite",
        kinds=(
            _accounts("/services/rest/record/v1/customer/{id}", "", "companyName"),
            _invoices("/services/rest/record/v1/invoice/{id}", "total"),
            _payments("/services/rest/record/v1/customerpayment/{id}", "payment"),
        ),
        reads=re.compile(r"/oauth2/|/suiteql$"),
        bills=9,
    ),
    System(
        provider="xero",
        title="Xero",
        kinds=(
            _accounts("/api.xro/2.0/Contacts/{id}", "Contacts.0.", "Name"),
            _invoices("/api.xro/2.0/Invoices/{id}", "Invoices.0.Total"),
            _payments("/api.xro/2.0/Payments/{id}", "Payments.0.Amount"),
        ),
        reads=re.compile(r"/connect/token$"),
        headers=lambda granted: {"Xero-Tenant-Id": granted["tenantId"]},
        bills=7,
    ),
)
