"""Traces: a call of the API and all that it starts in Temporal are one trace, and none holds what must not be told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from temporalio.client import Client

from runtime.codec import data_converter
from runtime.settings import Settings
from runtime.tracing import flush, interceptors
from starter.services.backend import Backend
from tests.api.test_with_worker import synced
from tests.api.world import World
from worker import make_engine, make_worker


class Collector:
    """Somebody's OTLP collector."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        spans = self.spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
                spans.extend(
                    span for one in request.resource_spans for scope in one.scope_spans for span in scope.spans
                )
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector on loopback."""
    one = Collector()
    threading.Thread(target=one.server.serve_forever, daemon=True).start()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.mark.server
async def test_a_sync_is_one_trace_from_the_call_to_the_activities(
    world: World, collector: Collector, temporal_address: str, settings: Settings
) -> None:
    traced = settings.model_copy(update={"traces_endpoint": collector.url, "encrypt_payloads": True})
    object.__setattr__(world.backend.services, "settings", traced)
    client = await Client.connect(
        temporal_address, data_converter=data_converter(traced), interceptors=interceptors(traced)
    )
    seen = World(Backend(world.backend.services, client), client, world.http, world.sandboxes)
    await world.control("alguna", "seed", {"entity": "accounts", "count": 3})
    await seen.configure()
    engine = make_engine(world.backend.services, client)
    async with make_worker(client, engine):
        run = await synced(seen)
    await engine.close()
    await asyncio.to_thread(flush, traced)
    await seen.clean_up()
    asked = next(span for span in collector.spans if span.name == "POST /integrations/{integration}/sync")
    names = {span.name for span in collector.spans if span.trace_id == asked.trace_id}
    assert {"StartWorkflow:IntegrationSync", "RunActivity:plan_run", "RunActivity:fetch", "RunActivity:write"} <= names
    assert {one.key: one.value.int_value for one in asked.attributes}["http.response.status_code"] == 202
    told = "\n".join(str(span) for span in collector.spans)
    for record in (await world.http.get(f"{world.sandboxes['alguna']}/_sandbox/records/accounts")).json()["data"]:
        assert record["name"] not in told
    history = await client.get_workflow_handle(run["workflowId"]).fetch_history()
    assert b"binary/encrypted" in history.events[0].SerializeToString()
    assert (
        seen.id.encode() not in history.events[0].workflow_execution_started_event_attributes.input.SerializeToString()
    )


def test_nothing_is_traced_unless_a_setting_says_so(settings: Settings) -> None:
    assert interceptors(settings) == []
