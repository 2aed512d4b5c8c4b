"""What every call works with: the store, the connected systems, and Temporal once it is reached."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.service import RPCError

from core import names
from runtime.settings import Settings
from runtime.temporal import connect, register_search_attributes
from runtime.wiring import Services, seed_alguna
from starter.schedules import Schedules
from starter.services.refusals import Unavailable
from store.api_keys import ApiKeys
from store.configs import Configs
from store.connections import Connections
from store.consents import Consents
from store.crypto import Vault
from store.database import Database
from store.idempotency import IdempotencyKeys
from store.rekey import rewrite

log = structlog.get_logger(__name__)

CALL_TIMEOUT = timedelta(seconds=10)
_RETRY_SECONDS = 1.0


class StartFailedError(Exception):
    """What the API needs could not be reached in time. The message says what and why."""


class Backend:
    """The services of this process, and the way to Temporal. Without `temporal` it is not ready yet."""

    def __init__(self, services: Services, temporal: Client | None = None) -> None:
        """Take the services and, where there is one already, a connected client."""
        self.services = services
        self.idempotency = IdempotencyKeys(services.db, Vault(services.settings.keys()))
        self.api_keys = ApiKeys(services.db)
        self._temporal = temporal
        self._reason = "starting"

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.services.settings

    @property
    def db(self) -> Database:
        """The database."""
        return self.services.db

    @property
    def vault(self) -> Vault:
        """The encryption keys."""
        return Vault(self.settings.keys())

    @property
    def connections(self) -> Connections:
        """Integrations and credentials."""
        return self.services.connections

    @property
    def consents(self) -> Consents:
        """Consents that people were asked for."""
        return self.services.consents

    @property
    def configs(self) -> Configs:
        """Versioned configurations."""
        return self.services.configs

    @property
    def temporal(self) -> Client:
        """The connected client. Raises Unavailable while there is none."""
        self.require_temporal()
        assert self._temporal is not None
        return self._temporal

    def require_temporal(self) -> None:
        """Raise Unavailable while Temporal is not reached: before anything is stored that only it can carry out."""
        if self._temporal is None:
            raise Unavailable(f"not ready: {self._reason}")

    @property
    def schedules(self) -> Schedules:
        """The Temporal Schedules. Raises Unavailable as `temporal`."""
        return Schedules(self.temporal, self.settings.task_queue)

    def workflow_url(self, workflow_id: str) -> str:
        """Return the page of a workflow in Temporal Web."""
        namespace = self._temporal.namespace if self._temporal else "default"
        return names.workflow_url(self.settings.temporal_ui_url, namespace, workflow_id)

    async def prepare(self, within_seconds: float) -> None:
        """Make everything ready: the schema, Alguna's connection, secrets, Temporal with its attributes and schedules.

        Secrets of an older key are written with the newest. Temporal is waited for. Raises StartFailedError when it
        does not come within the time.
        """
        self._reason = "the database is being migrated"
        await self.db.migrate()
        await seed_alguna(self.services)
        rewritten = await rewrite(self.db, self.vault)
        if rewritten:
            log.info("secrets_rewritten", number=rewritten)
        deadline = time.monotonic() + within_seconds
        while True:
            try:
                client = await connect(self.settings)
                await register_search_attributes(client)
                await self._align(client)
            except (RPCError, RuntimeError) as error:
                self._reason = f"Temporal cannot be reached: {error}"
                if time.monotonic() > deadline:
                    raise StartFailedError(self._reason) from error
                log.info("waiting_for_temporal", reason=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._temporal = client
                return

    async def readiness(self) -> dict[str, str]:
        """Return what the API needs, each `ok` or why it is not."""
        checks = {"database": "ok", "temporal": "ok"}
        try:
            async with self.db.session() as session:
                await session.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            checks["database"] = f"cannot be read: {type(error).__name__}"
        if self._temporal is None:
            checks["temporal"] = self._reason
            return checks
        try:
            if not await self._temporal.service_client.check_health(timeout=timedelta(seconds=2)):
                checks["temporal"] = "not serving"
        except RPCError as error:
            checks["temporal"] = f"cannot be reached: {error.message}"
        return checks

    async def _align(self, client: Client) -> None:
        """Make the Schedules say what the stored configurations say; a crash may have come between the two."""
        schedules = Schedules(client, self.settings.task_queue)
        for integration in await self.connections.list_integrations():
            found = await self.configs.current(integration.id)
            if found is not None:
                await schedules.apply(integration.id, integration.provider, found[1], paused=integration.paused)
