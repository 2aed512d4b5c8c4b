"""The org's data: what a write checks, derives, refuses and leaves behind (sheet 2, 4, 6)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.kit.behaviour import Behaviour
from sandbox.kit.clock import Clock
from sandbox.salesforce import derived, rules
from sandbox.salesforce.errors import SalesforceError, entity_is_deleted, not_found
from sandbox.salesforce.ids import make_id, normalise
from sandbox.salesforce.objects import ORGANIZATION, SOBJECTS, USER
from sandbox.salesforce.schema import Field, Row, SObject
from sandbox.salesforce.setup import Setup
from sandbox.salesforce.soql.lexer import wire_time
from sandbox.salesforce.soql.statement import Late
from sandbox.salesforce.table import Table
from sandbox.salesforce.writes import Writes


@dataclass(frozen=True, slots=True)
class Edit:
    """Who writes, and whether alert-type duplicate rules may be passed over."""

    user_id: str
    allow_duplicates: bool = False


Change = tuple[str, str]


class Records:
    """All tables of one org. Every method is synchronous, and so atomic."""

    def __init__(self, instance: str, clock: Clock, behaviour: Behaviour, setup: Setup) -> None:
        self.setup = setup
        self.tables = {name: Table(sobject) for name, sobject in SOBJECTS.items()}
        self.changed: Callable[[list[Change]], None] = lambda changes: None
        self.org_id = make_id(ORGANIZATION.prefix, instance, 1)
        self.user_id = make_id(USER.prefix, instance, 1)
        self.person_id = make_id(USER.prefix, instance, 2)
        self.numbers = dict.fromkeys(SOBJECTS, 1)
        self._instance = instance
        self._clock = clock
        self._behaviour = behaviour
        self._late: dict[str, dict[str, tuple[float, Row | None]]] = {name: {} for name in SOBJECTS}
        self._journal: list[tuple[Table, str, Row | None]] | None = None
        self._writes = Writes(self.tables, setup)
        self._add_fixed_rows()

    def clear(self) -> None:
        """Take all rows away. Ids go on rising, as an org never gives one twice."""
        for name, sobject in SOBJECTS.items():
            self.tables[name] = Table(sobject)
            self._late[name].clear()
        self._add_fixed_rows()

    def dump(self) -> dict[str, Any]:
        """Rows and id counters as JSON-able data."""
        rows = {name: list(table.rows.values()) for name, table in self.tables.items()}
        return {"rows": rows, "numbers": self.numbers}

    def load(self, data: dict[str, Any]) -> None:
        self.clear()
        self.numbers |= data["numbers"]
        for name, rows in data["rows"].items():
            for row in rows:
                self.tables[name].put(row)

    def now(self) -> str:
        """The vendor's time, cut to the second as SystemModstamp is (sheet 3.4)."""
        return wire_time(self._clock.now().replace(microsecond=0))

    def covered_until(self) -> datetime:
        """Up to here every write is committed: the start of the oldest open transaction there may be."""
        now = self._clock.now().replace(microsecond=0)
        return now - timedelta(seconds=self._behaviour.commit_lag_seconds)

    def earliest(self) -> datetime:
        """How far back deletions are known: 15 days (sheet 3.3)."""
        return self._clock.now().replace(second=0, microsecond=0) - timedelta(days=15)

    def get(self, sobject: SObject, record_id: str) -> Row:
        """A live row by id in either form. Raises NOT_FOUND, also for deleted ones (sheet 3.3)."""
        row = self.tables[sobject.name].rows.get(normalise(record_id) or "")
        if row is None or row.get("IsDeleted"):
            raise not_found("The requested resource does not exist")
        return row

    def insert(self, edit: Edit, sobject: SObject, data: dict[str, Any], at: str | None = None) -> str:
        """Make a row and return its id. `at` back-dates it. Raises SalesforceError."""
        values = self._writes.checked(sobject, data, None)
        number = self.numbers[sobject.name]
        stamp = at or self.now()
        row: Row = {
            "Id": make_id(sobject.prefix, self._instance, number),
            "IsDeleted": False,
            "OwnerId": edit.user_id,
            **{name: value for name, value in values.items() if value is not None},
            "CreatedDate": stamp,
            "CreatedById": edit.user_id,
        }
        row |= self.setup.rewrites(sobject.name, row, after_save=False)
        derived.derive(sobject, row, values, None)
        rules.check(self.setup, self.tables[sobject.name], row, None, edit.allow_duplicates)
        self.numbers[sobject.name] = number + 1
        self._put(sobject, self._stamped(row, edit, stamp))
        self._automate(sobject, str(row["Id"]))
        return str(row["Id"])

    def update(self, edit: Edit, sobject: SObject, record_id: str, data: dict[str, Any]) -> None:
        """Change the given fields of a row. Raises SalesforceError."""
        before = self.for_write(sobject, record_id)
        values = self._writes.checked(sobject, data, before)
        row = {**before, **values}
        row |= self.setup.rewrites(sobject.name, row, after_save=False)
        derived.derive(sobject, row, values, before)
        rules.check(self.setup, self.tables[sobject.name], row, before, edit.allow_duplicates)
        self._put(sobject, self._stamped(row, edit, self.now()))
        self._automate(sobject, str(row["Id"]))

    def _automate(self, sobject: SObject, record_id: str) -> None:
        """Let the automations that run after a save edit the row, as another user."""
        row = self.tables[sobject.name].rows[record_id]
        changed = self.setup.rewrites(sobject.name, row, after_save=True)
        if changed:
            self._put(sobject, self._stamped({**row, **changed}, Edit(self.person_id), self.now()))

    def matches(self, sobject: SObject, field: Field, value: str) -> list[Row]:
        """The live rows that an upsert key names."""
        if field.type == "id":
            known = self.tables[sobject.name].rows.get(normalise(value) or "")
            return [known] if known and not known.get("IsDeleted") else []
        return [row for row in self.tables[sobject.name].find(field.name, value) if not row.get("IsDeleted")]

    def delete(self, edit: Edit, sobject: SObject, record_id: str, master_id: str | None = None) -> None:
        """Move a row to the recycle bin, and with it the children that go along. Raises SalesforceError."""
        row = self.for_write(sobject, record_id)
        gone = {**row, "IsDeleted": True}
        if master_id:
            gone["MasterRecordId"] = master_id
        self._put(sobject, self._stamped(gone, edit, self.now()))
        for child in sobject.children if master_id is None else ():
            for found in self.tables[child.sobject].find(child.field, row["Id"]):
                if child.cascade_delete and not found["IsDeleted"]:
                    self.delete(edit, SOBJECTS[child.sobject], found["Id"])

    def undelete(self, edit: Edit, sobject: SObject, record_id: str) -> None:
        """Take a row out of the recycle bin; its id stays (sheet 8)."""
        row = self.tables[sobject.name].rows[record_id]
        back = {**row, "IsDeleted": False}
        back.pop("MasterRecordId", None)
        rules.check(self.setup, self.tables[sobject.name], back, None, allow_duplicates=True)
        self._put(sobject, self._stamped(back, edit, self.now()))

    def purge(self, sobject: SObject, record_id: str) -> None:
        """Take a row out of the recycle bin for good (sheet 8)."""
        self._late[sobject.name].pop(record_id, None)
        self.tables[sobject.name].drop(record_id)

    def back_date(self, sobject: SObject, record_id: str, stamp: str) -> None:
        """Let a row have been changed at that time, as far as anybody can see."""
        row = self.tables[sobject.name].rows[record_id]
        self.tables[sobject.name].put({**row, "SystemModstamp": stamp, "LastModifiedDate": stamp})

    def merge(self, edit: Edit, sobject: SObject, loser_id: str, winner_id: str) -> None:
        """The loser goes, its children move to the winner, which keeps its own values (sheet 8)."""
        winner = self.get(sobject, winner_id)["Id"]
        for child in sobject.children:
            for found in self.tables[child.sobject].find(child.field, loser_id):
                if not found["IsDeleted"]:
                    moved = {**found, child.field: winner}
                    self._put(SOBJECTS[child.sobject], self._stamped(moved, edit, self.now()))
        self.delete(edit, sobject, loser_id, master_id=winner)

    def for_write(self, sobject: SObject, record_id: str) -> Row:
        """The row that a write names, by id in either form. Raises the error of sheet 4.1 when there is none."""
        if not sobject.writable:
            message = f"entity type {sobject.name} does not support this operation"
            raise SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, [])
        known = normalise(record_id)
        if known is None or not known.startswith(sobject.prefix):
            message = f"{sobject.label} ID: id value of incorrect type: {record_id}"
            raise SalesforceError("MALFORMED_ID", message, ["Id"])
        row = self.tables[sobject.name].rows.get(known)
        if row is None:
            raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [], 404)
        if row.get("IsDeleted"):
            raise entity_is_deleted()
        return row

    @contextmanager
    def transaction(self) -> Iterator[Callable[[], None]]:
        """Collects the writes inside; calling what it yields takes them back. Transactions nest."""
        outer = self._journal is None
        journal = self._journal = [] if self._journal is None else self._journal
        start = len(journal)

        def roll_back() -> None:
            for table, record_id, before in reversed(journal[start:]):
                table.restore(record_id, before)
                self._late[table.sobject.name].pop(record_id, None)
            del journal[start:]

        try:
            yield roll_back
        finally:
            if outer:
                self._journal = None
                self._announce([(table.sobject.name, record_id) for table, record_id, _ in journal])

    def late(self, sobject: SObject) -> Late:
        """The writes that scans do not see yet because of `commitLagSeconds`."""
        waiting = self._late[sobject.name]
        if waiting:
            now = time.monotonic()
            for record_id in [record_id for record_id, (until, _) in waiting.items() if until <= now]:
                del waiting[record_id]
        return Late(waiting.keys(), [before for _, before in waiting.values() if before is not None])

    def _stamped(self, row: Row, edit: Edit, stamp: str) -> Row:
        row["LastModifiedDate"] = row["SystemModstamp"] = stamp
        row["LastModifiedById"] = edit.user_id
        return {name: value for name, value in row.items() if value is not None}

    def _put(self, sobject: SObject, row: Row) -> None:
        table = self.tables[sobject.name]
        before = table.put(row)
        lag = self._behaviour.commit_lag_seconds
        waiting = self._late[sobject.name]
        if lag or row["Id"] in waiting:
            seen = waiting[row["Id"]][1] if row["Id"] in waiting else before
            waiting[row["Id"]] = (time.monotonic() + lag, seen)
        if self._journal is not None:
            self._journal.append((table, row["Id"], before))
        else:
            self._announce([(sobject.name, row["Id"])])

    def _announce(self, changes: list[Change]) -> None:
        if changes:
            self.changed(changes)

    def _add_fixed_rows(self) -> None:
        """The organisation, the integration's user and a person's."""
        stamp = wire_time(datetime.fromisoformat("2025-01-01T00:00:00Z"))
        audit = {"CreatedDate": stamp, "CreatedById": self.person_id, "LastModifiedDate": stamp}
        audit |= {"LastModifiedById": self.person_id, "SystemModstamp": stamp}
        users = ((self.user_id, "Integration", "User", "integration"), (self.person_id, "Sample", "Person", "person"))
        for record_id, first, last, name in users:
            email = f"{name}@{self._instance.lower()}.example"
            row = {"Id": record_id, "Username": email, "Email": email, "FirstName": first, "LastName": last}
            fixed = {"Name": f"{first} {last}", "IsActive": True, "UserType": "Standard"}
            self.tables["User"].put({**row, **fixed, **audit})
        self.tables["Organization"].put(
            {
                "Id": self.org_id,
                "Name": "External Sync Sandbox",
                "OrganizationType": "Developer Edition",
                "DefaultCurrencyIsoCode": "USD",
                "InstanceName": "SBX1",
                "IsSandbox": False,
                "DefaultLocaleSidKey": "en_US",
                **audit,
            }
        )
