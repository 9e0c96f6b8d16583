"""`pip list` and `uv pip list`: two columns or more, rows of them, and what is left of it after `| grep torch`.

Package           Version      Editable project location
----------------- ------------ -------------------------
torch             2.6.0+cu126
torch (1.0.0)                                               (pip before 10)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.paste import Package, Reading
from envdoctor.readers.paste.listings.package_words import NAME, VERSION, is_telling, is_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.paste import Line

FORMAT = "pip list"

_HEADING = r"(?i)[|│┃\s]{0,4}Package\s{1,100}[|│┃]?\s{0,4}Version\b[\w\s|│┃]{0,120}"
_RULE = r"[\s|│┃+┡╇┩━─-]{3,300}"
_ROW = rf"({NAME})\s{{1,120}}({VERSION})(?:\s{{1,40}}(\S.{{0,300}}))?"
_OLD_ROW = rf"({NAME})\s{{1,3}}\(({VERSION})(?:,\s{{0,2}}([^)\n]{{1,300}}))?\)"
_CUT = r"\s{0,8}(?:\.{2,}|…|\[\.{3}\]|<.{0,20}(?:snip|cut|omitted).{0,20}>|#\s{0,3}\.{3})\s{0,8}"
_LONGEST = 300
_RUN = 6
"""Rows in a run without a heading that a person's own list ("Ubuntu 20.04", "CUDA 11.3", ...) does not sort."""
_JSON = rf'\{{"name": ?"({NAME})", ?"version": ?"({VERSION})"'
_MOST = 5000
_INSTALLERS = frozenset({"pip", "uv", "conda", "poetry", "pdm"})
_FEWEST = 10
"""Rows of a listing that can be that of a whole environment."""


def read(lines: Sequence[Line]) -> Reading:
    """Read listings below their heading, and rows of telling names anywhere."""
    packages: list[Package] = []
    claimed: set[int] = set()
    whole = False
    at = 0
    while at < len(lines):
        if len(lines[at].text) <= _LONGEST and re.fullmatch(_HEADING, lines[at].text):
            end, rows = _below(lines, at + 1)
            claimed |= {line.number for line in lines[at:end]} if rows else set()
            packages += rows
            whole = whole or _is_whole(rows, lines[end : end + 2], ended=end < len(lines))
            at = max(end, at + 1)
            continue
        count, rows = _without_heading(lines, at) if len(packages) < _MOST else (1, [])
        packages += rows
        claimed |= {row.line for row in rows}
        at += count
    return Reading(FORMAT, packages=tuple(packages), claimed=frozenset(claimed), whole=whole)


def _below(lines: Sequence[Line], start: int) -> tuple[int, list[Package]]:
    """Return the rows from a line on and where they end."""
    rows: list[Package] = []
    at = start
    while at < len(lines):
        text = lines[at].text
        row = _row(lines[at])
        if row:
            rows.append(row)
        elif not (re.fullmatch(_RULE, text[:_LONGEST]) and at <= start + 1):
            break
        at += 1
    return at, rows


def _row(line: Line) -> Package | None:
    """Read one row; a third column that is neither a folder nor an installer is a sentence, but for `poetry show`."""
    text = _plain(line.text) if len(line.text) <= _LONGEST else ""
    match = re.fullmatch(_OLD_ROW, text) or re.fullmatch(_ROW, text)
    if match is None or not is_version(match[2]):
        return None
    folder = _folder(match[3])
    if match[3] and not folder and match[3].strip() not in _INSTALLERS:
        # The build and the channel of a row of conda are no sentence.
        aligned = "  " in text[: match.start(2)] and match[3][:1].isupper() and match[3].count(" ") > 1
        if not (aligned and is_telling(match[1])):
            return None
    return Package(match[1], match[2].removeprefix("v"), line.number, location=folder)


def _without_heading(lines: Sequence[Line], at: int) -> tuple[int, list[Package]]:
    """Return how many lines from one on are rows, and the packages: those of a sorted run, or of telling names."""
    if '"name":' in lines[at].text:
        return 1, [Package(name, version, lines[at].number) for name, version in re.findall(_JSON, lines[at].text)][
            :1000
        ]
    run: list[Package] = []
    for line in lines[at : at + _MOST]:
        row = _row(line)
        if row is None or "." not in row.version or (run and row.name.lower() < run[-1].name.lower()):
            break
        run.append(row)
    telling = [row for row in run if is_telling(row.name)]
    return max(len(run), 1), run if telling and len(run) >= _RUN else telling


def _folder(column: str | None) -> str:
    """Return the third column where it is a folder: of an editable project, or with `pip list -v`."""
    word = (column or "").split("  ")[0].strip()
    return word if re.match(r"(?:/|~|[A-Za-z]:\\)", word) else ""


def _plain(text: str) -> str:
    """Return a row without the walls of tables and the branches of trees."""
    if not any(mark in text for mark in "|│┃├└"):
        return text.strip()
    return re.sub(r"\s{0,4}[|│┃]\s{0,4}", "  ", text).strip(" ├└─")


def _is_whole(rows: Sequence[Package], after: Sequence[Line], *, ended: bool) -> bool:
    """Whether a listing below its heading was neither filtered nor cut: it is sorted, so its end shows the latter."""
    if len(rows) < _FEWEST or any(re.fullmatch(_CUT, line.text[:_LONGEST]) for line in after):
        return False
    names = {row.name.lower() for row in rows}
    return bool(names & {"pip", "setuptools"}) and (ended or rows[-1].name[:1].lower() >= "t")
