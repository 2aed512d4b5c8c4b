"""What must hold when people have stopped and the faults are over (design 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Table, select
from sqlmodel import SQLModel

from store.database import Database
from store.types import utc_now
from tests.engine.world import is_write
from tests.model.people import ALGUNA, EXTERNAL, SIDES, People, Place
from tests.model.service import Service
from tests.model.systems import ACCOUNTS, CONTACTS, EMAIL, Row

_ID = {ALGUNA: "alguna_id", EXTERNAL: "external_id"}
_COUNTED = ("created", "updated", "archived", "failed")
_Overruled = tuple[str, str, str | None, str, Any]
"""Side, entity, record, field and the value that was overruled."""


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

    def linked(self, entity: str) -> list[Any]:
        """The active links of an entity."""
        return [row for row in self.active if row.entity == entity]


def _table(name: str) -> Table:
    return SQLModel.metadata.tables[name]


def writing_calls(service: Service) -> list[str]:
    """The calls that change something, since the logs were cleared."""
    found = []
    for side in SIDES:
        for call in service.account(side).calls.listing(None)["data"]:
            if is_write(call):
                found.append(f"{side} {call['method']} {call['path']} -> {call['status']}")
    return found


def check_everything(state: State, people: People, entities: Collection[str]) -> None:
    """All invariants of a state of rest."""
    check_nothing_open(state)
    for entity in entities:
        check_agreement(state, people, entity)
        check_no_duplicates(state, people, entity)
        check_every_record_has_an_outcome(state, people, entity)
        if entity != ACCOUNTS:
            check_relations(state, people, entity)
    check_no_lost_edit(state, people)
    check_counts(state)


def check_nothing_open(state: State) -> None:
    """I6, I7: nothing is left of the work itself."""
    assert [row for row in state.requests if row.state == "sending"] == [], "a request has no outcome"
    assert [row for row in state.operations if row.state in ("planned", "sending")] == [], "an operation is open"
    assert [row for row in state.staged if row.state != "parked"] == [], "a staged record waits"
    assert state.inbox == [], "the inbox is not empty"
    assert [row for row in state.leases if row.expires_at > utc_now()] == [], "a lease is left"
    assert [row for row in state.passes if row.state == "running"] == [], "a pass is open"


def _living(state: State, people: People, entity: str) -> Iterator[tuple[Any, Row, Row]]:
    """The links of an entity whose records both live, with the records as they are."""
    rows = {side: people.records(side, entity) for side in SIDES}
    for link in state.linked(entity):
        ours, theirs = rows[ALGUNA].get(link.alguna_id), rows[EXTERNAL].get(link.external_id)
        if ours is not None and theirs is not None and not link.outside:
            yield link, ours, theirs


def check_agreement(state: State, people: People, entity: str) -> None:
    """I4: linked records agree in every two-way field, but for what waits for a person."""
    kept = people.system.keeps
    for link, ours, theirs in _living(state, people, entity):
        for name in people.two_way[entity]:
            mine, other = people.value_of(ALGUNA, entity, ours, name), people.value_of(EXTERNAL, entity, theirs, name)
            if kept(entity, name, mine) != kept(entity, name, other) and not _excused(state, link, name):
                pair = f"{link.alguna_id} / {link.external_id}"
                raise AssertionError(f"{entity}.{name} of {pair}: {mine!r} and {other!r}")


def check_relations(state: State, people: People, entity: str) -> None:
    """I4: linked children belong to linked parents, but for what waits, failed, or was so at their first meeting."""
    partners = {row.alguna_id: row.external_id for row in state.linked(ACCOUNTS)}
    for link, ours, theirs in _living(state, people, entity):
        mine, other = people.parent_of(ALGUNA, entity, ours), people.parent_of(EXTERNAL, entity, theirs)
        if partners.get(mine or "") == other or _failed(state, link) or link.awaits is not None:
            continue
        met = link.parents.get("base") == [mine, other]
        assert met, f"{entity} {link.alguna_id} / {link.external_id} belong to {mine} and {other}: {link.parents}"


def _excused(state: State, link: Any, name: str) -> bool:
    base = link.base.get(name)
    if base is not None and len(base) > 3 and base[3]:
        return True
    asked = [item["algunaField"] for row in state.conflicts if row.subject == str(link.id) for item in row.fields]
    return name in asked or _failed(state, link) or link.verdict == "held"


def _failed(state: State, link: Any) -> bool:
    mine = [row for row in state.errors if row.entity == link.entity]
    return any(row.alguna_id == link.alguna_id or row.external_id == link.external_id for row in mine)


def check_no_duplicates(state: State, people: People, entity: str) -> None:
    """I2: a record that nobody made has a partner that no other one was made for, and its story began with a person's.

    A story is longer than one link where a deleted record was made anew, as `onNotFound: create` wants.
    """
    links = [row for row in state.links if row.entity == entity]
    for side, other in ((ALGUNA, EXTERNAL), (EXTERNAL, ALGUNA)):
        partners: Counter[str] = Counter()
        for record in people.records(side, entity):
            place = side, entity, record
            if place in people.book.made | people.book.restored | people.book.merged:
                continue
            found = {getattr(row, _ID[other]) for row in links if getattr(row, _ID[side]) == record}
            if entity == CONTACTS and _is_address(people, links, place):
                continue
            assert found, f"{side} {entity} {record} was made by the service and is not linked"
            told = _story(links, place) & people.book.made
            assert told, f"{side} {entity} {record} was made for {found}, which nobody made"
            partners.update(found)
        assert not [one for one, count in partners.items() if count > 1], f"made twice in {side}: {partners}"
    for side in SIDES:
        linked = Counter(getattr(row, _ID[side]) for row in state.linked(entity))
        assert not [one for one, count in linked.items() if count > 1]


def _is_address(people: People, links: list[Any], place: Place) -> bool:
    """Whether a contact came from the address of an account: in Alguna that is its primary contact's."""
    born = {record for side, _, record in _story(links, place) if side == ALGUNA}
    return not born.isdisjoint(people.addresses() | people.book.addresses)


def _story(links: list[Any], place: Place) -> set[Place]:
    """All records that are or were linked with a record, directly or through others."""
    entity = place[1]
    story, before = {place}, 0
    while len(story) > before:
        before = len(story)
        for row in links:
            pair = {(ALGUNA, entity, row.alguna_id), (EXTERNAL, entity, row.external_id)}
            story |= pair if pair & story else set()
    return story


def check_no_lost_edit(state: State, people: People) -> None:
    """I3: what a person left in a field stands, or a decision names it and the value that took its place."""
    overruled = _overruled(state)
    owners = {row["id"]: row["customer_id"] for row in people.records(ALGUNA, CONTACTS).values()}
    for (side, entity, record, name), value in people.book.edits.items():
        rows = people.records(side, entity)
        now = people.value_of(side, entity, rows[record], name) if record in rows else value
        decided: set[_Overruled] = {(side, entity, record, name, value)}
        if (side, entity, name) == (ALGUNA, CONTACTS, EMAIL):
            # A primary contact's address is its customer's, too.
            decided.add((ALGUNA, ACCOUNTS, owners.get(record), EMAIL, value))
        if now != value and not decided & overruled:
            told = f"{side} {entity} {record}.{name}: a person left {value!r}, it holds {now!r}, unaudited"
            raise AssertionError(told)


def _overruled(state: State) -> set[_Overruled]:
    """The values that decisions name as overruled."""
    found: set[_Overruled] = set()
    for trail in state.audit:
        for decision in trail.decisions:
            for side in SIDES:
                if decision["action"] == f"to_{side}":
                    ids = getattr(trail, _ID[side])
                    found.add((side, trail.entity, ids, decision["field"], decision.get(side) or None))
    return found


def check_every_record_has_an_outcome(state: State, people: People, entity: str) -> None:
    """I6: a record is linked, or the store says why it is not."""
    for side in SIDES:
        known = {getattr(row, _ID[side]) for row in state.links if row.entity == entity}
        mine = [row for row in (*state.unlinked, *state.staged) if row.entity == entity and row.side == side]
        known |= {
            row.record_id for row in mine if getattr(row, "outcome", None) or getattr(row, "state", "") == "parked"
        }
        silent = set(people.records(side, entity)) - known
        assert not silent, f"nothing is known of {side} {entity} {silent}"


def check_counts(state: State) -> None:
    """I6: a pass's counts are the sum of what became of its records."""
    told: Counter[tuple[str, str, str]] = Counter((row.pass_id, row.target, row.outcome) for row in state.outcomes)
    for row in state.passes:
        for target in ("alguna", "external"):
            for outcome in _COUNTED:
                counted = row.counts.get(target, {}).get(outcome, 0)
                assert counted == told[row.id, target, outcome], (row.entity, target, outcome, row.counts, told)
