"""A worker that is asked to stop: its steps end where nothing is under way, and another worker goes on.

Without this, a long step would use up the worker's grace and then be cut off in the middle of a call, whose outcome the
next worker would have to find out.
"""

from __future__ import annotations

from temporalio import activity

from core.errors import Transient

_GO_ON_SECONDS = 1.0
"""After what time another worker takes the step up. By then the leaving one asks for no more work: a step that came to
it once more would be lost until its heartbeat is missed."""


def asked_to_stop() -> bool:
    """Whether the worker that carries out this step is to end."""
    return activity.in_activity() and activity.is_worker_shutdown()


def hand_over_if_asked() -> None:
    """Raise Transient where the worker is to end: what was done so far is stored, another attempt does the rest."""
    if asked_to_stop():
        raise Transient("the worker is asked to stop", retry_after=_GO_ON_SECONDS)
