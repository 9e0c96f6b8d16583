"""A place in a text: what findings about files and pastes point at."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A stretch of a file: lines and columns count from 1; `end_line` is the last line it covers."""

    file: str
    line: int
    column: int = 1
    end_line: int = 0

    @property
    def last_line(self) -> int:
        """The last line it covers: `line` itself where nothing else was said."""
        return max(self.line, self.end_line)


class Amendment(NamedTuple):
    """A stretch of one line that has to read otherwise: `old`, at or after the column of `place`, becomes `new`.

    `safe` where nothing but the defect changes by it: what `lint --fix` may write unasked.
    """

    place: Place
    old: str
    new: str
    safe: bool = True
