"""The idempotency table of Alguna sheet 1.3: first use, replay, other parameters, still running, expired."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sandbox.alguna.errors import ApiError
from sandbox.kit.clock import Clock, iso

_KEPT = timedelta(hours=24)
_MAX_KEY = 255
_RETRY_SECONDS = 1


@dataclass(slots=True)
class Entry:
    """A key in use: what was asked, since when, and the answer once there is one (`status` 0 until then)."""

    params: str
    at: str
    status: int = 0
    body: str = ""


class IdempotencyKeys:
    """Keys of one organisation. Answers are kept 24 hours, refusals (4xx) too, failures (5xx, 429) not at all.

    Whether Alguna keeps 4xx answers, and whether "params" includes the path, is not documented; here both hold.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, Entry] = {}

    def begin(self, key: str, params: str) -> Entry | None:
        """The kept answer to replay, or None: go ahead, then `finish` or `release`.

        Raises ApiError 400 (key too long), 422 (other parameters), 409 with Retry-After (still running).
        """
        if len(key) > _MAX_KEY:
            raise ApiError(400, f"Idempotency-Key must not be longer than {_MAX_KEY} characters", titled=True)
        self._forget_old()
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = Entry(params, iso(self._clock.now()))
            return None
        if entry.params != params:
            raise ApiError(422, "Idempotency-Key was already used with different parameters", titled=True)
        if not entry.status:
            raise ApiError(
                409, "a request with this Idempotency-Key is still running", titled=True, retry_after=_RETRY_SECONDS
            )
        return entry

    def finish(self, key: str, status: int, body: bytes) -> None:
        entry = self._entries[key]
        entry.status, entry.body = status, body.decode()

    def release(self, key: str) -> None:
        """Forget the key, so that the same request can be made again."""
        self._entries.pop(key, None)

    def dump(self) -> dict[str, Any]:
        return {key: asdict(entry) for key, entry in self._entries.items() if entry.status}

    def load(self, data: dict[str, Any]) -> None:
        self._entries = {key: Entry(**entry) for key, entry in data.items()}

    def _forget_old(self) -> None:
        """Keys stand in order of their time, so the old ones are in front."""
        limit = iso(self._clock.now() - _KEPT)
        while self._entries:
            key = next(iter(self._entries))
            if self._entries[key].at > limit:
                return
            del self._entries[key]
