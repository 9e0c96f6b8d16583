"""Markdown and plain text divided into what is code and what is prose, each with the lines it stands on."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token


class Block(NamedTuple):
    """A stretch of code. Its lines begin at `line` of the file, with blanks for what is no code: columns stay.

    `language` is what the fence says ("bash"), `said` the last words before it, `section` the number of the heading it
    stands under. `inline` where it stands within a sentence, at `column`.
    """

    text: str
    line: int
    language: str = ""
    said: str = ""
    section: int = 0
    inline: bool = False
    column: int = 1


class Divided(NamedTuple):
    """The code of a text in order, and its prose: (line number, the whole line), rows of tables included."""

    blocks: tuple[Block, ...]
    prose: tuple[tuple[int, str], ...]


_FENCE = re.compile(r"\s{0,40}(?:`{3,}|~{3,})\s{0,4}\{?\.?([\w+-]{0,40})")
_TAG = re.compile(r"<!--|-->|</?[A-Za-z][^<>]{0,300}>")
_SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]{3,2000})\1(?!`)")
_MOST_OF_A_REST = 400
"""Characters of code in the second line of what a paragraph broke in two."""

_REFUSED = re.compile(
    r"[\s)\"'*_,]{0,4}(?:(?:will|would|also|then|now|currently)\s){0,2}"
    r"(?:fail(?:s|ed)?\b|do(?:es)?(?: not|n['\u2019]t)\b|"
    r"no longer\b|won['\u2019]t\b|not\b|can(?:not|['\u2019]t)\b|breaks?\b|crash(?:es|ed)?\b|"
    r"(?:is|was|were) (?:wrong|no|not|broken)\b|→|⇒|➜|[-=]>|(?:会|将|就)?(?:失败|报错|不行|无法|不能))",
    re.IGNORECASE,
)
"""What stands behind code that nobody shall follow: that it fails, or what it was replaced by."""

_CODE_OF_HTML = re.compile(r"<(?:pre|code|samp|kbd)\b", re.IGNORECASE)
_COMMAND = re.compile(
    r"[\s>]{0,40}(?:(?:[-*+•]|\d{1,2}[.)])\s{1,4})?(?:[$%>#!\u276f]\s{0,4})?(?:sudo\s(?:-H\s)?)?"
    r"(?:[\w./\\-]{0,60}python[\d.]{0,5}(?:\.exe)?\s-m\s|py\s(?:-[\d.]{1,5}\s)?-m\s)?(?:uv\s)?"
    r"(?:[\w./\\-]{0,60}pip[\d.]{0,5}(?:\.exe)?|conda|mamba|micromamba|uv|poetry|pdm|pixi|pipenv)\s{1,4}"
    r"(?:-\S{1,40}\s{1,4}){0,3}(?:install|add|create)\s"
)
"""A line of prose that is a command: its fence was lost, or never there."""

_GOES_ON = re.compile(r"(?:\\|\s[\^`])\s{0,4}$")
_DIRECTIVE = re.compile(
    r"\s{0,40}(?:\.\.\s{1,4}(?:code-block|code|prompt|sourcecode|parsed-literal)::\s{0,4}([\w+-]{0,40}).{0,80}|.{0,400}::)\s{0,4}$"
)


def divided_markdown(text: str) -> Divided:
    """Divide a Markdown text, as CommonMark is read."""
    from markdown_it import MarkdownIt

    lines = text.split("\n")
    # What is within paragraphs is looked for here, where its columns are known; rows of tables are read as lines.
    parser = MarkdownIt("commonmark", {"maxNesting": 40}).disable("inline")
    blocks: list[Block] = []
    code: set[int] = set()
    section, said = 0, ""
    try:
        tokens = parser.parse(text)
    except RecursionError:
        return divided_plain(text)
    for token in tokens:
        if token.type == "heading_open":
            section += 1
        if not token.map:
            continue
        first, end = token.map
        if token.type in ("fence", "code_block"):
            code.update(range(first, end))
            blocks.extend(_code(token, lines, said, section))
        elif token.type == "html_block":
            found = list(_of_html(lines, first, end, said, section))
            blocks.extend(found)
            if found:
                code.update(range(first, end))
        elif token.type == "inline":
            said = token.content[-200:]
            blocks.extend(_inline(lines, first, end, section))
            blocks.extend(_over_two_lines(lines, first, end, section))
            blocks.extend(_bare(lines, first, end, section))
    prose = tuple((number + 1, line) for number, line in enumerate(lines) if number not in code and line.strip())
    return Divided(tuple(sorted(blocks, key=lambda one: (one.line, one.column))), prose)


def divided_plain(text: str) -> Divided:
    """Divide a plain or reStructuredText text: lines that are commands, indented paragraphs, blocks of directives."""
    lines = text.split("\n")
    blocks: list[Block] = []
    prose: list[tuple[int, str]] = []
    said, language = "", ""
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        end = at
        while end < len(lines) and lines[end].strip():
            end += 1
        directive = _DIRECTIVE.match(lines[end - 1])
        if all(line[:1] in " \t" for line in lines[at:end]):
            blocks.append(Block("\n".join(lines[at:end]), at + 1, language, said))
        else:
            found = list(_bare(lines, at, end, 0))
            blocks.extend(found)
            commands = {number for one in found for number in range(one.line - 1, one.line + one.text.count("\n"))}
            prose.extend((number + 1, lines[number]) for number in range(at, end) if number not in commands)
            said = lines[end - 1][-200:]
        language = directive[1] or "" if directive else language
        at = end
    return Divided(tuple(blocks), tuple(prose))


def _code(token: Token, lines: Sequence[str], said: str, section: int) -> Iterator[Block]:
    assert token.map
    first = token.map[0] + (token.type == "fence")
    content = token.content.removesuffix("\n").split("\n")
    language = token.info.split()[0].strip("{}.").lower() if token.info.split() else ""
    padded = [_padded(lines[first + at], line) for at, line in enumerate(content) if first + at < len(lines)]
    if token.type == "code_block":
        yield from _fenced_within(padded, first, said, section)
    else:
        yield Block("\n".join(padded), first + 1, language, said, section)


def _padded(raw: str, content: str) -> str:
    """The content of a line at the column where it stands in the file."""
    return " " * (len(raw) - len(content)) + content if raw.endswith(content) else content


def _fenced_within(lines: Sequence[str], first: int, said: str, section: int) -> Iterator[Block]:
    """Fences that are indented as code is, or stand within HTML: what is between two of them is a block of its own."""
    begin, language = 0, ""
    for at, line in enumerate((*lines, "```")):
        fence = _FENCE.match(line)
        if not fence:
            continue
        if any(one.strip() for one in lines[begin:at]):
            yield Block("\n".join(lines[begin:at]), first + begin + 1, language, said, section)
        begin, language = at + 1, fence[1].lower()


def _of_html(lines: Sequence[str], first: int, end: int, said: str, section: int) -> Iterator[Block]:
    """`<pre>` and `<code>` of an HTML block, and fences that no blank line sets apart from its tags."""
    block = lines[first:end]
    if any(_FENCE.match(line) for line in block):
        yield from _fenced_within(block, first, said, section)
    elif any(_CODE_OF_HTML.search(line) for line in block):
        text = "\n".join(html.unescape(_TAG.sub(lambda tag: " " * len(tag[0]), line)) for line in block)
        yield Block(text, first + 1, "", said, section)


def _inline(lines: Sequence[str], first: int, end: int, section: int) -> Iterator[Block]:
    """The code within sentences, where it stands on one line."""
    for number in range(first, end):
        begin = 0
        for match in _SPAN.finditer(lines[number]):
            if _REFUSED.match(lines[number], match.end()):
                continue
            content = match[2].strip()
            column = match.start(2) + len(match[2]) - len(match[2].lstrip())
            said = lines[number][begin : match.start()][-80:]
            yield Block(content, number + 1, "", said, section, inline=True, column=column + 1)
            begin = match.end()


def _over_two_lines(lines: Sequence[str], first: int, end: int, section: int) -> Iterator[Block]:
    """The code within sentences that a paragraph broke: as one command that goes on in the next line."""
    for number in range(first, end - 1):
        left = _SPAN.sub(lambda span: " " * len(span[0]), lines[number])
        begin = left.find("`") + 1
        after, closed, _ = lines[number + 1].partition("`")
        if not begin or left.count("`") > 1 or not closed or not after.strip() or len(after) > _MOST_OF_A_REST:
            continue
        text = f"{' ' * begin}{lines[number][begin:].rstrip()} \\\n{after}"
        yield Block(text, number + 1, "", lines[number][:begin][-80:], section, inline=True)


def _bare(lines: Sequence[str], first: int, end: int, section: int) -> Iterator[Block]:
    """Lines of prose that are commands, each with those that continue it, next to one another as one block."""
    found: list[str] = []
    for number in range(first, end + 1):
        line = lines[number] if number < end else ""
        goes_on = bool(found) and bool(_GOES_ON.search(found[-1]))
        if number < end and (goes_on or _COMMAND.match(line)):
            found.append(line)
        elif found:
            yield Block("\n".join(found), number - len(found) + 1, "", "", section)
            found = []
