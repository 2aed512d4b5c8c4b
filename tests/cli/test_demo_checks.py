"""The demo's own checks: they hold where both systems agree, and fail on each way in which they could disagree."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from starter.demo.agreement import check_accounts, check_contacts, check_subscriptions
from starter.demo.run import STEPS, _empty
from starter.demo.trouble import _is_write
from starter.demo.world import CheckFailedError, World, check_same, wait_for
from starter.stack import StackError

CUSTOMERS = [
    {
        "id": f"cust_{number}",
        "name": f"Company {number}",
        "contacts": [
            {
                "id": f"cont_{number}",
                "email": f"{number}@company.example",
                "is_primary": True,
                "first_name": "First",
                "last_name": f"Last {number}",
            }
        ],
    }
    for number in range(3)
]
ACCOUNTS = [
    {"Id": f"001{n}", "Name": f"Company {n}", "Email__c": f"{n}@company.example", "Alguna_Customer_ID__c": f"cust_{n}"}
    for n in range(3)
]
CONTACTS = [
    {
        "Id": f"003{n}",
        "AccountId": f"001{n}",
        "FirstName": "First",
        "LastName": f"Last {n}",
        "Email": f"{n}@company.example",
        "Alguna_Contact_ID__c": f"cont_{n}",
    }
    for n in range(3)
]
SUBSCRIPTIONS = [{"id": "sub_1", "name": "Seats", "customer_id": "cust_1"}]
OPPORTUNITIES = [{"Id": "006", "Name": "Seats", "AccountId": "0011", "Alguna_Subscription_ID__c": "sub_1"}]


def world(**changed: Any) -> World:
    rows: dict[str, Any] = {
        "customers": CUSTOMERS,
        "subscriptions": SUBSCRIPTIONS,
        "accounts": ACCOUNTS,
        "contacts": CONTACTS,
        "opportunities": OPPORTUNITIES,
        **changed,
    }
    reads = {name: (lambda found=found: copy.deepcopy(found)) for name, found in rows.items()}
    side = SimpleNamespace(**reads)
    return cast(World, SimpleNamespace(billing=side, crm=side))


def edited(rows: list[dict[str, Any]], index: int, **values: Any) -> list[dict[str, Any]]:
    return [{**row, **values} if place == index else row for place, row in enumerate(rows)]


def test_agreement_holds_and_counts() -> None:
    assert check_accounts(world()) == 3
    assert check_contacts(world()) == 3
    assert check_subscriptions(world()) == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"accounts": ACCOUNTS[:2]}, "no account for 1 of Alguna's records"),
        ({"accounts": [*ACCOUNTS, ACCOUNTS[0]]}, "several account records of cust_0"),
        ({"accounts": [*ACCOUNTS, {**ACCOUNTS[0], "Alguna_Customer_ID__c": None}]}, "carry no Alguna id"),
        ({"accounts": edited(ACCOUNTS, 1, Name="Other")}, "name of 0011 differs"),
        ({"accounts": edited(ACCOUNTS, 1, Email__c=None)}, "email of 0011 differs"),
        ({"customers": CUSTOMERS[:2]}, "unknown Alguna ids"),
        (
            {"customers": edited(CUSTOMERS, 1, name="company 0."), "accounts": edited(ACCOUNTS, 1, Name="company 0.")},
            "exists twice in Alguna",
        ),
    ],
)
def test_accounts_that_disagree_are_found(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(CheckFailedError, match=told):
        check_accounts(world(**changed))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"LastName": "Other"}, "last name of 0031 differs"),
        ({"FirstName": None}, "first name of 0031 differs"),
        ({"Email": "x@y.example"}, "email of 0031 differs"),
        ({"AccountId": "0012"}, "account of 0031 differs"),
        ({"Alguna_Contact_ID__c": "cont_0"}, "several contact records of cont_0"),
    ],
)
def test_contacts_that_disagree_are_found(values: dict[str, Any], told: str) -> None:
    with pytest.raises(CheckFailedError, match=told):
        check_contacts(world(contacts=edited(CONTACTS, 1, **values)))


@pytest.mark.parametrize("values", [{"Name": "Other"}, {"AccountId": "0010"}, {"Alguna_Subscription_ID__c": "sub_2"}])
def test_subscriptions_that_disagree_are_found(values: dict[str, Any]) -> None:
    with pytest.raises(CheckFailedError):
        check_subscriptions(world(opportunities=edited(OPPORTUNITIES, 0, **values)))


@pytest.mark.parametrize(
    ("method", "path", "writes"),
    [
        ("GET", "/customers", False),
        ("POST", "/customers", True),
        ("PATCH", "/customers/cust_1", True),
        ("POST", "/services/oauth2/token", False),
        ("POST", "/services/data/v66.0/composite/sobjects/Account", False),
        ("POST", "/services/data/v66.0/composite/sobjects", True),
        ("PATCH", "/services/data/v66.0/composite/sobjects/Account/Alguna_Customer_ID__c", True),
        ("DELETE", "/services/data/v66.0/composite/sobjects", True),
    ],
)
def test_the_quiet_pass_counts_every_write_and_no_read(method: str, path: str, writes: bool) -> None:
    assert _is_write({"method": method, "path": path}) is writes


def test_a_failed_check_tells_both_values() -> None:
    with pytest.raises(CheckFailedError, match="the name should be 'new', but is 'old' in Salesforce"):
        check_same("the name", "new", Alguna="new", Salesforce="old")


def test_waiting_ends() -> None:
    with pytest.raises(CheckFailedError, match=r"waited 0 s in vain for a wonder"):
        wait_for("a wonder", lambda: False, 0)


def test_the_demo_empties_only_its_own_directory(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StackError, match="something else"):
        _empty(tmp_path)
    assert (tmp_path / "thesis.txt").exists()
    (tmp_path / "thesis.txt").unlink()
    _empty(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "external-sync.db").touch()
    _empty(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["made-by-external-sync-demo"]


def test_every_step_has_a_title_of_its_own() -> None:
    assert len({step.title for step in STEPS}) == len(STEPS) == 15
