"""What passes between workflows and activities: references and counts, never records or secrets (I8).

Fields added later need a default, so that an older history can still be read.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from core.enums import Direction
from core.records import Entity


class Mode(StrEnum):
    """How much a pass looks at: what changed, everything, or only the records in the inbox."""

    INCREMENTAL = "incremental"
    FULL = "full"
    INBOX = "inbox"


class Wait(StrEnum):
    """Error types of activities that make a pass wait instead of fail."""

    AUTH_EXPIRED = "auth_expired"
    PAUSED = "paused"
    QUOTA = "quota"


class PassRef(BaseModel, frozen=True):
    """One pass: which entity of which integration, how, for which runs, and whether in one direction only."""

    pass_id: str
    integration_id: str
    entity: Entity
    mode: Mode
    run_ids: list[str] = Field(default_factory=list)
    heartbeat_seconds: float = 30.0
    direction: Direction | None = None
    dry_run: bool = False

    @property
    def run_id(self) -> str | None:
        """The run that caused the pass, to which its findings belong; others may have joined it since."""
        return self.run_ids[0] if self.run_ids else None


class ChunkRef(BaseModel, frozen=True):
    """One chunk of a pass."""

    of: PassRef
    number: int


class FetchResult(BaseModel, frozen=True):
    """What a fetch left: whether there is more to read, how many records wait, and whether the pass ended."""

    more: bool
    waiting: int
    chunk_size: int
    closed: bool
    window: int = 1


class ChunkResult(BaseModel, frozen=True):
    """What a step did with its chunk: records handled, and whether the next step has anything to do."""

    records: int
    proceed: bool


class RunRequest(BaseModel, frozen=True):
    """A run to carry out. `run_id` is None when a Schedule starts it; then it is made from the workflow's id."""

    integration_id: str
    trigger: str = "schedule"
    mode: Mode = Mode.INCREMENTAL
    entities: list[Entity] | None = None
    run_id: str | None = None
    direction: Direction | None = None
    dry_run: bool = False
    heartbeat_seconds: float = 30.0


class RunPlan(BaseModel, frozen=True):
    """The run as planned: its entities, parents before children. `problem` says why there is nothing to do."""

    run_id: str
    integration_id: str
    provider: str
    entities: list[Entity]
    mode: Mode
    problem: str | None = None
    direction: Direction | None = None
    dry_run: bool = False


class PassRequest(BaseModel, frozen=True):
    """A wish for a pass of an entity. `requester` is the workflow id to tell when it ended (None: nobody waits)."""

    integration_id: str
    provider: str
    entity: Entity
    mode: Mode
    run_id: str | None = None
    requester: str | None = None
    heartbeat_seconds: float = 30.0
    direction: Direction | None = None
    dry_run: bool = False


class PassFinished(BaseModel, frozen=True):
    """Tells a run that its part for an entity ended."""

    entity: Entity
    run_id: str
    failed: bool = False


class RunEnd(BaseModel, frozen=True):
    """How a run ended: `canceled` by a person, or after its passes."""

    run_id: str
    canceled: bool = False


class PassEnd(BaseModel, frozen=True):
    """A pass that ends without its last fetch: it failed (error type and message id) or was canceled."""

    of: PassRef
    state: str
    error_type: str = "internal"
    message: str = ""


class ConflictRef(BaseModel, frozen=True):
    """A conflict that waits for a person."""

    conflict_id: int
    integration_id: str
    provider: str
    entity: Entity
    heartbeat_seconds: float = 30.0


class DeliveryRef(BaseModel, frozen=True):
    """A webhook delivery."""

    delivery_id: str


class PollRef(BaseModel, frozen=True):
    """The looks between schedules of one integration."""

    integration_id: str
    provider: str


class PollResult(BaseModel, frozen=True):
    """After how many seconds the next look is due; None when none is wanted any more."""

    seconds: float | None


class ConflictStatus(BaseModel, frozen=True):
    """Where a conflict stands in the store."""

    status: str
    version: int
