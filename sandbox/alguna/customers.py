"""Customers with their contacts, aliases and connected accounts (Alguna sheet 2.1), and integrations (2.2)."""

from collections.abc import Iterable
from typing import Any

from sandbox.alguna import values as read
from sandbox.alguna.errors import ApiError, invalid, not_found
from sandbox.alguna.organisation import Organisation
from sandbox.alguna.paging import Lists, choices, flag
from sandbox.alguna.routing import Call, Reply, Routes
from sandbox.kit.vendor import Record

_SORTABLE = {"name": "name", "created_at": "created_at"}
_ADDRESS_PARTS = ("line1", "city", "state", "postal_code")
_TAX_FIELDS = ("tax_country", "tax_id", "tax_rate", "tax_reason", "tax_status", "tax_type")
_UNHELD_FILTERS = ("csm_id", "sales_owner_id", "tag_ids")


class Customers:
    """`/customers…` and `/integrations…`. There is no way to delete a customer over the API."""

    def __init__(self, org: Organisation, lists: Lists, routes: Routes) -> None:
        self._org = org
        self._lists = lists
        routes.add("GET", "customers", self._list)
        routes.add("POST", "customers", lambda call: Reply(self.create(call.body)))
        routes.add("GET", "customers/lookup", self._lookup)
        routes.add("GET", "customers/{}", lambda call: Reply(self.resolve(call.ids[0])))
        routes.add("PATCH", "customers/{}", lambda call: Reply(self.change(self.resolve(call.ids[0]), call.body)))
        routes.add("GET", "customers/{}/connected-accounts", self._connected)
        routes.add("POST", "customers/{}/connected-accounts", self._connect)
        routes.add("DELETE", "customers/{}/connected-accounts/{}", self._disconnect)
        routes.add("GET", "customers/{}/entitlements", self._nothing)
        routes.add("GET", "customers/{}/payment-methods", self._nothing)
        routes.add("GET", "integrations", self._integrations)
        routes.add("GET", "integrations/{}", self._integration)

    def resolve(self, name: str) -> Record:
        """The customer with this Alguna id, alias or connected external id. Raises ApiError 404."""
        found = self._find(name)
        if found is None:
            raise not_found("customer")
        return found

    def create(self, body: Record, *, with_tax: bool = False) -> Record:
        """A new customer. `with_tax`: tax fields are taken too, as in the dashboard; the API ignores them."""
        row: Record = {
            "id": self._org.new_id("cust"),
            "name": read.text(body.get("name"), "name"),
            "currency": read.currency(body.get("currency")),
            "aliases": self._aliases(body.get("aliases") or [], None),
            "billing_address": _address(body.get("billing_address")),
            "contacts": self._contacts(body.get("contacts") or [], ()),
        }
        row |= {field: body.get(field) if with_tax else None for field in _TAX_FIELDS}
        row["created_at"] = row["updated_at"] = self._org.stamp()
        return self._org.store.customers.put(row)

    def change(self, row: Record, body: Record, *, with_tax: bool = False) -> Record:
        """Only the sent fields; `contacts` and `aliases` are whole lists; a null `billing_address` removes it.

        `updated_at` moves even if nothing differs.
        """
        sent: Record = {}
        if "name" in body:
            sent["name"] = read.text(body["name"], "name")
        if "currency" in body:
            sent["currency"] = read.currency(body["currency"])
        if "aliases" in body:
            sent["aliases"] = self._aliases(body["aliases"], row["id"])
        if "billing_address" in body:
            sent["billing_address"] = _address(body["billing_address"])
        if "contacts" in body:
            sent["contacts"] = self._contacts(body["contacts"], row["contacts"])
        if with_tax:
            sent |= {field: body[field] for field in _TAX_FIELDS if field in body}
        return self._org.store.customers.put({**row, **sent, "updated_at": self._org.stamp()})

    def set_contacts(self, row: Record, contacts: list[Record]) -> Record:
        """Give the customer these contacts, of which new ones have no `id` yet."""
        return self.change(row, {"contacts": contacts})

    def _find(self, name: str) -> Record | None:
        store = self._org.store
        row = store.customers.get(name)
        if row is not None:
            return row
        by_alias = store.customers.find("alias", name)
        if by_alias:
            return by_alias[0]
        links = store.connected_accounts.find("external", name)
        return store.customers.get(links[0]["customer_id"]) if links else None

    def _aliases(self, value: Any, owner: str | None) -> list[str]:
        """A whole list of aliases. Each is unique in the organisation: 409 when it leads to another customer."""
        aliases = [read.text(alias, f"aliases[{place}]") for place, alias in enumerate(read.listing(value, "aliases"))]
        if len(set(aliases)) != len(aliases):
            raise invalid("aliases must not repeat")
        for alias in aliases:
            holder = self._find(alias)
            if holder is not None and holder["id"] != owner:
                raise ApiError(409, f"alias {alias} is already in use")
        return aliases

    def _contacts(self, value: Any, present: Iterable[Record]) -> list[Record]:
        """A whole list of contacts. A sent id keeps that contact; without one it is a new contact."""
        known = {contact["id"] for contact in present}
        contacts = []
        for place, sent in enumerate(read.listing(value, "contacts")):
            contact = _contact(read.mapping(sent, f"contacts[{place}]"), f"contacts[{place}]")
            if contact["id"] is None:
                contact["id"] = self._org.new_id("cont")
            elif contact["id"] not in known:
                raise invalid(f"contacts[{place}].id is not a contact of this customer")
            else:
                known.discard(contact["id"])
            contacts.append(contact)
        if contacts and sum(contact["is_primary"] for contact in contacts) != 1:
            raise invalid("contacts must have exactly one primary contact")
        return contacts

    def _list(self, call: Call) -> Reply:
        """Filters narrow each other; those about people and tags, which this sandbox does not hold, match nobody."""
        query, store = call.query, self._org.store
        active = flag(query, "has_active_subscriptions")
        integrations = choices(query, "integration_ids")
        names = ("alias", "email", "integration_ids", "has_active_subscriptions", *_UNHELD_FILTERS)
        key = tuple(query.get(name) for name in names)
        rows: Iterable[Record] | None = None
        if any(key):
            rows = store.customers
            if query.get("alias"):
                rows = store.customers.find("alias", query["alias"])
            if query.get("email"):
                held = {row["id"] for row in store.customers.find("email", query["email"].lower())}
                rows = [row for row in rows if row["id"] in held]
            if integrations is not None:
                links = [link for name in integrations for link in store.connected_accounts.find("integration", name)]
                linked = {link["customer_id"] for link in links}
                rows = [row for row in rows if row["id"] in linked]
            if active is not None:
                rows = [row for row in rows if self._is_active(row) is active]
            if any(query.get(name) for name in _UNHELD_FILTERS):
                rows = []
        page = self._lists.page(store.customers, query, self._org.changes, sortable=_SORTABLE, rows=rows, key=key)
        return Reply(page)

    def _is_active(self, row: Record) -> bool:
        return any(found["status"] == "active" for found in self._org.store.subscriptions.find("customer", row["id"]))

    def _lookup(self, call: Call) -> Reply:
        alias = call.query.get("alias")
        if not alias:
            raise ApiError(400, "alias is required")
        return Reply({"customer_id": self.resolve(alias)["id"]})

    def _connected(self, call: Call) -> Reply:
        row = self.resolve(call.ids[0])
        return Reply({"data": self._org.store.connected_accounts.find("customer", row["id"])})

    def _connect(self, call: Call) -> Reply:
        store, row = self._org.store, self.resolve(call.ids[0])
        integration_id = read.text(call.body.get("integration_id"), "integration_id")
        external_id = read.text(call.body.get("external_id"), "external_id")
        if store.integrations.get(integration_id) is None:
            raise not_found("integration")
        if any(
            link["integration_id"] == integration_id for link in store.connected_accounts.find("external", external_id)
        ):
            raise ApiError(409, "the external account is already connected")
        link = {
            "id": self._org.new_id("conn"),
            "customer_id": row["id"],
            "integration_id": integration_id,
            "external_id": external_id,
        }
        self._org.stamp()
        return Reply(store.connected_accounts.put(link))

    def _disconnect(self, call: Call) -> Reply:
        row, link = self.resolve(call.ids[0]), self._org.store.connected_accounts.get(call.ids[1])
        if link is None or link["customer_id"] != row["id"]:
            raise not_found("connected account")
        self._org.store.connected_accounts.remove(link["id"])
        self._org.stamp()
        return Reply()

    def _nothing(self, call: Call) -> Reply:
        """Entitlements and payment methods are not kept here."""
        self.resolve(call.ids[0])
        return Reply({"data": []})

    def _integrations(self, call: Call) -> Reply:
        provider = call.query.get("provider")
        rows = [row for row in self._org.store.integrations if provider in (None, row["provider"])]
        return Reply({"data": rows})

    def _integration(self, call: Call) -> Reply:
        row = self._org.store.integrations.get(call.ids[0])
        if row is None:
            raise not_found("integration")
        return Reply(row)


def _address(value: Any) -> Record | None:
    """All parts but `line2` are required, so a partial address cannot be stored."""
    if value is None:
        return None
    sent = read.mapping(value, "billing_address")
    parts = {part: read.text(sent.get(part), f"billing_address.{part}") for part in _ADDRESS_PARTS}
    parts["country"] = read.country(sent.get("country"), "billing_address.country")
    return {**parts, "line2": read.optional_text(sent.get("line2"), "billing_address.line2")}


def _contact(sent: Record, field: str) -> Record:
    preferences = read.listing(sent.get("email_preferences") or [], f"{field}.email_preferences")
    return {
        "id": read.optional_text(sent.get("id"), f"{field}.id"),
        "email": read.email(sent.get("email"), f"{field}.email"),
        "is_primary": read.boolean(sent.get("is_primary"), f"{field}.is_primary"),
        "first_name": read.optional_text(sent.get("first_name"), f"{field}.first_name"),
        "last_name": read.optional_text(sent.get("last_name"), f"{field}.last_name"),
        "email_preferences": [read.text(item, f"{field}.email_preferences") for item in preferences],
    }
