"""Whom a change of the configuration touches, and the sync that carries it out on them (P26)."""

from __future__ import annotations

from typing import Any

from activities.contracts import Mode
from core.changes import EntityChange, compare
from core.config import IntegrationConfig, plan
from core.problems import Problem
from core.records import Entity, Side
from starter.services.backend import Backend
from starter.services.refusals import Invalid
from store import affected, resting
from store.scope import Scope
from store.tables.connections import Integration

JsonObject = dict[str, Any]

MOST_ASKED = 10_000
"""Records with an open question that one sync looks at again; more than these are a full sync's work."""
BATCH = 1_000


async def affects(
    backend: Backend, integration: Integration, old: IntegrationConfig | None, new: IntegrationConfig
) -> JsonObject:
    """Return whom a change touches: entity -> {"records", "changes", "entering", "leaving", "unknown"}.

    Only entities of which something is linked or waits are in it. `records` is the most that may end differently.
    """
    found: JsonObject = {}
    for change in compare(old, new) if old is not None else []:
        shown = await _affected(backend, Scope(integration.id, change.entity), change, old, new)
        if shown["records"]:
            found[change.entity.value] = shown
    return found


async def _affected(
    backend: Backend, scope: Scope, change: EntityChange, old: IntegrationConfig | None, new: IntegrationConfig
) -> JsonObject:
    assert old is not None
    async with backend.db.session() as session:
        linked = await affected.count_linked(session, scope)
        unlinked = await affected.count_unlinked(session, scope)
        asked = len(await affected.asked_about(session, scope, change.ruled, MOST_ASKED)) if change.ruled else 0
        plans = [plan(config, change.entity, marker=None, parent=None) for config in (old, new)]
        moves = await affected.count_moves(session, scope, *plans) if change.filter else None
    told: list[JsonObject] = [
        *({"change": "mapping", "field": name, "records": linked} for name in sorted(change.mapped)),
        *({"change": "rule", "field": name, "records": asked} for name in sorted(change.ruled)),
    ]
    if change.matching:
        told.append({"change": "matching", "field": None, "records": unlinked})
    shown: JsonObject = {"entering": 0, "leaving": 0, "unknown": 0}
    if moves is not None:
        shown |= moves
        told.append({"change": "filter", "field": None, "records": sum(moves.values()) + unlinked})
    return {"records": max((item["records"] for item in told), default=0), "changes": told, **shown}


async def touched(
    backend: Backend, integration: Integration, version: int, *, forget: bool
) -> tuple[Mode, dict[Entity, list[tuple[Side, str]]]]:
    """Return how to sync what has changed since a version: the mode, and per entity the records to look at anew.

    With `forget`, fields that are carried in another way are merged as at a first link: the rule decides between the
    values of both sides. Raises Invalid for a version that does not exist, or since which nothing has changed.
    """
    current = await backend.configs.current(integration.id)
    found = await backend.configs.at(integration.id, version)
    if current is None or found is None:
        newest = current[0] if current else 0
        raise Invalid(Problem("changedSince", f"there is no version {version}; the newest is {newest}"))
    changes = compare(IntegrationConfig.model_validate(found), IntegrationConfig.model_validate(current[1]))
    if not changes:
        raise Invalid(Problem("changedSince", f"nothing that touches records has changed since version {version}"))
    asked: dict[Entity, list[tuple[Side, str]]] = {}
    for change in changes:
        scope = Scope(integration.id, change.entity)
        await _forget(backend, scope, change.reshaped if forget else frozenset())
        async with backend.db.session() as session:
            ids = await affected.asked_about(session, scope, change.ruled, MOST_ASKED) if change.ruled else []
        asked[change.entity] = [(Side.ALGUNA, one) for one in ids]
    return Mode.FULL if any(change.needs_reading for change in changes) else Mode.INBOX, asked


async def _forget(backend: Backend, scope: Scope, fields: frozenset[str]) -> None:
    last = 0
    while fields:
        async with backend.db.transaction() as session:
            last = await resting.forget_bases(session, scope, fields, last, BATCH)
        if not last:
            return
