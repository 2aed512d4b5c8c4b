"""Runs sandboxes on real sockets: several in one process and event loop, with one orderly end."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass

import uvicorn

from sandbox.kit.server import Sandbox

_SHUTDOWN_SECONDS = 2


class PortTakenError(Exception):
    """Somebody else listens there already."""


@dataclass(frozen=True)
class Listening:
    """A sandbox with the socket that it is reached at."""

    name: str
    sandbox: Sandbox
    socket: socket.socket

    @property
    def url(self) -> str:
        host, port = self.socket.getsockname()[:2]
        return f"http://{host}:{port}"


def listen(name: str, sandbox: Sandbox, host: str, port: int) -> Listening:
    """Bind `host:port` (port 0: a free one). Raises PortTakenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Naming TCP matters: asyncio sets TCP_NODELAY only on sockets that say so, and without it each reply waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(1024)
    except OSError as error:
        bound.close()
        raise PortTakenError(f"cannot listen on {host}:{port} for {name}: {error.strerror}") from error
    return Listening(name, sandbox, bound)


async def serve(places: list[Listening], stop: asyncio.Event, ready: asyncio.Event | None = None) -> None:
    """Serve until `stop` is set, then let calls in flight end (not the hanging ones) and save."""
    for place in places:
        await place.sandbox.start()
    servers = [_Server(_config(place.sandbox)) for place in places]
    running = [
        asyncio.create_task(server.serve(sockets=[place.socket])) for server, place in zip(servers, places, strict=True)
    ]
    try:
        while not all(server.started for server in servers):
            await _unless_done(running, asyncio.sleep(0.01))
        if ready is not None:
            ready.set()
        await _unless_done(running, stop.wait())
    finally:
        for server, place in zip(servers, places, strict=True):
            place.sandbox.end_hanging_calls()
            server.should_exit = True
        await asyncio.gather(*running)
        for place in places:
            await place.sandbox.stop()


async def _unless_done(running: list[asyncio.Task[None]], awaited: Awaitable[object]) -> None:
    """Wait for `awaited`, but not beyond the end of a server."""
    waiting = asyncio.ensure_future(awaited)
    try:
        done, _ = await asyncio.wait([waiting, *running], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    for task in done - {waiting}:
        task.result()
        raise RuntimeError("a sandbox stopped by itself")


def _config(sandbox: Sandbox) -> uvicorn.Config:
    return uvicorn.Config(
        sandbox,
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        ws="none",
        log_level="warning",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which would fight over the signals of one process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
