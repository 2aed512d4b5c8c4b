"""What a vendor's emulator has to offer, so that the kit can serve, seed, disturb and inspect it."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from sandbox.kit.behaviour import Behaviour
from sandbox.kit.clock import Clock
from sandbox.kit.faults import FaultKind
from sandbox.kit.limits import Limits
from sandbox.kit.webhooks import Webhooks

Record = dict[str, Any]


class RecordError(Exception):
    """A person's edit that the vendor does not take; the control API answers with `status` and `detail`."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Vendor(ABC):
    """One vendor account: its store, its wire API and what a person could do in its own UI.

    The kit makes one instance per account, and keeps `limits`, `webhooks` and `behaviour` set as the control
    API says; the instance reads them at every use. Everything runs on one event loop, so that a method without
    `await` is atomic.
    """

    name: ClassVar[str]
    entities: ClassVar[tuple[str, ...]]
    behaviours: ClassVar[frozenset[str]] = frozenset({"latencyMs", "clockSkewSeconds"})
    faults: ClassVar[frozenset[FaultKind]] = frozenset(FaultKind) - {FaultKind.PARTIAL_FAILURE}

    def __init__(self, account: str, limits: Limits, webhooks: Webhooks) -> None:
        self.account = account
        self.limits = limits
        self.webhooks = webhooks
        self.behaviour = Behaviour()
        self.clock = Clock(self.behaviour)

    @classmethod
    @abstractmethod
    def account_of(cls, request: Request, body: bytes) -> str | None:
        """The account that the call's credentials belong to (bearer token, client id, refresh token), else None.

        Asked only without `?account=`. Credentials carry their account in a recognisable place, so nothing is
        checked here: a forged one reaches that account and is refused there.
        """

    @abstractmethod
    async def handle(self, request: Request) -> Response:
        """The whole wire API: auth, limits, resources, errors. `await request.body()` is free and repeatable."""

    async def handle_slowly(self, request: Request, seconds: float) -> Response:
        """`handle` a call that takes `seconds` (latency, slow fault); for vendors to whom concurrent calls matter."""
        await asyncio.sleep(seconds)
        return await self.handle(request)

    @abstractmethod
    def fault_response(self, kind: FaultKind, request: Request, retry_after: float | None) -> Response:
        """The vendor's true answer for RATE_LIMIT, ERROR_500 and ERROR_503 (also for a crash of the emulator)."""

    async def partial_failure(self, request: Request) -> Response:
        """Handle a batch call so that some of its rows fail; for vendors that list PARTIAL_FAILURE in `faults`."""
        raise NotImplementedError(f"{self.name} has no batch calls")

    @abstractmethod
    def reset(self) -> None:
        """Empty the store, restore auth, refill the limits. Issued credentials stay valid."""

    @abstractmethod
    def seed(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        """Make sure that the sample records `offset … offset+count-1` of `seed` exist; their ids in order.

        Parents are made as needed; a record that is already there is not made twice. Fires no webhooks.
        """

    @abstractmethod
    def list_records(self, entity: str, limit: int | None, offset: int, deleted: bool) -> tuple[list[Record], int]:
        """Raw vendor records in order of creation and how many there are; `deleted` adds soft-deleted ones."""

    @abstractmethod
    def get_record(self, entity: str, record_id: str, deleted: bool) -> Record:
        """One raw record. Raises RecordError 404."""

    @abstractmethod
    def create_record(self, entity: str, values: Record) -> Record:
        """A person creates a record. Raises RecordError where the vendor's UI would refuse."""

    @abstractmethod
    def replace_record(self, entity: str, record_id: str, values: Record) -> Record:
        """A person replaces all editable fields. Raises RecordError."""

    @abstractmethod
    def patch_record(self, entity: str, record_id: str, values: Record) -> Record:
        """A person changes the given top-level keys. Raises RecordError."""

    @abstractmethod
    def delete_record(self, entity: str, record_id: str) -> None:
        """A person deletes a record, in the vendor's way. Raises RecordError."""

    @abstractmethod
    def credentials(self, base_url: str) -> Record:
        """A grant of its own, in the form of `POST /integrations`' `credentials`, with `limits` at the scale."""

    @abstractmethod
    def auth_action(self, action: str) -> None:
        """`expire_access_token`, `revoke_grant` or `restore`."""

    @abstractmethod
    def dump(self) -> Record:
        """Store and issued credentials as JSON-able data, taken while nothing else runs."""

    @abstractmethod
    def load(self, data: Record) -> None:
        """Take over what `dump` gave."""
