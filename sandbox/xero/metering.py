"""The limits of one organisation, their headers, and the 429 (sheet 5)."""

import math

from sandbox.kit.limits import Limits, WindowCounter
from sandbox.xero.errors import XeroError
from sandbox.xero.setup import Setup

MINUTE, APP_MINUTE, CONCURRENT = 60, 10_000, 5
# What keeps within the minute wherever its window begins.
CALLS_PER_SECOND = 0.95
DAILY = {"starter": 1_000, "core": 5_000}
_MINUTE_SECONDS, _DAY_SECONDS = 60, 86_400


class Metering:
    """Counts the calls of one tenant; windows are fixed."""

    def __init__(self, limits: Limits, setup: Setup) -> None:
        self._limits = limits
        self._setup = setup
        self._in_flight = 0
        self.refill()

    def refill(self) -> None:
        """Begin with nothing spent."""
        self._minute = WindowCounter(self._limits, MINUTE, _MINUTE_SECONDS)
        self._app = WindowCounter(self._limits, APP_MINUTE, _MINUTE_SECONDS)
        self._days = {plan: WindowCounter(self._limits, calls, _DAY_SECONDS) for plan, calls in DAILY.items()}

    def enter(self) -> None:
        """A call begins. Raises XeroError when too many are in flight; `leave` then is not to be called."""
        if self._limits.enabled and self._in_flight >= max(1, int(CONCURRENT * self._limits.scale)):
            raise self.refusal("concurrent", None)
        self._in_flight += 1

    def leave(self) -> None:
        self._in_flight -= 1

    def spend(self) -> None:
        """Count one call. Raises XeroError 429."""
        day = self._days[self._setup.plan]
        for problem, window in (("day", day), ("minute", self._minute), ("appminute", self._app)):
            if not window.take():
                raise self.refusal(problem, window.resets_in)

    def refusal(self, problem: str, seconds: float | None) -> XeroError:
        """A 429; how long to wait is told of the minute's and the day's limit only."""
        headers = {**self.headers(), "X-Rate-Limit-Problem": problem}
        if seconds is not None:
            headers["Retry-After"] = str(max(1, math.ceil(seconds)))
        return XeroError(429, "", headers)

    def headers(self) -> dict[str, str]:
        return {
            "X-MinLimit-Remaining": _left(self._minute),
            "X-DayLimit-Remaining": _left(self._days[self._setup.plan]),
            "X-AppMinLimit-Remaining": _left(self._app),
        }


def _left(window: WindowCounter) -> str:
    return str(max(0, window.allowance - window.used))
