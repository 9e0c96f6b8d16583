"""YAML as nodes that know where they stand.

Nothing is constructed: tags make nothing, aliases stay one node, and a walk over them ends after a bounded number of
steps. Depth is bounded before the text reaches the parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.place import Place
from envdoctor.readers.declared.unreadable import Unreadable, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yaml import Node, SafeLoader

MOST = 4_000_000
"""Characters of a YAML text that is read: the largest lock files of conda have less."""

DEEPEST = 60
"""Levels of a text that somebody wrote; more are an attack on the parser."""

MOST_EVENTS = 200_000
"""What a YAML text may consist of: a lock file for five platforms has about half."""

_MERGES = 3
"""Levels of `<<`, and what one of them may name."""


class Scalar(NamedTuple):
    """A string in YAML: its text, and the line and column (from 1) where the text begins.

    `lines_as_written` where each line of it is a line of the file, `column` being that of each: `|` and one-line text.
    """

    text: str
    line: int
    column: int
    lines_as_written: bool = True

    def place(self, file: str) -> Place:
        """Where it stands in a file."""
        return Place(file, self.line, self.column)


class Entry(NamedTuple):
    """A key of a mapping and what stands for it."""

    key: str
    key_node: Node
    value: Node


def documents(text: str) -> tuple[Node, ...]:
    """Return the roots of the documents in a YAML text; raises `Unreadable`."""
    import yaml

    if len(text) > MOST:
        raise Unreadable(f"it is larger than {MOST // 1_000_000} MB")
    # PyYAML may stand without libyaml.
    loader: type[SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _must_be_bounded(text, loader)
        return tuple(one for one in yaml.compose_all(text, loader) if one is not None)
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        raise Unreadable(f"it is no YAML: {one_line(problem)}") from problem


def entries(node: Node | None, merged: int = 0) -> Iterator[Entry]:
    """Yield the entries of a mapping in order, those that `<<` merges in first; nothing for any other node."""
    from yaml import MappingNode, ScalarNode, SequenceNode

    if not isinstance(node, MappingNode):
        return
    own = [Entry(key.value, key, value) for key, value in node.value if isinstance(key, ScalarNode)]
    keys = {one.key for one in own}
    for one in own:
        if one.key == "<<" and merged < _MERGES:
            others = one.value.value if isinstance(one.value, SequenceNode) else [one.value]
            for other in others[: 2 * _MERGES]:
                yield from (told for told in entries(other, merged + 1) if told.key not in keys)
    yield from (one for one in own if one.key != "<<")


def entry(node: Node | None, *keys: str) -> Node | None:
    """Return what stands in a mapping under a key, and so on for further keys; None where nothing does.

    Of a key that stands twice, the last holds, as in PyYAML.
    """
    for key in keys:
        found = None
        for one in entries(node):
            if one.key == key:
                found = one.value
        node = found
    return node


def has_entries(node: Node | None) -> bool:
    """Whether a node is a mapping with something in it."""
    return next(entries(node), None) is not None


def items(node: Node | None) -> Sequence[Node]:
    """Return what stands in a sequence; nothing for any other node."""
    from yaml import SequenceNode

    return node.value if isinstance(node, SequenceNode) else ()


def scalar(node: Node | None, lines: Sequence[str]) -> Scalar | None:
    """Return the string of a node, None for any other node; `lines` are those of the whole text."""
    from yaml import ScalarNode

    if not isinstance(node, ScalarNode):
        return None
    line, column = node.start_mark.line, node.start_mark.column
    if node.style in ("|", ">"):
        first = line + 1
        while first < len(lines) and not lines[first].strip():
            first += 1
        indent = len(lines[first]) - len(lines[first].lstrip(" ")) if first < len(lines) else 0
        # Blank lines before the first stand in the text too.
        return Scalar(node.value, line + 2, indent + 1, node.style == "|")
    quoted = 1 if node.style in ("'", '"') else 0
    return Scalar(node.value, line + 1, column + 1 + quoted, node.start_mark.line == node.end_mark.line)


def written(node: Node | None, lines: Sequence[str]) -> tuple[Scalar, ...]:
    """Return the strings of a node that is one or a list of them."""
    found = [scalar(one, lines) for one in items(node)] or [scalar(node, lines)]
    return tuple(one for one in found if one is not None)


def _must_be_bounded(text: str, loader: type[SafeLoader]) -> None:
    """Raise `Unreadable` for what is too much.

    Nesting exhausts the stack of libyaml's composer, which nothing could catch.
    """
    import yaml

    depth = 0
    for number, event in enumerate(yaml.parse(text, loader)):
        if number > MOST_EVENTS:
            raise Unreadable(f"it has more than {MOST_EVENTS} parts")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise Unreadable(f"it is nested more than {DEEPEST} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
