"""Sample records, as Alguna would hold the kit's sample companies. Making them fires no webhooks."""

from collections.abc import Callable
from decimal import Decimal

from sandbox.alguna.api import Api
from sandbox.alguna.organisation import Organisation
from sandbox.alguna.store import Table
from sandbox.alguna.terms import fixed_item
from sandbox.alguna.values import midnight, money
from sandbox.kit.companies import Company, Person, Product, company, contact_place
from sandbox.kit.vendor import Record

_PROVIDERS = ("salesforce", "hubspot", "quickbooks", "netsuite", "xero", "stripe")
_TAX_TYPES = {"USA": "sales_tax", "CAN": "hst", "AUS": "gst"}


def add_integrations(org: Organisation) -> None:
    """The connections that somebody made in the dashboard, one per provider: `intg_<provider>`."""
    for provider in _PROVIDERS:
        if org.store.integrations.get(f"intg_{provider}") is None:
            org.store.integrations.put(
                {"id": f"intg_{provider}", "provider": provider, "description": None, "created_at": org.stamp()}
            )


class Seeding:
    """Makes the sample records of one seed, each once, with the parents that it needs.

    Account, subscription, invoice and payment number n belong to company n; contact n is contact n mod 2 of company
    n div 2, and an account has its first contact from the start. Payment n pays invoice n, every third by half.
    """

    def __init__(self, api: Api, seed: int) -> None:
        self._api = api
        self._store = api.org.store
        self._seed = seed

    def make(self, entity: str, indexes: range) -> list[str]:
        """The ids of these records of an entity, in order."""
        makers: dict[str, Callable[[int], str]] = {
            "accounts": self._account,
            "contacts": self._contact,
            "subscriptions": self._subscription,
            "invoices": self._invoice,
            "payments": self._payment,
        }
        return [makers[entity](index) for index in indexes]

    def _once(self, name: str, table: Table, make: Callable[[], Record]) -> Record:
        row = table.get(self._store.seeded.get(name, ""))
        if row is None:
            row = make()
            self._store.seeded[name] = row["id"]
        return row

    def _account(self, index: int) -> str:
        return str(self._customer(company(self._seed, index))["id"])

    def _customer(self, sample: Company) -> Record:
        return self._once(f"accounts:{sample.reference}", self._store.customers, lambda: self._new_customer(sample))

    def _new_customer(self, sample: Company) -> Record:
        address = sample.address
        body: Record = {
            "name": sample.name,
            "currency": sample.currency,
            "aliases": [sample.reference],
            "billing_address": {
                "line1": address.line1,
                "line2": address.line2,
                "city": address.city,
                "state": address.state,
                "postal_code": address.postal_code,
                "country": address.country,
            },
            "contacts": [{**_contact_row(sample.contacts[0]), "is_primary": True}],
            "tax_country": address.country,
            "tax_rate": str(sample.tax_rate),
            "tax_type": _TAX_TYPES.get(address.country, "vat"),
            "tax_reason": "standard_rated",
        }
        row = self._api.customers.create(body, with_tax=True)
        self._store.seeded[f"contacts:{sample.reference}:0"] = row["contacts"][0]["id"]
        return row

    def _contact(self, index: int) -> str:
        place, number = contact_place(index)
        sample = company(self._seed, place)
        customer = self._customer(sample)
        name = f"contacts:{sample.reference}:{number}"
        known = self._store.seeded.get(name)
        if any(contact["id"] == known for contact in customer["contacts"]):
            return str(known)
        added = {**_contact_row(sample.contacts[number]), "is_primary": not customer["contacts"]}
        customer = self._api.customers.set_contacts(customer, [*customer["contacts"], added])
        self._store.seeded[name] = customer["contacts"][-1]["id"]
        return str(self._store.seeded[name])

    def _subscription(self, index: int) -> str:
        sample = company(self._seed, index)
        name = f"subscriptions:{sample.reference}"
        return str(self._once(name, self._store.subscriptions, lambda: self._new_subscription(sample))["id"])

    def _new_subscription(self, sample: Company) -> Record:
        plan = sample.plan
        product = self._product(plan.product)
        price = str(plan.product.monthly_price)
        body = {
            "customer_id": self._customer(sample)["id"],
            "name": plan.name,
            "currency": sample.currency,
            "items": [fixed_item(product["id"], price, plan.quantity, sample.currency)],
            "contract": {
                "period_type": "fixed",
                "start_date": plan.starts_on.isoformat(),
                "duration_months": plan.term_months,
            },
            "renewal": {"auto_renew": True, "duration_months": 12, "period_type": "fixed"},
        }
        row = self._api.subscriptions.create(body)
        started = midnight(plan.starts_on)
        return self._api.subscriptions.activate(row, started, quietly=True) if plan.active else row

    def _product(self, sample: Product) -> Record:
        body = {
            "name": sample.name,
            "description": sample.name,
            "sku": sample.sku,
            "fee_type": "fixed",
            "payment_terms": "advance",
            "billing_frequency": "recurring",
        }
        return self._once(f"products:{sample.sku}", self._store.products, lambda: self._api.products.create(body))

    def _invoice(self, index: int) -> str:
        return str(self._issued(company(self._seed, index))["id"])

    def _issued(self, sample: Company) -> Record:
        return self._once(f"invoices:{sample.reference}", self._store.invoices, lambda: self._new_invoice(sample))

    def _new_invoice(self, sample: Company) -> Record:
        lines = [
            {
                "product_id": self._product(line.product)["id"],
                "description": line.description,
                "quantity": str(line.quantity),
                "unit_price": str(line.unit_price),
            }
            for line in sample.lines
        ]
        body = {
            "customer_id": self._customer(sample)["id"],
            "currency": sample.currency,
            "description": f"Services for {sample.name}",
            "issue_date": midnight(sample.invoice_date),
            "line_items": lines,
        }
        return self._api.invoices.issue(self._api.invoices.create(body), quietly=True)

    def _payment(self, index: int) -> str:
        sample = company(self._seed, index)
        name = f"payments:{sample.reference}"
        return str(self._once(name, self._store.payments, lambda: self._new_payment(sample, index))["id"])

    def _new_payment(self, sample: Company, index: int) -> Record:
        invoice = self._issued(sample)
        amount = Decimal(invoice["amount_remaining"])
        if index % 3 == 0:
            amount = Decimal(money(amount / 2, sample.currency))
        self._api.invoices.pay(invoice, amount, midnight(sample.invoice_date), quietly=True)
        return self._store.payments.find("invoice", invoice["id"])[-1]


def _contact_row(person: Person) -> Record:
    return {"email": person.email, "first_name": person.first_name, "last_name": person.last_name}
