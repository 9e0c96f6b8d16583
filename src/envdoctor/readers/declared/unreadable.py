"""What every reader says of a text that it cannot read."""

from __future__ import annotations


class Unreadable(Exception):
    """The text is not what its name says; the message is one line that says why."""


def one_line(problem: Exception) -> str:
    """Return what a parser says of a text, in one line of bounded length."""
    return " ".join(str(problem).split())[:200]
