"""Jupyter notebooks: what their cells give to a shell (`!pip`, `%pip`, `%%bash`), and what their text says."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.declared_file import DeclaredFile
from envdoctor.readers.declared.commands.install_commands import Script
from envdoctor.readers.declared.commands.shell import MOST
from envdoctor.readers.declared.commands.together import cases_of
from envdoctor.readers.declared.texts.markdown import cases_of_article
from envdoctor.readers.declared.texts.moved import moved
from envdoctor.readers.declared.texts.uses import uses_in
from envdoctor.readers.declared.unreadable import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.declared import Case
    from envdoctor.readers.declared.commands.install_commands import InstallCommand

FORMAT = "notebook"

MOST_OF_FILE = 20_000_000
"""Characters of a notebook that is read: pictures are kept in it."""

MOST_CELLS = 2000
"""Cells of a notebook that are read; long courses have some hundreds."""

_TO_SHELL = re.compile(r"\s{0,40}(?:[!%](?!%)|(?:pip3?|conda|mamba|uv)\s{1,4}(?:pip\s)?(?:install|add)\b)")
"""A line that IPython hands on; of `pip install` without a sign it does too (its automagic)."""

_WHOLE_CELL = re.compile(r"\s{0,40}%%(?:bash|sh|shell|script\s{1,4}(?:ba|z)?sh)\b")
_SOURCE = re.compile(r'\s{0,40}"((?:[^"\\]|\\.){0,20000})",?\s{0,9}$')


class _Cell(NamedTuple):
    """A cell: its text, and the line of the file on which each of its lines stands, 0 where that was not found."""

    kind: str
    lines: Sequence[str]
    numbers: Sequence[int]


def read(text: str, name: str) -> DeclaredFile:
    """Return what a notebook installs, its cells carried out in order."""
    if len(text) > MOST_OF_FILE:
        return DeclaredFile(FORMAT, trouble=f"it is larger than {MOST_OF_FILE} characters")
    try:
        held = json.loads(text)
    except (ValueError, RecursionError) as problem:
        return DeclaredFile(FORMAT, trouble=f"it is no JSON: {one_line(problem)}")
    cells = held.get("cells") if isinstance(held, dict) else None
    if not isinstance(cells, list):
        return DeclaredFile(FORMAT, trouble="there are no cells in it")
    trouble = f"only its first {MOST_CELLS} cells were read" if len(cells) > MOST_CELLS else None
    found = list(_cells(cells[:MOST_CELLS], text.split("\n")))
    script = Script(name)
    commands = [one for cell in found if cell.kind == "code" for one in _commands(cell, script)]
    articles = [case for cell in found if cell.kind == "markdown" for case in _articles(cell, name)]
    cases = (*cases_of(commands), *articles)
    code = [
        (number, " " * 5 + line)  # as far in as a string of JSON stands
        for cell in found
        if cell.kind == "code"
        for number, line in zip(cell.numbers, cell.lines, strict=False)
        if number
    ]
    return DeclaredFile(FORMAT, (*cases, *uses_in(code, name, cases)), trouble=trouble)


def _cells(cells: Sequence[object], lines: Sequence[str]) -> Iterator[_Cell]:
    """Find the lines of cells in the file: notebooks are written with one string on a line."""
    places: dict[str, list[int]] = {}
    for number, line in enumerate(lines, 1):
        if '"' in line and (match := _SOURCE.match(line)):
            places.setdefault(match[1], []).append(number)
    for places_of_one in places.values():
        places_of_one.reverse()
    for cell in cells:
        source = cell.get("source") if isinstance(cell, dict) else None
        if isinstance(source, str):
            source = source.splitlines(keepends=True)
        if not isinstance(cell, dict) or not isinstance(source, list):
            continue
        texts = [one for one in source if isinstance(one, str)]
        if sum(map(len, texts)) > MOST:
            continue
        numbers = []
        for one in texts:
            found = next((held for form in _written(one) if (held := places.get(form))), None)
            numbers.append(found.pop() if found else 0)
        yield _Cell(str(cell.get("cell_type")), [one.rstrip("\n") for one in texts], numbers)


def _written(text: str) -> tuple[str, str]:
    return json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1]


def _first(cell: _Cell) -> int:
    """The line of the file on which a cell begins; those of the others follow it."""
    return next((number - at for at, number in enumerate(cell.numbers) if number), 1)


def _commands(cell: _Cell, script: Script) -> Iterator[InstallCommand]:
    whole = any(_WHOLE_CELL.match(line) for line in cell.lines[:3])
    goes_on = False
    kept: list[str] = []
    for line in cell.lines:
        kept.append(line if whole or goes_on or _TO_SHELL.match(line) else "")
        goes_on = bool(kept[-1]) and line.endswith("\\")
    # A string of JSON begins behind its indentation and its quote.
    yield from script.commands("\n".join(kept), _first(cell), column=6)


def _articles(cell: _Cell, name: str) -> Iterator[Case]:
    for case in cases_of_article("\n".join(cell.lines), name):
        yield moved(case, _first(cell) - 1)
