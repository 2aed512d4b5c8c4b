"""Who may call, and how every refusal looks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import text

from starter.api import create_app
from starter.api.limits import MAX_BODY_BYTES
from starter.services.backend import Backend
from tests.api.world import KEY, World

OPEN = {"/healthz", "/readyz", "/"}


async def test_every_route_but_the_open_ones_needs_the_key(world: World) -> None:
    paths = {
        path: methods
        for path, methods in world.app.openapi()["paths"].items()
        if path not in OPEN and not path.startswith("/webhooks/") and not path.endswith("/callback")
    }
    assert len(paths) > 25
    for path, methods in paths.items():
        for method in methods:
            reply = await world.api.request(method, path, headers={"Authorization": ""})
            assert (reply.status_code, reply.headers["www-authenticate"][:6]) == (401, "Bearer"), path


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer wrong",
        f"Basic {KEY}".encode(),
        f"Bearer {KEY}x".encode(),
        "Bearer ключ".encode(),
    ],
)
async def test_wrong_keys_are_refused(world: World, header: bytes) -> None:
    reply = await world.api.get("/integrations", headers={b"Authorization": header})
    assert reply.status_code == 401
    assert reply.json() == {"status": 401, "detail": reply.json()["detail"], "errors": []}


async def test_without_a_configured_key_nobody_gets_in(world: World) -> None:
    keyless = world.backend.services.settings.model_copy(update={"api_key": None})
    services = replace(world.backend.services, settings=keyless)
    transport = httpx.ASGITransport(create_app(Backend(services, world.temporal)))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        assert (await client.get("/integrations", headers={"Authorization": "Bearer "})).status_code == 401


async def test_open_pages_show_no_data(world: World) -> None:
    await world.configure()
    for path in ("/", "/healthz", "/readyz", "/docs", "/openapi.json"):
        reply = await world.api.get(path, headers={"Authorization": ""})
        assert reply.status_code == 200, path
        assert world.id not in reply.text, path


async def test_readyz_says_why_not(world: World) -> None:
    assert (await world.call("GET", "/readyz"))["status"] == "ready"
    transport = httpx.ASGITransport(create_app(Backend(world.backend.services)))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://api", headers={"Authorization": f"Bearer {KEY}"}
    ) as client:
        reply = await client.get("/readyz")
        assert (reply.status_code, reply.json()["checks"]) == (503, {"database": "ok", "temporal": "starting"})
        assert (await client.get("/integrations")).status_code == 200
        await world.connect()
        reply = await client.post(f"/integrations/{world.id}/pause")
        assert (reply.status_code, reply.json()["detail"]) == (503, "not ready: starting")


async def test_errors_have_one_shape(world: World) -> None:
    await world.connect()
    await world.call("GET", "/nowhere", status=404)
    await world.call("PUT", "/integrations", {}, status=405)
    answer = await world.call("GET", "/integrations/int_nobody", status=404)
    assert "int_nobody" in answer["detail"]
    reply = await world.api.post("/integrations", content=b"{not json", headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "body")
    reply = await world.api.post("/integrations", content=b'{"provider":"salesforce"}')
    assert reply.json()["errors"][0]["field"] in ("body", "credentials")
    assert await world.refused("POST", "/integrations", ["a", "list"]) == ["body"]
    assert await world.refused("GET", "/integrations?limit=0", None) == ["limit"]
    assert await world.refused("GET", "/{id}/links/acounts", None) == ["entity"]


async def test_unknown_keys_are_refused_with_a_suggestion(world: World) -> None:
    await world.connect()
    answer = await world.call("POST", "/{id}/sync", {"entites": ["accounts"]}, 422)
    assert answer["errors"] == [{"field": "entites", "message": "unknown key `entites` (did you mean `entities`?)"}]
    answer = await world.call("GET", "/{id}/sync-errors?stauts=open", status=422)
    assert "did you mean `status`" in answer["errors"][0]["message"]


async def test_an_unexpected_failure_tells_nothing_of_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(world.backend.connections, "list_integrations", broken)
    answer = await world.call("GET", "/integrations", status=500)
    assert "secret" not in str(answer)


async def test_lists_come_in_pages(world: World) -> None:
    await world.connect()
    await world.connect(account="2", integration_id="int_second")
    first = await world.call("GET", "/integrations?limit=1")
    second = await world.call("GET", "/integrations?limit=1&offset=1")
    assert first["pagination"] == second["pagination"] == {"perPage": 1, "totalPages": 2}
    assert {first["data"][0]["id"], second["data"][0]["id"]} == {world.id, "int_second"}
    assert (await world.call("GET", "/integrations"))["pagination"] == {"perPage": 20, "totalPages": 1}


async def _with_key(world: World, scope: str) -> httpx.AsyncClient:
    made = await world.call("POST", "/keys", {"name": f"a {scope} key", "scope": scope}, 201)
    return httpx.AsyncClient(
        transport=world.api._transport, base_url="http://api", headers={"Authorization": f"Bearer {made['key']}"}
    )


CALLS = [
    ("GET", "/{id}/sync-state", "read"),
    ("GET", "/{id}/sync-errors", "read"),
    ("POST", "/{id}/sync", "operate"),
    ("POST", "/{id}/pause", "operate"),
    ("POST", "/{id}/resume", "operate"),
    ("POST", "/{id}/sync-errors/retry", "operate"),
    ("POST", "/{id}/sync-errors/1/ignore", "operate"),
    ("POST", "/{id}/conflicts/1/resolve", "operate"),
    ("POST", "/{id}/sync-history/sync_1/cancel", "operate"),
    ("DELETE", "/{id}/links/accounts/acc_1", "operate"),
    ("PATCH", "/{id}/sync-config", "admin"),
    ("PUT", "/{id}/sync-config/matching", "admin"),
    ("POST", "/{id}/reconnect", "admin"),
    ("DELETE", "/{id}", "admin"),
    ("POST", "/integrations", "admin"),
    ("GET", "/keys", "admin"),
    ("POST", "/keys", "admin"),
    ("DELETE", "/keys/key_1", "admin"),
]


async def test_a_key_does_what_its_scope_holds_and_no_more(world: World) -> None:
    await world.configure()
    order = ["read", "operate", "admin"]
    for scope in order:
        async with await _with_key(world, scope) as client:
            for method, path, wanted in CALLS:
                may = order.index(scope) >= order.index(wanted)
                if may and (method, path) in (("DELETE", "/{id}"), ("DELETE", "/keys/key_1")):
                    continue
                reply = await client.request(method, path.replace("{id}", f"integrations/{world.id}"), json={})
                assert (reply.status_code == 403) is not may, (scope, method, path, reply.text)
                assert reply.status_code != 401
                if not may:
                    assert f"`{wanted}`" in reply.json()["detail"]


async def test_i8_keys_are_kept_as_hashes_named_and_revocable(world: World) -> None:
    made = await world.call("POST", "/keys", {"name": "nightly report", "scope": "read"}, 201)
    async with world.backend.db.session() as session:
        stored = (await session.execute(text("SELECT * FROM api_keys"))).mappings().all()
    assert made["key"] not in str(stored)
    answer = await world.call("POST", "/keys", {"name": "nightly report", "scope": "admin"}, 409)
    assert "nightly report" in answer["detail"]
    assert await world.refused("POST", "/keys", {"name": " ", "scope": "root"}) == ["name", "scope"]
    bearer = {"Authorization": f"Bearer {made['key']}"}
    assert (await world.api.get("/integrations", headers=bearer)).status_code == 200
    shown = (await world.call("GET", "/keys"))["data"][0]
    assert shown["lastUsedAt"]
    assert "key" not in shown
    ended = await world.call("DELETE", "/keys/nightly report")
    assert ended["id"] == made["id"]
    assert ended["revokedAt"]
    assert (await world.api.get("/integrations", headers=bearer)).status_code == 401
    await world.call("DELETE", "/keys/nightly report", status=404)


async def test_i10_a_body_that_is_too_large_is_refused_before_it_is_read(world: World) -> None:
    await world.connect()
    body = b'{"entities":["' + b"x" * MAX_BODY_BYTES + b'"]}'
    headers = {"Content-Type": "application/json"}
    path = f"/integrations/{world.id}/sync"
    reply = await world.api.post(path, content=body, headers=headers)
    assert (reply.status_code, reply.json()["status"]) == (413, 413)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    for more in ({}, {"Idempotency-Key": "large"}):
        reply = await world.api.post(path, content=pieces(), headers={**headers, **more})
        assert (reply.status_code, reply.json()["status"]) == (413, 413)


async def test_a_deeply_nested_body_is_refused(world: World) -> None:
    await world.connect()
    for depth in (2_000, 200_000):
        reply = await world.api.post(
            f"/integrations/{world.id}/sync", content="[" * depth, headers={"Content-Type": "application/json"}
        )
        assert reply.status_code in (400, 422), reply.text
        assert set(reply.json()) == {"status", "detail", "errors"}
