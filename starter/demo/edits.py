"""The demo's steps about people's edits: a first sync, an edit each way, a merge, and every rule for a clash."""

from __future__ import annotations

import time

from starter.demo.agreement import (
    check_accounts,
    check_contacts,
    check_subscriptions,
    linked_accounts,
    linked_contacts,
)
from starter.demo.sides import primary
from starter.demo.world import COMPANIES, INTEGRATION, SEED, Pair, World, check, check_same, contact_of, wait_for

_ALGUNA_HAS = range(0, 40)
_SALESFORCE_HAS = range(20, 60)
_CONTACTS_OF_A_COMPANY = 2
_CLOCK_SECONDS = 2.1
"""Salesforce tells times in whole seconds; two edits further apart than this are in order on both clocks."""


def seed(world: World) -> str:
    """Fill both systems with sample records; a third of the companies is known to both."""
    for system, companies in ((world.alguna, _ALGUNA_HAS), (world.salesforce, _SALESFORCE_HAS)):
        system.seed("accounts", len(companies), seed=SEED, offset=companies.start)
        # Every company has its first contact; the first ten of each side bring their second one, too.
        for company in companies:
            system.seed("contacts", 1, seed=SEED, offset=company * _CONTACTS_OF_A_COMPANY)
        system.seed("contacts", 20, seed=SEED, offset=companies.start * _CONTACTS_OF_A_COMPANY)
    world.alguna.seed("subscriptions", 30, seed=SEED)
    world.salesforce.seed("subscriptions", 20, seed=SEED, offset=35)
    ours, theirs = world.billing.customers(), world.crm.accounts()
    known, names = {primary(row).get("email") for row in ours}, {row["name"] for row in ours}
    shared = [row for row in theirs if row["Email__c"] in known]
    respelled = sum(row["Name"] not in names for row in shared)
    check(len(shared) == 20 and respelled > 0, f"{len(shared)} shared companies, {respelled} spelled differently")
    return (
        f"{len(ours)} customers and {len(theirs)} accounts; {len(shared)} are the same companies,"
        f" {respelled} of them under slightly different names"
    )


def first_sync(world: World) -> str:
    """Bring both systems together: known companies are recognised, the others made on the other side."""
    run = world.sync()
    counts = [check_accounts(world), check_contacts(world), check_subscriptions(world)]
    check_same("the number of companies", COMPANIES, **{"both systems": counts[0]})
    world.accounts = linked_accounts(world)
    world.contacts = linked_contacts(world, world.accounts)
    calls = run.get("apiCalls", {})
    told = ", ".join(f"{number} calls to {side}" for side, number in calls.items())
    return f"{counts[0]} accounts, {counts[1]} contacts, {counts[2]} subscriptions agree, none twice ({told})"


def edit_each_way(world: World) -> str:
    """One company is renamed in Alguna, another in Salesforce."""
    ours, theirs = world.next_account(), world.next_account()
    world.say(f"in Alguna, somebody renames {ours.name}; in Salesforce, somebody renames {theirs.name}")
    world.alguna.edit("accounts", ours.alguna_id, {"name": f"{ours.name} Europe"})
    world.salesforce.edit("accounts", theirs.external_id, {"Name": f"{theirs.name} Worldwide"})
    world.sync("accounts")
    _same_name(world, ours, f"{ours.name} Europe")
    _same_name(world, theirs, f"{theirs.name} Worldwide")
    return "each new name is in both systems"


def merge(world: World) -> str:
    """Different fields of one record change on both sides: both edits stay."""
    pair = world.next_account()
    name, email = f"{pair.name} Group", f"billing{_domain(world, pair)}"
    world.say(f"{pair.name}: its name changes in Alguna, its email in Salesforce")
    world.alguna.edit("accounts", pair.alguna_id, {"name": name})
    world.salesforce.edit("accounts", pair.external_id, {"Email__c": email})
    world.sync("accounts", "contacts")
    _same_name(world, pair, name)
    _same_email(world, pair, email)
    return "the name and the email are in both systems"


def automatic_rules(world: World) -> str:
    """The same field changes on both sides, under each rule that decides by itself."""
    ours, theirs = world.next_account(), world.next_account()
    later_there, later_here = world.next_contact(), world.next_contact()
    domain = _domain(world, theirs)
    world.say("names (alguna_wins), emails (external_wins), first names (latest_wins) change on both sides")
    world.alguna.edit("accounts", ours.alguna_id, {"name": f"{ours.name} by Alguna"})
    world.salesforce.edit("accounts", ours.external_id, {"Name": f"{ours.name} by Salesforce"})
    customer = world.billing.customer(theirs.alguna_id)
    world.alguna.edit("contacts", primary(customer)["id"], {"email": f"alguna{domain}"})
    world.salesforce.edit("accounts", theirs.external_id, {"Email__c": f"salesforce{domain}"})
    world.alguna.edit("contacts", _contact_id(later_there), {"first_name": "Early"})
    world.salesforce.edit("contacts", later_here.external_id, {"FirstName": "Early"})
    time.sleep(_CLOCK_SECONDS)
    world.salesforce.edit("contacts", later_there.external_id, {"FirstName": "Late"})
    world.alguna.edit("contacts", _contact_id(later_here), {"first_name": "Late"})
    world.sync("accounts", "contacts")
    _same_name(world, ours, f"{ours.name} by Alguna")
    _same_email(world, theirs, f"salesforce{domain}")
    for pair in (later_there, later_here):
        _same_contact(world, pair, "first_name", "FirstName", "Late")
    return "Alguna's name, Salesforce's email, and twice the later first name are in both systems"


def manual_rule(world: World) -> str:
    """The same field changes on both sides under `manual`: both values stay until a person decides."""
    pair = world.next_contact()
    world.say(f"{pair.name}: the last name (manual) changes on both sides, the first name in Alguna only")
    world.alguna.edit("contacts", _contact_id(pair), {"last_name": "Ours", "first_name": "Sam"})
    world.salesforce.edit("contacts", pair.external_id, {"LastName": "Theirs"})
    world.sync("contacts")
    _same_contact(world, pair, "first_name", "FirstName", "Sam")
    check_same("Alguna's last name before the decision", "Ours", Alguna=_of_alguna(world, pair)["last_name"])
    check_same("Salesforce's one", "Theirs", Salesforce=world.crm.contact(pair.external_id)["LastName"])
    waiting = [one for one in world.client.conflicts(INTEGRATION) if one.get("algunaId") == _contact_id(pair)]
    check(len(waiting) == 1, f"one conflict should wait for a person, but {len(waiting)} do")
    fields = {one["algunaField"]: (one["alguna"], one["external"]) for one in waiting[0]["fields"]}
    check_same("the conflict's fields", {"lastName": ("Ours", "Theirs")}, **{"the API": fields})
    world.say("a person decides for Salesforce's value, through the API")
    decision = {"version": waiting[0]["version"], "resolution": "external"}
    world.client.resolve_conflict(INTEGRATION, waiting[0]["id"], decision)
    wait_for("the decision to reach Alguna", lambda: _of_alguna(world, pair)["last_name"] == "Theirs", 30)
    _same_contact(world, pair, "last_name", "LastName", "Theirs")
    wait_for("the conflict to close", lambda: not world.client.conflicts(INTEGRATION), 30)
    return "both values waited, the first name went on, the decision reached both systems"


def _same_name(world: World, pair: Pair, name: str) -> None:
    ours, theirs = world.billing.customer(pair.alguna_id), world.crm.account(pair.external_id)
    check_same(f"the name of {pair.name}", name, Alguna=ours["name"], Salesforce=theirs["Name"])


def _same_email(world: World, pair: Pair, email: str) -> None:
    ours, theirs = world.billing.customer(pair.alguna_id), world.crm.account(pair.external_id)
    check_same(f"the email of {pair.name}", email, Alguna=primary(ours).get("email"), Salesforce=theirs["Email__c"])


def _same_contact(world: World, pair: Pair, alguna_field: str, external_field: str, value: str) -> None:
    theirs = world.crm.contact(pair.external_id)[external_field]
    ours = _of_alguna(world, pair).get(alguna_field)
    check_same(f"{external_field} of {pair.name}", value, Alguna=ours, Salesforce=theirs)


def _of_alguna(world: World, pair: Pair) -> dict[str, object]:
    return contact_of(world.billing.customer(pair.alguna_id.split("/")[0]), _contact_id(pair))


def _contact_id(pair: Pair) -> str:
    return pair.alguna_id.split("/")[1]


def _domain(world: World, pair: Pair) -> str:
    """The part of the company's email from the @ on."""
    email = str(primary(world.billing.customer(pair.alguna_id))["email"])
    return email[email.index("@") :]
