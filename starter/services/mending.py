"""Record errors: tried again, ignored, and grouped by their root cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from activities.contracts import Mode
from core.circuits import SUBJECT_PREFIX as CIRCUIT_PREFIX
from core.enums import OnNotFound
from core.problems import Problem
from core.records import Entity, Side
from core.resting import SUBJECT_PREFIX
from starter.services.backend import Backend
from starter.services.refusals import Clash, Invalid, Missing
from starter.services.running import Asked, begin, enabled
from starter.services.steering import run_entities
from starter.services.systems import describe
from store import errors, views
from store.errors import Chosen
from store.tables.connections import Integration
from store.tables.runs import RecordError

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which errors a person means: all that meet everything that is said; all where nothing is."""

    error_ids: Sequence[str] | None = None
    run_id: str | None = None
    types: Sequence[str] | None = None
    groups: Sequence[str] | None = None

    def chosen(self) -> Chosen:
        """Return it as the store knows it. Raises Invalid for an id that cannot be one."""
        numbers = None if self.error_ids is None else _numbers(self.error_ids)
        return Chosen(numbers, self.run_id, self.types, self.groups)

    @property
    def only_ids(self) -> bool:
        """Whether the errors are named one by one, so that each must be there."""
        return self.error_ids is not None and self.run_id is None and self.types is None and self.groups is None


async def retry(backend: Backend, integration: Integration, selection: Selection) -> JsonObject:
    """Try records with errors again, after reading both sides anew: those named (ignored ones too), else open ones.

    Returns the run as `running.start` does, and how many were `retried`; without any there is no run and `syncId` is
    None.
    """
    config = await enabled(backend, integration)
    async with backend.db.session() as session:
        found = await errors.retryable(session, integration.id, selection.chosen())
    if selection.only_ids:
        _check_all_found(selection.error_ids or [], found)
    wanted = [row for row in found if Entity(row.entity) in config.entities]
    if not wanted:
        return {"syncId": None, "retried": 0}
    asked: Asked = {}
    mode = Mode.INBOX
    for row in wanted:
        records = asked.setdefault(Entity(row.entity), [])
        if row.source_id.startswith(CIRCUIT_PREFIX):
            # The pass tries one of the records that wait, and if it succeeds the others.
            mode = Mode.INCREMENTAL
        elif row.source_id.startswith(SUBJECT_PREFIX):
            # No record is to be read again: the pass looks whether the mapping's field is back.
            mode = Mode.INCREMENTAL
            await describe(backend, integration, [Entity(row.entity)])
        else:
            records += dict.fromkeys([(Side(row.target).other, row.source_id), *_ids(row)])
    ids = [row.id for row in wanted if row.id is not None]

    async def mark(session: AsyncSession) -> None:
        await errors.set_status(session, ids, "retrying", was=["open", "ignored"])
        if config.on_not_found is OnNotFound.CREATE:
            await errors.make_anew(session, integration.id, list(asked))

    async def unmark(session: AsyncSession) -> None:
        await errors.set_status(session, ids, "open", was=["retrying"])

    entities = run_entities(config.entities, list(asked))
    return await begin(
        backend,
        integration,
        "retry",
        mode,
        entities,
        asked,
        "retry",
        along=mark,
        undo=unmark,
        answer=lambda started: {**started, "retried": len(wanted)},
    )


async def ignore(backend: Backend, integration: Integration, error_id: str, reason: str) -> JsonObject:
    """Close an error until its record changes. Raises Missing, or Clash when it is closed already."""
    number = _number(error_id)
    async with backend.db.transaction() as session:
        row = await session.get(RecordError, number) if number is not None else None
        if row is None or row.integration_id != integration.id:
            raise Missing(f"there is no error {error_id}")
        if not await errors.ignore(session, integration.id, Chosen(ids=[row.id or 0]), reason):
            raise Clash(f"the error {error_id} is {row.status} already")
        await session.refresh(row)
        return views.error(row)


async def ignore_many(backend: Backend, integration: Integration, selection: Selection, reason: str) -> JsonObject:
    """Close errors until their records change; return how many. Raises Invalid when nothing says which."""
    if selection == Selection():
        raise Invalid(Problem("errorIds", "say which: errorIds, groups, types or syncId"))
    async with backend.db.transaction() as session:
        return {"ignored": await errors.ignore(session, integration.id, selection.chosen(), reason)}


def _ids(row: RecordError) -> list[tuple[Side, str]]:
    known = ((Side.ALGUNA, row.alguna_id), (Side.EXTERNAL, row.external_id))
    return [(side, record_id) for side, record_id in known if record_id]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _numbers(error_ids: Sequence[str]) -> list[int]:
    numbers = [_number(text) for text in error_ids]
    unknown = [
        Problem(f"errorIds[{index}]", f"there is no error `{error_ids[index]}`")
        for index, number in enumerate(numbers)
        if number is None
    ]
    if unknown:
        raise Invalid(*unknown)
    return [number for number in numbers if number is not None]


def _check_all_found(error_ids: Sequence[str], found: Sequence[RecordError]) -> None:
    there = {row.id for row in found}
    unknown = [
        Problem(f"errorIds[{index}]", f"there is no open or ignored error `{text}`")
        for index, text in enumerate(error_ids)
        if int(text) not in there
    ]
    if unknown:
        raise Invalid(*unknown)
