"""Rate limits as the vendors publish them, times a scale, with a switch to turn them off."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Limits:
    """The limit settings of one sandbox account. `scale` multiplies every published figure."""

    enabled: bool = True
    scale: float = 10.0


class TokenBucket:
    """A per-second limit: up to one second's allowance at once, refilled evenly."""

    def __init__(self, limits: Limits, per_second: float, now: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._per_second = per_second
        self._now = now
        self._used = 0.0
        self._at = now()

    @property
    def rate(self) -> float:
        """Calls per second at the current scale."""
        return self._per_second * self._limits.scale

    def take(self, cost: float = 1.0) -> float:
        """Spend `cost` and return 0.0, or spend nothing and return the seconds until there is room."""
        if not self._limits.enabled:
            return 0.0
        now = self._now()
        self._used = max(0.0, self._used - (now - self._at) * self.rate)
        self._at = now
        over = self._used + cost - max(self.rate, 1.0)
        if over > 0:
            return over / self.rate
        self._used += cost
        return 0.0


class WindowCounter:
    """A quota per fixed window (a day, a minute, ...) that starts with the first call in it."""

    def __init__(
        self, limits: Limits, allowance: int, window_seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._allowance = allowance
        self._window = window_seconds
        self._now = now
        self._started = now()
        self._used = 0

    @property
    def allowance(self) -> int:
        """Calls per window at the current scale."""
        return int(self._allowance * self._limits.scale)

    @property
    def used(self) -> int:
        """Calls spent in the current window; counted also while limits are off."""
        self._roll()
        return self._used

    @property
    def resets_in(self) -> float:
        """Seconds until the window ends."""
        self._roll()
        return self._window - (self._now() - self._started)

    def take(self, cost: int = 1) -> bool:
        """Spend `cost`; False, and nothing spent, when the quota is used up."""
        self._roll()
        if self._limits.enabled and self._used + cost > self.allowance:
            return False
        self._used += cost
        return True

    def _roll(self) -> None:
        now = self._now()
        if now - self._started >= self._window:
            self._started, self._used = now, 0
