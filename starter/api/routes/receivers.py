"""Where vendors send their events. Open to everyone: the vendor's signature takes the place of a key."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from connectors.events import Delivery
from starter.api.needs import Served
from starter.services import receiving

router = APIRouter(prefix="/webhooks", tags=["receivers"])


@router.post("/{name}")
async def receive(name: str, request: Request, backend: Served) -> Response:
    """Take events of `alguna`, of a provider (routed by account), or of one integration."""
    return await _taken(name, None, request, backend)


@router.post("/{integration}/{token}")
async def receive_with_token(integration: str, token: str, request: Request, backend: Served) -> Response:
    """Take events of a vendor that cannot sign: the path holds a secret."""
    return await _taken(integration, token, request, backend)


async def _taken(name: str, token: str | None, request: Request, backend: Served) -> Response:
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    delivery = Delivery(
        method=request.method,
        # Behind a proxy the vendor signs the address that it knows.
        url=f"{backend.settings.public_url}{path}",
        headers={key.lower(): value for key, value in request.headers.items()},
        body=await request.body(),
        token=token,
    )
    said = await receiving.receive(backend, name, delivery)
    return Response(said.body, said.status, media_type=said.content_type)
