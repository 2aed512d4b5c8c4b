"""Idempotency keys: the first answer of a key for six minutes, errors included (sheet 4)."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sandbox.kit.clock import Clock
from sandbox.xero.errors import XeroError, problem

_SECONDS = 360
_LONGEST = 128
_METHODS = ("POST", "PUT", "PATCH")


@dataclass(frozen=True)
class _Kept:
    question: tuple[str, str, bytes]
    response: Response
    until: float


class Idempotency:
    """The keys of one app, over all its tenants."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def key_of(self, request: Request) -> str | None:
        """Raises XeroError for a key that is too long or empty."""
        key = request.headers.get("idempotency-key")
        if key is None or request.method not in _METHODS:
            return None
        if not key.strip() or len(key) > _LONGEST:
            raise problem(400, "Bad Request", f"Idempotency Key: must have 1 to {_LONGEST} characters.")
        return key

    def answered(self, key: str, request: Request, body: bytes) -> Response | None:
        """The first answer to the same call. Raises XeroError where the key came with another one."""
        now = self._clock.now().timestamp()
        kept = self._kept.get(key)
        if kept is None or kept.until <= now:
            return None
        if kept.question != _question(request, body):
            raise _used(key)
        return kept.response

    def keep(self, key: str, request: Request, body: bytes, response: Response) -> None:
        until = self._clock.now().timestamp() + _SECONDS
        self._kept[key] = _Kept(_question(request, body), response, until)

    def clear(self) -> None:
        self._kept.clear()


def _question(request: Request, body: bytes) -> tuple[str, str, bytes]:
    return request.method, str(request.url), body


def _used(key: str) -> XeroError:
    return problem(400, "Bad Request", f"Idempotency Key: `{key}` is used with a different request.")
