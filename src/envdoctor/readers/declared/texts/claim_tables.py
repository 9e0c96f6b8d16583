"""Tables of releases: those of Markdown, HTML, LaTeX and rst, and columns kept apart by tabs or blanks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.readers.declared.texts.claim_doubts import is_doubtful, is_of_a_machine
from envdoctor.readers.declared.texts.claim_words import SHAPES, Kind, Mention, mention_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.readers.declared.texts.claim_text import Stretch


class Cell(NamedTuple):
    """A cell and the offset at which its text begins in the stretch that the table is in."""

    text: str
    start: int


Row = tuple[Cell, ...]

_NAMES: tuple[tuple[Kind, str], ...] = (
    ("torchvision", r"torch[ _-]?vision"),
    ("torchaudio", r"torch[ _-]?audio"),
    ("torch", r"(?:py)?torch"),
    ("cudnn", r"cudnn"),
    ("cuda", r"(?:nvidia )?cuda"),
    ("python", r"python"),
)
_BESIDE = (
    r"(?:[\s:()_/*-]|versions?|ver\.?|versi[oó]n|vers[aã]o|версия|supported|support|recommended|official|compatible|matching|"
    r"prebuilt|builds?|framework|library|toolkit version|pip|wheels?|channels?|binar(?:y|ies)|variants?|"
    r"available|版本|号|支持|推荐|"
    r"官方|对应|兼容|框架|核心|库|适配|的|バージョン|対応|버전|지원){0,6}"
)
_HEADERS = tuple((kind, re.compile(rf"{_BESIDE}{name}{_BESIDE}", re.IGNORECASE)) for kind, name in _NAMES)
_RULE = re.compile(r"[\s|:+=-]{3,}")
_TAG = re.compile(r"<(/?)(table|tr|td|th)\b[^<>]{0,300}>", re.IGNORECASE)
_CELLS = re.compile(r"\S+(?: \S+){0,30}")
_RELEASE = re.compile(r"\d{1,2}(?:\.\d{1,3}){1,3}")
_MOST_CELLS = 30


def rows_of_pipes(stretch: Stretch, begin: int, end: int) -> Iterator[Row]:
    """Yield the rows of lines whose cells "|" (or LaTeX's "&") keeps apart, rules left out."""
    at = begin
    for line in stretch.text[begin:end].split("\n"):
        if not _RULE.fullmatch(line):
            yield tuple(_divided(line, at, "&" if "|" not in line else "|"))
        at += len(line) + 1


def _divided(line: str, at: int, sign: str) -> Iterator[Cell]:
    for piece in line.split(sign)[:_MOST_CELLS]:
        yield Cell(piece.strip().removesuffix("\\\\"), at + len(piece) - len(piece.lstrip()))
        at += len(piece) + 1


def rows_of_blanks(line: str, at: int) -> Row:
    """Return the cells of a line that two blanks or more keep apart."""
    return tuple(Cell(match[0], at + match.start()) for match in _CELLS.finditer(line))[:_MOST_CELLS]


def rows_of_html(text: str) -> Iterator[tuple[Row, ...]]:
    """Yield the HTML tables of a text that still has its tags: rows of cells, tags within them left."""
    rows: list[Row] = []
    cells: list[Cell] = []
    opened: int | None = None
    for match in _TAG.finditer(text):
        closing, tag = bool(match[1]), match[2].lower()
        if opened is not None:
            inner = text[opened : match.start()]
            if len(inner) < 400 and len(cells) < _MOST_CELLS:
                cells.append(Cell(inner, opened))
            opened = None
        if tag in ("td", "th"):
            opened = None if closing else match.end()
        elif cells:
            rows.append(tuple(cells))
            cells = []
        if tag == "table" and rows:
            yield tuple(rows)
            rows = []
    if rows or cells:
        yield (*rows, *([tuple(cells)] if cells else []))


def kind_of(words: str) -> Kind | None:
    """Return what a head of a column or of a row names, None where it is not one thing, or names a version too."""
    words = words.strip()
    if not words or len(words) > 60:
        return None
    return next((kind for kind, pattern in _HEADERS if pattern.fullmatch(words)), None)


def columns_of(row: Row) -> dict[int, Kind]:
    """Return which columns name what; empty where torch and something beside it are not among them."""
    found = {index: kind for index, cell in enumerate(row) if (kind := kind_of(cell.text))}
    kinds = list(found.values())
    if kinds.count("torch") != 1 or len(kinds) < 2:
        return {}
    of_machine = any(is_of_a_machine(cell.text) or re.search(r"(?i)\bGPU\b|\bOS\b", cell.text) for cell in row)
    return {index: kind for index, kind in found.items() if kind != "cuda" or not of_machine}


def in_row(row: Row, columns: dict[int, Kind]) -> tuple[Mention, ...]:
    """Return what the cells of a row name, in the sense of its columns; nothing of a cell that leaves it open."""
    found: list[Mention] = []
    for index, kind in columns.items():
        if index < len(row):
            found.extend(in_cell(kind, row[index]))
    return tuple(found)


def in_cell(kind: Kind, cell: Cell) -> tuple[Mention, ...]:
    """Return the versions of a cell, several only of CUDA; none where one of them is open."""
    if is_doubtful(cell.text):
        return ()
    found = []
    for match in _RELEASE.finditer(cell.text):
        if SHAPES[kind].fullmatch(match[0]):
            one = mention_at(kind, cell.text, match.start(), match[0])
            if one is None or one.is_open:
                return ()
            found.append(one._replace(start=cell.start + one.start, end=cell.start + one.end))
        elif kind != "cuda":
            return ()
    if kind == "cuda" and not found:
        for match in re.finditer(r"(?<!\w)cu(9\d|1\d\d)(?!\w)", cell.text):
            cuda = f"{match[1][:-1]}.{match[1][-1]}"
            found.append(Mention("cuda", cuda, cell.start + match.start(), cell.start + match.end()))
    if kind != "cuda" and len(found) > 1:
        return ()
    if kind == "cuda" and re.search(r"cudnn", cell.text, re.IGNORECASE):  # "11.8, CUDNN 8.7.0.84"
        cut = re.search(r"cudnn\s{0,3}[\d.]{1,12}", cell.text, re.IGNORECASE)
        found = [one for one in found if not (cut and cell.start + cut.start() <= one.start < cell.start + cut.end())]
    return tuple(found)


def of_names(rows: Sequence[Row]) -> tuple[Mention, ...]:
    """Return what a table says whose first column names things and whose second has their versions."""
    found: list[Mention] = []
    for row in rows:
        cells = [cell for cell in row if cell.text.strip()]
        kind = kind_of(cells[0].text) if len(cells) > 1 else None
        if kind:
            found.extend(in_cell(kind, cells[1]))
    return tuple(found)
