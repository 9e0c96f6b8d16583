"""On which line of a TOML file a key stands: the parser of the standard library does not tell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Path: TypeAlias = tuple["str | int", ...]
"""Where a value is: keys, and for an array of tables the number of the table, from 0."""

_PART = r"""(?:[A-Za-z0-9_-]{1,200}|"(?:[^"\\\n]|\\.){0,200}"|'[^'\n]{0,200}')"""
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART}){{0,10}}"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEY})[ \t]*\]")
_LINE = re.compile(rf"[ \t]*({_KEY})[ \t]*=")
_ONE_PART = re.compile(_PART)
# Strings before comments: a "#" in a string begins none. Three quotes before one. A string that does not end in its
# line takes the rest of it, so that no text is gone over twice.
_OPENING = re.compile(r'"""|\'\'\'|"(?:[^"\\]|\\.)*(?:"|\\?$)|\'[^\']*(?:\'|$)|#.*')


def lines_of_keys(text: str) -> Mapping[Path, int]:
    """Return the line, from 1, on which each key and each table is named first, be it as a part of a longer name.

    Keys within inline tables are not there; whoever asks for one takes the line of what holds it.
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    within: Path = ()
    closing = ""
    for number, line in enumerate(text.split("\n"), start=1):
        rest = line
        if closing:
            _, closed, rest = line.partition(closing)
            if not closed:
                continue
            rest = rest.lstrip(closing[0])  # the text may end in quotes of its own
            closing = ""
        elif header := _HEADER.match(line):
            within = _parts(header[2])
            if header[1] == "[[":
                counts[within] = counts.get(within, -1) + 1
                within = (*within, counts[within])
            _note(found, within, number)
            continue
        elif key := _LINE.match(line):
            _note(found, (*within, *_parts(key[1])), number)
            rest = line[key.end() :]
        closing = _left_open(rest)
    return found


def _note(found: dict[Path, int], path: Path, number: int) -> None:
    for length in range(1, len(path) + 1):
        found.setdefault(path[:length], number)


def line_of(found: Mapping[Path, int], path: Path) -> int | None:
    """Return the line of a value, or of the table around it; None where neither was found."""
    while path:
        if path in found:
            return found[path]
        path = path[:-1]
    return None


def _parts(key: str) -> Path:
    return tuple(part.strip("\"'") if part[0] in "\"'" else part for part in _ONE_PART.findall(key))


def _left_open(text: str) -> str:
    """Return the quotes that would end a string of several lines which begins in a line, "" for none."""
    at = 0
    while found := _OPENING.search(text, at):
        at = found.end()
        if found[0] in ('"""', "'''"):
            end = text.find(found[0], at)
            if end < 0:
                return found[0]
            at = end + 3
    return ""
