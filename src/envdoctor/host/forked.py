"""Work in a copy of this process: beside what this one goes on with, and apart from it where it can be killed.

Files that are mapped may be cut short by others while they are read; the kernel then ends the process by SIGBUS, which
no handler can mend (mmap(2)). In a copy that costs the copy.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

from envdoctor.host.process import RUNNING, STARTING, signal_name

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 65536
MOST_OUTPUT = 16 * 1024 * 1024
"""Bytes taken of a copy; what it tells of one machine is below a hundred thousand."""


class Lost(Exception):
    """The copy did not come back with an answer; `reason` says how it ended."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Forked:
    """A copy of this process that does one piece of work and sends bytes back."""

    def __init__(self, work: Callable[[], bytes]) -> None:
        """Start it. Raises OSError where no process or pipe is to be had."""
        if sys.platform == "win32":
            raise OSError("Windows makes no copies of processes")
        with STARTING:
            ours, theirs = os.pipe()
            try:
                self._pid: int | None = os.fork()
            except OSError:
                os.close(ours)
                os.close(theirs)
                raise
            if not self._pid:
                os.close(ours)
                _do(work, theirs)
            os.close(theirs)
            self._pipe = ours
            RUNNING.add(self)

    def answer(self, deadline: float) -> bytes:
        """Wait for its bytes until `time.monotonic()` passes `deadline`; raises `Lost`."""
        blocks: list[bytes] = []
        size = 0
        while (left := deadline - time.monotonic()) > 0 and size < MOST_OUTPUT:
            if not select.select([self._pipe], [], [], left)[0]:
                break
            block = os.read(self._pipe, BLOCK)
            if not block:
                return self._ended(b"".join(blocks))
            blocks.append(block)
            size += len(block)
        self.stop()
        raise Lost("took longer than there was time (--timeout)")

    def _ended(self, told: bytes) -> bytes:
        assert self._pid is not None
        _, status = os.waitpid(self._pid, 0)
        self._pid = None
        self.stop()
        code = os.waitstatus_to_exitcode(status)
        if code:
            raise Lost(f"was ended by signal {signal_name(-code)}" if code < 0 else f"ended with code {code}")
        return told

    def stop(self) -> None:
        """End it, if it is still under way, and whatever it started."""
        if self not in RUNNING or sys.platform == "win32":
            return
        RUNNING.discard(self)
        os.close(self._pipe)
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = None


def can_fork() -> bool:
    """Whether a copy is safe: Linux, and no other thread that may hold a lock at that moment."""
    threading = sys.modules.get("threading")
    return sys.platform == "linux" and (threading is None or threading.active_count() == 1)


def _do(work: Callable[[], bytes], pipe: int) -> NoReturn:
    """Work, write, and end without what a Python process does at its end: that belongs to the original."""
    code = 1
    try:
        if sys.platform == "win32":
            raise OSError
        os.setsid()  # Ctrl-C goes to the original, which ends its copies
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        told = memoryview(work())
        while told:
            told = told[os.write(pipe, told) :]
        code = 0
    finally:
        os._exit(code)
