"""Whether both systems agree, record by record, read from their own APIs: nothing missing, nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from starter.demo.sides import Row, primary
from starter.demo.world import Pair, World, check


def check_accounts(world: World) -> int:
    """Check that every customer has exactly one account with the same name and email; returns how many."""
    customers = {row["id"]: row for row in world.billing.customers()}
    accounts = world.crm.accounts()
    _once("account", customers, (row["Alguna_Customer_ID__c"] for row in accounts))
    for row in accounts:
        ours = customers[row["Alguna_Customer_ID__c"]]
        _equal("name", ours["name"], row["Name"], row["Id"])
        _equal("email", primary(ours).get("email"), row["Email__c"], row["Id"])
    _no_twins("customer", (row["name"] for row in customers.values()))
    return len(accounts)


def check_contacts(world: World) -> int:
    """Check that every contact of a customer is exactly one contact of the right account; returns how many."""
    account_of = {row["Alguna_Customer_ID__c"]: row["Id"] for row in world.crm.accounts()}
    customers = world.billing.customers()
    owner = {one["id"]: customer["id"] for customer in customers for one in customer.get("contacts") or []}
    ours = {one["id"]: one for customer in customers for one in customer.get("contacts") or []}
    theirs = world.crm.contacts()
    _once("contact", ours, (row["Alguna_Contact_ID__c"] for row in theirs))
    for row in theirs:
        one = ours[row["Alguna_Contact_ID__c"]]
        _equal("first name", one.get("first_name"), row["FirstName"], row["Id"])
        _equal("last name", one.get("last_name"), row["LastName"], row["Id"])
        _equal("email", one["email"], row["Email"], row["Id"])
        _equal("account", account_of.get(owner[one["id"]]), row["AccountId"], row["Id"])
    return len(theirs)


def check_subscriptions(world: World) -> int:
    """Check that every subscription is exactly one opportunity of the right account; returns how many."""
    account_of = {row["Alguna_Customer_ID__c"]: row["Id"] for row in world.crm.accounts()}
    ours = {row["id"]: row for row in world.billing.subscriptions()}
    theirs = world.crm.opportunities()
    _once("opportunity", ours, (row["Alguna_Subscription_ID__c"] for row in theirs))
    for row in theirs:
        one = ours[row["Alguna_Subscription_ID__c"]]
        _equal("name", one["name"], row["Name"], row["Id"])
        _equal("account", account_of.get(one["customer_id"]), row["AccountId"], row["Id"])
    return len(theirs)


def linked_accounts(world: World) -> list[Pair]:
    """Return the accounts that both systems have, by name."""
    rows = [Pair(row["Alguna_Customer_ID__c"], row["Id"], row["Name"]) for row in world.crm.accounts()]
    return sorted((pair for pair in rows if pair.alguna_id), key=lambda pair: pair.name)


def linked_contacts(world: World, accounts: Iterable[Pair]) -> list[Pair]:
    """Return one contact of each of these accounts; the pair's `alguna_id` is `customer/contact`."""
    by_account = {row["AccountId"]: row for row in world.crm.contacts() if row["Alguna_Contact_ID__c"]}
    return [
        Pair(f"{pair.alguna_id}/{row['Alguna_Contact_ID__c']}", row["Id"], f"{row['FirstName']} {row['LastName']}")
        for pair in accounts
        if (row := by_account.get(pair.external_id))
    ]


def _once(what: str, ours: dict[str, Row], markers: Iterable[str | None]) -> None:
    """Each of our records must be named by exactly one of theirs, and theirs must name only ours."""
    counted = Counter(markers)
    unmarked = counted.pop(None, 0)
    check(not unmarked, f"{unmarked} {what} record(s) in Salesforce carry no Alguna id")
    twice = sorted(str(marker) for marker, number in counted.items() if number > 1)
    check(not twice, f"Salesforce has several {what} records of {', '.join(twice[:5])}")
    missing = sorted(ours.keys() - counted.keys())
    check(not missing, f"Salesforce has no {what} for {len(missing)} of Alguna's records, such as {missing[:3]}")
    strange = sorted(str(marker) for marker in counted.keys() - ours.keys())
    check(not strange, f"Salesforce has a {what} of unknown Alguna ids {strange[:3]}")


def _no_twins(what: str, names: Iterable[str]) -> None:
    counted = Counter("".join(filter(str.isalnum, name)).casefold() for name in names)
    twins = [name for name, number in counted.items() if number > 1]
    check(not twins, f"the same {what} exists twice in Alguna: {', '.join(twins[:5])}")


def _equal(field: str, alguna: object, salesforce: object, record_id: str) -> None:
    check(
        (alguna or None) == (salesforce or None),
        f"{field} of {record_id} differs: {alguna!r} in Alguna, {salesforce!r} in Salesforce",
    )
