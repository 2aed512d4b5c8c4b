"""A person with an API key, both vendors' control APIs, and Temporal to look into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.routing import Match
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, ScheduleDescription
from temporalio.service import RPCError

from connectors.registry import ALGUNA
from core import names
from core.records import Entity
from starter.api.app import ROUTERS, create_app
from starter.services.backend import Backend

KEY = "a-key-for-tests"
SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED


class World:
    """The API under test and its surroundings."""

    def __init__(
        self, backend: Backend, temporal: Client, http: httpx.AsyncClient, sandboxes: Mapping[str, str]
    ) -> None:
        self.backend = backend
        self.temporal = temporal
        self.http = http
        self.sandboxes = sandboxes
        # An id of its own for each test, because all tests share one Temporal server.
        self.id = f"int_{uuid4().hex[:8]}"
        self.app = create_app(backend)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.api = httpx.AsyncClient(
            transport=transport, base_url="http://api", headers={"Authorization": f"Bearer {KEY}"}
        )

    async def call(self, method: str, path: str, body: object = None, status: int = 200, **more: Any) -> Any:
        """Make a call, hold its status and its answer to what the OpenAPI document says, and return the body."""
        reply = await self.api.request(method, path.replace("{id}", f"integrations/{self.id}"), json=body, **more)
        assert reply.status_code == status, reply.text
        if status >= 400:
            self._check_error(reply)
        elif reply.content:
            self._check_answer(method, reply)
        return reply.json() if reply.content else None

    async def refused(self, method: str, path: str, body: object, status: int = 422) -> list[str]:
        """Make a call that is refused and return the fields that it names."""
        answer = await self.call(method, path, body, status)
        return [item["field"] for item in answer["errors"]]

    def _check_error(self, reply: httpx.Response) -> None:
        answer = reply.json()
        assert set(answer) == {"status", "detail", "errors"}
        assert answer["status"] == reply.status_code
        assert isinstance(answer["detail"], str)
        assert answer["detail"]
        assert all(set(item) == {"field", "message"} for item in answer["errors"])

    def _check_answer(self, method: str, reply: httpx.Response) -> None:
        scope = {"type": "http", "method": method, "path": reply.request.url.path, "headers": []}
        models = [
            route.response_model
            for router in ROUTERS
            for route in router.routes
            if isinstance(route, APIRoute) and route.matches(scope)[0] is Match.FULL and route.response_model
        ]
        if models:
            TypeAdapter(models[0]).validate_json(reply.content)

    async def credentials(self, system: str, account: str = "1") -> dict[str, Any]:
        """A fresh grant of a sandbox."""
        reply = await self.http.get(f"{self.sandboxes[system]}/_sandbox/credentials", params={"account": account})
        found: dict[str, Any] = reply.json()
        return found

    async def control(self, system: str, path: str, body: object) -> Any:
        """Call a sandbox's control API."""
        reply = await self.http.post(f"{self.sandboxes[system]}/_sandbox/{path}", json=body)
        reply.raise_for_status()
        return reply.json() if reply.content else None

    async def connect_alguna(self) -> None:
        """Store Alguna's connection."""
        values = await self.credentials("alguna")
        limits = values.pop("limits")
        await self.backend.connections.put_credentials(ALGUNA, ALGUNA, values, None, limits=limits)

    async def connect(self, *, account: str = "1", integration_id: str | None = None) -> Any:
        """Connect a Salesforce org."""
        body = {
            "id": integration_id or self.id,
            "provider": "salesforce",
            "credentials": await self.credentials("salesforce", account),
        }
        return await self.call("POST", "/integrations", body, 201)

    async def configure(self, *entities: str, **more: Any) -> Any:
        """Connect and configure."""
        if not any(row.id == self.id for row in await self.backend.connections.list_integrations()):
            await self.connect()
        body = {"entities": list(entities or ("accounts",)), **config(), **more}
        return await self.call("POST", "/{id}/sync-config", body)

    async def version(self) -> int | None:
        """The version of the stored configuration, if there is one."""
        found = await self.backend.configs.current(self.id)
        return found[0] if found else None

    async def schedule(self) -> ScheduleDescription | None:
        """The Temporal Schedule, if there is one."""
        try:
            return await self.temporal.get_schedule_handle(names.schedule_id(self.id)).describe()
        except RPCError:
            return None

    async def start_writer(self, entity: Entity) -> str:
        """Start an entity's writer, which waits for a worker for ever; return its workflow id."""
        workflow_id = names.entity_sync_id(self.id, entity)
        await self.temporal.start_workflow(
            names.ENTITY_SYNC, None, id=workflow_id, task_queue=self.backend.settings.task_queue
        )
        return workflow_id

    async def signals(self, workflow_id: str) -> list[str]:
        """The names of the signals that a workflow got."""
        history = await self.temporal.get_workflow_handle(workflow_id).fetch_history()
        return [
            event.workflow_execution_signaled_event_attributes.signal_name
            for event in history.events
            if event.event_type == SIGNALED
        ]

    async def clean_up(self) -> None:
        """Close the client and take the Schedule away, so that it does not fire in other tests."""
        await self.api.aclose()
        await self.backend.schedules.delete(self.id)


def config() -> dict[str, Any]:
    """A configuration that is well, but for its entities."""
    return {"direction": "bidirectional", "conflictResolution": "alguna_wins", "schedule": None}
