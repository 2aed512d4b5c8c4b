"""Runs a command that gets SIGTERM when the process that started it dies, however that one died.

Used by path, not as a module, so that nothing else is imported: `python tether.py PARENT_PID COMMAND…`. Only Linux can
do this; elsewhere the command simply runs.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("the process that started this one has ended")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
