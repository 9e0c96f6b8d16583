"""Work that is waited for so long and no longer, whatever a server does.

The timeouts of sockets are for each piece that comes: a server that drips the head of its answer keeps them waiting for
hours, and no timeout is for the lookup of a name.
"""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


def within(seconds: float, work: Callable[[], Result]) -> Result | None:
    """Return what `work` returns; None where it takes longer, and then it is left to itself until this process ends."""
    done: SimpleQueue[Result] = SimpleQueue()
    thread = Thread(target=lambda: done.put(work()), name="ask a server", daemon=True)
    thread.start()
    thread.join(seconds)
    return None if done.empty() else done.get()
