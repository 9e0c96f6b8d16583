"""What a mangled name is made of, and how each part is written: the style is that of c++filt of GNU binutils.

A C++ type surrounds what it declares ("int (*" name ")(char)"), so every part is written as what stands left and what
stands right of the name. A template parameter is looked up while it is written, as the same part may stand for another
type elsewhere: among the arguments of the template whose signature is being written.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 100
"""Parts within parts, up to five calls each; names of torch 2.14.1 and triton have 19 at most."""
MOST_EFFORT = 1_000_000
"""Characters written for one name, those of its parts added up: a name that doubles itself ends here."""
EFFORT = 8
"""What a part costs whatever its length, in characters."""


class CannotDemangle(Exception):
    """The name is not mangled by the grammar that is known here, or too deep or too long to be written."""


class Written(NamedTuple):
    """A part as text, left and right of what it declares.

    `shape` is "function" or "array" for types that want parentheses around what they declare, "&" or "&&" for
    references, else "".
    """

    left: str
    right: str = ""
    shape: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One part of a name. Nodes are shared (a later part may refer back), so the whole is a graph without rounds."""

    def _write(self, writer: Writer) -> Written:
        raise NotImplementedError

    def inner(self) -> Iterator[Node]:
        """Yield the parts it is made of."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Node):
                yield value
            elif isinstance(value, tuple):
                yield from value


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """The template arguments that parameters stand for, and the scope in which those arguments were written."""

    arguments: tuple[Node, ...]
    outer: Scope | None


class Writer:
    """Writes nodes; raises `CannotDemangle` where a parameter stands for nothing, and at the bounds above."""

    def __init__(self) -> None:
        self.scope: Scope | None = None
        self.element = 0
        """Which element of a parameter pack is being written."""
        self.in_lambda = False
        self._depth = 0
        self._left = MOST_EFFORT
        self._written: dict[tuple[int, int, int, bool], Written] = {}
        self._scopes: list[Scope] = []

    def written(self, node: Node) -> Written:
        """The node as it stands in the present scope."""
        key = (id(node), id(self.scope), self.element, self.in_lambda)
        found = self._written.get(key)
        if found is None:
            self._depth += 1
            if self._depth > DEEPEST:
                raise CannotDemangle
            found = node._write(self)
            self._depth -= 1
            self.spend(len(found.left) + len(found.right) + EFFORT)
            self._written[key] = found
        return found

    def spend(self, effort: int) -> None:
        """Count what was done for this name; raises `CannotDemangle` where it was too much."""
        self._left -= effort
        if self._left < 0:
            raise CannotDemangle

    def text(self, node: Node) -> str:
        """The node by itself, declaring nothing."""
        left, right, _ = self.written(node)
        return left + right

    def listed(self, nodes: tuple[Node, ...]) -> str:
        """The nodes with commas between; an empty pack is nothing."""
        return ", ".join(text for node in nodes if (text := self.text(node)))

    def within(self, node: Node, scope: Scope | None) -> Written:
        """Write `node` where parameters mean those of `scope`."""
        saved, self.scope = self.scope, scope
        found = self.written(node)
        self.scope = saved
        return found

    def opened(self, arguments: tuple[Node, ...]) -> Scope:
        """A new scope within the present one, kept so that its identity stays its own."""
        scope = Scope(arguments, self.scope)
        self._scopes.append(scope)
        return scope
