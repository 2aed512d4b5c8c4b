"""The sample companies as a sales team would have typed them into Salesforce."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.kit.companies import Company, company, contact_place
from sandbox.kit.seeding import Seeder
from sandbox.salesforce.objects import ACCOUNT, CONTACT, OPPORTUNITY
from sandbox.salesforce.records import Edit, Records
from sandbox.salesforce.schema import SObject

# Legal forms as they are spelled here; the billing system has the short ones.
_FORMS = {"Ltd": "Ltd.", "Inc": "Inc.", "LLC": "L.L.C.", "Corp": "Corporation", "plc": "PLC"}
_OPEN_STAGES = ("Qualification", "Proposal/Price Quote", "Negotiation/Review")


class SalesforceSeeder(Seeder):
    """Makes sample records as the org's person. Markers stay empty."""

    def __init__(self, records: Records) -> None:
        super().__init__()
        self._records = records

    def makers(self) -> Mapping[str, Callable[[int, int], str]]:
        return {"accounts": self._account, "contacts": self._contact, "subscriptions": self._opportunity}

    def _account(self, seed: int, index: int) -> str:
        return self._make(ACCOUNT, account_values(company(seed, index)))

    def _contact(self, seed: int, index: int) -> str:
        place, number = contact_place(index)
        person = company(seed, place).contacts[number]
        values = {
            "AccountId": self.one("accounts", seed, place),
            "FirstName": person.first_name,
            "LastName": person.last_name,
            "Email": person.email,
            "Phone": person.phone,
            "Title": person.title,
        }
        return self._make(CONTACT, values)

    def _opportunity(self, seed: int, index: int) -> str:
        one = company(seed, index)
        values = {
            "AccountId": self.one("accounts", seed, index),
            "Name": one.plan.name,
            "StageName": "Closed Won" if one.plan.active else _OPEN_STAGES[index % len(_OPEN_STAGES)],
            "CloseDate": one.plan.starts_on.isoformat(),
            "Amount": float(one.plan.mrr * 12),
        }
        return self._make(OPPORTUNITY, values)

    def _make(self, sobject: SObject, values: dict[str, Any]) -> str:
        return self._records.insert(Edit(self._records.person_id, allow_duplicates=True), sobject, values)


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
