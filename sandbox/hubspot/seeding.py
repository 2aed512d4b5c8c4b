"""The sample companies as a marketing team would have typed them into HubSpot."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from typing import Any

from sandbox.hubspot.associations import DEFINED, Associations
from sandbox.hubspot.objects import COMPANY, CONTACT, DEAL
from sandbox.hubspot.records import Records
from sandbox.hubspot.schema import ObjectType
from sandbox.hubspot.values import wire_time
from sandbox.kit.companies import Company, company, contact_place
from sandbox.kit.seeding import Seeder

# Legal forms as they are spelled here; the billing system has the short ones.
_FORMS = {"Ltd": "Limited", "Inc": "Inc.", "Corp": "Corporation", "LLC": "LLC.", "plc": "PLC"}
_OPEN_STAGES = ("qualifiedtobuy", "presentationscheduled", "contractsent")
_PERSON = "userId:71000001"


class HubSpotSeeder(Seeder):
    """Makes sample records as the portal's person. Markers stay empty."""

    def __init__(self, records: Records, associations: Associations) -> None:
        super().__init__()
        self._records = records
        self._associations = associations

    def makers(self) -> Mapping[str, Callable[[int, int], str]]:
        return {"accounts": self._company, "contacts": self._contact, "subscriptions": self._deal}

    def _company(self, seed: int, index: int) -> str:
        return self._make(COMPANY, company_values(company(seed, index)), None)

    def _contact(self, seed: int, index: int) -> str:
        place, number = contact_place(index)
        person = company(seed, place).contacts[number]
        values = {
            "firstname": person.first_name,
            "lastname": person.last_name,
            "email": person.email,
            "phone": person.phone,
            "jobtitle": person.title,
        }
        return self._make(CONTACT, values, self.one("accounts", seed, place))

    def _deal(self, seed: int, index: int) -> str:
        plan = company(seed, index).plan
        values = {
            "dealname": plan.name,
            "dealstage": "closedwon" if plan.active else _OPEN_STAGES[index % len(_OPEN_STAGES)],
            "pipeline": "default",
            "closedate": wire_time(datetime.combine(plan.starts_on, time(), UTC)),
            "amount": format(plan.mrr * 12, "f"),
        }
        return self._make(DEAL, values, self.one("accounts", seed, index))

    def _make(self, kind: ObjectType, values: dict[str, Any], company_id: str | None) -> str:
        edit = self._records.edit("CRM_UI", _PERSON)
        row = self._records.insert(kind, self._records.checked(kind, values, None, edit), edit)
        if company_id is not None:
            primary = {"contact": 1, "deal": 5}[kind.singular]
            self._associations.put(kind, row.id, COMPANY, company_id, {(DEFINED, primary)}, edit)
        return row.id


def company_values(one: Company) -> dict[str, Any]:
    """A company: legal form in full, address in parts, country by name."""
    *words, form = one.name.split(" ")
    address = one.address
    return {
        "name": " ".join([*words, _FORMS.get(form, form)]),
        "domain": one.domain,
        "website": one.website,
        "phone": one.phone,
        "address": address.line1,
        "address2": address.line2 or "",
        "city": address.city,
        "state": address.state,
        "zip": address.postal_code,
        "country": address.country_name,
        "description": one.reference,
    }
