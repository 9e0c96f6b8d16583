"""How far the battery is: one live line on a terminal, a plain line for each finished test elsewhere."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from envdoctor.commands.deliver import terminal_width
from envdoctor.model.smoke import Status
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.smoke.battery import Progress

LONGEST = 200
"""Characters of a message on a plain line; the report has all of it."""
CLEAR = "\x1b[K\r"
"""Clears to the end of the line, and the cursor goes back: what is written next takes its place."""

LIVE: list[str] = []
"""The line that stands on the terminal at this moment."""
LAST_REASON: list[str] = []
"""Why the last test was skipped that was told of: those after it for the same reason are not told one by one."""


def teller(*, plain: bool, watched: bool = True) -> Callable[[Progress], None]:
    """Return what tells the progress on standard error; with `plain` False only a terminal is told.

    A terminal is told at once that torch is imported, which takes longest. Nobody is told where it is not `watched`.
    """
    if not watched:
        return _tell_nobody
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        _show("importing torch")
        return _tell_live
    return _tell_plain if plain else _tell_nobody


def clear() -> None:
    """Take the live line away; where none stands nothing is written."""
    if LIVE:
        LIVE.clear()
        _write(CLEAR)


def _tell_live(progress: Progress) -> None:
    if progress.result is not None and progress.done >= progress.of:
        clear()
    elif progress.result is None:
        _show(f"{_place(progress.done + 1, progress)} {progress.test} on {progress.device}")


def _show(text: str) -> None:
    LIVE[:] = [safe(text)[: terminal_width() - 1]]
    _write(f"{LIVE[0]}{CLEAR}")


def _tell_plain(progress: Progress) -> None:
    result = progress.result
    if result is None or (result.status is Status.SKIPPED and [result.message] == LAST_REASON):
        return
    LAST_REASON[:] = [result.message] if result.status is Status.SKIPPED else []
    ran = result.seconds is not None and result.status is not Status.SKIPPED
    took = f" in {result.seconds:.2f} s" if ran else ""
    why = f": {safe(result.message, LONGEST)}" if result.message and result.status is not Status.PASSED else ""
    on = f"{progress.test} on {progress.device}"
    _write(f"{_place(progress.done, progress)} {safe(on)} {result.status.value}{took}{why}\n")


def _tell_nobody(progress: Progress) -> None:
    """For a check by itself in a pipe, where nobody asked for kernels, and for programs that call the API."""


def _place(number: int, progress: Progress) -> str:
    return f"[{number:{len(str(progress.of))}}/{progress.of}]"


def _write(text: str) -> None:
    """Write past the buffer: a signal's handler clears the line too, maybe in the midst of a write."""
    try:
        os.write(sys.stderr.fileno(), text.encode("utf-8", "backslashreplace"))
    except (OSError, ValueError):  # the terminal went away, or is none; the report may still have a reader
        pass
