"""Fail points: named instants between two steps that have an effect, at which a test may end the process (I7).

They cost one look at a variable and do nothing, unless this process was armed when it started (`runtime.failpoints`).
"""

from __future__ import annotations

from collections.abc import Callable

_hook: Callable[[str], None] | None = None


def arm(hook: Callable[[str], None] | None) -> None:
    """Let `hook` be called with the name of every fail point that this process reaches; None: with none."""
    global _hook
    _hook = hook


def armed() -> bool:
    """Whether somebody listens: what costs more than a call is left out when nobody does."""
    return _hook is not None


def reach(name: str) -> None:
    """Say that this instant is reached."""
    if _hook is not None:
        _hook(name)
