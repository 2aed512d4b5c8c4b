"""Health, readiness, and a page for people who open the address in a browser. No data, no key."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from starter.api import pages
from starter.api.answers import Json
from starter.api.needs import Served
from starter.api.service_documents import DoctorAnswer
from starter.services import doctor, metrics

router = APIRouter(tags=["system"])
keyed_router = APIRouter(tags=["system"])


@router.get("/", response_class=HTMLResponse, include_in_schema=False)
async def page(request: Request, backend: Served) -> HTMLResponse:
    """Say whether the service is up, and where to look."""
    return pages.status(await backend.readiness(), request.app.version, backend.settings.temporal_ui_url)


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
async def documentation(request: Request) -> HTMLResponse:
    """Show every call, to read and to try."""
    return pages.documentation(request.app.title, request.app.openapi_url)


@router.get("/healthz")
async def healthz() -> Response:
    """Say that the process lives."""
    return Json({"status": "ok"})


@router.get("/readyz")
async def readyz(backend: Served) -> Response:
    """Say whether calls can be carried out, and if not, why: 200 or 503."""
    checks = await backend.readiness()
    ready = set(checks.values()) == {"ok"}
    return Json({"status": "ready" if ready else "not_ready", "checks": checks}, 200 if ready else 503)


@keyed_router.get("/metrics", response_class=PlainTextResponse)
async def get_metrics(backend: Served) -> Response:
    """Our numbers for Prometheus: counts and ages by integration and entity."""
    return Response(await metrics.text(backend), media_type=metrics.CONTENT_TYPE)


@keyed_router.get("/doctor", response_model=DoctorAnswer)
async def get_doctor(backend: Served) -> Response:
    """Look for what is wrong with this installation, and say how to mend it. Makes a few calls to the vendors."""
    return Json(await doctor.examine(backend))
