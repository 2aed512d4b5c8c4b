"""Intuit's limits, per company and app: per minute, per second, at once, and batches (sheet 5)."""

import time

from sandbox.kit.limits import Limits, TokenBucket, WindowCounter
from sandbox.quickbooks.errors import GatewayError, throttled
from sandbox.quickbooks.setup import Setup

PER_MINUTE, PER_SECOND, AT_ONCE, BATCHES_PER_MINUTE = 500, 10, 10, 40
_MINUTE = 60


class Metering:
    def __init__(self, limits: Limits, setup: Setup) -> None:
        self._limits = limits
        self._setup = setup
        self.running = 0
        self.refill()

    def refill(self) -> None:
        """Begin with nothing spent."""
        self._minute = WindowCounter(self._limits, PER_MINUTE, _MINUTE)
        self._batches = WindowCounter(self._limits, BATCHES_PER_MINUTE, _MINUTE)
        self._second = TokenBucket(self._limits, PER_SECOND)
        self._limited_until = 0.0

    def limit_for(self, seconds: float) -> None:
        """Refuse all calls for so long (a fault)."""
        self._limited_until = time.monotonic() + seconds

    def spend(self, *, batch: bool) -> None:
        """Count one call. Raises GatewayError 429 (or 403, as once)."""
        if not self._limits.enabled:
            return
        crowded = self.running > max(1, int(AT_ONCE * self._limits.scale))
        if time.monotonic() < self._limited_until or crowded:
            raise self.refusal()
        if (batch and not self._batches.take()) or self._second.take() > 0 or not self._minute.take():
            raise self.refusal()

    def refusal(self) -> GatewayError:
        return throttled(403 if self._setup.throttle_shape == "forbidden" else 429)
