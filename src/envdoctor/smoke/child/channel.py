"""Where the results go: a file descriptor of its own, so that nothing a library prints is taken for one."""

from __future__ import annotations

import json
import os
import sys

LOST = 71
"""Exit code of a process that cannot tell its results any more (EX_OSERR of sysexits.h)."""


class Channel:
    """The writing end; each line is one `write`, so that a process that dies leaves whole lines."""

    def __init__(self, named: str) -> None:
        """Open it: "7" is a descriptor, "handle:1234" one of Windows."""
        if sys.platform == "win32" and named.startswith("handle:"):
            import msvcrt

            self._number = msvcrt.open_osfhandle(int(named[7:]), os.O_WRONLY)
        else:
            self._number = int(named)
        os.set_inheritable(self._number, False)  # processes that torch starts shall not hold it open
        self._pipe = _identity(self._number)
        self._process = os.getpid()
        self._begun = 0
        try:
            self._error = os.dup(2)  # not inheritable, and ours whatever a test makes of 2
        except OSError:
            self._error = -1
        self._error_pipe = _identity(self._error)

    def begin(self, test: str, device: str) -> None:
        """Say that a test begins, and mark the place among what is printed: what follows is of this test."""
        self._leave_if_forked()
        self._begun += 1
        mark = "\x1etest %d\x1e" % self._begun
        if self._error_pipe is not None and _identity(self._error) == self._error_pipe:
            os.write(self._error, mark.encode("ascii"))
        self.say(event="begin", test=test, device=device, mark=mark)

    def say(self, **words: object) -> None:
        """Write one object; where nobody can hear it any more, or a test has closed the pipe, the process ends."""
        self._leave_if_forked()
        line = (json.dumps(words) + "\n").encode("ascii")
        try:
            while line:
                if _identity(self._number) != self._pipe:  # closed, and the number given to something else
                    os._exit(LOST)
                line = line[os.write(self._number, line) :]
        except OSError:
            os._exit(LOST)

    def _leave_if_forked(self) -> None:
        """End a process that a test forked and let return: its parent tells the results."""
        if os.getpid() != self._process:
            os._exit(LOST)


def _identity(number: int) -> object:
    """Return what is behind a file descriptor, None where there is nothing."""
    try:
        told = os.fstat(number)
    except OSError:
        return None
    return told.st_dev, told.st_ino
