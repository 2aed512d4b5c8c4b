"""Syncs: start, state, history, cancel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from core.records import Entity
from starter.api import documents
from starter.api.answers import Json, listed
from starter.api.bodies import HistoryQuery, RecordsQuery, StartSync
from starter.api.needs import Named, Remembered, Served
from starter.services import running, status
from starter.services.refusals import invalid
from store import listing, views

router = APIRouter(prefix="/integrations/{integration}", tags=["syncs"])


@router.post("/sync", status_code=202, response_model=documents.Started)
async def start_sync(integration: Named, backend: Served, body: StartSync | None = None) -> Response:
    """Start a sync; while another one works it waits for its turn.

    A dry run plans everything and writes nothing: its counts are those of the plan, and its records carry what would
    be written.
    """
    asked = body or StartSync()
    if asked.record_ids is not None and asked.mode == "full":
        raise invalid("mode", "chosen records are read in any case; leave mode out")
    if asked.record_ids is not None and asked.changed_since is not None:
        raise invalid("changedSince", "finds its records by itself; leave recordIds out")
    wish = running.Wish(
        asked.chosen_mode(),
        asked.entities,
        asked.record_ids,
        asked.side,
        asked.dry_run,
        asked.direction,
        asked.changed_since,
    )
    return Json(await running.start(backend, integration, wish), 202)


@router.get("/sync-state", response_model=documents.SyncState)
async def get_sync_state(integration: Remembered, backend: Served) -> Response:
    """Show where the integration stands."""
    return Json(await status.integration_state(backend, integration))


@router.get("/sync-state/{entity}/{record_id:path}", response_model=documents.RecordState)
async def get_record_state(entity: Entity, record_id: str, integration: Remembered, backend: Served) -> Response:
    """Show where one record stands, by its Alguna or external id."""
    return Json(await status.record_state(backend, integration, entity, record_id))


@router.get("/sync-history", response_model=documents.Listed[documents.RunAnswer])
async def list_syncs(query: Annotated[HistoryQuery, Query()], integration: Remembered, backend: Served) -> Response:
    """List the syncs, newest first."""
    async with backend.db.session() as session:
        part = await listing.list_runs(
            session,
            integration.id,
            limit=query.limit,
            offset=query.offset,
            status=query.status,
            trigger=query.trigger,
            begin=query.begin,
            end=query.end,
        )
    return listed(await running.show_runs(backend, part.rows), part.total, query.limit)


@router.get("/sync-history/{sync_id}", response_model=documents.RunAnswer)
async def get_sync(sync_id: str, integration: Remembered, backend: Served) -> Response:
    """Show one sync."""
    row = await running.find_run(backend, integration, sync_id)
    return Json((await running.show_runs(backend, [row]))[0])


@router.get("/sync-history/{sync_id}/records", response_model=documents.Listed[documents.RecordOutcome])
async def list_records(
    sync_id: str, query: Annotated[RecordsQuery, Query()], integration: Remembered, backend: Served
) -> Response:
    """List how the records of a sync ended; unchanged ones are only counted."""
    row = await running.find_run(backend, integration, sync_id)
    async with backend.db.session() as session:
        part = await listing.list_outcomes(
            session, row.id, limit=query.limit, offset=query.offset, entity=query.entity, outcome=query.outcome
        )
    return listed([views.outcome(one) for one in part.rows], part.total, query.limit)


@router.post("/sync-history/{sync_id}/cancel", status_code=202, response_model=documents.RunAnswer)
async def cancel_sync(sync_id: str, integration: Named, backend: Served) -> Response:
    """Stop a sync; what is being written is still finished."""
    return Json(await running.cancel(backend, integration, sync_id), 202)
