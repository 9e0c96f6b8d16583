"""Several pipes of one child, read as they come: by a selector where pipes can be selected, else by threads."""

from __future__ import annotations

import os
import selectors
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import queue
    from collections.abc import Mapping

BLOCK = 65536
MOST_AT_ONCE = 16


class Streams(Protocol):
    """What reads. It owns the descriptors it was given, by name, and closes them."""

    def wait(self, seconds: float) -> list[tuple[str, bytes]]:
        """Return what came within that time, at once where something is there: name and block, b"" for its end."""
        ...

    def close(self) -> None:
        """Close what is still open."""
        ...


def read_streams(descriptors: Mapping[str, int]) -> Streams:
    """Read the pipes in the way of this system."""
    return ThreadedStreams(descriptors) if os.name == "nt" else SelectedStreams(descriptors)


class SelectedStreams:
    """By a selector."""

    def __init__(self, descriptors: Mapping[str, int]) -> None:
        self._selector = selectors.DefaultSelector()
        for name, descriptor in descriptors.items():
            self._selector.register(descriptor, selectors.EVENT_READ, name)

    def wait(self, seconds: float) -> list[tuple[str, bytes]]:
        """Return what came; see `Streams`."""
        came = []
        for key, _ in self._selector.select(max(0.0, seconds)):
            try:
                block = os.read(key.fd, BLOCK)
            except OSError:
                block = b""
            if not block:
                self._selector.unregister(key.fd)
                os.close(key.fd)
            came.append((key.data, block))
        return came

    def close(self) -> None:
        """Close what is still open."""
        for key in list(self._selector.get_map().values()):
            os.close(key.fd)
        self._selector.close()


class ThreadedStreams:
    """By a thread a pipe. One whose other end is held for ever costs its thread, which keeps nobody from ending."""

    def __init__(self, descriptors: Mapping[str, int]) -> None:
        import queue
        import threading

        self._blocks: queue.Queue[tuple[str, bytes]] = queue.Queue(maxsize=MOST_AT_ONCE)
        self._closed = False
        for name, descriptor in descriptors.items():
            threading.Thread(target=self._read, args=(name, descriptor), daemon=True).start()

    def wait(self, seconds: float) -> list[tuple[str, bytes]]:
        """Return what came; see `Streams`."""
        import queue

        came: list[tuple[str, bytes]] = []
        try:
            while len(came) < MOST_AT_ONCE:
                came.append(self._blocks.get(block=not came and seconds > 0, timeout=max(0.0, seconds)))
        except queue.Empty:
            pass
        return came

    def close(self) -> None:
        """Let the threads go; each closes its pipe."""
        self._closed = True

    def _read(self, name: str, descriptor: int) -> None:
        block = b"-"
        while block and not self._closed:
            try:
                block = os.read(descriptor, BLOCK)
            except OSError:
                block = b""
            self._put(name, block)
        os.close(descriptor)

    def _put(self, name: str, block: bytes) -> None:
        import queue

        while not self._closed:
            try:
                self._blocks.put((name, block), timeout=0.1)
                return
            except queue.Full:
                continue
