"""`python -m starter.api --host 127.0.0.1 --port 8080` serves the HTTP API alone."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

import structlog

from runtime import failpoints
from runtime.logging import setup_logging
from runtime.settings import MissingSettings, Settings
from starter.api.serving import serve
from store.crypto import VaultError

log = structlog.get_logger("starter.api")


def main() -> int:
    """Serve; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m starter.api", description="Serve the HTTP API of External Sync.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (default: %(default)s)")
    chosen = parser.parse_args()
    settings = Settings()
    setup_logging(settings.log_format, settings.log_level)
    failpoints.arm(settings)
    try:
        return asyncio.run(serve(settings, chosen.host, chosen.port))
    except (MissingSettings, VaultError) as error:
        log.error("api_not_started", reason=str(error))
    except OSError as error:
        log.error("api_not_started", reason=f"cannot listen on {chosen.host}:{chosen.port}: {error}")
    return 1


if __name__ == "__main__":
    code = main()
    # The Temporal runtime's threads can abort an interpreter that exits the usual way (sdk-python issue 300).
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
