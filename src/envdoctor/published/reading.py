"""Many wheels at once: a few threads, an answer or a reason for each."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeAlias

from envdoctor.published.extra import require
from envdoctor.published.unreachable import Unreachable
from envdoctor.published.wheel import WheelContents, read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envdoctor.published.files import PublishedFile
    from envdoctor.published.session import Session

THREADS = 4
"""More would be rude to an index, and the search for architectures holds one processor."""

Outcome: TypeAlias = "WheelContents | Unreachable"


def read_all(
    files: Sequence[PublishedFile],
    session: Session,
    *,
    architectures: bool,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Outcome, ...]:
    """Read every wheel and return what came of it, in the order of `files`. Raises `MissingExtra`.

    `progress` is called in this thread with how many are done, and how many there are. What it raises, and
    `KeyboardInterrupt`, ends the wait at once: the threads are daemons, which keep no process alive.
    """
    require()
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Outcome | BaseException]] = queue.SimpleQueue()
    stopped = threading.Event()
    for number in range(len(files)):
        waiting.put(number)

    def work() -> None:
        while not stopped.is_set():
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, read(files[number], session, architectures=architectures)))
            except Unreachable as reason:
                done.put((number, reason))
            except BaseException as bug:  # raised again in the thread that waits
                done.put((number, bug))
                return

    for _ in range(min(THREADS, len(files))):
        threading.Thread(target=work, name="read a wheel", daemon=True).start()
    outcomes: dict[int, Outcome] = {}
    try:
        while len(outcomes) < len(files):
            number, outcome = done.get()
            if not isinstance(outcome, (WheelContents, Unreachable)):
                raise outcome
            outcomes[number] = outcome
            if progress is not None:
                progress(len(outcomes), len(files))
    finally:
        stopped.set()
    return tuple(outcomes[number] for number in range(len(files)))
