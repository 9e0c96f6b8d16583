"""Environment markers in which what a case decides (extras and groups) is decided, and their opposites.

The grammar is PEP 508's, with `extras` and `dependency_groups` of PEP 751. `packaging` evaluates markers whole; here
parts of one are, and the rest is kept for whoever knows the Python and the platform.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(r"""\s*(\(|\)|"[^"]*"|'[^']*'|===|~=|==|!=|<=|>=|<|>|[A-Za-z_][\w.]*)""")
_OPPOSITES = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}
_MOST = 2000
_DEEPEST = 30

_DECIDED = ("extra", "extras", "dependency_groups")


class Comparison(NamedTuple):
    """`left operator right`, as they are written."""

    left: str
    operator: str
    right: str


class Joined(NamedTuple):
    """Parts of which all have to hold, or any."""

    word: str
    parts: tuple[Node, ...]


Node = Comparison | Joined | bool


def decided(marker: str, names: frozenset[str]) -> str | None:
    """Return a marker in which extras and groups are decided; None where it never holds, "" where it always does.

    `names` are the extras and groups of the case. A marker that cannot be read is returned as it is.
    """
    if not any(word in marker for word in _DECIDED):
        return marker
    tree = _parsed(marker)
    if tree is None:
        return marker
    said = _simplified(tree, names)
    if isinstance(said, bool):
        return "" if said else None
    return _words(said)


def opposite(marker: str) -> str | None:
    """Return the marker that holds where `marker` does not; None where that cannot be said."""
    tree = _parsed(marker)
    turned = None if tree is None else _opposite(tree)
    return None if turned is None or isinstance(turned, bool) else _words(turned)


def _parsed(marker: str) -> Node | None:
    tokens: list[str] = []
    at = 0
    marker = marker.rstrip()
    while at < len(marker):
        match = _TOKEN.match(marker, at)
        if not match or len(marker) > _MOST:
            return None
        tokens.append(match[1])
        at = match.end()
    parser = _Parser(tokens)
    try:
        tree = parser.any_of(0)
    except (IndexError, ValueError):
        return None
    return tree if not parser.tokens else None


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens[::-1]

    def any_of(self, depth: int) -> Node:
        return self._joined("or", depth)

    def _joined(self, word: str, depth: int) -> Node:
        parts = [self._below(word, depth)]
        while self.tokens and self.tokens[-1] == word:
            self.tokens.pop()
            parts.append(self._below(word, depth))
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _below(self, word: str, depth: int) -> Node:
        return self._joined("and", depth) if word == "or" else self._one(depth)

    def _one(self, depth: int) -> Node:
        token = self.tokens.pop()
        if token != "(":
            operator = self.tokens.pop()
            if operator == "not":
                operator = f"not {self.tokens.pop()}"
            return Comparison(token, operator, self.tokens.pop())
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        inner = self.any_of(depth + 1)
        if self.tokens.pop() != ")":
            raise ValueError("a parenthesis does not end")
        return inner


def _simplified(node: Node, names: frozenset[str]) -> Node:
    if isinstance(node, Comparison):
        return _settled(node, names)
    if isinstance(node, bool):
        return node
    ends = node.word == "or"  # what settles the whole: one that holds in "or", one that does not in "and"
    parts = [_simplified(part, names) for part in node.parts]
    if any(part is ends for part in parts):
        return ends
    kept = tuple(part for part in parts if not isinstance(part, bool))
    if not kept:
        return not ends
    return kept[0] if len(kept) == 1 else Joined(node.word, kept)


def _settled(one: Comparison, names: frozenset[str]) -> Node:
    if "extra" in (one.left, one.right) and one.operator in ("==", "!="):
        named = one.right if one.left == "extra" else one.left
        return (named.strip("\"'") in names) is (one.operator == "==")
    if one.right in ("extras", "dependency_groups") and one.operator in ("in", "not in"):
        return (one.left.strip("\"'") in names) is (one.operator == "in")
    return one


def _opposite(node: Node) -> Node | None:
    if isinstance(node, bool):
        return not node
    if isinstance(node, Comparison):
        operator = _OPPOSITES.get(node.operator)
        return node._replace(operator=operator) if operator else None
    parts = [_opposite(part) for part in node.parts]
    if any(part is None for part in parts):
        return None
    return Joined("and" if node.word == "or" else "or", tuple(part for part in parts if part is not None))


def _words(node: Node) -> str:
    if isinstance(node, Comparison):
        return " ".join(node)
    if isinstance(node, bool):
        return ""
    return f" {node.word} ".join(
        f"({_words(part)})" if isinstance(part, Joined) else _words(part) for part in node.parts
    )
