"""Consent in the browser: where a person is sent, and where the vendor sends them back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from starter.api import documents, pages
from starter.api.answers import Json
from starter.api.bodies import BeginConsent, ConsentCode
from starter.api.needs import REFUSALS, Served
from starter.api.service_documents import ConsentAnswer
from starter.services import consenting
from starter.services.refusals import Refused

router = APIRouter(prefix="/oauth", tags=["connections"])
callback_router = APIRouter(prefix="/oauth", tags=["connections"])


@router.post("/{provider}/authorize", response_model=ConsentAnswer)
async def begin(provider: str, body: BeginConsent, backend: Served) -> Response:
    """Begin a connection by consent: send the person to `authorizationUrl` within ten minutes."""
    made = await consenting.begin(
        backend, provider, body.credentials, integration_id=body.id, redirect_uri=body.redirect_uri
    )
    return Json(made)


@router.post("/{provider}/redeem", status_code=201, response_model=documents.IntegrationAnswer)
async def redeem(provider: str, body: ConsentCode, backend: Served) -> Response:
    """Finish a consent whose callback was a program's own (the command line)."""
    return Json(await consenting.finish(backend, provider, body.state, body.code, body.returned), 201)


@callback_router.get("/{provider}/callback", response_class=HTMLResponse, responses=REFUSALS)
async def callback(
    provider: str,
    backend: Served,
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Take a person back from the vendor and say how it went."""
    if error or not code:
        return pages.message(
            "Not connected", f"{provider} says: {error or 'no code was given'}. You can close this page.", 400
        )
    try:
        made = await consenting.finish(backend, provider, state, code, dict(request.query_params))
    except Refused as refusal:
        return pages.message("Not connected", refusal.detail, refusal.status)
    return pages.message("Connected", f"{made['id']} is connected. You can close this page.", 200)
