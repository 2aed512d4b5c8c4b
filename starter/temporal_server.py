"""`python -m starter.temporal_server`: the local Temporal server as a part that a supervisor can watch.

It finds and starts the server as `runtime.dev_server` does, says so when it serves, and ends with it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from runtime.dev_server import DevServer, TemporalServerError, start_dev_server
from starter.stack import TEMPORAL_READY


def main() -> int:
    """Run until SIGTERM or until the server ends. Exit code 1 when it does not start or ends by itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ui-port", type=int, required=True)
    options = parser.parse_args()
    try:
        return asyncio.run(_run(options.folder, options.port, options.ui_port))
    except TemporalServerError as error:
        print(f"temporal: {error}", file=sys.stderr)
        return 1


async def _run(folder: Path, port: int, ui_port: int) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await start_dev_server(folder=folder, port=port, ui_port=ui_port)
    print(f"{TEMPORAL_READY}: {server.address}", flush=True)
    try:
        await _until_stopped_or_ended(server, stop)
        return 0 if stop.is_set() else 1
    finally:
        await server.stop()


async def _until_stopped_or_ended(server: DevServer, stop: asyncio.Event) -> None:
    while not stop.is_set() and server.process.poll() is None:
        try:
            await asyncio.wait_for(stop.wait(), timeout=0.5)
        except TimeoutError:
            continue


if __name__ == "__main__":
    code = main()
    # The Temporal client's threads can abort an interpreter that exits the usual way (sdk-python issue 300).
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
