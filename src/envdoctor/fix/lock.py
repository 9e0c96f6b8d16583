"""One doctor at a time: flock(2) on a file beside the environment.

The kernel gives the lock back when the process ends, however it ends. Windows has no flock; there nothing is carried
out, and nothing is locked.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from envdoctor.fix.durable import remove_file
from envdoctor.fix.place import make_state, unmake_state
from envdoctor.host.process import STARTING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.fix.place import Place

LOCKED: list[Place] = []
"""Where this process is at work: a signal that ends it puts that right first (`recovering.undo_all`)."""

TRIES = 100
"""How often the folder may go away under another doctor's hands before that is an error."""


class Held(Exception):
    """Another doctor is at work there; `pid` is its process, None where it did not tell."""

    def __init__(self, pid: int | None) -> None:
        by = "another process" if pid is None else f"process {pid}"
        super().__init__(f"envdoctor is already at work on this environment ({by})")
        self.pid = pid


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Hold the lock, for which the state folder is made; at the end that folder goes away if nothing is in it.

    Raises Held and OSError.
    """
    with STARTING:  # a signal between the two would leave the folder behind
        descriptor = _take(place)
        LOCKED.append(place)
    try:
        yield
    finally:
        drop_state(place)
        LOCKED.remove(place)
        if descriptor is not None:
            _let_go(descriptor)


def drop_state(place: Place) -> None:
    """Remove the state folder if it holds nothing of worth. With the lock held; never raises."""
    with suppress(OSError):
        # The lock's file last: whoever has it open by then finds, once it is free, that it is no longer the one.
        own = [place.ignore, place.lock]
        if {os.path.join(place.state, name) for name in os.listdir(place.state)} <= set(own):
            for path in own:
                remove_file(path)
            os.rmdir(place.state)


def _take(place: Place) -> int | None:
    """Return the descriptor that holds the lock; no program that is started inherits it (PEP 446)."""
    if sys.platform == "win32":
        make_state(place)
        return None
    import fcntl

    for _ in range(TRIES):
        try:
            make_state(place)
            descriptor = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:  # the folder was removed this moment
            continue
        except OSError:
            unmake_state(place)
            raise
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_the_one(descriptor, place.lock):
                make_state(place)  # another doctor may have been about to remove it, and have begun
                with suppress(OSError):  # a full disk: only the message to another doctor is the poorer
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
                return descriptor
        except BlockingIOError:
            told = os.pread(descriptor, 20, 0)
            os.close(descriptor)
            raise Held(int(told) if told.isdigit() else None) from None
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise OSError(f"{place.state} was removed again and again by others")


def _is_the_one(descriptor: int, path: str) -> bool:
    """Whether the file that is open is the one that the path names now."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _let_go(descriptor: int) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_UN)  # not by closing alone: a forked child may have it open too
    os.close(descriptor)
