"""`python -m tests.api.record_examples`: make every call of the API once and keep what it took and answered.

What is kept becomes the examples of the OpenAPI document (`starter/api/examples.json`), without secrets and without
addresses of the machine. Run it after a call has changed; `tests/api/test_openapi.py` says when it has to be.
"""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from fastapi.routing import APIRoute
from starlette.routing import Match
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from core.records import Side
from runtime.dev_server import dev_server
from runtime.settings import Settings
from runtime.wiring import open_services
from sandbox.kit.testing import SandboxThread
from starter.api.app import ROUTERS
from starter.api.routes import system
from starter.services.backend import Backend
from store.crypto import Vault
from tests.api.test_inbox import ask, of_fields, of_match, with_errors
from tests.api.world import KEY, World
from tests.ports import free_port
from tests.repository import ROOT
from worker import make_engine, make_worker

TARGET = ROOT / "starter" / "api" / "examples.json"
MOST_ITEMS = 3
_SECRET = re.compile(r"^(?!.*Url$).*(secret|token|password|privateKey|apiKey|clientId)|^key$|^code$", re.IGNORECASE)
_SECRET_PATH = re.compile(r"(/webhooks/[^/]+/)[\w-]+")
_ADDRESSES = (
    (re.compile(r"https?://(127\.0\.0\.1|localhost):8233"), "https://temporal.example.com"),
    (re.compile(r"https?://(127\.0\.0\.1|localhost):8080"), "https://sync.example.com"),
)
_LOCAL = re.compile(r"https?://(127\.0\.0\.1|localhost):\d+")
MAPPINGS = [
    {"algunaField": "name", "externalField": "Name", "direction": "bidirectional", "required": True},
    {"algunaField": "email", "externalField": "Email__c", "direction": "bidirectional"},
    {
        "algunaField": "mrr",
        "externalField": "MRR__c",
        "direction": "alguna_to_external",
        "transform": "number_to_currency",
    },
]
RULES = [
    {"type": "external_id", "algunaField": "id", "externalField": "Alguna_Customer_ID__c"},
    {"type": "field", "algunaField": "email", "externalField": "Email__c", "normalize": "email"},
]
CONFIG = {
    "enabled": True,
    "direction": "bidirectional",
    "entities": ["accounts", "contacts"],
    "conflictResolution": "alguna_wins",
    "schedule": "*/15 * * * *",
}


class RecordedWorld(World):
    """A world whose integration has the name that people read in the documents."""

    async def http_shown(self, path: str) -> Any:
        """A resource, looked at without being recorded."""
        transport = httpx.ASGITransport(self.app)
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
            return (await client.get(path.replace("{id}", f"integrations/{self.id}"))).json()


class Recorder:
    """Keeps the first success of every call."""

    def __init__(self, world: RecordedWorld) -> None:
        self.world = world
        self.kept: dict[str, dict[str, Any]] = {}
        world.api.event_hooks["response"] = [self._keep]

    async def _keep(self, reply: httpx.Response) -> None:
        await reply.aread()
        name = self._name(reply.request)
        if not reply.is_success or name in self.kept:
            return
        one: dict[str, Any] = {}
        if reply.request.content:
            one["request"] = self._clean("", json.loads(reply.request.content))
        if reply.headers.get("content-type", "").startswith("application/json"):
            one["response"] = self._clean("", reply.json())
        self.kept[name] = one

    def _name(self, request: httpx.Request) -> str:
        scope = {"type": "http", "method": request.method, "path": request.url.path, "headers": []}
        for router in (system.router, system.keyed_router, *ROUTERS):
            for route in router.routes:
                if isinstance(route, APIRoute) and route.matches(scope)[0] is Match.FULL:
                    return f"{request.method} {route.path_format}"
        raise LookupError(str(request.url))

    def _clean(self, key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._clean(name, item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._clean(key, item) for item in value[:MOST_ITEMS]]
        if not isinstance(value, str):
            return value
        if _SECRET.search(key):
            return "whsec_…" if value.startswith("whsec_") else "…"
        for pattern, instead in _ADDRESSES:
            value = pattern.sub(instead, value)
        if key == "state" and len(value) > 20:
            return "…"
        value = _SECRET_PATH.sub(r"\1…", value)
        value = _LOCAL.sub("https://example.my.salesforce.com", value)
        if key == "authorizationUrl":
            value = value.split("?")[0] + "?response_type=code&client_id=…&state=…"
        return value.replace(self.world.id, "int_salesforce")


async def story(recorder: Recorder) -> None:
    """Make every call, in an order that has something to show."""
    world, call = recorder.world, recorder.world.call
    for path in ("/healthz", "/readyz"):
        await call("GET", path)
    await call("POST", "/integrations", await _given(world), 201)
    await call("GET", "/integrations")
    await call("GET", "/{id}")
    await call("GET", "/{id}/schema?entity=accounts")
    await _configure(world)
    await _sync(world)
    await _decide(world)
    await _around(world)
    await _end(world)


async def _given(world: World) -> dict[str, Any]:
    granted = await world.credentials("salesforce")
    names = ("instanceUrl", "tokenUrl", "clientId", "clientSecret", "refreshToken")
    return {"id": world.id, "provider": "salesforce", "credentials": {name: granted[name] for name in names}}


async def _configure(world: World) -> None:
    call, config = world.call, "/{id}/sync-config"
    await call("POST", config, CONFIG)
    await call("GET", config)
    await call("PATCH", config, {"realtime": {"enabled": True, "pollSeconds": 0}})
    for method in ("PUT", "POST"):
        await call(method, f"{config}/field-mappings", {"entity": "accounts", "mappings": MAPPINGS})
        resolution = {"entity": "accounts", "rules": [{"algunaField": "email", "strategy": "external_wins"}]}
        await call(method, f"{config}/field-resolution", resolution)
        matching = {"entity": "accounts", "rules": RULES, "onNoMatch": "create", "onMultiple": "manual"}
        await call(method, f"{config}/matching", matching)
    for part in ("field-mappings", "field-resolution", "matching"):
        await call("GET", f"{config}/{part}?entity=accounts")


async def _record(world: World, name: str, email: str) -> str:
    body = {
        "name": name,
        "currency": "EUR",
        "contacts": [{"email": email, "first_name": "A", "last_name": "Person", "is_primary": True}],
    }
    made = await world.control("alguna", "records/accounts", body)
    return str(made["id"])


async def _sync(world: RecordedWorld) -> None:
    call = world.call
    ours = await _record(world, "Example Ltd", "billing@example.com")
    await _record(world, "Sample GmbH", "accounts@example.org")
    preview = {"entity": "accounts", "records": [{"values": {"name": "Example Ltd", "mrr": 1234.5}}]}
    await call("POST", "/{id}/field-mappings/preview", preview)
    await call("POST", "/{id}/sync-config/matching/preview?entity=accounts", {"entity": "accounts", "rules": RULES})
    run = await call("POST", "/{id}/sync", {"entities": ["accounts"], "mode": "incremental", "dryRun": False}, 202)
    path = f"/{{id}}/sync-history/{run['syncId']}"
    async with asyncio.timeout(60):
        while True:
            reply = await world.http_shown(path)
            if reply["completedAt"]:
                break
            await asyncio.sleep(0.1)
    await call("GET", path)
    await call("GET", f"{path}/records")
    await call("GET", "/{id}/sync-history")
    await call("GET", "/{id}/sync-state")
    await call("GET", f"/{{id}}/sync-state/accounts/{ours}")
    await call("GET", "/{id}/links/accounts")
    link = await call("GET", f"/{{id}}/links/accounts/{ours}")
    await call("DELETE", f"/{{id}}/links/accounts/{ours}", status=204)
    await call("PUT", f"/{{id}}/links/accounts/{ours}", {"externalId": link["externalId"]})


async def _decide(world: World) -> None:
    call = world.call
    await call("POST", "/{id}/pause")
    await with_errors(world)
    errors = (await call("GET", "/{id}/sync-errors?status=open"))["data"]
    await call("GET", "/{id}/sync-errors/groups")
    await call("POST", f"/{{id}}/sync-errors/{errors[0]['id']}/ignore", {"reason": "a record of our own tests"})
    await call("POST", "/{id}/sync-errors/ignore", {"types": ["permission"], "reason": "read-only on purpose"})
    await call("POST", "/{id}/sync-errors/retry", {"types": ["field_validation"]}, 202)
    first = await ask(world, of_fields())
    await call("GET", "/{id}/conflicts?status=open")
    shown = await call("GET", f"/{{id}}/conflicts/{first}")
    decision = {"version": shown["version"], "resolution": "fields", "fields": {"name": {"value": "Example Limited"}}}
    decision["fields"]["email"] = "external"
    await call("POST", f"/{{id}}/conflicts/{first}/resolve", decision)
    await ask(world, of_fields(subject="2"))
    await ask(world, of_match(Side.ALGUNA))
    await call("GET", "/{id}/conflicts/summary")
    wish = {"filter": {"entity": "accounts", "field": "name"}, "resolution": "latest", "dryRun": True}
    await call("POST", "/{id}/conflicts/resolve", wish)
    await call("POST", "/{id}/resume")


async def _around(world: RecordedWorld) -> None:
    call = world.call
    await call("GET", "/doctor")
    await call("POST", "/{id}/sync-config", CONFIG)
    await call("GET", "/{id}/schedule")
    await call("POST", "/{id}/schedule/pause", {"note": "the year is being closed"})
    await call("POST", "/{id}/schedule/resume")
    await call("POST", "/{id}/schedule/trigger")
    await call("POST", "/{id}/schedule/backfill", {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:15:00Z"})
    await call("POST", "/keys", {"name": "dashboard", "scope": "read"}, 201)
    [key] = (await call("GET", "/keys"))["data"]
    await call("DELETE", f"/keys/{key['id']}")
    endpoint = await call(
        "POST",
        "/webhook-endpoints",
        {"url": "http://127.0.0.1:1/hook", "events": ["sync.completed", "sync.error", "sync.conflict"]},
        201,
    )
    path = f"/webhook-endpoints/{endpoint['id']}"
    await call("GET", "/webhook-endpoints")
    await call("GET", path)
    run = await call("POST", "/{id}/sync", {"entities": ["contacts"]}, 202)
    async with asyncio.timeout(60):
        while True:
            listed = (await world.http_shown(f"{path}/deliveries"))["data"]
            if listed and listed[0]["attempts"]:
                break
            await asyncio.sleep(0.1)
    await call("GET", f"{path}/deliveries")
    await call("POST", f"{path}/deliveries/{listed[0]['id']}/redeliver", status=202)
    await call("POST", f"{path}/rotate-secret")
    await call("POST", f"{path}/enable")
    await call("DELETE", path, status=204)
    assert run["syncId"]


async def _end(world: World) -> None:
    call, given = world.call, await _given(world)
    alguna = await world.credentials("alguna")
    alguna.pop("limits")
    await call("POST", "/integrations/alguna/reconnect", {"credentials": alguna})
    await call("POST", "/{id}/reconnect", {"credentials": given["credentials"]})
    await call("POST", "/{id}/webhook-secret", {})
    [link, *_] = (await call("GET", "/{id}/links/accounts"))["data"]
    await call("POST", "/{id}/erasure", {"entity": "accounts", "recordId": link["algunaId"]})
    await call("POST", "/{id}/pause")
    waiting = await call("POST", "/{id}/sync", status=202)
    await call("POST", f"/{{id}}/sync-history/{waiting['syncId']}/cancel", status=202)
    await call("DELETE", "/{id}/sync-config", status=204)
    await call("DELETE", "/{id}", status=204)
    app = {name: given["credentials"][name] for name in ("instanceUrl", "tokenUrl", "clientId", "clientSecret")}
    begun = await call("POST", "/oauth/salesforce/authorize", {"id": world.id, "credentials": app})
    page = await world.http.get(begun["authorizationUrl"])
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
    form = {html.unescape(name): html.unescape(value) for name, value in fields}
    reply = await world.http.post(begun["authorizationUrl"], data={**form, "decision": "allow"})
    back = parse_qs(urlsplit(reply.headers["location"]).query)
    await call("POST", "/oauth/salesforce/redeem", {"state": back["state"][0], "code": back["code"][0]}, 201)


@asynccontextmanager
async def made_world(folder: Path) -> AsyncIterator[RecordedWorld]:
    """The API with a worker, a Temporal server and both sandboxes."""
    boxes = {name: SandboxThread(name) for name in ("alguna", "salesforce")}
    for box in boxes.values():
        box.start()
    settings = Settings.model_validate(
        {
            "data_dir": folder,
            "encryption_keys": Vault.new_key(),
            "api_key": KEY,
            "task_queue": "recorded",
            "webhook_allow_private": True,
        }
    )
    services = open_services(settings)
    await services.db.migrate()
    async with (
        dev_server(folder=folder / "temporal", port=free_port()) as server,
        httpx.AsyncClient(timeout=30) as http,
    ):
        client = await Client.connect(server.address, data_converter=pydantic_data_converter)
        world = RecordedWorld(Backend(services, client), client, http, {name: box.url for name, box in boxes.items()})
        await world.connect_alguna()
        engine = make_engine(services, client)
        async with make_worker(client, engine):
            yield world
        await engine.close()
        await world.clean_up()
    await services.close()
    for box in boxes.values():
        box.stop()


async def main() -> None:
    """Record, and write the file."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp))
    try:
        async with made_world(folder) as world:
            recorder = Recorder(world)
            await story(recorder)
            text = json.dumps(dict(sorted(recorder.kept.items())), indent=1, ensure_ascii=False)
            await asyncio.to_thread(TARGET.write_text, text + "\n")
            print(f"{len(recorder.kept)} calls, {len(text) // 1024} KiB")
    finally:
        await asyncio.to_thread(shutil.rmtree, folder)


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    # The Temporal runtime's threads can abort an interpreter that exits the usual way (sdk-python issue 300).
    os._exit(0)
