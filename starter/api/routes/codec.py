"""What Temporal's own tools ask to show encrypted payloads (`--codec-endpoint URL/codec --codec-auth "Bearer KEY"`).

Not part of the OpenAPI document: the shape is Temporal's, the protobuf message `Payloads` as JSON.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from google.protobuf.json_format import MessageToDict, Parse, ParseError
from temporalio.api.common.v1 import Payloads

from runtime.codec import EncryptedPayloads, UnreadablePayloadError
from starter.api.answers import Json
from starter.api.needs import Served
from starter.services.refusals import invalid

router = APIRouter(prefix="/codec", include_in_schema=False)


@router.post("/decode")
async def decode(request: Request, backend: Served) -> Response:
    """Return payloads decrypted; those that are not encrypted come back as they are."""
    try:
        given = Parse(await request.body(), Payloads())
        opened = await EncryptedPayloads(backend.settings.keys()).decode(given.payloads)
    except (ParseError, UnicodeDecodeError) as error:
        raise invalid("payloads", "is not Temporal's JSON of payloads") from error
    except UnreadablePayloadError as error:
        raise invalid("payloads", str(error)) from error
    return Json(MessageToDict(Payloads(payloads=opened)))
