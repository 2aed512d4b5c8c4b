"""What people do, as values that can be drawn, shown and replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hypothesis import strategies as st

from tests.model.people import (
    ACCOUNTS,
    ALGUNA,
    CITY,
    CONTACTS,
    EMAIL,
    ENTITIES,
    LAST_NAME,
    NAME,
    SALESFORCE,
    SUBSCRIPTIONS,
    SYSTEMS,
    People,
    Place,
)

Linked = Mapping[str, Sequence[tuple[str, str]]]
"""(Alguna id, Salesforce id) of linked records, by entity."""

NAMES: list[str | None] = ["Alder", "Birch", "Cedar", "  Dogwood  ", "Elm & O'Brien"]
EMAILS: list[str | None] = ["ash@mail.example", "bay@mail.example", "Cob@Mail.example", "doe@mail.example"]
CITIES: list[str | None] = ["Aachen", "Bergen", "Cork"]
VALUES = {NAME: NAMES, LAST_NAME: NAMES, EMAIL: [*EMAILS, None], CITY: CITIES}
FIELDS = {ACCOUNTS: [NAME, EMAIL, CITY], CONTACTS: [LAST_NAME, EMAIL], SUBSCRIPTIONS: [NAME]}

PLACES = st.integers(0, 9)


class Act(Protocol):
    """Something that people do."""

    def __call__(self, people: People, linked: Linked) -> None: ...


@dataclass(frozen=True)
class Create:
    """A new account, in one system or, as the same company, in both."""

    systems: tuple[str, ...]
    name: str | None
    email: str | None

    def __call__(self, people: People, linked: Linked) -> None:
        for system in self.systems:
            people.create(system, ACCOUNTS, {NAME: self.name, EMAIL: self.email}, None)


@dataclass(frozen=True)
class Child:
    """A new contact or subscription of an account, whether that is linked yet or not."""

    system: str
    entity: str
    parent: int
    name: str | None
    email: str | None

    def __call__(self, people: People, linked: Linked) -> None:
        parents = list(people.records(self.system, ACCOUNTS))
        if not parents:
            return
        values = {NAME: self.name} if self.entity == SUBSCRIPTIONS else {LAST_NAME: self.name, EMAIL: self.email}
        people.create(self.system, self.entity, values, parents[self.parent % len(parents)])


@dataclass(frozen=True)
class Edit:
    """One field of one record."""

    system: str
    entity: str
    place: int
    field: str
    value: str | None

    def __call__(self, people: People, linked: Linked) -> None:
        place = _pick(people, self.system, self.entity, self.place)
        if place is not None:
            people.edit(place, self.field, self.value)


@dataclass(frozen=True)
class EditBoth:
    """The same field of both records of a pair."""

    entity: str
    place: int
    field: str
    alguna: str | None
    salesforce: str | None

    def __call__(self, people: People, linked: Linked) -> None:
        pairs = linked.get(self.entity, [])
        if not pairs:
            return
        ours, theirs = pairs[self.place % len(pairs)]
        for system, record, value in ((ALGUNA, ours, self.alguna), (SALESFORCE, theirs, self.salesforce)):
            if record in people.records(system, self.entity):
                people.edit((system, self.entity, record), self.field, value)


@dataclass(frozen=True)
class Move:
    """A contact or subscription goes to another account. (Alguna refuses that for contacts.)"""

    system: str
    entity: str
    place: int
    parent: int

    def __call__(self, people: People, linked: Linked) -> None:
        place = _pick(people, self.system, self.entity, self.place)
        if place is not None:
            parents = list(people.records(self.system, ACCOUNTS))
            people.move(place, parents[self.parent % len(parents)])


@dataclass(frozen=True)
class Merge:
    """Two records of Salesforce become one."""

    entity: str
    loser: int
    winner: int

    def __call__(self, people: People, linked: Linked) -> None:
        records = list(people.records(SALESFORCE, self.entity))
        if len(records) < 2:
            return
        loser, winner = records[self.loser % len(records)], records[self.winner % len(records)]
        if loser != winner:
            people.merge(self.entity, loser, winner)


@dataclass(frozen=True)
class Delete:
    """One record goes."""

    system: str
    entity: str
    place: int

    def __call__(self, people: People, linked: Linked) -> None:
        place = _pick(people, self.system, self.entity, self.place)
        if place is not None:
            people.delete(place)


@dataclass(frozen=True)
class Restore:
    """One record comes back out of the recycle bin."""

    entity: str
    place: int

    def __call__(self, people: People, linked: Linked) -> None:
        people.restore(self.entity, self.place)


def _pick(people: People, system: str, entity: str, number: int) -> Place | None:
    records = list(people.records(system, entity))
    return (system, entity, records[number % len(records)]) if records else None


def acts(entities: Sequence[str]) -> st.SearchStrategy[Act]:
    """What people may do with records of these entities; children are acted on as often as accounts."""
    some: list[st.SearchStrategy[Act]] = []
    for entity in entities:
        some += [_create(entity)] * 2
        some += [_edits(entity, name) for name in FIELDS[entity]]
        some += [_double_edits(entity, name) for name in FIELDS[entity] if name != CITY]
        some.append(st.builds(Delete, st.sampled_from(SYSTEMS), st.just(entity), PLACES))
        some.append(st.builds(Restore, st.just(entity), PLACES))
        if entity != SUBSCRIPTIONS:
            some.append(st.builds(Merge, st.just(entity), PLACES, PLACES))
        if entity != ACCOUNTS:
            some.append(st.builds(Move, st.sampled_from(SYSTEMS), st.just(entity), PLACES, PLACES))
    return st.one_of(some)


def _create(entity: str) -> st.SearchStrategy[Act]:
    names, emails = st.sampled_from(NAMES), st.sampled_from([*EMAILS, None])
    if entity == ACCOUNTS:
        return st.builds(Create, st.sampled_from([(ALGUNA,), (SALESFORCE,), SYSTEMS]), names, emails)
    return st.builds(Child, st.sampled_from(SYSTEMS), st.just(entity), PLACES, names, emails)


def _edits(entity: str, field: str) -> st.SearchStrategy[Act]:
    values = st.sampled_from(VALUES[field])
    return st.builds(Edit, st.sampled_from(SYSTEMS), st.just(entity), PLACES, st.just(field), values)


def _double_edits(entity: str, field: str) -> st.SearchStrategy[Act]:
    values = st.sampled_from(VALUES[field])
    return st.builds(EditBoth, st.just(entity), PLACES, st.just(field), values, values)


ACTS: dict[tuple[str, ...], st.SearchStrategy[Act]] = {
    entities: acts(entities) for entities in ((ACCOUNTS,), (ACCOUNTS, CONTACTS), (ACCOUNTS, SUBSCRIPTIONS), ENTITIES)
}
"""What people may do, by the entities that are synced."""
