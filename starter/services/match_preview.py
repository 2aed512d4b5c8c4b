"""Matching tried on the records as they are, for a first load: both systems are read, nothing is stored.

Both sides are read live, up to a number of records of each, and kept as keys and the few values that rules compare, so
that a preview has a bounded size and length. It is not taken from what an earlier run staged: that is gone once
the run is done, and says nothing of rules that are only being tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.protocols import Connector, FetchRequest
from core.config import IntegrationConfig, Matching, plan
from core.match_preview import Open, Preview, preview
from core.matching import MARKER, Keyed, keyed
from core.plan import EntityPlan
from core.records import Entity, Record, Side
from core.values import Value
from starter.services import configuring
from starter.services.backend import Backend
from starter.services.refusals import Invalid, invalid
from starter.services.systems import connected
from store import links
from store.scope import Scope
from store.tables.connections import Integration

JsonObject = dict[str, Any]

_OTHER_ID = {Side.ALGUNA: "algunaId", Side.EXTERNAL: "externalId"}


@dataclass(slots=True)
class _Reading:
    """What was read of one side."""

    records: int = 0
    linked: int = 0
    left_out: int = 0
    complete: bool = True
    unlinked: list[Keyed] = field(default_factory=list)
    values: dict[str, dict[str, Value]] = field(default_factory=dict)


async def match_preview(
    backend: Backend,
    integration: Integration,
    entity: Entity,
    given: Matching | None,
    *,
    most: int,
    limit: int,
    offset: int,
) -> JsonObject:
    """Return counts and one page each of matched, ambiguous and unmatched records.

    `given` is tried instead of the stored matching; `most` is how many records of each side are read at most. Raises
    Invalid for an entity or rules that would be refused, SyncError when a system cannot be read.
    """
    config = await configuring.assumed(backend, integration, entity)
    if given is not None:
        config = config.model_copy(update={"matching": {**config.matching, entity: given}})
        if problems := await configuring.part_problems(backend, integration, config, entity, "matching"):
            raise Invalid(*problems)
    scope = Scope(integration.id, entity)
    async with connected(backend, integration) as sides:
        facts = sides[Side.EXTERNAL].facts(entity)
        # Only what rules and filters look at is read: mapped fields may be dear (revenue is, in Alguna).
        bare: IntegrationConfig = config.model_copy(update={"mappings": {}})
        compiled = plan(bare, entity, marker=facts.marker, parent=facts.parent)
        readings = await asyncio.gather(*(_read(backend, scope, sides[side], compiled, most) for side in Side))
    read = dict(zip(Side, readings, strict=True))
    unlinked = [one for side in Side for one in read[side].unlinked]
    bound = await _bound(backend, scope, unlinked)
    # Comparing takes processor time; the event loop goes on meanwhile.
    found = await asyncio.to_thread(preview, unlinked, bound, compiled.matching)
    return _answer(entity, compiled, found, read, bound, most, slice(offset, offset + limit))


async def _read(backend: Backend, scope: Scope, connector: Connector, compiled: EntityPlan, most: int) -> _Reading:
    """Read one side until its end, or until enough records are there."""
    side, reading, position = connector.side, _Reading(), None
    paths = compiled.paths(side)
    while True:
        page = await connector.fetch(FetchRequest(scope.entity, {scope.entity: paths}, None, True, position))
        living = [one for one in page.records if one.entity is scope.entity and not one.deleted]
        room = most - reading.records
        await _take(backend, scope, side, living[:room], compiled, reading)
        position = page.position
        if position is None or len(living) >= room:
            reading.complete = position is None and len(living) <= room
            return reading


async def _take(
    backend: Backend,
    scope: Scope,
    side: Side,
    records: Sequence[Record],
    compiled: EntityPlan,
    reading: _Reading,
) -> None:
    ids = [one.id for one in records]
    async with backend.db.session() as session:
        linked = await links.active(session, scope, side, ids)
        buried = await links.tombstoned(session, scope, side, ids)
    reading.records += len(records)
    for one in records:
        if one.id in linked:
            reading.linked += 1
        elif one.id in buried or compiled.filters.excludes(one):
            reading.left_out += 1
        else:
            reading.unlinked.append(keyed(one, compiled.matching))
            reading.values[one.id] = {name: value for name, value in one.fields.items() if value is not None}


async def _bound(backend: Backend, scope: Scope, unlinked: Collection[Keyed]) -> dict[tuple[Side, str], str]:
    """Linked records that markers of unlinked ones name, with their partners."""
    found: dict[tuple[Side, str], str] = {}
    async with backend.db.session() as session:
        for side in Side:
            named = sorted({one.marker for one in unlinked if one.side is side.other and one.marker})
            states = await links.active(session, scope, side, named)
            found |= {(side, record_id): state.id_on(side.other) for record_id, state in states.items()}
    return found


def _answer(
    entity: Entity,
    compiled: EntityPlan,
    found: Preview,
    read: Mapping[Side, _Reading],
    bound: Mapping[tuple[Side, str], str],
    most: int,
    part: slice,
) -> JsonObject:
    rules = ["marker" if rule == MARKER else compiled.matching.rules[rule].alguna_field for *_, rule in found.matched]
    shown = {side: read[side].values for side in Side}
    return {
        "entity": entity.value,
        "read": {
            side.value: {
                "records": one.records,
                "linked": one.linked,
                "leftOut": one.left_out,
                "complete": one.complete,
            }
            for side, one in read.items()
        },
        "note": _note(read, most),
        "counts": {
            "matched": len(found.matched),
            "byRule": {rule: rules.count(rule) for rule in dict.fromkeys(rules)},
            "ambiguous": len(found.ambiguous),
            "unmatched": {side.value: len(found.unmatched[side]) for side in Side},
        },
        "matched": [
            {
                "algunaId": ours,
                "externalId": theirs,
                "rule": rule,
                "alguna": shown[Side.ALGUNA].get(ours, {}),
                "external": shown[Side.EXTERNAL].get(theirs, {}),
            }
            for (ours, theirs, _), rule in list(zip(found.matched, rules, strict=True))[part]
        ],
        "ambiguous": [_open(one, shown, bound) for one in found.ambiguous[part]],
        "unmatched": {side.value: [_open(one, shown, bound) for one in found.unmatched[side][part]] for side in Side},
    }


def _open(
    one: Open, shown: Mapping[Side, Mapping[str, Mapping[str, Value]]], bound: Mapping[tuple[Side, str], str]
) -> JsonObject:
    other = one.side.other
    candidates = []
    for item in one.candidates:
        partner = bound.get((other, item.id))
        reasons = [*item.likeness.reasons, *([f"linked with {partner} already"] if partner else [])]
        candidates.append(
            {
                _OTHER_ID[other]: item.id,
                "score": item.likeness.score,
                "reasons": reasons,
                "values": shown[other].get(item.id, {}),
            }
        )
    return {
        "side": one.side.value,
        _OTHER_ID[one.side]: one.id,
        "values": shown[one.side].get(one.id, {}),
        "candidates": candidates,
    }


def _note(read: Mapping[Side, _Reading], most: int) -> str | None:
    cut = [side.value for side, one in read.items() if not one.complete]
    if not cut:
        return None
    return (
        f"only the first {most} records of the {' and the '.join(cut)} side were read: what is unmatched may have its"
        " partner among the others"
    )


def refuse_other_entity(entity: Entity | None, given: Matching | None) -> Entity:
    """Return which entity is meant. Raises Invalid when none is named, or two are."""
    if entity is None and given is None:
        raise invalid("entity", "is required: which entity's matching to preview")
    if entity is not None and given is not None and given.entity is not entity:
        raise invalid("entity", f"the query says `{entity.value}`, the body `{given.entity.value}`")
    chosen = entity or (given.entity if given is not None else None)
    assert chosen is not None
    return chosen
