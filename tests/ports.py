"""Free ports for the servers of tests.

They lie below the range from which systems take the ports of outgoing connections: else a connection of another test
could take a port between the moment it was found free and the moment its server binds it.
"""

from __future__ import annotations

import contextlib
import random
import socket

FIRST, LAST = 15_000, 31_999


def free_port(count: int = 1) -> int:
    """The first of `count` neighbouring ports that nobody uses now."""
    # Not the tests' seeded generator: two test processes would walk through the same ports.
    choice = random.SystemRandom()
    while True:
        first = choice.randint(FIRST, LAST - count)
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for port in range(first, first + count):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
