"""A child that tells its results through a pipe of their own, while it may write, hang or die as it likes.

What it writes to standard output and error is read for ever, so that it never waits for us, and forgotten but for its
end. What comes through the pipe of results is cut into lines; whatever a child writes there, no line is longer than
`MOST_LINE`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

from envdoctor.host.descendants import VARIABLE, new_mark
from envdoctor.host.listened import Listened
from envdoctor.host.process import RUNNING, STARTING
from envdoctor.host.streams import read_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST_LINE = 2 * 1024 * 1024
MOST_TAIL = 16 * 1024
"""Bytes kept of what it writes: faulthandler writes the stacks of a hundred threads in more, the main one last."""

MOST_REST = 64
"""Blocks read after its end, or before a line is handed on."""

RESULTS, OUTPUT = "results", "output"


class Heard(Enum):
    """What is no line: the time passed, or no line will ever come."""

    NOTHING = "nothing"
    END = "end"


class Conversation(Listened):
    """One child, started at once, in a process group of its own.

    `argv_for` is given what the child has to be told of its pipe: the number of a file descriptor, or `handle:N` on
    Windows. `trouble` says why it could not be started. `written` counts the bytes of its output; whoever counts sets
    it back.
    """

    def __init__(self, argv_for: Callable[[str], Sequence[str]], environ: Mapping[str, str]) -> None:
        super().__init__(new_mark())
        self.written = 0
        self._tail = b""
        self._part = b""
        self._skipping = False
        self._lines: deque[str] = deque()
        self._ended = False
        pipes: list[tuple[int, int]] = []
        with STARTING:
            try:
                pipes.append(os.pipe())
                pipes.append(os.pipe())
                self._streams = read_streams({RESULTS: pipes[0][0], OUTPUT: pipes[1][0]})
                self._process = _popen(argv_for, pipes[0][1], pipes[1][1], {**environ, VARIABLE: self._mark})
                RUNNING.add(self)
            except (OSError, ValueError) as problem:  # ValueError: a NUL byte in a path
                self.trouble = str(getattr(problem, "strerror", None) or problem)
                if self._streams is not None:
                    self._streams.close()
                else:
                    for ours, _ in pipes:
                        os.close(ours)
                self._streams = None
            finally:
                for _, theirs in pipes:
                    os.close(theirs)

    def next(self, until: float) -> str | Heard:
        """Return its next line, waiting until `time.monotonic()` passes `until`."""
        while not self._lines:
            if self._ended or self._streams is None:
                return Heard.END
            left = until - time.monotonic()
            self._read(left)
            if left <= 0 and not self._lines:
                return Heard.NOTHING
        return self._lines.popleft()

    def tail(self) -> str:
        """Return the end of what it wrote."""
        return self._tail.decode("utf-8", "replace")

    def read_rest(self) -> None:
        """Read what it has written until this moment."""
        for _ in range(MOST_REST):
            if not self._read(0.0):
                return

    def _read(self, seconds: float) -> bool:
        """Wait that long for something to read, read it, and tell whether there was anything."""
        if self._streams is None:
            return False
        came = self._streams.wait(seconds)
        for name, block in came:
            if name == OUTPUT:
                self.written += len(block)
                self._tail = (self._tail + block)[-MOST_TAIL:]
            elif block:
                self._cut(block)
            else:
                self._ended = True
        return bool(came)

    def _cut(self, block: bytes) -> None:
        """Cut what came into lines; one without end is forgotten."""
        *lines, rest = (self._part + block).split(b"\n")
        if lines and self._skipping:
            self._skipping = False
            lines[0] = b"(too long)"
        self._lines.extend(line.decode("utf-8", "replace") for line in lines)
        if len(rest) > MOST_LINE:
            self._skipping = True
        self._part = b"" if self._skipping else rest


def _popen(
    argv_for: Callable[[str], Sequence[str]], results: int, output: int, environ: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the child with its ends of the pipes. Raises OSError and ValueError."""
    if sys.platform == "win32":
        import msvcrt

        handle = msvcrt.get_osfhandle(results)
        os.set_handle_inheritable(handle, True)
        return subprocess.Popen(
            list(argv_for(f"handle:{handle}")),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            startupinfo=subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]}),
        )
    return subprocess.Popen(
        list(argv_for(str(results))),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(environ),
        pass_fds=(results,),
        start_new_session=True,
    )
