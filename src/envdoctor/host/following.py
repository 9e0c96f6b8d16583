"""A child whose output is read line by line as it comes: an installer, which may talk for an hour.

Standard output and standard error are one pipe, standard input is empty: it never asks. A line ends with a line feed or
with a carriage return, by which a progress bar begins its line anew. Whatever it writes, no line is longer than
`MOST_LINE`: what goes on without an end is handed on in pieces.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections import deque
from typing import TYPE_CHECKING

from envdoctor.host.conversation import Heard
from envdoctor.host.descendants import VARIABLE, new_mark
from envdoctor.host.listened import Listened
from envdoctor.host.process import RUNNING, STARTING
from envdoctor.host.streams import read_streams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_LINE = 64 * 1024
"""Bytes."""

LOOK = 0.1
"""Seconds between two looks whether it has ended, and those that what it wrote may take to arrive after that.

A daemon that it left may hold the pipe open for ever.
"""

OUTPUT = "output"

_LINE_ENDS = re.compile(rb"[\r\n]")


class Following(Listened):
    """One child, started at once, in a process group of its own.

    `cwd` is the folder it works in, this process's where None. A mark that is in `environ` already (`descendants`) is
    kept, so that a later run can find it. `trouble` says why it could not be started.
    """

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], cwd: str | None = None) -> None:
        super().__init__(environ.get(VARIABLE) or new_mark())
        self._part = b""
        self._lines: deque[str] = deque()
        self._ended = False
        with STARTING:
            theirs: int | None = None
            try:
                ours, theirs = os.pipe()
                self._streams = read_streams({OUTPUT: ours})
                self._process = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=theirs,
                    stderr=subprocess.STDOUT,
                    env={**environ, VARIABLE: self._mark},
                    cwd=cwd,
                    start_new_session=True,  # nothing on Windows, where killing a child is killing it alone
                )
                RUNNING.add(self)
            except (OSError, ValueError) as problem:  # ValueError: a NUL byte in an argument
                self.trouble = str(getattr(problem, "strerror", None) or problem)
                if self._streams is not None:
                    self._streams.close()
                    self._streams = None
            finally:
                if theirs is not None:
                    os.close(theirs)

    def next(self, until: float) -> str | Heard:
        """Return its next line, waiting until `time.monotonic()` passes `until`."""
        while not self._lines:
            if self._ended or self._streams is None:
                return Heard.END
            left = until - time.monotonic()
            # Looked at before the pipe is read: what it wrote before it ended is in the pipe by then.
            over = self._process is None or self._process.poll() is not None
            came = self._read(LOOK if over else min(LOOK, left))
            if over and not came:
                self._end()
            elif left <= 0 and not self._lines:
                return Heard.NOTHING
        return self._lines.popleft()

    def _read(self, seconds: float) -> bool:
        """Wait that long for something to read, cut it into lines, and tell whether there was anything."""
        if self._streams is None:
            return False
        came = self._streams.wait(seconds)
        for _, block in came:
            if block:
                self._cut(block)
            else:
                self._end()
        return bool(came)

    def _cut(self, block: bytes) -> None:
        *lines, rest = _LINE_ENDS.split(self._part + block)
        self._lines.extend(_text(line) for line in lines if line)
        while len(rest) > MOST_LINE:
            self._lines.append(_text(rest[:MOST_LINE]))
            rest = rest[MOST_LINE:]
        self._part = rest

    def _end(self) -> None:
        """No more will come; what has no end of a line is a line too."""
        self._ended = True
        if self._part:
            self._lines.append(_text(self._part))
            self._part = b""


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")
