"""Marked secrets are planted everywhere they can be given, and looked for everywhere they must not be (I8)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.crash.systems import BY_NAME, PROVIDERS, System
from tests.engine.conftest import temporal_address
from tests.engine.processes import start_api
from tests.engine.world import INTEGRATION, Sandboxes, World, make_world
from tests.ports import free_port

__all__ = ["temporal_address"]

OPEN = {
    "baseUrl",
    "instanceUrl",
    "tokenUrl",
    "authorizeUrl",
    "expiresAt",
    "username",
    "clientId",
    "realmId",
    "tenantId",
}
OPEN |= {"account", "certificateId", "consumerKey", "tokenId", "limits", "portalId", "organisationId", "scope"}
KEY = "planted-admin-key-0123456789abcdef"
WRONG = "planted-wrong-secret-0123456789abcdef"
CODE = "planted-consent-code-0123456789abcdef"


def secrets_in(values: Mapping[str, Any]) -> Iterator[str]:
    """The texts of credentials that nobody may see; of a private key each line."""
    for name, value in values.items():
        if name not in OPEN and isinstance(value, str):
            yield from (line for line in value.splitlines() if len(line) >= 8 and not line.startswith("-----"))


class Operator:
    """Somebody with the admin key; keeps every answer."""

    def __init__(self, world: World) -> None:
        self.world = world
        port = free_port()
        environment = {
            **world.environment(),
            "EXTERNAL_SYNC_API_KEY": KEY,
            "EXTERNAL_SYNC_LOG_LEVEL": "DEBUG",
            "EXTERNAL_SYNC_LOG_FORMAT": "json",
        }
        self.process = start_api(port, environment, world.settings.data_dir / "api.log")
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {KEY}"}, trust_env=False, timeout=30
        )
        self.answers: list[str] = []

    async def ready(self) -> None:
        async with asyncio.timeout(60):
            while True:
                with suppress(httpx.TransportError):
                    if (await self.http.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.1)

    async def call(self, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
        reply = await self.http.request(method, path, json=body, **more)
        self.answers.append(reply.text)
        return reply


@pytest.fixture
async def operator(tmp_path: Path, temporal_address: str, request: pytest.FixtureRequest) -> AsyncIterator[Operator]:
    system: System = request.param
    boxes = Sandboxes(system.provider)
    await boxes.start()
    world = await make_world(tmp_path, temporal_address, boxes, heartbeat_seconds=2, chunk_size=5)
    made = Operator(world)
    await made.ready()
    yield made
    await made.http.aclose()
    made.process.kill()
    await world.close()
    await boxes.stop()


async def live(operator: Operator, provider: str) -> None:
    """A life with troubles: wrong credentials, forged events, refused rows, server errors, dying tokens."""
    world, call = operator.world, operator.call
    given = await world.boxes.control(provider, "GET", "credentials")
    wrong = {name: value if name in OPEN else f"{WRONG}-{name}" for name, value in given.items()}
    await call("POST", "/integrations", {"id": "int_wrong", "provider": provider, "credentials": wrong})
    await call("POST", f"/integrations/{INTEGRATION}/reconnect", {"credentials": wrong})
    await call("GET", f"/oauth/{provider}/callback", params={"code": CODE, "state": WRONG})
    await call("POST", f"/webhooks/{provider}/{WRONG}", {"forged": WRONG})
    await call("POST", f"/webhooks/{INTEGRATION}", {"forged": True}, headers={"X-HubSpot-Signature-v3": WRONG})
    await call("POST", "/webhook-endpoints", {"url": f"http://user:{WRONG}@127.0.0.1/", "events": ["sync.completed"]})
    for system in ("alguna", provider):
        await world.boxes.seed(system, "accounts", 6, offset=0 if system == "alguna" else 500)
        for kind in ("error_500", "html_error", "malformed_body", "drop_after_commit"):
            await world.boxes.control(system, "POST", "faults", {"fault": kind, "every": 3, "times": 1})
    await world.boxes.control(provider, "POST", "auth", {"action": "expire_access_token"})
    world.spawn_worker(EXTERNAL_SYNC_LOG_LEVEL="DEBUG", EXTERNAL_SYNC_LOG_FORMAT="json")
    for _ in range(2):
        await world.sync()
        await world.boxes.control(provider, "POST", "auth", {"action": "expire_access_token"})
    for path in ("", f"/{INTEGRATION}", f"/{INTEGRATION}/sync-state", f"/{INTEGRATION}/sync-history"):
        await call("GET", f"/integrations{path}")
    for path in ("sync-errors", "sync-config", "conflicts", "schema?entity=accounts"):
        await call("GET", f"/integrations/{INTEGRATION}/{path}")
    await call("GET", "/metrics")


async def told(operator: Operator) -> dict[str, str]:
    """Everything that somebody without the keys can come to see, by place."""
    world = operator.world
    folder = world.settings.data_dir
    seen = {path.name: path.read_bytes().decode("latin-1") for path in folder.iterdir() if path.is_file()}
    seen["answers"] = "\n".join(operator.answers)
    seen["processes"] = "\n".join(" ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"]))
    histories = []
    async for one in world.client.list_workflows(f'TaskQueue = "{world.settings.task_queue}"'):
        history = await world.client.get_workflow_handle(one.id, run_id=one.run_id).fetch_history()
        histories.append(json.dumps(history.to_json_dict()))
    assert histories
    seen["histories"] = "\n".join(histories)
    return seen


@pytest.mark.parametrize("operator", PROVIDERS, ids=lambda system: system.provider, indirect=True)
async def test_i8_planted_secrets_are_found_nowhere(operator: Operator) -> None:
    world = operator.world
    provider = world.boxes.provider
    await world.configure("accounts", entityOptions={"accounts": BY_NAME[provider].options})
    planted = {KEY, WRONG, CODE, *world.settings.keys()}
    for connection in ("alguna", INTEGRATION):
        planted |= set(secrets_in((await world.services.connections.load(connection)).values))
    await live(operator, provider)
    # Tokens that were issued meanwhile are secrets too.
    for connection in ("alguna", INTEGRATION):
        planted |= set(secrets_in((await world.services.connections.load(connection)).values))
    seen = await told(operator)
    assert {"store.db", "api.log", "worker-0.log", "histories", "processes", "answers"} <= seen.keys()
    # What is there in clear is found, so that what is not found is not there.
    seen["store"] = "".join(text for place, text in seen.items() if place.startswith("store.db"))
    assert {place for place in seen if INTEGRATION in seen[place]} >= {"store", "worker-0.log", "histories", "answers"}
    assert len(planted) > 6
    found = {(place, secret[:12]) for place, text in seen.items() for secret in planted if secret in text}
    assert found == set()
