"""From Alguna's customers and subscriptions to flat records in camelCase paths (api.md section 4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from alguna.types.contact_response import ContactResponse
from alguna.types.customer_response import CustomerResponse
from alguna.types.subscription_response import SubscriptionResponse

from connectors.alguna.spec import ADDRESS_PARTS, ALIASES, METADATA, marker_key
from connectors.protocols import parse_time
from connectors.values import as_number, as_value, iso
from core import paths
from core.records import Entity, Record, Side
from core.values import Value

_Getters = Mapping[str, Callable[[Any], Value]]

_CUSTOMER: _Getters = {
    "id": lambda one: one.id,
    "name": lambda one: one.name,
    "currency": lambda one: one.currency,
    ALIASES: lambda one: list(one.aliases or []),
    "taxCountry": lambda one: one.tax_country,
    "taxId": lambda one: one.tax_id,
    "taxRate": lambda one: as_number(one.tax_rate),
    "taxReason": lambda one: one.tax_reason,
    "taxStatus": lambda one: one.tax_status,
    "taxType": lambda one: one.tax_type,
    "createdAt": lambda one: time_of(one.created_at),
    "updatedAt": lambda one: time_of(one.updated_at),
}
_PRIMARY = {"email": "email", "firstName": "first_name", "lastName": "last_name"}
_CONTACT: _Getters = {
    "id": lambda one: one.id,
    "email": lambda one: one.email,
    "firstName": lambda one: one.first_name,
    "lastName": lambda one: one.last_name,
    "isPrimary": lambda one: bool(one.is_primary),
    "emailPreferences": lambda one: list(one.email_preferences or []),
}
_SUBSCRIPTION: _Getters = {
    "id": lambda one: one.id,
    "name": lambda one: one.name,
    "currency": lambda one: one.currency,
    "status": lambda one: one.status,
    "customerId": lambda one: one.customer_id,
    "planId": lambda one: one.plan_id,
    "startDate": lambda one: _start(one),
    "endDate": lambda one: day_of(one.contract.end_date if one.contract else None),
    "activatedAt": lambda one: time_of(one.activated_at),
    "createdAt": lambda one: time_of(one.created_at),
    "updatedAt": lambda one: time_of(one.updated_at),
}


def alias_of(integration_id: str, external_id: str) -> str:
    """Return the alias that marks a customer with its external id in one integration."""
    return f"{integration_id}:{external_id}"


def marker_in(aliases: Sequence[str] | None, integration_id: str) -> str | None:
    """Return the external id among the aliases, if this integration has put one there."""
    prefix = alias_of(integration_id, "")
    return next((one[len(prefix) :] for one in aliases or [] if one.startswith(prefix) and one != prefix), None)


def account_record(
    one: CustomerResponse, wanted: Collection[str], integration_id: str, mrr: Value | None = None
) -> Record:
    """Return a customer as a record; `mrr` is given where it was asked for, because no customer carries it."""
    primary = primary_of(one)
    fields: dict[str, Value] = {}
    for path in wanted:
        if path in _CUSTOMER:
            fields[path] = _CUSTOMER[path](one)
        elif path in ADDRESS_PARTS:
            fields[path] = getattr(one.billing_address, ADDRESS_PARTS[path], None)
        elif path in _PRIMARY:
            fields[path] = getattr(primary, _PRIMARY[path], None)
        elif path.startswith("contacts["):
            fields[path] = paths.get(_contacts(one), path)
        elif path == "mrr" and mrr is not None:
            fields[path] = mrr
    return Record(
        side=Side.ALGUNA,
        entity=Entity.ACCOUNTS,
        id=one.id,
        fields=fields,
        modified_at=moment(one.updated_at),
        marker=marker_in(one.aliases, integration_id),
    )


def _contacts(one: CustomerResponse) -> dict[str, Any]:
    """A customer's list of contacts, for paths with a selector into it."""
    return {"contacts": [{name: of(contact) for name, of in _CONTACT.items()} for contact in one.contacts or []]}


def contact_records(one: CustomerResponse, wanted: Collection[str]) -> list[Record]:
    """Return a customer's contacts as records. They have no times of their own: the customer's stand for them."""
    return [contact_record(one, contact, wanted) for contact in one.contacts or []]


def contact_record(one: CustomerResponse, contact: ContactResponse, wanted: Collection[str]) -> Record:
    """Return one contact of a customer as a record."""
    fields = {path: _CONTACT[path](contact) for path in wanted if path in _CONTACT}
    if "accountId" in wanted:
        fields["accountId"] = one.id
    return Record(
        side=Side.ALGUNA,
        entity=Entity.CONTACTS,
        id=contact.id,
        fields=fields,
        modified_at=moment(one.updated_at),
        parent_id=one.id,
    )


def subscription_record(
    one: SubscriptionResponse,
    wanted: Collection[str],
    integration_id: str,
    revenue: Mapping[str, Value] | None = None,
) -> Record:
    """Return a subscription as a record; `revenue` holds mrr, arr and acv where they were asked for."""
    fields = {path: _SUBSCRIPTION[path](one) for path in wanted if path in _SUBSCRIPTION}
    metadata = one.metadata or {}
    for path in wanted:
        if path.startswith(METADATA):
            fields[path] = as_value(metadata.get(path.removeprefix(METADATA)))
    fields |= {path: value for path, value in (revenue or {}).items() if path in wanted}
    marker = metadata.get(marker_key(integration_id))
    return Record(
        side=Side.ALGUNA,
        entity=Entity.SUBSCRIPTIONS,
        id=one.id,
        fields=fields,
        modified_at=moment(one.updated_at),
        parent_id=one.customer_id,
        marker=str(marker) if marker else None,
    )


def primary_of(one: CustomerResponse) -> ContactResponse | None:
    """Return the primary contact of a customer."""
    return next((contact for contact in one.contacts or [] if contact.is_primary), None)


def moment_of(one: SubscriptionResponse) -> datetime:
    """Return when a subscription was last modified (UTC)."""
    return moment(one.updated_at) or datetime.min.replace(tzinfo=UTC)


def _start(one: SubscriptionResponse) -> str | None:
    """The day that a subscription starts: as contracted, else as activated, else as created."""
    contracted = one.contract.start_date if one.contract else None
    return day_of(contracted or one.activated_at or one.created_at)


def moment(value: object) -> datetime | None:
    """Return a time in UTC. The SDK gives times as datetimes, and leaves text that it cannot read as it came."""
    if isinstance(value, str):
        value = parse_time(value)
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def time_of(value: object) -> str | None:
    """Return a time as text."""
    at = moment(value)
    return None if at is None else iso(at)


def day_of(value: object) -> str | None:
    """Return the day of a date or of a time (UTC) as text."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    at = moment(value)
    return None if at is None else at.date().isoformat()
