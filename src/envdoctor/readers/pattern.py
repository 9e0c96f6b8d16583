"""Regular expressions that are compiled when a line first needs them.

The readers know some three hundred forms and a paste shows a few of them: compiling all would take about as long as
all the rest of reading it.
"""

from __future__ import annotations

import re
from functools import cached_property
from sys import maxsize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Pattern:
    """A regular expression, with the methods of a compiled one.

    `words`, in lower case, are such that every match holds one of them: a text without any is not looked at further.
    """

    def __init__(self, source: str, flags: int = 0, *, words: tuple[str, ...] = ()) -> None:
        self.pattern = source
        self.flags = flags
        self.words = words

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The expression for Python's `re`."""
        return re.compile(self.pattern, self.flags)

    def _may_be_in(self, text: str) -> bool:
        if not self.words:
            return True
        lower = text.lower()
        return any(word in lower for word in self.words)

    def search(self, text: str, begins: int = 0, ends: int = maxsize) -> re.Match[str] | None:
        """Return the first match anywhere in a text, or between two places of it."""
        return self.compiled.search(text, begins, ends) if self._may_be_in(text) else None

    def match(self, text: str, begins: int = 0) -> re.Match[str] | None:
        """Return the match with which a text begins, or that begins at a place of it."""
        return self.compiled.match(text, begins) if self._may_be_in(text) else None

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """Return the match of a whole text."""
        return self.compiled.fullmatch(text) if self._may_be_in(text) else None

    def finditer(self, text: str, begins: int = 0) -> Iterator[re.Match[str]]:
        """Yield the matches of a text, or of it from a place on."""
        return self.compiled.finditer(text, begins) if self._may_be_in(text) else iter(())

    def findall(self, text: str) -> list[str]:
        """Return the matches of a text, or what their one group holds."""
        found: list[str] = self.compiled.findall(text) if self._may_be_in(text) else []
        return found

    def sub(self, new: str | Callable[[re.Match[str]], str], text: str) -> str:
        """Return a text with its matches replaced."""
        return self.compiled.sub(new, text) if self._may_be_in(text) else text

    def split(self, text: str, maxsplit: int = 0) -> list[str]:
        """Return what stands between the matches of a text."""
        return [str(part) for part in self.compiled.split(text, maxsplit)] if self._may_be_in(text) else [text]
