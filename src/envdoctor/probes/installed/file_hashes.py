"""The sha256 of installed files beside those that RECORD states: gigabytes, and so on request alone.

Files are read in blocks by a few threads, as hashlib lets go of the interpreter's lock meanwhile.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BLOCK = 1024 * 1024
MOST_THREADS = 4
PAUSE = 0.2
"""Seconds between two words on how far it is."""


class Expected(NamedTuple):
    """A file where it really lies, its size in bytes, and the digest that RECORD states for it ("sha256=...")."""

    place: str
    size: int
    digest: str


def differing(files: Iterable[Expected], progress: Callable[[int, int], None]) -> set[str]:
    """Return the places of those whose content is not the recorded one, or cannot be read to its end.

    Digests of other kinds than sha256 are passed over. `progress` is told the bytes read so far, and of how many.
    """
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    # The largest first: one of half a gigabyte that comes last would be read alone.
    wanted = sorted((file for file in files if file.digest.startswith("sha256=")), key=lambda file: -file.size)
    total, done = sum(file.size for file in wanted), [0]
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as threads:
        answers = {threads.submit(_is_other, file, done): file.place for file in wanted}
        waiting = set(answers)
        while waiting:
            waiting = wait(waiting, PAUSE, FIRST_EXCEPTION).not_done
            progress(min(done[0], total), total)
        return {place for answer, place in answers.items() if answer.result()}


def _is_other(file: Expected, done: list[int]) -> bool:
    """Whether the content is another one; what is read is counted in `done`, roughly, as threads share it."""
    from base64 import urlsafe_b64encode
    from hashlib import sha256

    digest, block = sha256(), bytearray(BLOCK)
    view = memoryview(block)
    try:
        # The name may have changed hands since its size was asked: a FIFO must not keep us waiting.
        handle = os.open(file.place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(handle, "rb", buffering=0) as opened:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return True
            while count := opened.readinto(block):
                digest.update(view[:count])
                done[0] += count
    except (OSError, ValueError):
        return True
    return urlsafe_b64encode(digest.digest()).rstrip(b"=").decode() != file.digest.removeprefix("sha256=").rstrip("=")
