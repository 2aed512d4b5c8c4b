"""Sends a sandbox account's webhooks in the background, a few times until they are taken."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import httpx

_log = logging.getLogger(__name__)
_WAITS = (0.0, 0.5, 2.0, 5.0)
_AT_ONCE = 16
_TIMEOUT_SECONDS = 15.0


def _is_success(response: httpx.Response) -> bool:
    return response.is_success


@dataclass(frozen=True)
class Delivery:
    """One message. `headers` makes the signature headers from the secret, anew for each attempt."""

    body: bytes
    headers: Callable[[str], Mapping[str, str]]
    accepted: Callable[[httpx.Response], bool] = _is_success


class Webhooks:
    """Where one account sends its webhooks, and how that went. Without a URL, or muted, nothing is sent or kept.

    `pointed` is called when they go to another URL, for vendors that ask whether they are wanted there.
    """

    def __init__(self, secret: str = "") -> None:
        self.url: str | None = None
        self.secret = secret
        self.sent = 0
        self.failed = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._client: httpx.AsyncClient | None = None
        self._muted = False
        self.pointed: Callable[[], None] = lambda: None

    @property
    def pending(self) -> int:
        return len(self._tasks)

    @property
    def wanted(self) -> bool:
        """Whether anybody is to hear of what changes."""
        return self.url is not None and not self._muted

    @contextlib.contextmanager
    def muted(self) -> Iterator[None]:
        """Nothing is sent of what changes inside."""
        self._muted = True
        try:
            yield
        finally:
            self._muted = False

    def point(self, url: str | None, secret: str | None) -> None:
        """Send to this URL from now on (None: nowhere); without a secret the one before stays."""
        moved = url not in (None, self.url)
        self.url = url
        self.secret = secret or self.secret
        if moved:
            self.pointed()

    def send(self, delivery: Delivery) -> None:
        """Deliver in the background; must be called inside the server's event loop."""
        if self.url is None or self._muted:
            return
        task = asyncio.get_running_loop().create_task(self._deliver(self.url, delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is still pending."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _deliver(self, url: str, delivery: Delivery) -> None:
        for wait in _WAITS:
            await asyncio.sleep(wait)
            async with self._slots:
                if await self._attempt(url, delivery):
                    self.sent += 1
                    return
        self.failed += 1
        _log.warning("webhook not delivered to %s after %d attempts", url, len(_WAITS))

    async def _attempt(self, url: str, delivery: Delivery) -> bool:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False)
        with contextlib.suppress(httpx.HTTPError):
            response = await self._client.post(url, content=delivery.body, headers=delivery.headers(self.secret))
            return delivery.accepted(response)
        return False
