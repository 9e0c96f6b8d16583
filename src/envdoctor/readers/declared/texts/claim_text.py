"""Prose made ready for reading: marks of Markdown and HTML as blanks, wide punctuation as narrow, columns unchanged."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | dict.fromkeys((0xA0, 0x2003, 0x3000), 0x20)
"""The wide forms of ASCII letters, and blanks, as ASCII."""
_MARKS = re.compile(
    r"<(?!https?:)/?[A-Za-z!][^<>]{0,300}>|\]\([^()\s]{0,500}\)|&nbsp;|\*{1,3}|`{1,3}|__|~~|!?\[(?=[^\]]{1,200}\])|https?://[^\s)>|]{1,500}"
)
_SENTENCE = re.compile(r"\u3002|[.!?;](?=[\s\"')\]]|[^\x00-\x7f]|$)")


class Stretch(NamedTuple):
    """Several lines as one text: `starts` are the offsets at which they begin, `lines` their (number, column)."""

    text: str
    starts: tuple[int, ...]
    lines: tuple[tuple[int, int], ...]

    def place(self, file: str, at: int) -> Place:
        """Return the place of an offset."""
        index = bisect_right(self.starts, at) - 1
        line, column = self.lines[index]
        return Place(file, line, column + at - self.starts[index])


def plain(line: str) -> str:
    """Return a line without marks, each letter where it was."""
    return _MARKS.sub(lambda mark: " " * len(mark[0]), line).translate(_WIDE)


def joined(lines: Sequence[tuple[int, str]]) -> Stretch:
    """Join lines to one text."""
    starts, at = [], 0
    for _, line in lines:
        starts.append(at)
        at += len(line) + 1
    return Stretch("\n".join(line for _, line in lines), tuple(starts), tuple((number, 1) for number, _ in lines))


def sentences(stretch: Stretch) -> Iterator[tuple[int, str, bool]]:
    """Yield the sentences of a text: where each begins, its words, and whether it asks."""
    begin = 0
    for match in _SENTENCE.finditer(stretch.text):
        yield begin, stretch.text[begin : match.start()], match[0] == "?"
        begin = match.end()
    yield begin, stretch.text[begin:], False
