"""Histories of what goes on around a sync: a person who stops it, looks between schedules, webhook deliveries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from activities.contracts import PollRef
from core import names
from tests.api.test_webhooks import Receiver
from tests.engine.test_waiting import until
from tests.engine.world import INTEGRATION, World
from tests.workflows.recording import Handle, ended, keep, writer


async def stopped(world: World, secrets: set[str]) -> None:
    """A run that a person pauses and resumes, one that is canceled while it waits, and a dry run."""
    async with world.worker():
        dry = await world.start(dry_run=True)
        await dry.result()
        await writer(world).result()
        await keep("integration-dry-run", dry, secrets)
        await keep("entity-dry-run", writer(world), secrets)
        await world.services.connections.set_paused(INTEGRATION, True)
        handle = await world.start()
        await until(lambda: _is(world, handle, "paused"))
        await world.services.connections.set_paused(INTEGRATION, False)
        await writer(world).signal(names.WAKE)
        await handle.result()
        await writer(world).result()
        await keep("entity-paused", writer(world), secrets)
        await world.services.connections.set_paused(INTEGRATION, True)
        handle = await world.start()
        await until(lambda: _is(world, handle, "paused"))
        await handle.cancel()
        await ended(handle)
        await writer(world).result()
        await keep("entity-canceled", writer(world), secrets)


async def _is(world: World, handle: Handle, status: str) -> bool:
    try:
        return (await world.run_row(handle)).status == status
    except AssertionError:
        # The run has not been planned yet.
        return False


async def looks(world: World, secrets: set[str]) -> None:
    """Looks between schedules that wait for their time, that fail for good, and that end."""
    await world.configure("accounts", realtime={"enabled": True, "pollSeconds": 5})
    async with world.worker():
        await world.sync()
        handle = await world.client.start_workflow(
            names.POLLING,
            PollRef(integration_id=INTEGRATION, provider="salesforce"),
            id=names.polling_id(INTEGRATION),
            task_queue=world.settings.task_queue,
            start_signal=names.WAKE,
        )
        await until(lambda: _timers(handle, 3))
        await keep("looks-waiting", handle, secrets)
        await world.services.configs.save(INTEGRATION, {"entities": ["unknown"]})
        await handle.signal(names.WAKE)
        await until(lambda: _failed(handle))
        await keep("looks-failed", handle, secrets)
        await world.configure("accounts")
        await handle.signal(names.WAKE)
        await handle.result()
        await keep("looks-ended", handle, secrets)


async def _timers(handle: Handle, number: int) -> bool:
    events = (await handle.fetch_history()).events
    return sum(event.HasField("timer_started_event_attributes") for event in events) >= number


async def _failed(handle: Handle) -> bool:
    events = (await handle.fetch_history()).events
    failed = [event.HasField("activity_task_failed_event_attributes") for event in events]
    return any(failed) and events[-1].HasField("timer_started_event_attributes")


async def deliveries(world: World, secrets: set[str]) -> None:
    """A webhook that is delivered at the second attempt, and one whose receiver is gone for good."""
    for name, statuses in (("delivery-delivered", [500, 200]), ("delivery-failed", [410])):
        with _listening(statuses) as url:
            endpoint, secret = await world.services.webhooks.create(url, ["sync.completed"], None)
            async with world.worker():
                await world.sync()
                [delivery], _ = await world.services.webhooks.deliveries(endpoint.id, limit=1, offset=0)
                handle = world.client.get_workflow_handle(names.delivery_workflow_id(delivery.id))
                await handle.result()
                await keep(name, handle, secrets | {secret})
            await world.services.webhooks.delete(endpoint.id)


@contextmanager
def _listening(statuses: list[int]) -> Iterator[str]:
    """Somebody's server, which answers with these statuses."""
    receiver = Receiver()
    receiver.statuses = statuses
    threading.Thread(target=receiver.server.serve_forever, daemon=True).start()
    try:
        yield receiver.url
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
