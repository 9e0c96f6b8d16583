"""Pages and lists for reading: our own Markdown, filled to a width."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.reporters.lines import Line, joined, styled, wrapped
from envdoctor.reporters.terminal import finding_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.model.finding import Finding

WIDTH = 80
HEADING = "bold"

CODE = re.compile(r"`[^`]{1,200}`")
UNBROKEN = "\N{NULL}"
"""Stands for a blank inside of code while a paragraph is filled; no page holds one."""


@dataclass(frozen=True, slots=True)
class RulePage:
    """What is told of a rule: `text` is the docstring of its file, the rest follows from data.

    `severities` pairs a circumstance with a severity's word, the worst first; `finding` is what the machine called
    `example` yields, None where this matrix finds nothing in it. A rule that judges files alone reads no facts: its
    example is the text of a `file`, and "" for all others.
    """

    rule: str
    worst: str
    text: str
    severities: tuple[tuple[str, str], ...]
    reads: tuple[str, ...]
    explains: tuple[str, ...]
    example: str | None
    finding: Finding | None
    quiet: tuple[str, ...]
    file: str = ""

    @property
    def lead(self) -> str:
        """The sentence above the example."""
        return f"A {'file' if self.file else 'machine'} with this: {self.example}."


def render_page(page: RulePage, *, width: int = WIDTH, colour: bool = False) -> str:
    """Return a rule's page: paragraphs filled, section names on lines of their own."""
    return joined(_page_lines(page, min(width, 100)), colour=colour)


def _page_lines(page: RulePage, width: int) -> Iterator[Line]:
    yield Line(f"{page.rule} (at worst: {page.worst})", HEADING, len(page.rule))
    yield Line()
    indent = ""
    for block in page.text.split("\n\n"):
        heading, _, rest = block.strip().partition("\n") if block.lstrip().startswith("## ") else ("", "", block)
        if heading:
            yield styled(heading.removeprefix("## "), HEADING)
            indent = "  "  # of what follows, up to the next heading
        for paragraph in _paragraphs(rest):
            text = CODE.sub(_unbroken, " ".join(paragraph.split()))
            for line in wrapped(text, width, indent, f"{indent}  " if paragraph.startswith("- ") else indent):
                yield Line(line.text.replace(UNBROKEN, " "))
        yield Line()
    yield styled("Severity", HEADING)
    for when, word in page.severities:
        yield from wrapped(f"{word:8} {when}", width, "  ", " " * 11)
    yield Line()
    if page.finding is not None:
        yield styled("Example", HEADING)
        yield from wrapped(page.lead, width, "  ", "  ")
        yield Line()
        for text in page.file.splitlines():
            yield Line(f"    {text}")
        if page.file:
            yield Line()
        for line in finding_lines(page.finding, width - 4):
            yield Line(f"    {line.text}", line.style, line.styled + 4 if line.style else 0)
        yield Line()
    yield styled("It is silent about", HEADING)
    for title in page.quiet:
        yield from wrapped(title, width, "  - ", "    ")
    if page.reads:
        yield Line()
        yield styled("Facts it reads", HEADING)
        yield from wrapped(", ".join(page.reads), width, "  ", "  ")
    if page.explains:
        yield Line()
        yield styled("Rules whose findings it explains", HEADING)
        yield from wrapped(", ".join(page.explains), width, "  ", "  ")


def _unbroken(code: re.Match[str]) -> str:
    """Return a command such that it stays on one line: what is copied has to arrive whole."""
    return code[0].replace(" ", UNBROKEN)


def _paragraphs(block: str) -> list[str]:
    """Return the paragraphs of a block: each line that begins with a hyphen begins one."""
    paragraphs: list[str] = []
    for line in block.split("\n"):
        if line.startswith("- ") or not paragraphs:
            paragraphs.append(line)
        else:
            paragraphs[-1] += f"\n{line}"
    return paragraphs


def render_list(
    groups: Iterable[tuple[str, Iterable[tuple[str, str, str]]]], *, width: int = WIDTH, colour: bool = False
) -> str:
    """Return the list of rules: under the title of each group the name, worst severity and summary of its rules."""
    return joined(_list_lines(groups, min(width, 100)), colour=colour)


def _list_lines(groups: Iterable[tuple[str, Iterable[tuple[str, str, str]]]], width: int) -> Iterator[Line]:
    for title, rules in groups:
        yield styled(title, HEADING)
        yield Line()
        for name, worst, summary in rules:
            yield Line(f"  {name}")
            yield from wrapped(f"{summary} (at worst: {worst})", width, "      ", "      ")
        yield Line()
