"""Workflow code replays what earlier versions of it did (I12), and histories hold no customer's values (I8)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from activities.contracts import ChunkRef
from core import names
from tests.engine.world import Sandboxes
from tests.workflows.histories import FOLDER, load, saved, words
from tests.workflows.recording import SEEDED
from workflows.conflict_resolution import ConflictResolution
from workflows.entity_sync import EntitySync, Inbox
from workflows.integration_sync import IntegrationSync
from workflows.polling import Polling
from workflows.webhook_delivery import WebhookDelivery

STATES = {
    "integration-completed",
    "integration-canceled",
    "integration-scheduled",
    "entity-no-change",
    "entity-several-chunks",
    "entity-auth-pause",
    "entity-coalesced",
    "entity-failed-pass",
    "entity-continued-as-new",
    "conflict-waiting",
    "conflict-resolved",
    "conflict-closed-by-itself",
    "conflict-reminded",
    "entity-canceled",
    "entity-paused",
    "entity-dry-run",
    "integration-dry-run",
    "looks-waiting",
    "looks-failed",
    "looks-ended",
    "delivery-delivered",
    "delivery-failed",
}


def replayer(*workflows: type) -> Replayer:
    """A replayer of our workflows, or of others in their place."""
    chosen = workflows or (IntegrationSync, EntitySync, ConflictResolution, Polling, WebhookDelivery)
    return Replayer(workflows=chosen, data_converter=pydantic_data_converter)


def test_i12_there_is_a_history_for_every_state_that_matters() -> None:
    assert {path.stem for path in saved()} == STATES


@pytest.mark.parametrize("path", saved(), ids=lambda path: path.stem)
async def test_i12_saved_histories_replay(path: Path) -> None:
    result = await replayer().replay_workflow(load(path))
    assert result.replay_failure is None


@workflow.defn(name=names.ENTITY_SYNC, sandboxed=False)
class ChangedEntitySync(EntitySync):
    """Writes a chunk before it is transformed: another order of activities."""

    @workflow.init
    def __init__(self, inbox: Inbox | None) -> None:
        super().__init__(inbox)

    @workflow.run
    async def run(self, inbox: Inbox | None) -> None:
        await super().run(inbox)

    async def _finish(self, chunk: ChunkRef) -> None:
        await self._step("write", chunk)
        await self._step("transform", chunk)


async def test_i12_another_order_of_activities_does_not_replay() -> None:
    changed = replayer(IntegrationSync, ChangedEntitySync, ConflictResolution)
    with pytest.raises(NondeterminismError):
        await changed.replay_workflow(load(FOLDER / "entity-several-chunks.json"))


def values_of(item: object) -> Iterator[str]:
    """All texts in a record that could be told from others: names, addresses, e-mails, keys."""
    if isinstance(item, dict):
        for value in item.values():
            yield from values_of(value)
    elif isinstance(item, list):
        for value in item:
            yield from values_of(value)
    elif isinstance(item, str) and len(item) > 5:
        yield item


@pytest.mark.parametrize("path", saved(), ids=lambda path: path.stem)
def test_i8_histories_tell_nothing_of_a_machine(path: Path) -> None:
    text = words(path.read_text())
    assert "site-packages" not in text
    assert "Traceback" not in text
    assert "@" not in text


async def test_i8_histories_hold_no_customers_values_and_no_secrets(boxes: Sandboxes) -> None:
    told = "\n".join(words(path.read_text()) for path in saved())
    values: set[str] = set()
    for system in ("alguna", "salesforce"):
        await boxes.seed(system, "accounts", SEEDED)
        for row in await boxes.records(system, "accounts"):
            own = {key: value for key, value in row.items() if key.lower() in PERSONAL}
            values.update(values_of(own))
    assert len(values) > SEEDED * 3
    assert [value for value in values if value in told] == []


PERSONAL = {"name", "email", "phone", "website", "contacts", "billing_address", "billingstreet", "billingcity"}
