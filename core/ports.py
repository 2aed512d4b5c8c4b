"""Protocols that the core's neighbours implement: credentials, budget, leases, and a notebook for connectors.

`store/` implements them on the database; a plain script or a test may bring its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from core.values import Value


@dataclass(frozen=True, slots=True)
class Credentials:
    """One connection's secrets. `values` are the keys of api.md section 5; `generation` rises at each reconnect."""

    connection_id: str
    generation: int
    values: Mapping[str, str]

    def __repr__(self) -> str:
        """Never show the values."""
        return f"Credentials({self.connection_id!r}, generation={self.generation})"


class TokenStore(Protocol):
    """Where a connection's credentials live, shared by all processes."""

    async def load(self, connection_id: str) -> Credentials:
        """Return the newest credentials. Raises `AuthExpired` when the connection is known to be dead."""
        ...

    async def save_tokens(self, credentials: Credentials, tokens: Mapping[str, str]) -> Credentials:
        """Merge new tokens into the credentials of the same generation, durably, and return the result."""
        ...

    def refresh_lock(self, connection_id: str) -> AbstractAsyncContextManager[None]:
        """Hold the right to refresh this connection's tokens; waits while another process holds it."""
        ...

    async def mark_expired(self, connection_id: str, generation: int, reason: str) -> None:
        """Record that the credentials of this generation are dead (no effect if newer ones are stored)."""
        ...


class Budget(Protocol):
    """The calls a connection may make, shared by all workers and all entities."""

    async def acquire(self, calls: int = 1) -> None:
        """Take the right to make `calls` calls; sleeps at most 2 s, else raises `RateLimit` with `retry_after`."""
        ...

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Hold one of the calls in flight that this process may have; raises `RateLimit` when none comes free."""
        ...

    async def report(self, *, used: int | None = None, allowed: int | None = None) -> None:
        """Correct the daily count by what the vendor's headers say."""
        ...

    async def block(self, seconds: float, *, quota: bool = False) -> None:
        """Stop all calls of this connection for that long, because the vendor said so."""
        ...


class Leases(Protocol):
    """Short exclusive rights on a resource, kept in the store, so that they hold across processes."""

    def hold(self, names: Sequence[str], *, seconds: float = 60.0) -> AbstractAsyncContextManager[None]:
        """Hold all the named leases (taken in sorted order); waits, and raises `Transient` after `seconds`."""
        ...


class Notebook(Protocol):
    """Small durable facts that a connector keeps for itself (say, the revenue of a subscription)."""

    async def get(self, topic: str, keys: Sequence[str]) -> dict[str, Value]:
        """Return the facts stored under these keys (missing keys are left out)."""
        ...

    async def put(self, topic: str, facts: Mapping[str, Value]) -> None:
        """Store facts by key, replacing older ones."""
        ...
