"""How far a fix is: one live line on a terminal, a plain line for each thing that is begun elsewhere."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from envdoctor.commands.deliver import terminal_width
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

CLEAR = "\x1b[K\r"
"""Clears to the end of the line, and the cursor goes back: what is written next takes its place."""

BETWEEN = 0.1
"""Seconds between two writes of the same words: a copy tells of each file."""

LIVE: list[str] = []
"""The line that stands on the terminal at this moment."""


def teller() -> Callable[[str, int | None, int | None], None]:
    """Return what tells on standard error what is done, and how many bytes of how many.

    A terminal has one line that is written anew; in a pipe each thing has one line when it begins.
    """
    live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    told = ""
    last = 0.0

    def tell(what: str, done: int | None = None, of: int | None = None) -> None:
        nonlocal told, last
        now = time.monotonic()
        if what == told and (not live or (now - last < BETWEEN and done != of)):
            return
        fresh = what != told
        told, last = what, now
        if live:
            _show(f"{what}{_amount(done, of)}")
        elif fresh:
            _write(f"{safe(what)}{_amount(None, of)}\n")

    return tell


def clear() -> None:
    """Take the live line away; where none stands nothing is written."""
    if LIVE:
        LIVE.clear()
        _write(CLEAR)


def _show(text: str) -> None:
    LIVE[:] = [safe(text)[: terminal_width() - 1]]
    _write(f"{LIVE[0]}{CLEAR}")


def _amount(done: int | None, of: int | None) -> str:
    """Return " 1.2 of 5.8 GB", with one unit for both."""
    if not of:
        return ""
    unit, size = ("GB", 1e9) if of >= 1e9 else ("MB", 1e6) if of >= 1e6 else ("kB", 1e3)
    begun = "" if done is None else f" {done / size:.1f} of"
    return f"{begun} {of / size:.1f} {unit}"


def _write(text: str) -> None:
    """Write past the buffer: a signal's handler clears the line too, maybe in the midst of a write."""
    try:
        os.write(sys.stderr.fileno(), text.encode("utf-8", "backslashreplace"))
    except (OSError, ValueError):  # the terminal went away, or is none; the report may still have a reader
        pass
