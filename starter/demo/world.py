"""What the steps of the demo share: the running parts, both systems, and the ways to sync, wait and check."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

from starter.children import Supervisor
from starter.client import Client
from starter.demo.sides import AlgunaSide, Row, SalesforceSide
from starter.demo.systems import VendorSide
from starter.sandboxes import JsonObject, Sandbox
from starter.shapes import Run
from starter.stack import Stack

T = TypeVar("T")

INTEGRATION = "int_salesforce"
SEED = 7
COMPANIES = 60
"""How many companies Alguna and Salesforce have together at first."""

_POLL_SECONDS = 0.2
_RUN_SECONDS = 60.0
_ENDED = {"completed", "completed_with_errors", "failed", "canceled"}


class CheckFailedError(Exception):
    """Something is not as it must be. The message says what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A record that both systems have, as read at the time."""

    alguna_id: str
    external_id: str
    name: str


@dataclass(slots=True)
class World:
    """The service, both systems' control and wire (and those of the other `sides`), and the records that no step has
    used yet."""

    stack: Stack
    supervisor: Supervisor
    client: Client
    alguna: Sandbox
    salesforce: Sandbox
    billing: AlgunaSide
    crm: SalesforceSide
    sides: dict[str, VendorSide]
    say: Callable[[str], None]
    accounts: list[Pair] = field(default_factory=list)
    contacts: list[Pair] = field(default_factory=list)
    brought: dict[tuple[str, str], list[JsonObject]] = field(default_factory=dict)
    """What the other systems' first syncs made in Alguna, by provider and entity."""

    def sync(self, *entities: str, expect: str = "completed") -> Run:
        """Run a sync of the entities (none: all) to its end, which must be the expected one."""
        started = self.client.start_sync(INTEGRATION, entities)
        return self.ended(started["syncId"], expect=expect)

    def ended(self, sync_id: str, *, expect: str = "completed", integration: str = INTEGRATION) -> Run:
        """Wait for a run's end, which must be the expected one."""
        run = self.reaches(sync_id, _ENDED, integration=integration)
        if run["status"] != expect:
            found = self.client.errors(integration, status=None)
            errors = [f"{e['type']} of {e['field']}: {e['message']}" for e in found if e.get("syncId") == sync_id]
            told = "; ".join([*errors[:3], f"problem {run.get('problem')}", f"counts {run.get('stats')}"])
            raise CheckFailedError(f"the sync {sync_id} ended as {run['status']}, not as {expect}: {told}")
        return run

    def reaches(self, sync_id: str, statuses: Collection[str], *, integration: str = INTEGRATION) -> Run:
        """Wait until a run has one of the statuses."""
        found: list[Run] = []

        def asked() -> bool:
            found[:] = [self.client.run(integration, sync_id)]
            return found[0]["status"] in statuses

        wait_for(f"the sync {sync_id} to be {' or '.join(sorted(statuses))}", asked, _RUN_SECONDS)
        return found[0]

    def next_account(self) -> Pair:
        """Return an account that no step has used."""
        return self.accounts.pop(0)

    def next_contact(self) -> Pair:
        """Return a contact that no step has used."""
        return self.contacts.pop()


def check(held: bool, otherwise: str) -> None:
    """Raise CheckFailedError unless the condition held."""
    if not held:
        raise CheckFailedError(otherwise)


def check_same(what: str, expected: object, **found: object) -> None:
    """Check that every named value is the expected one."""
    wrong = {name: value for name, value in found.items() if value != expected}
    check(not wrong, f"{what} should be {expected!r}, but is " + ", ".join(f"{v!r} in {n}" for n, v in wrong.items()))


def wait_for(what: str, asked: Callable[[], T], seconds: float) -> T:
    """Ask again until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = asked()
        if answer:
            return answer
        check(time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}")
        time.sleep(_POLL_SECONDS)


def contact_of(customer: Row, contact_id: str) -> Row:
    """Return a contact out of its customer's list."""
    found: list[Row] = [one for one in customer.get("contacts") or [] if one["id"] == contact_id]
    check(len(found) == 1, f"the customer {customer['id']} has not one contact {contact_id} but {len(found)}")
    return found[0]
