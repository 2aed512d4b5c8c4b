"""Outgoing webhooks: who gets which event, signed how, how often, and where they must not go."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from standardwebhooks import Webhook
from temporalio.client import WorkflowExecutionStatus

from connectors.webhook_sender import send
from core import names
from core.errors import Permission
from tests.api.test_with_worker import FIELDS, edit, synced, until
from tests.api.world import World
from worker import make_engine, make_worker

EVENTS = ["sync.completed", "sync.error", "sync.conflict"]


class Receiver:
    """Somebody's server: answers with the statuses given, the last one for ever, and keeps what came."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.got: list[tuple[dict[str, str], bytes]] = []
        kept, receiver = self.got, self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kept.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def events(self, kind: str) -> list[Any]:
        return [body for body in (json.loads(raw) for _, raw in self.got) if body["type"] == kind]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on loopback."""
    one = Receiver()
    thread = threading.Thread(target=one.server.serve_forever, daemon=True)
    thread.start()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
async def working(world: World) -> AsyncIterator[World]:
    """The world with a worker that may send to loopback, and tries again at once, twice."""
    settings = world.backend.settings.model_copy(update={"webhook_allow_private": True})
    object.__setattr__(world.backend.services, "settings", settings)
    engine = make_engine(world.backend.services, world.temporal)
    engine.options = engine.options.__class__(
        **{name: getattr(engine.options, name) for name in engine.options.__slots__ if name != "webhook_delays"},
        webhook_delays=(0.1, 0.1),
    )
    async with make_worker(world.temporal, engine):
        yield world
    await engine.close()


async def until_true(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.05)


async def register(world: World, url: str, *events: str, **more: Any) -> Any:
    return await world.call("POST", "/webhook-endpoints", {"url": url, "events": list(events or EVENTS), **more}, 201)


async def until_delivery(world: World, endpoint: str, **wanted: Any) -> Any:
    async with asyncio.timeout(30):
        while True:
            found = (await world.call("GET", f"/webhook-endpoints/{endpoint}/deliveries"))["data"]
            for one in found:
                if all(one[key] == value for key, value in wanted.items()):
                    return one
            await asyncio.sleep(0.1)


async def test_each_run_sends_one_signed_sync_completed_with_its_stats(working: World, receiver: Receiver) -> None:
    made = await register(working, receiver.url)
    await register(working, receiver.url, "sync.error")
    await working.control("alguna", "seed", {"entity": "accounts", "count": 3})
    await working.configure()
    run = await synced(working)
    await until_true(lambda: bool(receiver.got))
    headers, body = receiver.got[0]
    Webhook(made["secret"]).verify(body, headers)
    event = json.loads(body)
    assert event["type"] == "sync.completed"
    assert event["data"]["integration"] == working.id
    assert event["data"]["syncId"] == run["syncId"]
    assert event["data"]["stats"] == run["stats"]
    logged = await until_delivery(working, made["id"], status="delivered")
    assert (logged["id"], logged["attempts"], logged["responseStatus"]) == (headers["webhook-id"], 1, 200)
    assert json.loads(logged["body"]) == event
    assert len(receiver.got) == 1


async def test_a_failed_attempt_is_repeated_under_the_same_id_and_body(working: World, receiver: Receiver) -> None:
    receiver.statuses = [500, 302, 204]
    made = await register(working, receiver.url, "sync.completed")
    await working.configure()
    await synced(working)
    logged = await until_delivery(working, made["id"], status="delivered")
    assert logged["attempts"] == len(receiver.got) == 3
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {logged["id"]}
    assert len({body for _, body in receiver.got}) == 1


async def test_an_endpoint_that_keeps_failing_is_disabled_with_a_notice(working: World, receiver: Receiver) -> None:
    receiver.statuses = [503]
    made = await register(working, receiver.url, "sync.completed")
    await working.configure()
    await synced(working)
    failed = await until_delivery(working, made["id"], status="failed")
    assert failed["attempts"] == 3
    shown = await until(working, f"/webhook-endpoints/{made['id']}", enabled=False)
    assert "503" in shown["disabledReason"]
    path = f"/webhook-endpoints/{made['id']}/deliveries/{failed['id']}/redeliver"
    await working.call("POST", path, status=409)
    await synced(working)
    assert len((await working.call("GET", f"/webhook-endpoints/{made['id']}/deliveries"))["data"]) == 1
    receiver.statuses = [200]
    await working.call("POST", f"/webhook-endpoints/{made['id']}/enable")
    await working.call("POST", path, status=202)
    again = await until_delivery(working, made["id"], status="delivered")
    assert again["id"] == failed["id"] == receiver.got[-1][0]["webhook-id"]
    handle = working.temporal.get_workflow_handle(names.delivery_workflow_id(failed["id"]))
    assert (await handle.describe()).status in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED)
    assert receiver.url not in str((await handle.fetch_history()).to_json()), "references only (I8)"


async def test_an_endpoint_that_says_gone_is_not_asked_again(working: World, receiver: Receiver) -> None:
    receiver.statuses = [410]
    made = await register(working, receiver.url, "sync.completed")
    await working.configure()
    await synced(working)
    await until(working, f"/webhook-endpoints/{made['id']}", enabled=False)
    assert len(receiver.got) == 1


async def test_both_secrets_sign_while_one_replaces_the_other(working: World, receiver: Receiver) -> None:
    made = await register(working, receiver.url, "sync.completed")
    turned = await working.call("POST", f"/webhook-endpoints/{made['id']}/rotate-secret")
    assert turned["secret"] != made["secret"]
    await working.configure()
    await synced(working)
    await until_true(lambda: bool(receiver.got))
    headers, body = receiver.got[0]
    Webhook(made["secret"]).verify(body, headers)
    Webhook(turned["secret"]).verify(body, headers)


async def test_conflicts_and_errors_tell_what_a_person_needs(working: World, receiver: Receiver) -> None:
    await working.control("alguna", "seed", {"entity": "accounts", "count": 1})
    await working.configure(mappings={"accounts": FIELDS})
    await register(working, receiver.url, "sync.conflict", "sync.error", integration=working.id)
    await synced(working)
    link = (await working.call("GET", "/{id}/links/accounts"))["data"][0]
    await edit(working, "alguna", link["algunaId"], name="Said here")
    await edit(working, "salesforce", link["externalId"], Name="Said there")
    await working.control("alguna", "records/accounts", {"name": "x" * 300, "currency": "USD"})
    started = await working.call("POST", "/{id}/sync", None, 202)
    await until_true(lambda: bool(receiver.events("sync.conflict")))
    field = receiver.events("sync.conflict")[0]["data"]["conflict"]["fields"][0]
    assert (field["alguna"], field["external"], bool(field["base"])) == ("Said here", "Said there", True)
    assert receiver.events("sync.conflict")[0]["data"]["resolveUrl"].endswith("/resolve")
    await until_true(lambda: bool(receiver.events("sync.error")))
    data = receiver.events("sync.error")[0]["data"]
    assert (data["syncId"], data["status"]) == (started["syncId"], "completed_with_errors")
    assert data["counts"] == {"field_validation": 1}
    assert data["errors"][0]["hint"]


async def test_an_expired_grant_sends_sync_error_once(working: World, receiver: Receiver) -> None:
    await register(working, receiver.url)
    await working.control("alguna", "seed", {"entity": "accounts", "count": 2})
    await working.configure()
    await working.control("salesforce", "auth", {"action": "revoke_grant"})
    await working.call("POST", "/{id}/sync", None, 202)
    await until_true(lambda: bool(receiver.events("sync.error")))
    data = receiver.events("sync.error")[0]["data"]
    assert (data["status"], data["problem"]["type"]) == ("paused", "auth_expired")
    await working.control("salesforce", "auth", {"action": "restore"})
    await working.call("POST", "/{id}/reconnect", {"credentials": await working.credentials("salesforce")})
    await until_true(lambda: bool(receiver.events("sync.completed")))
    assert len(receiver.events("sync.error")) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/hook",
        "https://localhost/hook",
        "https://[::1]/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.8/hook",
        "https://[::ffff:10.0.0.8]/hook",
        "https://0x7f000001/hook",
        "https://user:secret@192.0.2.1/hook",
        "ftp://example.com/hook",
        "/hook",
        "https://no-such-name.invalid/hook",
    ],
)
async def test_i8_private_targets_are_refused(world: World, url: str) -> None:
    assert await world.refused("POST", "/webhook-endpoints", {"url": url, "events": EVENTS}) == ["url"]


async def test_i8_a_name_that_leads_to_a_private_address_is_not_connected_to(receiver: Receiver) -> None:
    with pytest.raises(Permission, match="not a public address"):
        await send(receiver.url.replace("127.0.0.1", "localhost"), {}, "{}", allow_private=False)
    assert receiver.got == []


async def test_bad_endpoints_are_refused_and_secrets_show_once(world: World, receiver: Receiver) -> None:
    object.__setattr__(
        world.backend.services,
        "settings",
        world.backend.settings.model_copy(update={"webhook_allow_private": True}),
    )
    fields = await world.refused("POST", "/webhook-endpoints", {"url": receiver.url, "events": ["sync.start"]})
    assert fields == ["events[0]"]
    assert await world.refused("POST", "/webhook-endpoints", {"url": receiver.url, "events": []}) == ["events"]
    answer = {"url": receiver.url, "events": EVENTS, "integration": "int_nobody"}
    await world.call("POST", "/webhook-endpoints", answer, 404)
    made = await register(world, receiver.url)
    shown = await world.call("GET", "/webhook-endpoints")
    assert made["secret"] not in json.dumps(shown)
    assert shown["data"][0]["id"] == made["id"]
    await world.call("DELETE", f"/webhook-endpoints/{made['id']}", status=204)
    await world.call("GET", f"/webhook-endpoints/{made['id']}", status=404)
