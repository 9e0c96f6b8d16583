"""A child that writes down what it sees until it is stopped, and is read afterwards.

Its output goes to a file without a name, so that nobody has to read along: neither a full pipe nor a thread.
"""

from __future__ import annotations

import subprocess
import tempfile
from typing import IO, TYPE_CHECKING

from envdoctor.host.process import RUNNING, STARTING, end_group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_NOTES = 16 * 1024 * 1024
"""Bytes read of them; a child is to end long before it wrote so many."""


class Notes:
    """One child, started at once in a process group of its own; where that fails there are no notes."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str]) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._file: IO[bytes] | None = None
        with STARTING:
            try:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open until it is read
                self._process = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=self._file,
                    stderr=subprocess.DEVNULL,
                    env=dict(environ),
                    start_new_session=True,
                )
            except (OSError, ValueError):  # no folder for the file, no process to be had, a NUL byte in a path
                return
            RUNNING.add(self)

    def stop(self) -> None:
        """End it and its whole group, without waiting for what cannot be ended."""
        if self in RUNNING and self._process is not None:
            RUNNING.discard(self)
            end_group(self._process)

    def lines(self) -> list[str]:
        """Stop it and return the whole lines that it wrote; a second time there are none."""
        self.stop()
        if self._file is None:
            return []
        with self._file as file:
            self._file = None
            file.seek(0)
            text = file.read(MOST_NOTES).decode("utf-8", "replace")
        return text.split("\n")[:-1]
