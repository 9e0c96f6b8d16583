"""Requirements and constraints files of pip.

The grammar is pip's ("Requirements File Format" of its documentation; `pip/_internal/req/req_file.py`): lines that go
on, comments, options, one requirement a line. Files that it leads to are not opened.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.declared import Case, Index
from envdoctor.model.declared_file import DeclaredFile
from envdoctor.model.place import Place
from envdoctor.readers.declared.projects.requirement_words import requirement_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.declared import IndexKind, Requirement

FORMAT = "requirements file"

MOST = 5_000
"""Requirements of one file that are read; freezing a large environment gives fewer than 1000."""

MOST_CHARACTERS = 4_000_000
"""Characters of one file that are read: hashes make long ones."""

MOST_INDEXES = 50

LONGEST = 20_000
"""Characters of one line, with those that go on from it; hashes make long ones."""

INDEX_OPTIONS: dict[str, IndexKind] = {
    "-i": "index-url",
    "--index-url": "index-url",
    "--pypi-url": "index-url",
    "--extra-index-url": "extra-index-url",
    "-f": "find-links",
    "--find-links": "find-links",
}

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_OPTIONS = re.compile(r"\s(?=-[-a-zA-Z])")
_INDEX = re.compile(
    r"(?<!\S)(--index-url|--pypi-url|--extra-index-url|--find-links|-i(?![a-z-])|-f(?![a-z-]))"
    r"(?:[ \t]{0,40}=|[ \t]{1,40}|(?=\S))[ \t]{0,40}"
    r"""(?:"([^"\s]{1,2000})"|'([^'\s]{1,2000})'|([^\s"']{1,2000}))"""
)


class LogicalLine(NamedTuple):
    """A line with those it goes on to: its text without comments, and where each of its parts begins.

    `parts` are offsets into the text with the number of a line and a column.
    """

    text: str
    parts: tuple[tuple[int, int, int], ...]

    def place(self, file: str, offset: int = 0) -> Place:
        """Where a character of the text stands in the file."""
        begin, line, column = max(part for part in self.parts if part[0] <= offset)
        return Place(file, line, column + offset - begin)


def read(text: str, name: str) -> DeclaredFile:
    """Return the one case of a requirements file."""
    requirements: list[Requirement] = []
    indexes: list[Index] = []
    trouble = None
    if len(text) > MOST_CHARACTERS:
        trouble = f"only its first {MOST_CHARACTERS // 1_000_000} MB were read"
    for line in logical_lines(text[:MOST_CHARACTERS]):
        if len(requirements) >= MOST or len(indexes) >= MOST_INDEXES:
            trouble = f"only its first {MOST} requirements and {MOST_INDEXES} indexes were read"
            break
        requirement, found = line_of(line, name)
        requirements += [requirement] if requirement else []
        indexes += found
    if not requirements and not indexes:
        return DeclaredFile(FORMAT, trouble=trouble)
    case = Case(name, "requirements", Place(name, 1), tuple(requirements), tuple(indexes))
    return DeclaredFile(FORMAT, (case,), trouble=trouble)


def line_of(line: LogicalLine, name: str) -> tuple[Requirement | None, list[Index]]:
    """Return the requirement and the indexes that one line declares."""
    indexes = [
        Index(strip_credentials(url), INDEX_OPTIONS[found[1]], line.place(name, found.start()), found[0])
        for found in _INDEX.finditer(line.text)
        if (url := found[2] or found[3] or found[4])
    ]
    if line.text.startswith("-"):
        return None, indexes
    words = _OPTIONS.split(line.text, maxsplit=1)[0]
    return requirement_of(words, line.place(name)), indexes


def logical_lines(text: str) -> Iterator[LogicalLine]:
    """Yield the lines of a requirements file that say something, those that go on joined, without comments."""
    joined = ""
    parts: list[tuple[int, int, int]] = []
    for number, physical in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not physical and not parts:
            continue
        line = physical.rstrip("\r")
        goes_on = line.rstrip().endswith("\\") and not line.lstrip().startswith("#")
        if not joined:
            column = len(line) - len(line.lstrip()) + 1
            line = line.lstrip()
        else:
            column = 1
        parts.append((len(joined), number, column))
        joined += line.rstrip()[:-1] if goes_on else line
        if goes_on and len(joined) < LONGEST:
            continue
        said = _COMMENT.sub("", joined[:LONGEST]).rstrip()
        if said:
            yield LogicalLine(said, tuple(parts))
        joined, parts = "", []
    if joined.strip():
        yield LogicalLine(_COMMENT.sub("", joined).rstrip(), tuple(parts))
