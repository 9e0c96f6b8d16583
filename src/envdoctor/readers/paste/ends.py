"""A long log is read at its ends: what the machine is stands at the beginning, what went wrong at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.readers.paste.cleaning import clean

if TYPE_CHECKING:
    from envdoctor.model.paste import Line

MOST_LINES = 20_000
"""Lines that are read of a paste: half from its beginning, half from its end. collect_env has about a hundred."""

MOST_CHARACTERS = 4_000_000
"""Characters that are read, likewise; 20,000 lines of a build log have about half of it."""


def read_ends(text: str) -> tuple[tuple[Line, ...], int | None]:
    """Return the lines of a paste, cleaned, and how many they are where the paste has more."""
    feed = "\n" if "\n" in text else "\r"
    ends = _end_of_first(text, feed)
    if ends >= len(text):
        return clean(text), None
    begins = max(ends, _beginning_of_last(text, feed))
    head = clean(text[:ends])
    tail = clean(text[begins:], 1 + text.count(feed, 0, begins))
    return (*head, *tail), len(head) + len(tail)


def _end_of_first(text: str, feed: str) -> int:
    """Return where the first half ends, with a line unless one alone is too long, or where all of a short text does."""
    if len(text) <= MOST_CHARACTERS and text.count(feed) < MOST_LINES:
        return len(text)
    at = 0
    for _ in range(MOST_LINES // 2):
        found = text.find(feed, at, MOST_CHARACTERS // 2)
        if found < 0:
            return at or MOST_CHARACTERS // 2
        at = found + 1
    return at


def _beginning_of_last(text: str, feed: str) -> int:
    """Return where the last half begins: with a line, unless one alone is too long for it."""
    least = len(text) - MOST_CHARACTERS // 2
    at = len(text) - text.endswith(feed)
    for _ in range(MOST_LINES // 2):
        found = text.rfind(feed, least, at)
        if found < 0:
            return at + 1 if at < len(text) - 1 else least
        at = found
    return at + 1
