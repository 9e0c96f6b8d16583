"""A Dockerfile divided into its instructions.

Told apart as BuildKit does (frontend/dockerfile/parser: continued lines, comments and empty lines within them, the
directive `escape`, here-documents).
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TAKES_HERE_DOCUMENTS = ("RUN", "COPY", "ADD")

_DIRECTIVE = re.compile(r"#\s*([A-Za-z]\w*)\s*=\s*(\S+)\s*")
_HERE_DOCUMENT = re.compile(r"\d*<<(-?)(['\"]?)([^<'\"]+)\2")


class Unended(Exception):
    """A here-document has no end, and nothing after its beginning is an instruction; the message is one line."""


class Instruction(NamedTuple):
    """One instruction: its name in capitals, what follows it in one line, and its lines, `first` to before `end`.

    `body` is where the here-documents begin that belong to it: `end` where there is none. Lines count from 0.
    """

    name: str
    words: str
    first: int
    end: int
    body: int


def lines_of(text: str) -> list[str]:
    """Return the lines of a Dockerfile, without their ends."""
    return [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]


def instructions(lines: Sequence[str]) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile, in order. Raises `Unended`, after those before it were yielded."""
    escape = escape_of(lines)
    continued = re.compile(rf"(^|[^{re.escape(escape)}]){re.escape(escape)}[ \t]*$")
    place = 0
    while place < len(lines):
        first, goes_on = place, True
        said: list[str] = []
        while goes_on and place < len(lines):
            line = lines[place]
            place += 1
            blank = not line.strip() or line.lstrip().startswith("#")
            if blank and said:
                continue
            goes_on = not blank and bool(continued.search(line))
            said.append(continued.sub(r"\1", line) if goes_on else "" if blank else line)
        if not "".join(said).strip():
            continue
        name, words = (*"".join(said).split(maxsplit=1), "")[:2]
        name, words = name.upper(), words.strip()
        body = place
        for marker in _here_documents(name, words):
            place = _end_of(lines, place, *marker)
        if name == "RUN" and place > body:
            words = "; ".join((words, *lines[body:place]))
        yield Instruction(name, words, first, place, body)


def escape_of(lines: Sequence[str]) -> str:
    """Return the character that continues a line, which a directive at the very beginning may choose."""
    for line in lines:
        match = _DIRECTIVE.fullmatch(line.strip())
        if not match:
            break
        if match[1].lower() == "escape" and match[2] in ("\\", "`"):
            return match[2]
    return "\\"


def _here_documents(name: str, words: str) -> Iterator[tuple[str, bool]]:
    """Yield the words that end the here-documents of an instruction, and whether tabs may stand before each."""
    if name == "ONBUILD":
        name, words = (*words.split(maxsplit=1), "", "")[:2]
    if name.upper() not in TAKES_HERE_DOCUMENTS or "<<" not in words or words.startswith("["):
        return
    lexer = shlex.shlex(words, posix=False, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        split = [*lexer]
    except ValueError:  # a quote that does not end: no shell would take it either
        return
    for word in split:
        match = _HERE_DOCUMENT.fullmatch(word)
        if match:
            yield match[3], bool(match[1])


def _end_of(lines: Sequence[str], place: int, word: str, tabs: bool) -> int:
    """Return the line after the here-document that begins at a line and that `word` ends."""
    for number in range(place, len(lines)):
        if (lines[number].lstrip("\t") if tabs else lines[number]) == word:
            return number + 1
    raise Unended(f"the here-document {word} does not end")
