"""What prose claims: releases that a sentence, a list or a row of a table says belong together.

A claim needs torch with one version and something beside it. Whatever compares, tells a history, refuses or leaves a
version open is none: silence is worth more here than a find.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.declared import Case, Index, PythonWish, Requirement, Statement
from envdoctor.model.place import Place
from envdoctor.readers.declared.images.container_images import images_in
from envdoctor.readers.declared.texts.claim_doubts import (
    is_doubtful,
    is_history,
    is_of_a_machine,
    is_of_a_trial,
    is_of_builds,
    is_of_others,
    is_official,
)
from envdoctor.readers.declared.texts.claim_tables import (
    columns_of,
    in_row,
    of_names,
    rows_of_blanks,
    rows_of_html,
    rows_of_pipes,
)
from envdoctor.readers.declared.texts.claim_text import Stretch, joined, plain, sentences
from envdoctor.readers.declared.texts.claim_words import Kind, Mention, mentions_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from envdoctor.model.declared import IndexKind
    from envdoctor.readers.declared.texts.claim_tables import Row

_ITEM = re.compile(r"\s{0,12}(?:[-*+•·●▪✅✔]|\d{1,2}[.)]\s|\d{1,2}、)\s{0,4}\S")
_KEY = re.compile(r"\s{0,12}[^\s:=,.!?][^:=,.!?]{0,30}[:=]\s{0,4}\S.{0,60}$")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s|\s{0,3}={3,}(?!=|\s{1,8}=)")
_BARE_ITEM = re.compile(
    r"\s{0,12}(?:[^\W\d][\w-]{0,20}(?: [A-Za-z][\w-]{0,20}){0,3}\s{0,4}"
    r"[:=]?\s{0,4}(?:[<>=]=|[≥≤]|v)?\s?\d[\w.+]{0,20}|-{3,200})\s{0,4}"
)
"""A line that is a name and a version alone: several of them are a list without marks."""
_MOST_OF_AN_ITEM = 110
_MOST_OF_A_SENTENCE = 600
_BORDER = re.compile(r"\s{0,12}\+[-=+]{2,500}\s{0,4}")
"""A line between the rows of a grid table of rst."""

MOST_ITEMS = 200
"""A list of more items is no list of what belongs together."""

_GLUED_ROW = re.compile(
    r"(?<![A-Za-z0-9.])v?([12]\.\d{1,2}\.\d)(0\.\d{1,2}\.\d)((?:2\.\d{1,2}|0\.\d{1,2})\.\d)?((?:1[0-3]|9)\.\d)(?![\d.])"
)
_LOST_SIGNS = re.compile(
    r"(?<![\w./=-])(torch|torchvision|torchaudio)(\d\.\d{1,2}\.\d{1,2})(\+(?:cu\d{2,3}|cpu))?(?![\w.+-]*\d|\.whl|/)"
)
_INDEX = re.compile(r"https?://[\w.-]{1,80}/[\w./-]{0,80}?\b(?:whl|pytorch-wheels)/cu\d{2,3}/?(?![\w/])")


def claims_in(text: str, file: str, prose: Sequence[tuple[int, str]], taken: Collection[int] = ()) -> Iterator[Case]:
    """Yield what a text claims.

    `prose` are its lines that are no code, each with its number; of the lines `taken`, which commands were read from,
    only tables and image tags are looked at again.
    """
    yield from _of_images(text, file)
    without_signs = tuple(_of_lost_signs(text, file))
    yield from without_signs
    taken = {*taken, *(one.place.line for one in without_signs)}
    if is_history(file):
        return
    whole = joined(prose)
    for table in rows_of_html(whole.text) if "<t" in whole.text.lower() else ():
        yield from _of_table(
            [tuple(cell._replace(text=plain(cell.text)) for cell in row) for row in table], whole, file
        )
    clean = [(number, plain(line)) for number, line in prose]
    section: tuple[Mention, Stretch] | None = None
    before: tuple[Mention, Stretch] | None = None
    title, headed, told = "", "", ""
    for part in _parts(clean):
        stretch = joined(part)
        glued = tuple(_of_glued(stretch, file))
        yield from glued
        if _is_table(part):
            holds = is_of_builds(f"{title} {headed} {told}")
            yield from _of_table(list(rows_of_pipes(stretch, 0, len(stretch.text))), stretch, file, holds=holds)
            continue
        blank = _of_blank_table(part, stretch)
        if blank:
            yield from _of_table(blank, stretch, file)
            continue
        own = [one for one in part if one[0] not in taken and one[0] not in {case.place.line for case in glued}]
        stretch = joined(own)
        if own and len(own) <= MOST_ITEMS and (all(_is_item(line) for _, line in own) or _is_bare_list(own)):
            tried = told.rstrip().endswith(":") and is_of_a_trial(told)
            holds = not tried and is_of_builds(f"{title} {headed} {told}")
            yield from _of_list(own, before or section, file, holds=holds, tried=tried)
            before = None
            continue
        yield from _of_sentences(stretch, file)
        if _HEADING.match(stretch.text):
            section, before = _subject(stretch), None
            headed, told = stretch.text, ""
            title = title or headed
        else:
            told = stretch.text[-300:]
            before = _subject(stretch) if stretch.text.rstrip().endswith((":", ";")) else None


def _parts(lines: Sequence[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Divide lines into paragraphs, headings, lists and tables."""
    part: list[tuple[int, str]] = []
    for number, line in lines:
        if not line.strip():
            continue
        if (
            part
            and (number > part[-1][0] + 1 or _sort(line) != _sort(part[-1][1]))
            and not _goes_on(part, number, line)
        ):
            yield part
            part = []
        part.append((number, line))
    if part:
        yield part


def _sort(line: str) -> str:
    if _HEADING.match(line):
        return "heading"
    if line.lstrip()[:1] in "|+" or line.count("|") > 1:
        return "table"
    return "item" if _is_item(line) else "text"


def _goes_on(part: Sequence[tuple[int, str]], number: int, line: str) -> bool:
    """Whether a line belongs to the list before it though a blank line is between them."""
    return number <= part[-1][0] + 2 and _sort(line) == "item" == _sort(part[-1][1])


def _is_item(line: str) -> bool:
    return bool(_ITEM.match(line) or _KEY.match(line))


def _is_bare_list(part: Sequence[tuple[int, str]]) -> bool:
    return len(part) > 1 and all(_BARE_ITEM.fullmatch(line) for _, line in part)


def _is_table(part: Sequence[tuple[int, str]]) -> bool:
    return len(part) > 1 and all(
        "|" in line or line.rstrip().endswith("\\\\") or _BORDER.fullmatch(line) for _, line in part
    )


def _of_blank_table(part: Sequence[tuple[int, str]], stretch: Stretch) -> list[Row]:
    """Return the rows of lines whose cells blanks keep apart, where the first of them heads columns."""
    if len(part) < 2:
        return []
    rows = [rows_of_blanks(line, at) for (_, line), at in zip(part, stretch.starts, strict=True)]
    rows = [row for row in rows if row and not re.fullmatch(r"[=\-\s]{3,}", row[0].text)]
    return rows if rows and columns_of(rows[0]) else []


def _of_table(rows: Sequence[Row], stretch: Stretch, file: str, *, holds: bool = False) -> Iterator[Case]:
    columns: dict[int, Kind] = {}
    if any(is_of_others(cell.text) for row in rows[:1] for cell in row):
        return
    for row in rows:
        heads = columns_of(row)
        if heads:
            columns = heads
        elif columns and not any(is_of_others(cell.text) for cell in row):
            yield from _case(in_row(row, columns), stretch, file, "row of a table")
    if not columns:
        machine = not holds or any(is_of_a_machine(cell.text) for row in rows for cell in row[:2])
        yield from _case(_without_cuda(of_names(rows)) if machine else of_names(rows), stretch, file, "table")


def _of_list(
    items: Sequence[tuple[int, str]], subject: tuple[Mention, Stretch] | None, file: str, *, holds: bool, tried: bool
) -> Iterator[Case]:
    """A list whose items are one thing each is one claim; items that are sentences are read as such.

    `holds` where it lists what an image or a build holds: elsewhere a CUDA may be that of somebody's machine, and is
    where it lists on what something was `tried`.
    """
    stretch = joined(items)
    found: list[Mention] = []
    for at, (_, line) in zip(stretch.starts, items, strict=True):
        mentions = mentions_in(line)
        short = len(line.strip()) <= _MOST_OF_AN_ITEM and len({one.kind for one in mentions}) == 1
        if short and not is_doubtful(line) and mentions[0].start < 48:
            found.extend(one._replace(start=at + one.start, end=at + one.end) for one in mentions)
    torches = {one.version for one in found if one.kind == "torch"}
    machine = tried or is_of_a_machine(stretch.text) or bool(re.search(r"(?i)\b(?:GPU|OS)\s?[:\uff1a]", stretch.text))
    if not holds or machine:
        found = _without_cuda(found)
    if len(torches) == 1 and not is_of_others(stretch.text):
        yield from _case(tuple(found), stretch, file, "list")
    elif not torches and subject and not any(one.kind == "torch" for one in mentions_in(stretch.text)):
        yield from _case(tuple(found), stretch, file, "list", subject)
    if _is_bare_list(items):
        return
    for item in items:
        yield from _of_sentences(joined([item]), file, machine=machine)


def _of_sentences(stretch: Stretch, file: str, *, machine: bool = False) -> Iterator[Case]:
    """Sentences, each a claim of its own; `machine` where what stands around them describes one."""
    if "torch" not in stretch.text.lower():
        return
    for begin, words, asks in sentences(stretch):
        if asks or len(words) > _MOST_OF_A_SENTENCE or is_doubtful(words):
            continue
        mentions = mentions_in(words)
        if machine or (is_of_a_machine(words) and not is_official(words)):
            mentions = tuple(_without_cuda(mentions))
        moved = tuple(one._replace(start=begin + one.start, end=begin + one.end) for one in mentions)
        yield from _case(moved, stretch, file, "sentence")


def _subject(stretch: Stretch) -> tuple[Mention, Stretch] | None:
    """Return the torch that a heading or the words before a list name, for a list that names none."""
    torches = [one for one in mentions_in(stretch.text) if one.kind == "torch"]
    single = len({one.version for one in torches}) == 1 and not torches[0].is_open
    return (torches[0], stretch) if single and not is_doubtful(stretch.text) else None


def _without_cuda(mentions: Sequence[Mention]) -> list[Mention]:
    return [one for one in mentions if one.kind not in ("cuda", "cudnn")]


def _of_images(text: str, file: str) -> Iterator[Case]:
    lines = text.split("\n")
    for image in images_in(text, file):
        if not is_doubtful(lines[image.place.line - 1]):
            yield Case(file, "image", image.place, base=image, claim=True)


def _of_lost_signs(text: str, file: str) -> Iterator[Case]:
    """Commands whose `==` typesetting lost: "torch2.8.0 torchvision0.19.0"."""
    for number, line in enumerate(text.split("\n"), 1):
        found = list(_LOST_SIGNS.finditer(line)) if "torch" in line else []
        names = [match[1] for match in found]
        address = _INDEX.search(line)
        if "torch" not in names or len(set(names)) != len(names) or (len(names) < 2 and not address):
            continue
        requirements = tuple(
            Requirement(match[1], f"=={match[2]}{match[3] or ''}", Place(file, number, match.start() + 1), match[0])
            for match in found
        )
        indexes: tuple[Index, ...] = ()
        if address:
            kind: IndexKind = "extra-index-url" if "--extra-index-url" in line else "index-url"
            at = Place(file, number, address.start() + 1)
            indexes = (Index(address[0], kind, at, address[0]),)
        yield Case(file, "command without its signs", requirements[0].place, requirements, indexes, claim=True)


def _of_glued(stretch: Stretch, file: str) -> Iterator[Case]:
    """Rows of a table whose cells typesetting glued together: "2.8.00.23.012.6pip install"."""
    for match in _GLUED_ROW.finditer(stretch.text):
        kinds: tuple[Kind, ...] = ("torch", "torchvision", "torchaudio", "cuda")
        mentions = [
            Mention(kind, match[group], match.start(group), match.end(group))
            for group, kind in enumerate(kinds, 1)
            if match[group]
        ]
        yield from _case(tuple(mentions), stretch, file, "row of a table")


def _case(
    mentions: Sequence[Mention],
    stretch: Stretch,
    file: str,
    label: str,
    subject: tuple[Mention, Stretch] | None = None,
) -> Iterator[Case]:
    """Yield the one case of mentions that belong together; none where torch has no version or several."""
    by_kind: dict[Kind, list[Mention]] = {}
    for one in mentions:
        by_kind.setdefault(one.kind, []).append(one)
    torches = by_kind.pop("torch", [])
    if any(one.is_open for one in torches) or (not torches and subject is None):
        return
    chosen = max(torches, key=lambda one: len(one.version)) if torches else None
    if chosen and any(not f"{chosen.version}.".startswith(f"{one.version}.") for one in torches):
        return
    torch = _required(chosen, stretch, file) if chosen else _required(subject[0], subject[1], file) if subject else None
    if torch is None:
        return
    requirements = [torch]
    pythons: list[PythonWish] = []
    cudas: list[Statement] = []
    cudnns: list[Statement] = []
    for kind, named in by_kind.items():
        closed = [one for one in named if not one.is_open]
        if kind in ("cuda", "cudnn"):
            own = [
                Statement(one.version, stretch.place(file, one.start), stretch.text[one.start : one.end])
                for one in closed
            ]
            (cudas if kind == "cuda" else cudnns).extend(own)
        elif len({one.version for one in named}) == 1 and closed:
            if kind == "python":
                wish = _specifier(closed[0])
                pythons.append(PythonWish(wish, stretch.place(file, closed[0].start), closed[0].version))
            else:
                requirements.append(_required(closed[0], stretch, file))
    if len(requirements) > 1 or pythons or cudas or cudnns:
        yield Case(
            file, label, torch.place, tuple(requirements), (), tuple(pythons), tuple(cudas), tuple(cudnns), claim=True
        )


def _required(one: Mention, stretch: Stretch, file: str) -> Requirement:
    return Requirement(one.kind, _specifier(one), stretch.place(file, one.start), stretch.text[one.start : one.end])


def _specifier(one: Mention) -> str:
    """Return what a version of prose means: all three numbers a release, two of them any of the series."""
    exact = one.version.count(".") > 1
    return (
        f"=={one.version}+{one.build}" if exact and one.build else f"=={one.version}" if exact else f"=={one.version}.*"
    )
