"""The portal's rate limits, their headers, and the two shapes of a 429 (sheet 5)."""

import time
from typing import Any

from sandbox.hubspot.errors import HubSpotError
from sandbox.kit.limits import Limits, TokenBucket, WindowCounter

# An installed OAuth app; a private app of a Professional portal.
OAUTH_BURST, PRIVATE_BURST, PRIVATE_DAILY = 110, 190, 625_000
SEARCHES_PER_SECOND = 5
ASSOCIATION_BURST = 100
INTERVAL_SECONDS = 10
_DAY_SECONDS = 86_400
# A limit that holds this long is the day's.
_LASTING_SECONDS = 60


class Metering:
    """Counts calls. Searches and association batches have limits of their own."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.refill()

    def refill(self) -> None:
        """Begin with nothing spent."""
        self._bursts = {
            False: WindowCounter(self._limits, OAUTH_BURST, INTERVAL_SECONDS),
            True: WindowCounter(self._limits, PRIVATE_BURST, INTERVAL_SECONDS),
        }
        self._daily = WindowCounter(self._limits, PRIVATE_DAILY, _DAY_SECONDS)
        self._searches = TokenBucket(self._limits, SEARCHES_PER_SECOND)
        self._associations = WindowCounter(self._limits, ASSOCIATION_BURST, INTERVAL_SECONDS)
        self._limited_until = 0.0
        self._lasting = False

    def limit_for(self, seconds: float) -> None:
        """Refuse all calls for so long (a fault)."""
        self._limited_until = time.monotonic() + seconds
        self._lasting = seconds >= _LASTING_SECONDS

    def spend(self, *, search: bool, associations: bool, private: bool) -> None:
        """Count one call. Raises HubSpotError 429."""
        if self._limits.enabled and time.monotonic() < self._limited_until:
            raise self.refusal(search=search)
        if private and not self._daily.take():
            raise _over("daily", "DAILY")
        if search:
            if self._searches.take() > 0:
                raise self.refusal(search=True)
        elif not (self._associations if associations else self._bursts[private]).take():
            raise self.refusal(search=False)

    def refusal(self, *, search: bool) -> HubSpotError:
        """The 429 of the limit that holds. Searches have a shape of their own (sheet 5)."""
        if self._lasting:
            return _over("daily", "DAILY")
        if search:
            return HubSpotError(429, "You have reached your secondly limit.", "RATE_LIMITS")
        return _over("ten_secondly_rolling", "TEN_SECONDLY_ROLLING")

    def headers(self, *, search: bool, private: bool) -> dict[str, str]:
        """Searches tell nothing of the interval, OAuth apps nothing of the day."""
        found: dict[str, str] = {}
        if not search:
            burst = self._bursts[private]
            found["X-HubSpot-RateLimit-Max"] = str(burst.allowance)
            found["X-HubSpot-RateLimit-Remaining"] = str(max(0, burst.allowance - burst.used))
            found["X-HubSpot-RateLimit-Interval-Milliseconds"] = str(INTERVAL_SECONDS * 1000)
        if private:
            found["X-HubSpot-RateLimit-Daily"] = str(self._daily.allowance)
            found["X-HubSpot-RateLimit-Daily-Remaining"] = str(max(0, self._daily.allowance - self._daily.used))
        return found


def _over(limit: str, policy: str) -> HubSpotError:
    more: dict[str, Any] = {"errorType": "RATE_LIMIT", "policyName": policy, "groupName": "publicapi:sandbox"}
    return HubSpotError(429, f"You have reached your {limit} limit.", **more)
