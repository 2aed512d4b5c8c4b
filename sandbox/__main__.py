"""`python -m sandbox`: every sandbox in one process, each on its own port."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from sandbox.kit.limits import Limits
from sandbox.kit.server import Sandbox
from sandbox.kit.serving import Listening, PortTakenError, listen, serve
from sandbox.registry import VENDORS, vendor_class


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. Exit code 0, or 1 when a port is taken."""
    options = _parser().parse_args(arguments)
    limits = Limits(enabled=not options.no_limits, scale=options.limit_scale)
    places: list[Listening] = []
    try:
        for name in options.vendor or VENDORS:
            sandbox = Sandbox(vendor_class(name), limits, options.data_dir)
            places.append(listen(name, sandbox, options.host, options.port_base + VENDORS[name][0]))
    except PortTakenError as error:
        for place in places:
            place.socket.close()
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    asyncio.run(_run(places))
    return 0


async def _run(places: list[Listening]) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(serve(places, stop, ready))
    announcing = asyncio.create_task(_announce(places, ready))
    try:
        await serving
    finally:
        announcing.cancel()


async def _announce(places: list[Listening], ready: asyncio.Event) -> None:
    await ready.wait()
    for place in places:
        print(f"{place.name} sandbox: {place.url}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox", description="Local emulators of the vendors' APIs.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port-base", type=int, default=9100, help="port of the first sandbox (default: %(default)s)")
    parser.add_argument("--vendor", action="append", choices=list(VENDORS), help="only this one (may be repeated)")
    parser.add_argument("--data-dir", type=Path, help="keep the state here (default: in memory only)")
    parser.add_argument(
        "--limit-scale", type=float, default=10.0, help="times the published rate limits (default: %(default)s)"
    )
    parser.add_argument("--no-limits", action="store_true", help="no rate limits at all")
    return parser


if __name__ == "__main__":
    sys.exit(main())
