"""The activities by name and type, as workflows call them. The worker registers the classes that implement them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from temporalio import activity

from activities.contracts import (
    ChunkRef,
    ChunkResult,
    ConflictRef,
    ConflictStatus,
    DeliveryRef,
    FetchResult,
    PassEnd,
    PassRef,
    PassRequest,
    PollRef,
    PollResult,
    RunEnd,
    RunPlan,
    RunRequest,
)


class SyncSteps(ABC):
    """The four visible steps of a pass."""

    @activity.defn(name="fetch")
    @abstractmethod
    async def fetch(self, of: PassRef) -> FetchResult:
        """Settle open requests, read both sides further, stage what differs; at the end, close the pass."""

    @activity.defn(name="match")
    @abstractmethod
    async def match(self, chunk: ChunkRef) -> ChunkResult:
        """Claim a chunk of staged records and find the partner of each record that has no link."""

    @activity.defn(name="transform")
    @abstractmethod
    async def transform(self, chunk: ChunkRef) -> ChunkResult:
        """Merge the chunk's records and store the operations that follow."""

    @activity.defn(name="write")
    @abstractmethod
    async def write(self, chunk: ChunkRef) -> ChunkResult:
        """Send the chunk's operations and store their outcomes."""


class RunSteps(ABC):
    """The frame of a run."""

    @activity.defn(name="plan_run")
    @abstractmethod
    async def plan_run(self, request: RunRequest) -> RunPlan:
        """Make the run's row, unless it is there, and say which entities it covers."""

    @activity.defn(name="request_pass")
    @abstractmethod
    async def request_pass(self, request: PassRequest) -> None:
        """Signal the entity's single writer, starting it if it does not run."""

    @activity.defn(name="end_pass")
    @abstractmethod
    async def end_pass(self, end: PassEnd) -> None:
        """Store that a pass failed or was canceled."""

    @activity.defn(name="finish_run")
    @abstractmethod
    async def finish_run(self, end: RunEnd) -> None:
        """Store how a run ended."""


class ConflictSteps(ABC):
    """What the wait for a person needs."""

    @activity.defn(name="apply_resolution")
    @abstractmethod
    async def apply_resolution(self, conflict: ConflictRef) -> None:
        """Hand a decided conflict to the entity's single writer."""

    @activity.defn(name="conflict_status")
    @abstractmethod
    async def conflict_status(self, conflict: ConflictRef) -> ConflictStatus:
        """Read where a conflict stands."""


class DeliverySteps(ABC):
    """What a webhook delivery needs."""

    @activity.defn(name="deliver_webhook")
    @abstractmethod
    async def deliver_webhook(self, delivery: DeliveryRef) -> str:
        """Make one attempt; return how the delivery ended, or fail until its next delay."""


class PollSteps(ABC):
    """What the looks between schedules need."""

    @activity.defn(name="poll")
    @abstractmethod
    async def poll(self, poll_of: PollRef) -> PollResult:
        """Look for what no event tells; put it into the inboxes and tell the writers."""
