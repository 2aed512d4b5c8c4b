"""Products (Alguna sheet 2.7). Deleting is soft, and refused while an active subscription uses the product."""

from typing import Any

from sandbox.alguna import values as read
from sandbox.alguna.errors import not_found, not_now
from sandbox.alguna.organisation import Organisation
from sandbox.alguna.paging import Lists, choices
from sandbox.alguna.routing import Call, Reply, Routes
from sandbox.kit.vendor import Record

_TEXTS = ("description", "sku", "tax_code", "unit_label_singular", "unit_label_plural")
_ALLOCATION = ("straight_line", "usage_based", "contract_level_straight_line")


class Products:
    """`/products…`."""

    def __init__(self, org: Organisation, lists: Lists, routes: Routes) -> None:
        self._org = org
        self._lists = lists
        routes.add("GET", "products", self._list)
        routes.add("POST", "products", lambda call: Reply(self.create(call.body)))
        routes.add("GET", "products/{}", lambda call: Reply(self._get(call.ids[0])))
        routes.add("PATCH", "products/{}", self._patch)
        routes.add("DELETE", "products/{}", self._delete)

    def create(self, body: Record) -> Record:
        row: Record = {
            "id": self._org.new_id("prod"),
            "name": read.text(body.get("name"), "name"),
            "fee_type": read.one_of(body.get("fee_type"), ("fixed", "metered"), "fee_type"),
            "payment_terms": read.one_of(body.get("payment_terms"), ("advance", "arrears"), "payment_terms"),
            "billing_frequency": read.optional_text(body.get("billing_frequency"), "billing_frequency"),
            "metric_ids": body.get("metric_ids") or [],
            "tag_ids": body.get("tag_ids") or [],
            **_texts(body, {field: None for field in _TEXTS}),
            "revenue_allocation_method": _allocation(body.get("revenue_allocation_method")),
        }
        row["description"] = row["description"] or ""
        row["created_at"] = row["updated_at"] = self._org.stamp()
        return self._org.store.products.put(row)

    def _get(self, product_id: str) -> Record:
        row = self._org.store.products.get(product_id)
        if row is None:
            raise not_found("product")
        return row

    def _list(self, call: Call) -> Reply:
        query, table = {**call.query}, self._org.store.products
        query.pop("sort", None)
        key = tuple(query.get(name) for name in ("fee_type", "payment_terms", "metric_ids"))
        rows = None
        if any(key):
            wanted = {name: choices(query, name) for name in ("fee_type", "payment_terms")}
            rows = [row for row in table if all(some is None or row[name] in some for name, some in wanted.items())]
            rows = [] if query.get("metric_ids") else rows
        sortable = {"created_at": "created_at"}
        return Reply(self._lists.page(table, query, self._org.changes, sortable=sortable, rows=rows, key=key))

    def _patch(self, call: Call) -> Reply:
        row, body = self._get(call.ids[0]), call.body
        sent = _texts(body, {field: row[field] for field in _TEXTS})
        if "name" in body:
            sent["name"] = read.text(body["name"], "name")
        if body.get("revenue_allocation_method") is not None:
            sent["revenue_allocation_method"] = _allocation(body["revenue_allocation_method"])
        return Reply(self._org.store.products.put({**row, **sent, "updated_at": self._org.stamp()}))

    def _delete(self, call: Call) -> Reply:
        row, store = self._get(call.ids[0]), self._org.store
        for subscription in store.subscriptions:
            version = store.versions.get(subscription["current_version_id"] or "")
            if subscription["status"] == "active" and version and _uses(version, row["id"]):
                raise not_now("the product is used on an active subscription")
        store.products.remove(row["id"])
        self._org.stamp()
        return Reply()


def _uses(version: Record, product_id: str) -> bool:
    return any(item.get("product_id") == product_id for item in version["items"])


def _texts(body: Record, present: Record) -> Record:
    return {field: read.optional_text(body.get(field, present[field]), field) for field in _TEXTS}


def _allocation(value: Any) -> str:
    return read.one_of(value or "straight_line", _ALLOCATION, "revenue_allocation_method")
