"""The Schedule of an integration: shown, rested, started now."""

from __future__ import annotations

from fastapi import APIRouter, Response

from starter.api.answers import Json
from starter.api.bodies import Backfill, PauseSchedule
from starter.api.needs import Named, Served
from starter.api.service_documents import ScheduleAnswer
from starter.services import scheduling

router = APIRouter(prefix="/integrations/{integration}/schedule", tags=["schedules"])


@router.get("", response_model=ScheduleAnswer)
async def get_schedule(integration: Named, backend: Served) -> Response:
    """Show the schedule as Temporal has it: the next runs, the recent ones, and why it rests."""
    return Json(await scheduling.show(backend, integration))


@router.post("/pause", response_model=ScheduleAnswer)
async def pause_schedule(body: PauseSchedule, integration: Named, backend: Served) -> Response:
    """Rest the schedule, with a note; a running sync goes on, and changes of the sync-config do not wake it."""
    return Json(await scheduling.pause(backend, integration, body.note))


@router.post("/resume", response_model=ScheduleAnswer)
async def resume_schedule(integration: Named, backend: Served) -> Response:
    """Let the schedule go on."""
    return Json(await scheduling.resume(backend, integration))


@router.post("/trigger", response_model=ScheduleAnswer)
async def trigger_schedule(integration: Named, backend: Served) -> Response:
    """Start the scheduled sync now, also while the schedule rests."""
    return Json(await scheduling.trigger(backend, integration))


@router.post("/backfill", response_model=ScheduleAnswer)
async def backfill_schedule(body: Backfill, integration: Named, backend: Served) -> Response:
    """Start the syncs of a time that has passed, one after the other."""
    return Json(await scheduling.backfill(backend, integration, body.begin, body.end))
