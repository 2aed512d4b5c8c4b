"""The looks between schedules: a workflow for each integration that wants them, kept in step with its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from activities.contracts import PollRef
from core import names
from core.config import IntegrationConfig
from starter.labels import fair, search_attributes

_TIMEOUT = timedelta(seconds=10)


async def keep_looking(
    client: Client, task_queue: str, integration_id: str, provider: str, document: Mapping[str, Any]
) -> None:
    """Start an integration's looks where its stored configuration wants them, or wake them so that they take it up.

    Looks that are wanted no more end by themselves at their next turn, without a call to anybody. Raises RPCError.
    """
    config = IntegrationConfig.model_validate(document)
    if not config.enabled or not config.realtime.interval:
        return
    await client.start_workflow(
        names.POLLING,
        PollRef(integration_id=integration_id, provider=provider),
        id=names.polling_id(integration_id),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal=names.WAKE,
        search_attributes=search_attributes(integration_id, provider, trigger="realtime"),
        priority=fair(integration_id),
        static_summary=f"looks of {integration_id} between schedules",
        rpc_timeout=_TIMEOUT,
    )
