"""Reading what a child writes, with a deadline and a bound.

By a selector where pipes can be selected, else (Windows) by threads. The selector is the common way because
starting two threads a child costs more, while other children use the processors, than all the reading.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_OUTPUT = 1024 * 1024
"""Bytes kept of each stream; a child that floods is stopped there."""

GRACE = 0.5
"""Seconds that the pipes of a child that has ended may stay open: a grandchild can hold them for ever."""

TICK = 0.05
"""Seconds between two looks at whether the child has ended."""


class Pipes:
    """The output and error pipe of one child; `kept` holds the blocks of each."""

    def __init__(self, *streams: IO[bytes]) -> None:
        self.streams = streams
        self.kept: tuple[list[bytes], ...] = tuple([] for _ in streams)
        self.flooded = False
        self._selector: selectors.BaseSelector | None = None
        self._threads: list[threading.Thread] = []
        if os.name == "nt":
            for stream, kept in zip(streams, self.kept, strict=True):
                self._threads.append(threading.Thread(target=self._drain, args=(stream, kept), daemon=True))
                self._threads[-1].start()
        else:
            self._selector = selectors.DefaultSelector()
            for stream, kept in zip(streams, self.kept, strict=True):
                self._selector.register(stream, selectors.EVENT_READ, kept)

    @property
    def open(self) -> bool:
        """Whether somebody still holds the other end of a pipe."""
        if self._selector is not None:
            return bool(self._selector.get_map())
        return any(thread.is_alive() for thread in self._threads)

    def read(self, deadline: float, ended: Callable[[], bool]) -> None:
        """Read until both pipes end, one floods, or the deadline (`time.monotonic()`) passes.

        `ended` tells whether the child has; its pipes then have `GRACE` seconds to end as well.
        """
        limit = deadline
        while self.open and not self.flooded:
            left = limit - time.monotonic()
            if left <= 0:
                return
            self._turn(min(left, TICK))
            if limit == deadline and ended():
                limit = min(deadline, time.monotonic() + GRACE)

    def read_rest(self) -> None:
        """Read what is in the pipes at this moment: it was said before the child was killed."""
        if self._selector is None:
            self._turn(TICK)  # the threads read on by themselves until what holds the other end is gone
            return
        for _ in range(len(self.streams) * MOST_OUTPUT // 65536):
            if not self.open or not self._turn(0.0):
                return

    def close(self) -> None:
        """Close our ends."""
        if self._selector is not None:
            self._selector.close()
            for stream in self.streams:
                stream.close()

    def _turn(self, seconds: float) -> bool:
        """Wait that long for something to read, read it, and tell whether there was anything."""
        if self._selector is None:
            for thread in self._threads:
                thread.join(seconds)
            return False
        ready = self._selector.select(seconds)
        for key, _ in ready:
            try:
                block = os.read(key.fd, 65536)
            except OSError:
                block = b""
            if block and sum(map(len, key.data)) < MOST_OUTPUT:
                key.data.append(block)
            elif block:
                self.flooded = True
            else:
                self._selector.unregister(key.fileobj)
        return bool(ready)

    def _drain(self, stream: IO[bytes], kept: list[bytes]) -> None:
        with stream:
            while sum(map(len, kept)) < MOST_OUTPUT:
                block = os.read(stream.fileno(), 65536)
                if not block:
                    return
                kept.append(block)
        self.flooded = True
