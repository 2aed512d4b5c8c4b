"""What must hold when people have stopped and the faults are over (design 2)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Table, select
from sqlmodel import SQLModel

from store.database import Database
from tests.model.people import ALGUNA, EMAIL, NAME, SALESFORCE, SYSTEMS, People, value_of
from tests.model.service import Service

_SIDE = {ALGUNA: "alguna", SALESFORCE: "external"}
_ID = {ALGUNA: "alguna_id", SALESFORCE: "external_id"}
_COUNTED = ("created", "updated", "archived", "failed")
_MUTATING = {"POST", "PATCH", "PUT", "DELETE"}


class State:
    """The store as it is: rows by table."""

    def __init__(self, rows: dict[str, list[Any]]) -> None:
        self.links = rows["links"]
        self.active = [row for row in self.links if row.status == "active"]
        self.conflicts = [row for row in rows["conflicts"] if row.status in ("open", "resolving")]
        self.errors = [row for row in rows["record_errors"] if row.status == "open"]
        self.unlinked = rows["unlinked"]
        self.staged = rows["staged"]
        self.operations, self.requests, self.leases = rows["operations"], rows["requests"], rows["leases"]
        self.passes, self.outcomes, self.audit = rows["passes"], rows["outcomes"], rows["audit"]
        self.inbox, self.runs = rows["inbox"], rows["runs"]

    @classmethod
    async def read(cls, db: Database) -> State:
        names = (
            "links conflicts record_errors unlinked staged operations requests leases passes outcomes audit inbox runs"
        )
        async with db.session() as session:
            found = {name: list((await session.execute(select(_table(name)))).all()) for name in names.split()}
        return cls(found)


def _table(name: str) -> Table:
    return SQLModel.metadata.tables[name]


def writing_calls(service: Service) -> list[str]:
    """The calls that change something, since the logs were cleared."""
    found = []
    for system in SYSTEMS:
        for call in service.account(system).calls.listing(None)["data"]:
            reads = call["method"] == "POST" and "composite/sobjects/" in call["path"]
            if call["method"] in _MUTATING and "oauth2" not in call["path"] and not reads:
                found.append(f"{system} {call['method']} {call['path']} -> {call['status']}")
    return found


def check_everything(state: State, people: People) -> None:
    """All invariants of a state of rest."""
    check_nothing_open(state)
    check_agreement(state, people)
    check_no_duplicates(state, people)
    check_no_lost_edit(state, people)
    check_every_record_has_an_outcome(state, people)
    check_counts(state)


def check_nothing_open(state: State) -> None:
    """I6, I7: nothing is left of the work itself."""
    assert [row for row in state.requests if row.state == "sending"] == [], "a request has no outcome"
    assert [row for row in state.operations if row.state in ("planned", "sending")] == [], "an operation is open"
    assert [row for row in state.staged if row.state != "parked"] == [], "a staged record waits"
    assert state.inbox == [], "the inbox is not empty"
    assert state.leases == [], "a lease is left"
    assert [row for row in state.passes if row.state == "running"] == [], "a pass is open"


def check_agreement(state: State, people: People) -> None:
    """I4: linked records agree in every two-way field, but for what waits for a person."""
    rows = {system: people.records(system) for system in SYSTEMS}
    for link in state.active:
        ours, theirs = rows[ALGUNA].get(link.alguna_id), rows[SALESFORCE].get(link.external_id)
        if ours is None or theirs is None:
            continue
        for name in people.two_way:
            mine, other = value_of(ALGUNA, ours, name), value_of(SALESFORCE, theirs, name)
            if _trimmed(mine) == _trimmed(other) or _excused(state, link, name):
                continue
            raise AssertionError(f"{name} of {link.alguna_id} / {link.external_id}: {mine!r} and {other!r}")


def _excused(state: State, link: Any, name: str) -> bool:
    base = link.base.get(name)
    if base is not None and len(base) > 3 and base[3]:
        return True
    asked = [item["algunaField"] for row in state.conflicts if row.subject == str(link.id) for item in row.fields]
    failed = {row.alguna_id for row in state.errors} | {row.external_id for row in state.errors}
    return name in asked or link.alguna_id in failed or link.external_id in failed


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def check_no_duplicates(state: State, people: People) -> None:
    """I2: a record that nobody made is the partner of one record only, whose story began with one that somebody made.

    A story is longer than one link where a deleted record was made anew, as `onNotFound: create` wants.
    """
    for system, other in ((ALGUNA, SALESFORCE), (SALESFORCE, ALGUNA)):
        born = [record for record in people.records(system) if record not in people.book.made[system]]
        partners: Counter[str] = Counter()
        for record in born:
            found = {getattr(row, _ID[other]) for row in state.links if getattr(row, _ID[system]) == record}
            assert len(found) == 1, f"{system} {record} was made by the service and is linked to {found}"
            told = _story(state, system, record) & {(name, one) for name in SYSTEMS for one in people.book.made[name]}
            assert told, f"{system} {record} was made for {found}, which nobody made"
            partners.update(found)
        assert not [one for one, count in partners.items() if count > 1], f"made twice in {system}: {partners}"
    for system in SYSTEMS:
        linked = Counter(getattr(row, _ID[system]) for row in state.active)
        assert not [one for one, count in linked.items() if count > 1]


def _story(state: State, system: str, record: str) -> set[tuple[str, str]]:
    """All records that are or were linked with a record, directly or through others."""
    story, before = {(system, record)}, 0
    while len(story) > before:
        before = len(story)
        for row in state.links:
            pair = {(ALGUNA, row.alguna_id), (SALESFORCE, row.external_id)}
            story |= pair if pair & story else set()
    return story


def check_no_lost_edit(state: State, people: People) -> None:
    """I3: what a person left in a field stands, or a decision names it and the value that took its place."""
    rows = {system: people.records(system) for system in SYSTEMS}
    overruled: set[tuple[str, str, str, Any]] = set()
    for trail in state.audit:
        for decision in trail.decisions:
            for system, side in _SIDE.items():
                if decision["action"] == f"to_{side}":
                    key = system, getattr(trail, _ID[system]), decision["field"], decision.get(side) or None
                    overruled.add(key)
    for (system, record, name), value in people.book.edits.items():
        if record not in rows[system]:
            continue
        now = value_of(system, rows[system][record], name)
        if now != value and (system, record, name, value) not in overruled:
            raise AssertionError(f"{system} {record}.{name}: a person left {value!r}, it holds {now!r}, unaudited")


def check_every_record_has_an_outcome(state: State, people: People) -> None:
    """I6: a record is linked, or the store says why it is not."""
    for system, side in _SIDE.items():
        known = {getattr(row, _ID[system]) for row in state.links}
        known |= {row.record_id for row in state.unlinked if row.side == side and row.outcome}
        known |= {row.record_id for row in state.staged if row.side == side and row.state == "parked"}
        silent = set(people.records(system)) - known
        assert not silent, f"nothing is known of {system} {silent}"


def check_counts(state: State) -> None:
    """I6: a pass's counts are the sum of what became of its records."""
    told: Counter[tuple[str, str, str]] = Counter((row.pass_id, row.target, row.outcome) for row in state.outcomes)
    for row in state.passes:
        for target in ("alguna", "external"):
            for outcome in _COUNTED:
                counted = row.counts.get(target, {}).get(outcome, 0)
                assert counted == told[row.id, target, outcome], (row.entity, target, outcome, row.counts, told)


__all__ = ["EMAIL", "NAME", "State", "check_everything", "writing_calls"]
