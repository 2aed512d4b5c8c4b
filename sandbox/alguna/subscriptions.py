"""Subscriptions with their versions and revenue (Alguna sheet 2.5).

A subscription starts as a draft with one draft version; activating publishes it. Items are kept as they were
sent; revenue is known for fixed and unit prices, and `partial` or `unavailable` where others occur.
"""

from datetime import datetime
from typing import Any

from sandbox.alguna import values as read
from sandbox.alguna.errors import invalid, not_found, not_now
from sandbox.alguna.organisation import Organisation
from sandbox.alguna.paging import Lists, choices
from sandbox.alguna.revenue import revenue
from sandbox.alguna.routing import Call, Reply, Routes
from sandbox.alguna.terms import billing_terms, contract_terms, ends_at, items_of, renewal_terms
from sandbox.kit.vendor import Record

_SORTABLE = {
    "name": "name",
    "status": "status",
    "created_at": "created_at",
    "activated_at": "activated_at",
    "ended_at": "ended_at",
    "updated_at": "updated_at",
    "contract_start_date": "contract.start_date",
    "contract_end_date": "contract.end_date",
}
_REASONS = ("no_longer_required", "moving_provider", "pricing", "support", "features", "upgraded", "other")
_INTERNAL = ("ended_at",)


class Subscriptions:
    """`/subscriptions…`."""

    def __init__(self, org: Organisation, lists: Lists, routes: Routes) -> None:
        self._org = org
        self._lists = lists
        org.when_due("end_subscription", self._end)
        routes.add("GET", "subscriptions", self._list)
        routes.add("POST", "subscriptions", lambda call: Reply(shown(self.create(call.body))))
        routes.add("GET", "subscriptions/{}", lambda call: Reply(shown(self.get(call.ids[0]))))
        routes.add("PATCH", "subscriptions/{}", self._patch)
        routes.add("DELETE", "subscriptions/{}", self._delete)
        routes.add("POST", "subscriptions/{}/activate", self._activate)
        routes.add("POST", "subscriptions/{}/cancel", self._cancel)
        routes.add("GET", "subscriptions/{}/revenue", self._revenue)
        routes.add("GET", "subscriptions/{}/entitlements", self._nothing)
        routes.add("GET", "subscriptions/{}/versions", self._versions)
        routes.add("GET", "subscriptions/{}/versions/current", self._current_version)
        routes.add("GET", "subscriptions/{}/versions/{}", self._version)
        routes.add("GET", "subscriptions/{}/versions/{}/revenue", self._version_revenue)

    def get(self, subscription_id: str) -> Record:
        """The stored row. Raises ApiError 404."""
        row = self._org.store.subscriptions.get(subscription_id)
        if row is None:
            raise not_found("subscription")
        return row

    def create(self, body: Record) -> Record:
        """A draft, or an active subscription with `auto_activate`. Without plans here, `plan_id` is never found."""
        customer = self._org.store.customers.get(read.text(body.get("customer_id"), "customer_id"))
        if customer is None:
            raise not_found("customer")
        if body.get("plan_id") is not None:
            raise not_found("plan")
        subscription_id = self._org.new_id("sub")
        currency = read.currency(body.get("currency"))
        items = items_of(body.get("items") or [], currency)
        row: Record = {
            "id": subscription_id,
            "customer_id": customer["id"],
            "name": read.optional_text(body.get("name"), "name") or f"{customer['name']} subscription",
            "currency": currency,
            "status": "draft",
            "billing": billing_terms(body.get("billing")),
            "contract": contract_terms(body.get("contract")),
            "renewal": renewal_terms(body.get("renewal")),
            "metadata": _merged({}, body.get("metadata") or {}),
            "pending_changes": [],
            "current_version_id": None,
            "plan_id": None,
            "activated_at": None,
            "ended_at": None,
            "trial_period_days": None,
            "discount": None,
            "minimum_spend": None,
            "maximum_spend": None,
            "price_escalation": None,
        }
        row["created_at"] = row["updated_at"] = self._org.stamp()
        self._org.store.subscriptions.put(row)
        self.add_version(row, items, "draft", row["contract"]["start_date"])
        return self.activate(row) if body.get("auto_activate") else row

    def change(self, row: Record, body: Record) -> Record:
        """Name, metadata (merged; null removes a key), terms. Other keys are ignored, as items have their own calls."""
        sent: Record = {}
        if "name" in body:
            sent["name"] = read.text(body["name"], "name")
        if body.get("metadata") is not None:
            sent["metadata"] = _merged(row["metadata"], body["metadata"])
        if body.get("billing") is not None:
            sent["billing"] = billing_terms(body["billing"], row["billing"])
        if body.get("renewal") is not None:
            sent["renewal"] = renewal_terms(body["renewal"], row["renewal"])
        if body.get("trial_period_days") is not None:
            sent["trial_period_days"] = read.whole(body["trial_period_days"], "trial_period_days")
        return self.save({**row, **sent}, "updated")

    def save(self, row: Record, event: str | None) -> Record:
        """Store the row with a new `updated_at` and tell of it."""
        row = self._org.store.subscriptions.put({**row, "updated_at": self._org.stamp()})
        if event is not None:
            self._org.events.subscription(event, row, row["ended_at"])
        return row

    def activate(self, row: Record, at: str | None = None, *, quietly: bool = False) -> Record:
        """Publish the draft version and start the contract (today, where no start date is set)."""
        if row["status"] == "active":
            return row
        if row["status"] == "canceled":
            raise not_now("a canceled subscription cannot be activated")
        when = at or self._org.now()
        contract = dict(row["contract"])
        contract["start_date"] = contract["start_date"] or when[:10] + "T00:00:00.000000Z"
        contract["end_date"] = ends_at(contract)
        version = self.newest_version(row)
        version = self._org.store.versions.put(
            {**version, "status": "published", "start_date": contract["start_date"], "updated_at": self._org.stamp()}
        )
        row = {
            **row,
            "status": "active",
            "activated_at": when,
            "contract": contract,
            "current_version_id": version["id"],
        }
        row = self.save(row, None if quietly else "activated")
        if not quietly:
            self._org.events.version(version, row["customer_id"])
        return row

    def cancel_now(self, row: Record) -> Record:
        return self.save({**row, "status": "canceled", "ended_at": self._org.now()}, "canceled")

    def add_version(self, row: Record, items: list[Record], status: str, starts_at: str | None) -> Record:
        version: Record = {
            "id": self._org.new_id("subv"),
            "subscription_id": row["id"],
            "status": status,
            "description": None,
            "plan_id": None,
            "start_date": starts_at,
            "end_date": None,
            "items": items,
            "entitlements": [],
        }
        version["created_at"] = version["updated_at"] = self._org.stamp()
        return self._org.store.versions.put(version)

    def newest_version(self, row: Record) -> Record:
        return self._org.store.versions.find("subscription", row["id"])[-1]

    def price_anew(self, row: Record, items: list[Record]) -> Record:
        """Other items: a draft's version changes, else a new version is published (a person's change of price)."""
        present = self.newest_version(row)
        if row["status"] == "draft":
            version = self._org.store.versions.put({**present, "items": items, "updated_at": self._org.stamp()})
        else:
            now = self._org.stamp()
            self._org.store.versions.put({**present, "end_date": now, "updated_at": now})
            version = self.add_version(row, items, "published", now)
            row = {**row, "current_version_id": version["id"]}
        self._org.events.version(version, row["customer_id"])
        return row

    def remove(self, row: Record) -> None:
        """Forget the subscription and its versions."""
        for version in self._org.store.versions.find("subscription", row["id"]):
            self._org.store.versions.remove(version["id"])
        self._org.store.subscriptions.remove(row["id"])
        self._org.stamp()

    def _list(self, call: Call) -> Reply:
        query, table = call.query, self._org.store.subscriptions
        statuses = choices(query, "status")
        key = tuple(query.get(name) for name in ("customer_id", "status", "tag_ids"))
        rows = None
        if any(key):
            rows = table.find("customer", query["customer_id"]) if query.get("customer_id") else list(table)
            rows = [row for row in rows if statuses is None or row["status"] in statuses]
            rows = [] if query.get("tag_ids") else rows
        page = self._lists.page(table, query, self._org.changes, sortable=_SORTABLE, rows=rows, key=key)
        return Reply({**page, "data": [shown(row) for row in page["data"]]})

    def _patch(self, call: Call) -> Reply:
        return Reply(shown(self.change(self.get(call.ids[0]), call.body)))

    def _delete(self, call: Call) -> Reply:
        row = self.get(call.ids[0])
        if row["status"] != "draft":
            raise not_now("only draft subscriptions can be deleted")
        self.remove(row)
        return Reply()

    def _activate(self, call: Call) -> Reply:
        return Reply(shown(self.activate(self.get(call.ids[0]))))

    def _cancel(self, call: Call) -> Reply:
        """At once, at the end of the term, or on a date; until then the subscription stays active."""
        row = self.get(call.ids[0])
        read.one_of(call.body.get("reason"), _REASONS, "reason")
        if row["status"] != "active":
            raise not_now("only active subscriptions can be canceled")
        when = self._effective(call.body.get("effective") or "immediate", row)
        if when is None or when <= self._org.clock.now():
            return Reply(shown(self.cancel_now(row)))
        self._org.later(when, "end_subscription", row["id"])
        return Reply(shown(self.save(row, "cancelation_scheduled")))

    def _effective(self, value: Any, row: Record) -> datetime | None:
        if value == "immediate":
            return None
        if value != "end_of_term":
            return read.moment(value, "effective")
        if row["contract"]["end_date"] is None:
            raise invalid("effective: the contract has no end")
        return read.moment(row["contract"]["end_date"], "effective")

    def _end(self, subscription_id: str) -> None:
        row = self._org.store.subscriptions.get(subscription_id)
        if row is not None and row["status"] == "active":
            self.cancel_now(row)

    def _revenue(self, call: Call) -> Reply:
        row = self.get(call.ids[0])
        return Reply(revenue(row, self.newest_version(row)))

    def _nothing(self, call: Call) -> Reply:
        self.get(call.ids[0])
        return Reply({"data": []})

    def _versions(self, call: Call) -> Reply:
        row = self.get(call.ids[0])
        versions = self._org.store.versions.find("subscription", row["id"])
        hidden = ("items", "entitlements")
        return Reply({"data": [{key: one[key] for key in one if key not in hidden} for one in versions]})

    def _current_version(self, call: Call) -> Reply:
        row = self.get(call.ids[0])
        version = self._org.store.versions.get(row["current_version_id"] or "")
        if version is None:
            raise not_found("active version")
        return Reply(version)

    def _version(self, call: Call) -> Reply:
        return Reply(self._version_of(call))

    def _version_revenue(self, call: Call) -> Reply:
        return Reply(revenue(self.get(call.ids[0]), self._version_of(call)))

    def _version_of(self, call: Call) -> Record:
        row, version = self.get(call.ids[0]), self._org.store.versions.get(call.ids[1])
        if version is None or version["subscription_id"] != row["id"]:
            raise not_found("version")
        return version


def shown(row: Record) -> Record:
    """The row as the API gives it; `ended_at` can be sorted by and is in webhooks, but not in the resource."""
    return {key: row[key] for key in row if key not in _INTERNAL}


def _merged(present: Record, sent: Any) -> Record:
    """Metadata after a change: keys are merged, and a null removes one."""
    merged = {**present, **read.mapping(sent, "metadata")}
    return {key: value for key, value in merged.items() if value is not None}
