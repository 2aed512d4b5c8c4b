"""The way to Temporal: one client per process, found by Temporal's own environment configuration."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from functools import cache

import structlog
from pydantic_settings import BaseSettings, DotEnvSettingsSource
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.envconfig import ClientConfig
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode

from core import names
from runtime.codec import data_converter
from runtime.settings import Settings
from runtime.tracing import interceptors

log = structlog.get_logger(__name__)

SEARCH_ATTRIBUTES: tuple[SearchAttributeKey[str], ...] = tuple(
    SearchAttributeKey.for_keyword(name)
    for name in (
        names.SEARCH_INTEGRATION,
        names.SEARCH_PROVIDER,
        names.SEARCH_ENTITY,
        names.SEARCH_TRIGGER,
        names.SEARCH_OUTCOME,
    )
)
"""What runs are found by in Temporal Web. SQL visibility has room for ten keywords in all."""

_USABLE_WITHIN_SECONDS = 60.0


async def connect(settings: Settings) -> Client:
    """Connect with `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS_*` or a profile file.

    They are read from the environment, else from `.env`. Raises RuntimeError when the server cannot be reached.
    """
    config = ClientConfig.load_client_connect_config(override_env_vars=_environment())
    config.setdefault("target_host", "localhost:7233")
    return await Client.connect(
        **config,
        data_converter=data_converter(settings),
        interceptors=interceptors(settings),
        runtime=_runtime(settings.metrics_address),
    )


async def register_search_attributes(client: Client) -> None:
    """Register the search attributes that are missing, and wait until they can be used.

    A server that leaves this to its operator (Temporal Cloud) answers with a refusal: then they must exist already, and
    the log says what to do.
    """
    for key in SEARCH_ATTRIBUTES:
        request = AddSearchAttributesRequest(
            namespace=client.namespace,
            search_attributes={key.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD},
        )
        try:
            await client.operator_service.add_search_attributes(request)
        except RPCError as error:
            if error.status in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED):
                log.warning("create the search attributes by hand", names=[key.name for key in SEARCH_ATTRIBUTES])
                break
            if error.status is not RPCStatusCode.ALREADY_EXISTS:
                raise
    await _usable(client)


async def missing_search_attributes(client: Client) -> list[str]:
    """Return the names of those that the namespace does not have. Raises RPCError."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    there = (await client.operator_service.list_search_attributes(request)).custom_attributes
    return [key.name for key in SEARCH_ATTRIBUTES if key.name not in there]


async def _usable(client: Client) -> None:
    """Servers cache their list of attributes: until the cache is renewed a workflow with a new one is refused."""
    query = " OR ".join(f'{key.name} = "-"' for key in SEARCH_ATTRIBUTES)
    deadline = time.monotonic() + _USABLE_WITHIN_SECONDS
    while True:
        try:
            await client.count_workflows(query)
            return
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT or time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.25)


@cache
def _runtime(metrics_address: str | None) -> Runtime:
    metrics = PrometheusConfig(bind_address=metrics_address) if metrics_address else None
    return Runtime(telemetry=TelemetryConfig(metrics=metrics)) if metrics else Runtime.default()


def _environment() -> Mapping[str, str]:
    dotenv = DotEnvSettingsSource(BaseSettings, env_file=".env", case_sensitive=True).env_vars
    ours = {name: value for name, value in dotenv.items() if name.startswith("TEMPORAL_") and value}
    return ours | dict(os.environ)
