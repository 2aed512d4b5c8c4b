"""Bodies of writes to Alguna: what is sent, and what is refused beforehand because Alguna could not store it.

Contacts and aliases are whole lists on the wire (Alguna sheet 2.1), so they are built from what the customer has now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from alguna.types.customer_response import CustomerResponse

from connectors.alguna.records import alias_of
from connectors.alguna.spec import ADDRESS_PARTS, ALIASES, METADATA, OPTIONAL_ADDRESS_PARTS, marker_key
from connectors.values import DOUBLE_DIGITS, fits_double
from core.errors import ErrorType
from core.records import Operation, OperationKind
from core.values import Value, is_blank

_CONTACT_KEYS = {
    "email": "email",
    "firstName": "first_name",
    "lastName": "last_name",
    "isPrimary": "is_primary",
    "emailPreferences": "email_preferences",
}
_PRIMARY_PATHS = ("email", "firstName", "lastName")


class Refused(Exception):
    """Alguna cannot take this value; `field` is the path in Alguna's names."""

    def __init__(self, message: str, field: str | None, type_: ErrorType = ErrorType.FIELD_VALIDATION) -> None:
        """Take what a person needs to know."""
        super().__init__(message)
        self.message = message
        self.field = field
        self.type = type_


@dataclass(frozen=True, slots=True)
class Edited:
    """A customer's contacts after some operations: the list, and the ids of operations whose contact is not there."""

    contacts: list[dict[str, Value]]
    missing: tuple[int, ...]


def context_of(one: CustomerResponse) -> dict[str, Value]:
    """Return what must be sent along with a change of this customer, and what it is now."""
    address = one.billing_address
    return {
        "id": one.id,
        "version": str(one.updated_at),
        "currency": one.currency,
        "aliases": list(one.aliases or []),
        "billing_address": {part: getattr(address, part, None) for part in ADDRESS_PARTS.values()} if address else None,
        "contacts": [
            _contact(
                {
                    "id": contact.id,
                    "email": contact.email,
                    "first_name": contact.first_name,
                    "last_name": contact.last_name,
                    "is_primary": bool(contact.is_primary),
                    "email_preferences": list(contact.email_preferences or []),
                }
            )
            for contact in one.contacts or []
        ],
    }


def context_of_new(customer_id: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return what `context_of` would say of a customer that is created with these values."""
    contacts = _with_primary(values, []) if any(path in values for path in _PRIMARY_PATHS) else None
    return {
        "id": customer_id,
        "version": "",
        "currency": values.get("currency"),
        "aliases": [],
        "billing_address": None,
        "contacts": [{**one, "id": f"{customer_id}:primary"} for one in contacts or [] if isinstance(one, dict)],
    }


def customer_body(operation: Operation, context: Mapping[str, Any] | None, integration_id: str) -> dict[str, Value]:
    """Return the body of a customer's create or update. Raises `Refused`."""
    values, known = operation.values, context or {}
    creating = operation.kind is OperationKind.CREATE
    body: dict[str, Value] = {}
    for name in ("name", "currency"):
        if name in values or creating:
            if is_blank(values.get(name)):
                raise Refused(f"{name} must not be empty in Alguna", name)
            body[name] = values[name]
    aliases = _aliases(operation, known.get("aliases") or [], integration_id)
    if aliases is not None:
        body["aliases"] = aliases
    if any(path in values for path in ADDRESS_PARTS):
        address = _address(values, known.get("billing_address") or {})
        if address is not None or not creating:
            body["billing_address"] = address
    if any(path in values for path in _PRIMARY_PATHS):
        contacts = _with_primary(values, known.get("contacts") or [])
        if contacts is not None:
            body["contacts"] = contacts
    unknown = set(values) - {"name", "currency", ALIASES, *ADDRESS_PARTS, *_PRIMARY_PATHS}
    if unknown:
        raise Refused(f"{min(unknown)} cannot be written to Alguna", min(unknown))
    return body


def subscription_body(operation: Operation, context: Mapping[str, Any] | None, integration_id: str) -> dict[str, Value]:
    """Return the body of a subscription's create (a draft) or update (name and metadata only). Raises `Refused`."""
    values = {path: value for path, value in operation.values.items() if path != "customerId"}
    creating = operation.kind is OperationKind.CREATE
    allowed = {"name", "currency"} if creating else {"name"}
    unknown = sorted(path for path in values if path not in allowed and not path.startswith(METADATA))
    if unknown:
        raise Refused(f"{unknown[0]} of a subscription cannot be written to Alguna", unknown[0])
    metadata = {path.removeprefix(METADATA): value for path, value in sorted(values.items()) if path not in allowed}
    for name, value in metadata.items():
        if isinstance(value, Decimal) and not fits_double(value):
            told = f"a number in metadata keeps {DOUBLE_DIGITS} digits, and {value:f} would be rounded"
            raise Refused(f"{told}: map it from a text field", f"{METADATA}{name}")
    body: dict[str, Value] = {}
    if not is_blank(values.get("name")):
        body["name"] = values["name"]
    elif "name" in values and not creating:
        raise Refused("name must not be empty in Alguna", "name")
    if creating:
        if not operation.parent_id:
            raise Refused("a subscription needs its customer", "customerId")
        currency = values.get("currency") or (context or {}).get("currency")
        if is_blank(currency):
            raise Refused("currency must not be empty in Alguna", "currency")
        metadata[marker_key(integration_id)] = operation.source_id
        body |= {"customer_id": operation.parent_id, "currency": currency}
    if metadata:
        body["metadata"] = dict(sorted(metadata.items()))
    return body


def edit_contacts(operations: Sequence[Operation], present: Sequence[Mapping[str, Value]]) -> Edited:
    """Apply operations to a customer's contacts, in order. Ids are kept, and exactly one contact stays primary.

    Operations must have passed `check_contact`.
    """
    contacts = [dict(one) for one in present]
    missing = []
    for operation in operations:
        at = next((place for place, one in enumerate(contacts) if one.get("id") == operation.target_id), None)
        if operation.kind is OperationKind.CREATE:
            contacts.append(_contact({"is_primary": False, **_sent(operation)}))
            _settle_primary(contacts, operation, contacts[-1])
        elif at is None:
            missing.append(operation.id)
        elif operation.kind is OperationKind.ARCHIVE:
            del contacts[at]
        else:
            contacts[at] = _contact({**contacts[at], **_sent(operation)})
            _settle_primary(contacts, operation, contacts[at])
    if contacts and not any(one["is_primary"] for one in contacts):
        contacts[0] = {**contacts[0], "is_primary": True}
    return Edited(contacts, tuple(missing))


def check_contact(operation: Operation) -> None:
    """Raise `Refused` when Alguna cannot take this contact's values."""
    values = operation.values
    unknown = set(values) - {*_CONTACT_KEYS, "accountId"}
    if unknown:
        raise Refused(f"{min(unknown)} of a contact cannot be written to Alguna", min(unknown))
    if operation.kind is OperationKind.CREATE and not operation.parent_id:
        raise Refused("a contact needs its customer", "accountId")
    moved = values.get("accountId") not in (None, operation.parent_id)
    if operation.kind is OperationKind.UPDATE and operation.parent_id and moved:
        raise Refused("a contact cannot move to another customer in Alguna", "accountId")
    needs_email = operation.kind is OperationKind.CREATE or "email" in values
    if operation.kind is not OperationKind.ARCHIVE and needs_email and is_blank(values.get("email")):
        raise Refused("email must not be empty in Alguna", "email")


def _sent(operation: Operation) -> dict[str, Value]:
    return {_CONTACT_KEYS[path]: value for path, value in operation.values.items() if path in _CONTACT_KEYS}


def _settle_primary(contacts: list[dict[str, Value]], operation: Operation, chosen: Mapping[str, Value]) -> None:
    """A contact that becomes primary takes that from the others."""
    if operation.values.get("isPrimary") is True:
        contacts[:] = [one if one is chosen else {**one, "is_primary": False} for one in contacts]


def _contact(values: Mapping[str, Value]) -> dict[str, Value]:
    """A contact as it is sent: keys in order, empty ones left out."""
    kept = {key: value for key, value in sorted(values.items()) if not is_blank(value)}
    return kept | {"is_primary": bool(values.get("is_primary"))} if "is_primary" in values else kept


def _aliases(operation: Operation, present: Sequence[str], integration_id: str) -> list[Value] | None:
    """The whole list with our marker in it. A plain text as `aliases` is an external id, a list is taken as it is."""
    given = operation.values.get(ALIASES)
    creating = operation.kind is OperationKind.CREATE
    listed = [str(one) for one in (given if isinstance(given, list) else present)]
    external_id = given if isinstance(given, str) and given else operation.source_id
    if not (creating or ALIASES in operation.values):
        return None
    ours = alias_of(integration_id, external_id)
    kept = [one for one in listed if not one.startswith(alias_of(integration_id, ""))]
    return [*kept, ours]


def _address(values: Mapping[str, Value], present: Mapping[str, Value]) -> dict[str, Value] | None:
    """The whole address: sent parts over those there are. Nothing left = no address; a part missing = refused."""
    merged = {part: values.get(path, present.get(part)) for path, part in ADDRESS_PARTS.items()}
    if all(is_blank(value) for value in merged.values()):
        return None
    for path, part in ADDRESS_PARTS.items():
        if part not in OPTIONAL_ADDRESS_PARTS and is_blank(merged[part]):
            raise Refused(f"an address in Alguna needs all of its parts; {path} is missing", path)
    return {part: value for part, value in sorted(merged.items()) if not is_blank(value)}


def _with_primary(values: Mapping[str, Value], present: Sequence[Mapping[str, Value]]) -> list[Value] | None:
    """The contacts with the account's email and names in the primary one; None when there is nothing to change."""
    sent = {_CONTACT_KEYS[path]: values[path] for path in _PRIMARY_PATHS if path in values}
    primary = next((one for one in present if one.get("is_primary")), None)
    if primary is None:
        if all(is_blank(value) for value in sent.values()):
            return None
        if is_blank(sent.get("email")):
            raise Refused("a contact in Alguna needs an email", "email")
        return [*({**one, "is_primary": False} for one in present), _contact({**sent, "is_primary": True})]
    if "email" in sent and is_blank(sent["email"]):
        raise Refused("the primary contact's email must not be empty in Alguna", "email")
    return [_contact({**one, **sent}) if one is primary else dict(one) for one in present]
