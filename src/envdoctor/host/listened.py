"""What every child that is listened to has: an id, how it ended, and an end that leaves nothing behind."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from envdoctor.host.descendants import end_marked
from envdoctor.host.process import RUNNING, end_group

if TYPE_CHECKING:
    from envdoctor.host.streams import Streams


class Listened:
    """One child in a process group of its own, `mark` being what its descendants are known by.

    `trouble` says why it could not be started. Who derives from it starts the child and reads its streams.
    """

    def __init__(self, mark: str) -> None:
        self.trouble = ""
        self._mark = mark
        self._process: subprocess.Popen[bytes] | None = None
        self._streams: Streams | None = None

    @property
    def pid(self) -> int:
        """Its process id, which is that of its group too; 0 where it was not started."""
        return self._process.pid if self._process is not None else 0

    def status(self, seconds: float) -> int | None:
        """Return its exit status as subprocess gives it (a signal as a negative number), None if it lives on."""
        if self._process is None:
            return None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def read_rest(self) -> None:
        """Read what it has written until this moment, where its last words count."""

    def stop(self) -> None:
        """End it, its whole group and what has left the group, without waiting for what cannot be ended."""
        RUNNING.discard(self)
        if self._process is None or self._streams is None:
            return
        end_group(self._process)
        end_marked(self._mark)
        self.read_rest()
        self._streams.close()
        self._streams = None
