"""What people do, as values that can be drawn, shown and replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hypothesis import strategies as st

from tests.model.people import ALGUNA, CITY, EMAIL, NAME, SALESFORCE, SYSTEMS, People

Linked = Sequence[tuple[str, str]]
"""(Alguna id, Salesforce id) of linked records."""

NAMES: list[str | None] = ["Alder", "Birch", "Cedar", "  Dogwood  ", "Elm & O'Brien"]
EMAILS: list[str | None] = ["ash@mail.example", "bay@mail.example", "Cob@Mail.example", "doe@mail.example"]
CITIES: list[str | None] = ["Aachen", "Bergen", "Cork"]
VALUES = {NAME: NAMES, EMAIL: [*EMAILS, None], CITY: CITIES}

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
            people.create(system, self.name, self.email)


@dataclass(frozen=True)
class Edit:
    """One field of one account."""

    system: str
    place: int
    field: str
    value: str | None

    def __call__(self, people: People, linked: Linked) -> None:
        records = list(people.records(self.system))
        if records:
            people.edit(self.system, records[self.place % len(records)], self.field, self.value)


@dataclass(frozen=True)
class EditBoth:
    """The same field of both records of a pair."""

    place: int
    field: str
    alguna: str | None
    salesforce: str | None

    def __call__(self, people: People, linked: Linked) -> None:
        if not linked:
            return
        ours, theirs = linked[self.place % len(linked)]
        for system, record, value in ((ALGUNA, ours, self.alguna), (SALESFORCE, theirs, self.salesforce)):
            if record in people.records(system):
                people.edit(system, record, self.field, value)


@dataclass(frozen=True)
class Delete:
    """One account goes."""

    system: str
    place: int

    def __call__(self, people: People, linked: Linked) -> None:
        records = list(people.records(self.system))
        if records:
            people.delete(self.system, records[self.place % len(records)])


@dataclass(frozen=True)
class Restore:
    """One account comes back out of the recycle bin."""

    place: int

    def __call__(self, people: People, linked: Linked) -> None:
        people.restore(self.place)


def _edits(field: str) -> st.SearchStrategy[Act]:
    values = st.sampled_from(VALUES[field])
    return st.builds(Edit, st.sampled_from(SYSTEMS), PLACES, st.just(field), values)


def _double_edits(field: str) -> st.SearchStrategy[Act]:
    values = st.sampled_from(VALUES[field])
    return st.builds(EditBoth, PLACES, st.just(field), values, values)


_CREATES: st.SearchStrategy[Act] = st.builds(
    Create,
    st.sampled_from([(ALGUNA,), (SALESFORCE,), SYSTEMS]),
    st.sampled_from(NAMES),
    st.sampled_from([*EMAILS, None]),
)
ACTS: st.SearchStrategy[Act] = st.one_of(
    _CREATES,
    _CREATES,
    _edits(NAME),
    _edits(EMAIL),
    _edits(CITY),
    _double_edits(NAME),
    _double_edits(EMAIL),
    st.builds(Delete, st.sampled_from(SYSTEMS), PLACES),
    st.builds(Restore, PLACES),
)
