"""Pages and lists for reading: our own Markdown, filled to a width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.reporters.lines import Line, joined, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WIDTH = 80


def render_page(title: str, page: str) -> str:
    """Return a rule's page: paragraphs filled, section names on lines of their own."""
    return joined(_page_lines(title, page), colour=False)


def _page_lines(title: str, page: str) -> Iterator[Line]:
    yield Line(title)
    yield Line()
    for block in page.split("\n\n"):
        heading, _, rest = block.strip().partition("\n") if block.lstrip().startswith("## ") else ("", "", block)
        if heading:
            yield Line(heading.removeprefix("## "))
        yield from wrapped(" ".join(rest.split()), WIDTH, "  " if heading else "", "  " if heading else "")
        yield Line()


def rule_lines(rules: Iterable[tuple[str, str, str]]) -> Iterator[Line]:
    """Yield name, worst severity and summary of each rule."""
    for name, worst, summary in rules:
        yield Line(name)
        yield from wrapped(f"{summary} (at worst: {worst})", WIDTH, "    ", "    ")
