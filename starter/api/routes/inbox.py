"""What needs a person: record errors and conflicts."""

from __future__ import annotations

from datetime import timedelta
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
    ResolveConflicts,
    RetryErrors,
    SummaryQuery,
)
from starter.api.needs import Caller, Named, Remembered, Served
from starter.services import deciding, mending, resolving
from store import causes, listing, tuning, views
from store.types import utc_now

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


@router.get("/conflicts/summary", response_model=problem_documents.ConflictSummary)
async def summarize_conflicts(
    query: Annotated[SummaryQuery, Query()], integration: Remembered, backend: Served
) -> Response:
    """Count what waits, and what rules and people decided of fields that both sides changed, by field."""
    since = utc_now() - timedelta(days=query.days)
    async with backend.db.session() as session:
        found = await tuning.summary(session, integration.id, since)
    return Json({"days": query.days, **found})


@router.post("/conflicts/resolve", response_model=problem_documents.Decided)
async def resolve_conflicts(body: ResolveConflicts, integration: Named, backend: Served, caller: Caller) -> Response:
    """Decide all open conflicts that fit, some hundred at a time; each only in the version that was looked at."""
    wish = deciding.Wish(body.resolution, body.filter.entity, body.filter.field, body.filter.kind, body.dry_run)
    return Json(await deciding.resolve_many(backend, integration, wish, caller))


@router.get("/conflicts/{conflict_id}", response_model=documents.ConflictAnswer)
async def get_conflict(conflict_id: str, integration: Remembered, backend: Served) -> Response:
    """Show one conflict."""
    return Json(views.conflict(await resolving.find(backend, integration, conflict_id)))


@router.post("/conflicts/{conflict_id}/resolve", response_model=documents.ConflictAnswer)
async def resolve_conflict(
    conflict_id: str, body: ResolveConflict, integration: Named, backend: Served, caller: Caller
) -> Response:
    """Decide a conflict. The answer to an old version, or to a conflict that is decided already, is refused."""
    answer = resolving.Answer(body.version, body.resolution, body.fields, body.alguna_id, body.external_id)
    return Json(await resolving.resolve(backend, integration, conflict_id, answer, caller))
