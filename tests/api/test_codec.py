"""Encrypted payloads are shown in clear to Temporal's own tools, to those who have a key."""

from __future__ import annotations

import base64
import json

from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payloads

from activities.contracts import DeliveryRef
from runtime.codec import data_converter
from tests.api.world import World


async def test_i8_payloads_are_decrypted_for_those_with_a_key(world: World) -> None:
    encrypting = world.backend.settings.model_copy(update={"encrypt_payloads": True})
    written = await data_converter(encrypting).encode([DeliveryRef(delivery_id="msg_1")])
    body = MessageToDict(Payloads(payloads=written))
    assert (await world.api.post("/codec/decode", json=body, headers={"Authorization": ""})).status_code == 401
    reply = await world.api.post("/codec/decode", json=body)
    assert reply.status_code == 200, reply.text
    assert json.loads(base64.b64decode(reply.json()["payloads"][0]["data"])) == {"delivery_id": "msg_1"}
    again = await world.api.post("/codec/decode", json=reply.json())
    assert again.json() == reply.json(), "what is in clear stays as it is"
    body["payloads"][0]["data"] = base64.b64encode(b"of another key").decode()
    for wrong in (body, {"payload": 1}):
        refused = await world.api.post("/codec/decode", json=wrong)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "payloads")
