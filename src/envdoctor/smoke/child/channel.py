"""Where the results go: a file descriptor of its own, so that nothing a library prints is taken for one."""

from __future__ import annotations

import json
import os
import sys


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

    def say(self, **words: object) -> None:
        """Write one object."""
        line = (json.dumps(words) + "\n").encode("ascii")
        while line:
            line = line[os.write(self._number, line) :]
