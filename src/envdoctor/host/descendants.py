"""Ending what has left the process group of a child: daemons, and processes in a session of their own (Linux).

A child is given a variable that no other process has, and whatever it starts inherits it: proc_pid_environ(5) shows
the environment a process was started with. What throws its environment away is not found.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "ENVDOCTOR_CHILD"

TRIES = 10
"""Looks at all processes: what starts others while it is looked for takes a second one."""

STUCK = "D"
"""The state (proc_pid_stat(5)) of a process inside the kernel: reading its environment might wait for what it does."""


def new_mark() -> str:
    """Return a value of `VARIABLE` that marks one child and no other."""
    return f"{os.getpid()}-{os.urandom(8).hex()}"


def end_marked(mark: str) -> None:
    """Kill every process of this user with that mark."""
    if not sys.platform.startswith("linux"):
        return
    for _ in range(TRIES):
        found = list(_marked(f"{VARIABLE}={mark}".encode()))
        for process in found:
            try:
                os.kill(process, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # it has ended meanwhile; it has become somebody else's
                pass
        if not found:
            return


def _marked(words: bytes) -> Iterator[int]:
    """Yield the processes of this user that were started with these words; one that has ended has none."""
    own = os.geteuid() if hasattr(os, "geteuid") else None
    for name in _names():
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            if os.stat(f"/proc/{name}").st_uid != own or _state(name) == STUCK:
                continue
            with open(f"/proc/{name}/environ", "rb") as file:
                if words in file.read().split(b"\0"):
                    yield int(name)
        except OSError:  # it has ended meanwhile, or is nobody's to look at
            pass


def _names() -> list[str]:
    try:
        return os.listdir("/proc")
    except OSError:  # a folder that is somebody's root, without it
        return []


def _state(process: str) -> str:
    with open(f"/proc/{process}/stat", "rb") as file:
        return file.read().rpartition(b")")[2][1:2].decode("ascii", "replace")
