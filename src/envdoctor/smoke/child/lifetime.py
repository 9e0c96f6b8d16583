"""How this process stands to the system while it runs: it dies with its parent, and first of all in want of memory."""

from __future__ import annotations

import sys

SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
KILL = 9
FIRST_TO_GO = "1000"
"""For oom_score_adj (proc(5)): where memory runs out, this process goes and none of the user's."""


def settle() -> None:
    """Ask the system for both; what it does not offer is done without."""
    if not sys.platform.startswith("linux"):
        return
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(FIRST_TO_GO)
    except OSError:
        pass
    try:
        import ctypes

        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, KILL, 0, 0, 0)
    except (ImportError, OSError, AttributeError):  # a Python without ctypes, a libc without prctl
        pass
