"""Where the reading of a mangled name stands: its text, what may be referred back to, how deep within itself it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.binary.demangling.words import QUALIFIERS
from envdoctor.binary.demangling.writing import CannotDemangle

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.binary.demangling.writing import Node

DEEPEST = 100
"""Types, expressions and functions within each other, up to six calls each; torch 2.14.1 and triton have 27 at most."""
LONGEST_NUMBER = 9


class Cursor:
    """One mangled name; what cannot be read raises `CannotDemangle`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._known: list[Node] = []
        self._depth = 0

    def _peek(self, length: int = 1) -> str:
        return self._text[self._at : self._at + length]

    def _take(self, wanted: str) -> bool:
        """Whether `wanted` stands here; read if so."""
        if self._text.startswith(wanted, self._at):
            self._at += len(wanted)
            return True
        return False

    def _demand(self, wanted: str) -> None:
        if not self._take(wanted):
            raise CannotDemangle

    def _digits(self) -> str:
        start = self._at
        while "0" <= self._peek() <= "9":
            self._at += 1
        return self._text[start : self._at]

    def _number(self) -> int:
        """Digits, as a number; raises without any, or with more than a name can mean."""
        digits = self._digits()
        if not 0 < len(digits) <= LONGEST_NUMBER:
            raise CannotDemangle
        return int(digits)

    def _sequence(self) -> int:
        """A number that is left out for 0 and counts on from 1 otherwise, and the "_" behind it."""
        if self._take("_"):
            return 0
        found = self._number() + 1
        self._demand("_")
        return found

    def _signed(self) -> str:
        sign = "n" if self._take("n") else ""
        digits = self._digits()
        if not digits:
            raise CannotDemangle
        return sign + digits

    def _seq_id(self) -> int:
        """A number of base 36 and the "_" behind it: nothing is 0, "0" is 1."""
        end = self._text.find("_", self._at)
        digits = self._text[self._at : end] if end >= 0 else "?"
        self._at = end + 1
        if not digits:
            return 0
        if len(digits) > 6 or not all("0" <= digit <= "9" or "A" <= digit <= "Z" for digit in digits):
            raise CannotDemangle
        return int(digits, 36) + 1

    def _identifier(self) -> str:
        length = self._number()
        found = self._peek(length)
        if not length or len(found) != length:
            raise CannotDemangle
        self._at += length
        return found

    def _qualifiers(self) -> list[str]:
        """The words, the innermost first."""
        found: list[str] = []
        while self._peek() in QUALIFIERS:
            found.insert(0, QUALIFIERS[self._peek()])
            self._at += 1
        return found

    def _until_end(self, rule: Callable[[], Node]) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._take("E"):
            found.append(rule())
        return tuple(found)

    def _bounded(self, rule: Callable[[], Node]) -> Node:
        """What `rule` reads, one step deeper."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise CannotDemangle
        node = rule()
        self._depth -= 1
        return node

    def _remembered(self, node: Node) -> Node:
        """A part that a later one may refer back to."""
        self._known.append(node)
        return node
