"""How this process stands to the system while it runs.

It dies with its parent and first of all in want of memory, and a crash leaves no file of many gigabytes behind.
"""

from __future__ import annotations

import sys

SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
KILL = 9
FIRST_TO_GO = "1000"
"""For oom_score_adj (proc(5)): where memory runs out, this process goes and none of the user's."""


NO_CORE = 1
"""For RLIMIT_CORE: too small for a file, and the value with which Linux hands nothing to a program that collects cores
either, which it does with any other, 0 too (fs/coredump.c of the kernel)."""


def settle() -> None:
    """Ask the system for all of it; what it does not offer is done without."""
    _leave_no_core()
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


def _leave_no_core() -> None:
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        most = NO_CORE if hard == resource.RLIM_INFINITY else min(NO_CORE, hard)
        resource.setrlimit(resource.RLIMIT_CORE, (most, hard))
    except (ImportError, ValueError, OSError):  # Windows; a system that refuses
        pass
