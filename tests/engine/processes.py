"""Real worker and API processes for tests, started in an instant: forked from a process that has imported them already.

Each is a process of its own with its own interpreter state, event loop and connections, and can be killed like any
other; only the second that Python takes to import everything is saved.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path


def start_worker(environment: Mapping[str, str], log: Path) -> BaseProcess:
    """Start `python -m worker` with these variables; its output goes to the log. `kill()` is SIGKILL."""
    return _start("worker", [], environment, log)


def start_api(port: int, environment: Mapping[str, str], log: Path) -> BaseProcess:
    """Start `python -m starter.api` on a port of the loopback interface."""
    return _start("api", ["--port", str(port)], environment, log)


def _start(part: str, arguments: list[str], environment: Mapping[str, str], log: Path) -> BaseProcess:
    process = _context().Process(target=_live, args=(part, arguments, dict(environment), str(log)), daemon=True)
    process.start()
    return process


def _context() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload(["worker", "starter.api.__main__"])
    return context


def _live(part: str, arguments: list[str], environment: Mapping[str, str], log: str) -> None:
    """The life of the process."""
    os.environ.update(environment)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
    code = 1
    try:
        code = _serve(part, arguments)
    except BaseException:
        traceback.print_exc()
    # The Temporal runtime's threads can abort an interpreter that exits the usual way (sdk-python issue 300).
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _serve(part: str, arguments: list[str]) -> int:
    if part == "worker":
        import worker

        asyncio.run(worker.main())
        return 0
    from starter.api.__main__ import main

    sys.argv = ["api", *arguments]
    return main()
