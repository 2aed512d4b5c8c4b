"""Records the state of this version with everything under way: `python -m tests.upgrade.record` at each release.

Writes `states/VERSION.tar.xz`, which later versions must take over from. A released version's state is never changed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from tests.upgrade.state import STATES, installation, pack
from tests.upgrade.story import before


async def main() -> None:
    """Record it."""
    target = STATES / f"{metadata.version('external-sync')}.tar.xz"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        async with installation(folder) as world:
            await before(world, folder)
        pack(folder, target)
    print(f"{target.name}: {target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    # The Temporal runtime's threads can abort an interpreter that exits the usual way (sdk-python issue 300).
    os._exit(0)
