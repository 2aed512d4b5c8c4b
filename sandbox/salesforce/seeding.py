"""The sample companies as a sales team would have typed them into Salesforce."""

from typing import Any

from sandbox.kit.companies import Company, company, contact_place
from sandbox.salesforce.objects import ACCOUNT, CONTACT, OPPORTUNITY
from sandbox.salesforce.records import Edit, Records
from sandbox.salesforce.schema import SObject

# Legal forms as they are spelled here; the billing system has the short ones.
_FORMS = {"Ltd": "Ltd.", "Inc": "Inc.", "LLC": "L.L.C.", "Corp": "Corporation", "plc": "PLC"}
_OPEN_STAGES = ("Qualification", "Proposal/Price Quote", "Negotiation/Review")


class Seeder:
    """Makes sample records as the org's person; `known` keeps one from being made twice. Markers stay empty."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.known: dict[str, str] = {}

    def seed(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        """The ids of the sample records number `offset … offset+count-1`."""
        make = {"accounts": self._account, "contacts": self._contact, "subscriptions": self._opportunity}[entity]
        return [make(seed, index) for index in range(offset, offset + count)]

    def _account(self, seed: int, index: int) -> str:
        key = f"accounts:{seed}:{index}"
        return self.known.get(key) or self._make(ACCOUNT, key, account_values(company(seed, index)))

    def _contact(self, seed: int, index: int) -> str:
        key = f"contacts:{seed}:{index}"
        if key in self.known:
            return self.known[key]
        place, number = contact_place(index)
        person = company(seed, place).contacts[number]
        values = {
            "AccountId": self._account(seed, place),
            "FirstName": person.first_name,
            "LastName": person.last_name,
            "Email": person.email,
            "Phone": person.phone,
            "Title": person.title,
        }
        return self._make(CONTACT, key, values)

    def _opportunity(self, seed: int, index: int) -> str:
        key = f"subscriptions:{seed}:{index}"
        if key in self.known:
            return self.known[key]
        one = company(seed, index)
        values = {
            "AccountId": self._account(seed, index),
            "Name": one.plan.name,
            "StageName": "Closed Won" if one.plan.active else _OPEN_STAGES[index % len(_OPEN_STAGES)],
            "CloseDate": one.plan.starts_on.isoformat(),
            "Amount": float(one.plan.mrr * 12),
        }
        return self._make(OPPORTUNITY, key, values)

    def _make(self, sobject: SObject, key: str, values: dict[str, Any]) -> str:
        edit = Edit(self._records.person_id, allow_duplicates=True)
        self.known[key] = self._records.insert(edit, sobject, values)
        return self.known[key]


def account_values(one: Company) -> dict[str, Any]:
    """A company's Account: legal form with dots, street in lines, country by name or code."""
    *words, form = one.name.split(" ")
    address = one.address
    return {
        "Name": " ".join([*words, _FORMS.get(form, form)]),
        "AccountNumber": one.reference,
        "Type": "Customer - Direct",
        "Phone": one.phone,
        "Website": one.website,
        "BillingStreet": f"{address.line1}\n{address.line2}" if address.line2 else address.line1,
        "BillingCity": address.city,
        "BillingState": address.state,
        "BillingPostalCode": address.postal_code,
        "BillingCountry": address.country_alpha2 if one.index % 3 == 0 else address.country_name,
        "Email__c": one.contacts[0].email,
    }
