"""What people do, as values that can be drawn, shown and replayed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from hypothesis import strategies as st

from tests.model.people import ALGUNA, EXTERNAL, SIDES, People, Place
from tests.model.systems import ACCOUNTS, CITY, CONTACTS, EMAIL, LAST_NAME, NAME, SUBSCRIPTIONS, System

Linked = Mapping[str, Sequence[tuple[str, str]]]
"""(Alguna id, external id) of linked records, by entity."""

NAMES: list[str | None] = ["Alder", "Birch", "Cedar", "  Dogwood  ", "Elm & O'Brien", "Fir", "Ginkgo AG", "hazel"]
EMAILS: list[str | None] = ["ash@mail.example", "bay@mail.example", "Cob@Mail.example", "doe@mail.example"]
CITIES: list[str | None] = ["Aachen", "Bergen", "Cork"]
VALUES = {NAME: NAMES, LAST_NAME: NAMES, EMAIL: [*EMAILS, None], CITY: CITIES}
FIELDS = {ACCOUNTS: [NAME, EMAIL, CITY], CONTACTS: [LAST_NAME, EMAIL], SUBSCRIPTIONS: [NAME]}

NUMBERS = range(10)
PLACES = st.sampled_from(NUMBERS)


class Act(Protocol):
    """Something that people do."""

    def __call__(self, people: People, linked: Linked) -> None: ...


@dataclass(frozen=True)
class Create:
    """A new account, on one side or, as the same company, on both."""

    sides: tuple[str, ...]
    name: str | None
    email: str | None

    def __call__(self, people: People, linked: Linked) -> None:
        for side in self.sides:
            people.create(side, ACCOUNTS, {NAME: self.name, EMAIL: self.email}, None)


@dataclass(frozen=True)
class Child:
    """A new contact or subscription of an account, whether that is linked yet or not."""

    side: str
    entity: str
    parent: int
    name: str | None
    email: str | None

    def __call__(self, people: People, linked: Linked) -> None:
        parents = list(people.records(self.side, ACCOUNTS))
        if not parents:
            return
        values = {NAME: self.name} if self.entity == SUBSCRIPTIONS else {LAST_NAME: self.name, EMAIL: self.email}
        people.create(self.side, self.entity, values, parents[self.parent % len(parents)])


@dataclass(frozen=True)
class Edit:
    """One field of one record."""

    side: str
    entity: str
    place: int
    field: str
    value: str | None

    def __call__(self, people: People, linked: Linked) -> None:
        place = _pick(people, self.side, self.entity, self.place)
        if place is not None:
            people.edit(place, self.field, self.value)


@dataclass(frozen=True)
class EditBoth:
    """The same field of both records of a pair."""

    entity: str
    place: int
    field: str
    alguna: str | None
    external: str | None

    def __call__(self, people: People, linked: Linked) -> None:
        pairs = linked.get(self.entity, [])
        if not pairs:
            return
        ours, theirs = pairs[self.place % len(pairs)]
        for side, record, value in ((ALGUNA, ours, self.alguna), (EXTERNAL, theirs, self.external)):
            if record in people.records(side, self.entity):
                people.edit((side, self.entity, record), self.field, value)


@dataclass(frozen=True)
class Move:
    """A contact or subscription goes to another account. (Alguna refuses that for contacts.)"""

    side: str
    entity: str
    place: int
    parent: int

    def __call__(self, people: People, linked: Linked) -> None:
        place = _pick(people, self.side, self.entity, self.place)
        parents = list(people.records(self.side, ACCOUNTS))
        if place is not None and parents:
            people.move(place, parents[self.parent % len(parents)])


@dataclass(frozen=True)
class Merge:
    """Two records of the provider become one."""

    entity: str
    loser: int
    winner: int

    def __call__(self, people: People, linked: Linked) -> None:
        records = list(people.records(EXTERNAL, self.entity))
        if len(records) < 2:
            return
        loser, winner = records[self.loser % len(records)], records[self.winner % len(records)]
        if loser != winner:
            people.merge(self.entity, loser, winner)


@dataclass(frozen=True)
class Delete:
    """One record goes."""

    side: str
    entity: str
    place: int

    def __call__(self, people: People, linked: Linked) -> None:
        place = _pick(people, self.side, self.entity, self.place)
        if place is not None:
            people.delete(place)


@dataclass(frozen=True)
class Archive:
    """One record of the provider is taken out of use."""

    entity: str
    place: int

    def __call__(self, people: People, linked: Linked) -> None:
        place = _pick(people, EXTERNAL, self.entity, self.place)
        if place is not None:
            people.archive(self.entity, place[2])


@dataclass(frozen=True)
class Restore:
    """One record comes back out of the recycle bin or archive."""

    entity: str
    place: int

    def __call__(self, people: People, linked: Linked) -> None:
        people.restore(self.entity, self.place)


def _pick(people: People, side: str, entity: str, number: int) -> Place | None:
    records = list(people.records(side, entity))
    return (side, entity, records[number % len(records)]) if records else None


@dataclass(frozen=True)
class Choice:
    """A kind of act, and what each of its arguments may be."""

    kind: Callable[..., Act]
    options: tuple[Sequence[Any], ...]

    def draw(self, numbers: random.Random) -> Act:
        """One of these acts, by a generator of random numbers."""
        return self.kind(*(numbers.choice(some) for some in self.options))


def choices(system: System, entities: Sequence[str]) -> list[Choice]:
    """What people may do with records of these entities; children are acted on as often as accounts."""
    some: list[Choice] = []
    for entity in entities:
        some += [_create(entity)] * 2
        for name in FIELDS[entity]:
            some.append(Choice(Edit, (SIDES, [entity], NUMBERS, [name], VALUES[name])))
            if name != CITY:
                some.append(Choice(EditBoth, ([entity], NUMBERS, [name], VALUES[name], VALUES[name])))
        some.append(Choice(Delete, (SIDES, [entity], NUMBERS)))
        some.append(Choice(Restore, ([entity], NUMBERS)))
        if system.archiving is not None:
            some.append(Choice(Archive, ([entity], NUMBERS)))
        if entity in system.merges:
            some.append(Choice(Merge, ([entity], NUMBERS, NUMBERS)))
        if entity != ACCOUNTS:
            some.append(Choice(Move, (SIDES, [entity], NUMBERS, NUMBERS)))
    return some


def _create(entity: str) -> Choice:
    emails = [*EMAILS, None]
    if entity == ACCOUNTS:
        return Choice(Create, ([(ALGUNA,), (EXTERNAL,), SIDES], NAMES, emails))
    return Choice(Child, (SIDES, [entity], NUMBERS, NAMES, emails))


@cache
def acts_on(system: System, entities: tuple[str, ...]) -> st.SearchStrategy[Act]:
    """The same as values that hypothesis draws."""
    return st.one_of([st.builds(one.kind, *map(st.sampled_from, one.options)) for one in choices(system, entities)])
