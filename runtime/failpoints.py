"""Arms the fail points of a process: at the n-th time that it reaches the named one, it is killed like by a power cut.

`EXTERNAL_SYNC_FAIL_POINT=request:stored#2` kills this process with SIGKILL when it has stored its second request;
`request:stored@invoices` waits for the first one of a pass of invoices. Only the crash tests set it.
"""

from __future__ import annotations

import os
import signal

import structlog

from core import failpoints
from runtime.settings import Settings


def arm(settings: Settings) -> None:
    """Arm this process as the settings say, which they normally do not."""
    if settings.fail_point is not None:
        place, _, number = settings.fail_point.partition("#")
        name, _, entity = place.partition("@")
        failpoints.arm(_Fuse(name, entity, int(number or 1)))


class _Fuse:
    """Ends the process at the n-th time that a point is reached; in a pass of the entity, if one is named."""

    def __init__(self, name: str, entity: str, number: int) -> None:
        self._name = name
        self._entity = entity
        self._left = number

    def __call__(self, name: str) -> None:
        # Every activity of a pass names its entity in what it logs.
        here = not self._entity or structlog.contextvars.get_contextvars().get("entity") == self._entity
        self._left -= here and name == self._name
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
