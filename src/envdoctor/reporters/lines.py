"""Lines of a report for people: a width, a style, and nothing of a machine that could act in a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.reporters.plain_text import without_commands

if TYPE_CHECKING:
    from collections.abc import Iterable

SENTENCE = 1000
"""Characters of one message or reason; those are our own sentences with words of the machine in them."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report; `style` (as `rich` names it) holds for the first `styled` characters."""

    text: str = ""
    style: str = ""
    styled: int = 0


def styled(text: str, style: str) -> Line:
    """Return a line that is styled from end to end."""
    return Line(text, style, len(text))


def joined(lines: Iterable[Line], *, colour: bool) -> str:
    """Return the lines as text, empty ones at the end left out; `colour` adds ANSI styles to the same text."""
    kept = list(lines)
    while kept and not kept[-1].text:
        kept.pop()
    harmless = [Line(without_commands(line.text), line.style, line.styled) for line in kept]
    return "".join((_coloured(line) if colour else line.text) + "\n" for line in harmless)


def wrapped(text: str, width: int, first: str = "", other: str = "") -> list[Line]:
    """Return `text` in lines of at most `width` columns; a word that is longer stays whole."""
    text = text.strip()
    if not text:
        return []
    if len(first) + len(text) <= width:
        return [Line(first + text)]
    import textwrap

    filled = textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=other,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [Line(line) for line in filled]


def _coloured(line: Line) -> str:
    if not line.style:
        return line.text
    # About 50 ms, paid only by those who see the colours.
    from rich.color import ColorSystem
    from rich.style import Style

    styled = Style.parse(line.style).render(line.text[: line.styled], color_system=ColorSystem.STANDARD)
    return styled + line.text[line.styled :]
