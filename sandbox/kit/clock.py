"""The clock of one sandbox account: it can be skewed, and it never gives the same instant twice."""

from datetime import UTC, datetime, timedelta

from sandbox.kit.behaviour import Behaviour

_TICK = timedelta(microseconds=1)


class Clock:
    """Tells the vendor's time, which `clockSkewSeconds` moves against the real one."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """The vendor's current time (UTC)."""
        return datetime.now(UTC) + timedelta(seconds=self._behaviour.clock_skew_seconds)

    def stamp(self) -> datetime:
        """A time for a change: later than every stamp before it, so that changes order strictly.

        When the skew is set back the stamps follow the new clock at once, as a vendor's own would.
        """
        now = self.now()
        if timedelta(0) <= self._last - now < timedelta(seconds=1):
            now = self._last + _TICK
        self._last = now
        return now


def iso(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds and `Z`; as text these sort in order of time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
