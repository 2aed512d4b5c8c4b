"""A sandbox inside a test: its own thread and event loop, so that blocking clients can be tried as well."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path

from sandbox.kit.accounts import Account
from sandbox.kit.limits import Limits
from sandbox.kit.server import Sandbox
from sandbox.kit.serving import Listening, listen, serve
from sandbox.kit.vendor import Vendor
from sandbox.registry import vendor_class

_START_SECONDS = 30


class SandboxThread:
    """Serves one vendor on a free port of 127.0.0.1 between `start` and `stop`."""

    def __init__(
        self, vendor: str | type[Vendor], *, limits: Limits | None = None, data_dir: Path | None = None, port: int = 0
    ) -> None:
        found = vendor_class(vendor) if isinstance(vendor, str) else vendor
        self._place: Listening = listen(found.name, Sandbox(found, limits, data_dir), "127.0.0.1", port)
        self.url = self._place.url
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self) -> None:
        """Returns when calls are taken."""
        self._thread.start()
        if not self._up.wait(_START_SECONDS):
            raise TimeoutError("the sandbox did not start")

    def account(self, account_id: str = "1") -> Account:
        """The account behind the calls; to be touched only while no call is under way."""
        return self._place.sandbox.account(account_id)

    def stop(self) -> None:
        """Returns when everything has ended and is saved."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        ready = asyncio.Event()
        watch = asyncio.create_task(self._tell(ready))
        try:
            await serve([self._place], self._stop, ready)
        finally:
            watch.cancel()

    async def _tell(self, ready: asyncio.Event) -> None:
        await ready.wait()
        self._up.set()


@contextlib.asynccontextmanager
async def running_sandbox(
    vendor: str | type[Vendor], *, limits: Limits | None = None, data_dir: Path | None = None, port: int = 0
) -> AsyncIterator[str]:
    """`async with running_sandbox("alguna") as url:`; limits are on at scale 10 unless given."""
    sandbox = SandboxThread(vendor, limits=limits, data_dir=data_dir, port=port)
    await asyncio.to_thread(sandbox.start)
    try:
        yield sandbox.url
    finally:
        await asyncio.to_thread(sandbox.stop)
