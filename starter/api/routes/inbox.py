"""What needs a person: record errors and conflicts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from starter.api import documents, problem_documents
from starter.api.answers import Json, listed
from starter.api.bodies import (
    ConflictsQuery,
    ErrorsQuery,
    GroupsQuery,
    IgnoreError,
    IgnoreErrors,
    ResolveConflict,
    RetryErrors,
)
from starter.api.needs import Named, Remembered, Served
from starter.services import mending, resolving
from store import causes, listing, views

router = APIRouter(prefix="/integrations/{integration}", tags=["errors and conflicts"])


@router.get("/sync-errors", response_model=documents.Listed[documents.ErrorAnswer])
async def list_errors(query: Annotated[ErrorsQuery, Query()], integration: Remembered, backend: Served) -> Response:
    """List the records that could not be synced."""
    async with backend.db.session() as session:
        part = await listing.list_errors(
            session,
            integration.id,
            limit=query.limit,
            offset=query.offset,
            status=query.status,
            type=query.type,
            entity=query.entity,
            run_id=query.sync_id,
        )
    return listed([views.error(row) for row in part.rows], part.total, query.limit)


@router.get("/sync-errors/groups", response_model=documents.Listed[problem_documents.ErrorGroup])
async def list_error_groups(
    query: Annotated[GroupsQuery, Query()], integration: Remembered, backend: Served
) -> Response:
    """List the root causes of errors: how many records each stopped, since when, one of them, and what helps."""
    async with backend.db.session() as session:
        rows, total = await causes.list_groups(
            session,
            integration.id,
            limit=query.limit,
            offset=query.offset,
            status=query.status,
            type=query.type,
            entity=query.entity,
        )
    return listed(rows, total, query.limit)


@router.post("/sync-errors/retry", status_code=202, response_model=documents.Retried)
async def retry_errors(integration: Named, backend: Served, body: RetryErrors | None = None) -> Response:
    """Try records with errors again: those named (ignored ones too), else all open ones that fit."""
    return Json(await mending.retry(backend, integration, _selection(body or RetryErrors())), 202)


@router.post("/sync-errors/ignore", response_model=problem_documents.Ignored)
async def ignore_errors(body: IgnoreErrors, integration: Named, backend: Served) -> Response:
    """Close errors without syncing their records, until these change."""
    return Json(await mending.ignore_many(backend, integration, _selection(body), body.reason))


@router.post("/sync-errors/{error_id}/ignore", response_model=documents.ErrorAnswer)
async def ignore_error(error_id: str, body: IgnoreError, integration: Named, backend: Served) -> Response:
    """Close an error without syncing its record, until that changes."""
    return Json(await mending.ignore(backend, integration, error_id, body.reason))


def _selection(body: RetryErrors) -> mending.Selection:
    return mending.Selection(body.error_ids, body.sync_id, body.types, body.groups)


@router.get("/conflicts", response_model=documents.Listed[documents.ConflictAnswer])
async def list_conflicts(
    query: Annotated[ConflictsQuery, Query()], integration: Remembered, backend: Served
) -> Response:
    """List the conflicts."""
    async with backend.db.session() as session:
        part = await listing.list_conflicts(
            session,
            integration.id,
            limit=query.limit,
            offset=query.offset,
            status=query.status,
            entity=query.entity,
            kind=query.kind,
        )
    return listed([views.conflict(row) for row in part.rows], part.total, query.limit)


@router.get("/conflicts/{conflict_id}", response_model=documents.ConflictAnswer)
async def get_conflict(conflict_id: str, integration: Remembered, backend: Served) -> Response:
    """Show one conflict."""
    return Json(views.conflict(await resolving.find(backend, integration, conflict_id)))


@router.post("/conflicts/{conflict_id}/resolve", response_model=documents.ConflictAnswer)
async def resolve_conflict(conflict_id: str, body: ResolveConflict, integration: Named, backend: Served) -> Response:
    """Decide a conflict. The answer to an old version, or to a conflict that is decided already, is refused."""
    answer = resolving.Answer(body.version, body.resolution, body.fields, body.alguna_id, body.external_id)
    return Json(await resolving.resolve(backend, integration, conflict_id, answer))
