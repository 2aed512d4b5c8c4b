"""Links as people see, set and remove them."""

from __future__ import annotations

import asyncio
from typing import Any

from core.problems import Problem
from core.records import Entity, Side
from starter.services.backend import Backend
from starter.services.configuring import stored
from starter.services.refusals import Clash, Invalid, Missing
from starter.services.steering import tell_ended
from starter.services.systems import connected
from store import conflicts, links, listing, retention, staging, trails, views
from store.links import NewLink
from store.scope import Scope
from store.tables.connections import Integration
from store.trails import about_record
from store.types import utc_now

JsonObject = dict[str, Any]


async def show(
    backend: Backend,
    integration: Integration,
    entity: Entity,
    *,
    alguna_id: str | None = None,
    external_id: str | None = None,
) -> JsonObject:
    """Return the link of a record: the active one, else its newest tombstone. Raises Missing."""
    async with backend.db.session() as session:
        row = await listing.find_link(
            session, Scope(integration.id, entity), alguna_id=alguna_id, external_id=external_id
        )
    if row is None:
        raise Missing(f"there is no link of {entity.value} {alguna_id or external_id} in {integration.id}")
    return views.link(row)


async def put(
    backend: Backend, integration: Integration, entity: Entity, alguna_id: str, external_id: str, *, by: str
) -> JsonObject:
    """Link two records, as `by` wants; the next pass merges them. Linking the same two again changes nothing.

    Raises Missing or Invalid when one of them does not exist, Clash when one is linked with another.
    """
    version, _ = await stored(backend, integration)
    scope = Scope(integration.id, entity)
    if await _is_linked(backend, scope, alguna_id, external_id):
        return await show(backend, integration, entity, alguna_id=alguna_id, external_id=external_id)
    async with connected(backend, integration) as sides:
        ours, theirs = await asyncio.gather(
            sides[Side.ALGUNA].read(entity, [alguna_id], []), sides[Side.EXTERNAL].read(entity, [external_id], [])
        )
    if alguna_id not in ours or ours[alguna_id].deleted:
        raise Missing(f"Alguna has no record `{alguna_id}` of {entity.value}")
    if external_id not in theirs or theirs[external_id].deleted:
        raise Invalid(Problem("externalId", f"{integration.provider} has no such record of {entity.value}"))
    async with backend.db.transaction() as session:
        ours_bound = await links.active(session, scope, Side.ALGUNA, [alguna_id])
        theirs_bound = await links.active(session, scope, Side.EXTERNAL, [external_id])
        await _check_free(scope, ours_bound, external_id, Side.EXTERNAL)
        await _check_free(scope, theirs_bound, alguna_id, Side.ALGUNA)
        dead = [link.id for link in (*ours_bound.values(), *theirs_bound.values())]
        await links.tombstone(session, dead, "its partner is deleted; linked anew by a person")
        at = utc_now()
        await links.add(session, scope, [NewLink(alguna_id, external_id, "person")], config_version=version, at=at)
        await trails.record(session, scope, [about_record(alguna_id, external_id, "linked", "person", by=by)], at)
        both = [(Side.ALGUNA, alguna_id), (Side.EXTERNAL, external_id)]
        await staging.ask(session, scope, both, "link", at)
    return await show(backend, integration, entity, alguna_id=alguna_id, external_id=external_id)


async def remove(backend: Backend, integration: Integration, entity: Entity, alguna_id: str, *, by: str) -> None:
    """End a link: its records are neither matched nor created again until a person links them. Raises Missing."""
    scope = Scope(integration.id, entity)
    async with backend.db.transaction() as session:
        found = await links.active(session, scope, Side.ALGUNA, [alguna_id])
        if alguna_id not in found:
            raise Missing(f"there is no active link of {entity.value} {alguna_id} in {integration.id}")
        await links.tombstone(session, [found[alguna_id].id], "unlinked by a person")
        trail = about_record(alguna_id, found[alguna_id].external_id, "unlinked", "person", by=by)
        await trails.record(session, scope, [trail], utc_now())
        closed = await conflicts.close(session, scope, "fields", [str(found[alguna_id].id)], "closed")
    # The next pass wakes those that cannot be reached now.
    await tell_ended(backend, integration.id, entity, closed)


async def _is_linked(backend: Backend, scope: Scope, alguna_id: str, external_id: str) -> bool:
    async with backend.db.session() as session:
        found = await links.active(session, scope, Side.ALGUNA, [alguna_id])
    return alguna_id in found and found[alguna_id].external_id == external_id


async def _check_free(scope: Scope, found: dict[str, links.LinkState], wanted: str, side: Side) -> None:
    for record_id, link in found.items():
        if link.id_on(side) != wanted and link.gone is not side:
            raise Clash(f"{scope.entity.value} {record_id} is linked with {link.id_on(side)}; remove that link first")


async def erase(backend: Backend, integration: Integration, entity: Entity, record_id: str) -> dict[str, Any]:
    """Forget all values of one record, by its id on either side; return what was forgotten. Raises Missing."""
    scope = Scope(integration.id, entity)
    async with backend.db.transaction() as session:
        link = await listing.find_link(session, scope, alguna_id=record_id)
        link = link or await listing.find_link(session, scope, external_id=record_id)
        ids = [record_id] if link is None else [link.alguna_id, link.external_id]
        forgotten = await retention.erase(session, scope, ids)
    if not forgotten:
        raise Missing(f"nothing is known of {entity.value} {record_id} in {integration.id}")
    return {"ids": ids, "forgotten": forgotten}
