"""A long log is read at its ends: what the machine is stands at the beginning, what went wrong at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.paste import Line

MOST_LINES = 40_000
"""Lines that are read of a paste: half from its beginning, half from its end. collect_env has about a hundred."""


def interesting(lines: Sequence[Line]) -> tuple[Sequence[Line], int | None]:
    """Return the lines to read, and their number where the paste has more."""
    if len(lines) <= MOST_LINES:
        return lines, None
    half = MOST_LINES // 2
    return (*lines[:half], *lines[-half:]), MOST_LINES
