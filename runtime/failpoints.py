"""Arms the fail points of a process: at the n-th time that it reaches the named one, it is killed like by a power cut.

`EXTERNAL_SYNC_FAIL_POINT=request:stored#2` kills this process with SIGKILL when it has stored its second request. Only
the crash tests set it.
"""

from __future__ import annotations

import os
import signal

from core import failpoints
from runtime.settings import Settings


def arm(settings: Settings) -> None:
    """Arm this process as the settings say, which they normally do not."""
    if settings.fail_point is not None:
        name, _, number = settings.fail_point.partition("#")
        failpoints.arm(_Fuse(name, int(number or 1)))


class _Fuse:
    """Ends the process at the n-th time that a point is reached."""

    def __init__(self, name: str, number: int) -> None:
        self._name = name
        self._left = number

    def __call__(self, name: str) -> None:
        self._left -= name == self._name
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
