"""Where the reading of a mangled name stands: its text, what may be referred back to, how deep within itself it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.binary.demangling.nodes import CannotDemangle

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.binary.demangling.nodes import Node

DEEPEST = 100
"""Types, expressions and functions within each other, up to six calls each; torch 2.14.1 and triton have 27 at most."""


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

    def _number(self, longest: int = 9) -> int:
        """Digits, as a number; raises without any, or with more than a name can mean."""
        digits = self._digits()
        if not 0 < len(digits) <= longest:
            raise CannotDemangle
        return int(digits)

    def _sequence(self) -> int:
        """A number that is left out for 0 and counts on from 1 otherwise, and the "_" behind it."""
        if self._take("_"):
            return 0
        found = self._number() + 1
        self._demand("_")
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
