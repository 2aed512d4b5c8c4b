"""The worker: hosts the workflows and the activities. Run it with `external-sync worker` or `python -m worker`.

The composition root: settings -> store -> connectors -> engine -> Temporal worker. SIGTERM and SIGINT drain it: no new
activity begins, running ones get time to store what they did.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker

from activities.engine import Engine, EngineOptions
from activities.failures import FailureInterceptor
from activities.steps import Steps
from runtime import failpoints
from runtime.logging import setup_logging
from runtime.settings import MissingSettings, Settings
from runtime.temporal import connect, register_search_attributes
from runtime.tracing import flush
from runtime.wiring import Services, open_services, seed_alguna
from store.crypto import VaultError
from store.migrations.runner import UnknownSchema
from workflows.conflict_resolution import ConflictResolution
from workflows.entity_sync import EntitySync
from workflows.integration_sync import IntegrationSync
from workflows.polling import Polling
from workflows.webhook_delivery import WebhookDelivery

log = structlog.get_logger(__name__)


def make_engine(services: Services, client: Client) -> Engine:
    """Join the services to an engine."""
    settings = services.settings
    options = EngineOptions(
        chunk_size=settings.chunk_size,
        fetch_size=settings.fetch_size,
        window=settings.window,
        circuit_failures=settings.circuit_failures,
        stale_read_seconds=settings.stale_read_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        schema_seconds=settings.schema_minutes * 60,
        task_queue=settings.task_queue,
        public_url=settings.public_url,
        temporal_ui_url=settings.temporal_ui_url,
        webhook_allow_private=settings.webhook_allow_private,
    )
    return Engine(
        services.db,
        services.connections,
        services.configs,
        services.leases,
        services.webhooks,
        services.connector,
        client,
        options,
    )


def make_worker(client: Client, engine: Engine, settings: Settings | None = None) -> Worker:
    """Make the Temporal worker that serves the engine's task queue, as large as the settings say."""
    steps = Steps(engine)
    settings = settings or Settings()
    return Worker(
        client,
        task_queue=engine.options.task_queue,
        workflows=[IntegrationSync, EntitySync, ConflictResolution, WebhookDelivery, Polling],
        activities=[
            steps.fetch,
            steps.match,
            steps.transform,
            steps.write,
            steps.plan_run,
            steps.request_pass,
            steps.end_pass,
            steps.finish_run,
            steps.apply_resolution,
            steps.conflict_status,
            steps.deliver_webhook,
            steps.poll,
        ],
        interceptors=[FailureInterceptor(engine)],
        max_concurrent_activities=settings.activity_slots,
        max_concurrent_workflow_tasks=settings.workflow_slots,
        activity_task_poller_behavior=PollerBehaviorSimpleMaximum(settings.pollers),
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(settings.pollers),
        graceful_shutdown_timeout=timedelta(seconds=settings.drain_seconds),
        max_heartbeat_throttle_interval=timedelta(seconds=5),
        # What a dead worker was to do next is given to another one as soon as it is taken for dead.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=min(10.0, engine.options.heartbeat_seconds)),
    )


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then drain."""
    services = open_services(settings)
    try:
        await services.db.migrate()
        await seed_alguna(services)
        client = await connect(settings)
        await register_search_attributes(client)
        engine = make_engine(services, client)
        # What is loaded by now stays, and rows come and go by the thousand: looking for garbage every few hundred
        # objects took 1.9 of the 13.6 processor seconds of a first sync of 10,000 records.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        async with make_worker(client, engine, settings):
            log.info("worker_ready", task_queue=settings.task_queue, pid=os.getpid())
            await stop.wait()
            log.info("worker_draining")
        await engine.close()
    finally:
        await asyncio.to_thread(flush, settings)
        await services.close()


async def main() -> None:
    """Run until a signal says stop."""
    settings = Settings()
    setup_logging(settings.log_format, settings.log_level)
    failpoints.arm(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, stop)


if __name__ == "__main__":
    code = 0
    try:
        asyncio.run(main())
    except (MissingSettings, VaultError, UnknownSchema) as error:
        log.error("worker_not_started", reason=str(error))
        code = 1
    except Exception:
        log.exception("worker_failed")
        code = 1
    # The Temporal runtime's threads can abort an interpreter that exits the usual way (sdk-python issue 300).
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
