"""The matrix file as the indexes have it: what a wheel tells otherwise mended, new releases added, all else as it was.

What is kept by hand stays byte for byte, and so do rows that an index confirms, with the source they name. Only a row
that is changed names the wheel as its source.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from envdoctor.matrix.matrix import Matrix
from envdoctor.matrix.reading import CPU, PLATFORMS
from envdoctor.matrix.versions import NotAVersion, older
from envdoctor.upkeep.cells import Kernels, channel
from envdoctor.upkeep.evidence import PACKAGE_INDEX, Build, Missing
from envdoctor.upkeep.gather import releases_in
from envdoctor.upkeep.mend import Mending, cells_before, has
from envdoctor.upkeep.named_lists import NamedLists
from envdoctor.upkeep.new_rows import CHANNEL_FLAGS, CHANNEL_METADATA, FLAGS, METADATA, SOURCES, Author, source_row
from envdoctor.upkeep.news import new_releases
from envdoctor.upkeep.partner_rows import PARTNERS
from envdoctor.upkeep.toml_text import Lines, changed, inline, listed, parsed, quoted
from envdoctor.upkeep.verify import checks

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from envdoctor.matrix.rows import Node
    from envdoctor.upkeep.evidence import Evidence
    from envdoctor.upkeep.gather import Scope
    from envdoctor.upkeep.toml_text import Path


PASSES = 3
"""A row that named a wrong default channel is told of the wheels of the right one only when that is mended."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The new text of the file, and in words what an index contradicts and only a person can decide."""

    text: str
    left: tuple[str, ...]


def refreshed(text: str, matrix: Matrix, evidence: Evidence, scope: Scope, day: str) -> Refreshed:
    """Return `text`, the file that `matrix` was read from, brought up to date with the evidence. Pure.

    Whether the result is lawful is for the caller to check. `day` is the day of reading, ISO 8601. Raises `NoPlace`
    where the file lacks a table to write to, and `MatrixError` for a row that cannot be read.
    """
    for _ in range(PASSES):
        found = _pass(text, matrix, evidence, scope, day)
        if found.text == text:
            break
        text, matrix = found.text, Matrix(parsed(found.text), matrix.root.file)
    return found


def _pass(text: str, matrix: Matrix, evidence: Evidence, scope: Scope, day: str) -> Refreshed:
    author = Author(matrix, evidence, NamedLists(matrix), day)
    mending = Mending(matrix, author.lists, checks(matrix, evidence, scope))
    lines = Lines(changed(text, mending.edits))
    for path, value in mending.added.items():
        lines.add_cell(path[:-1], path[-1], quoted(value), after=cells_before(path[-1]))
    _add_builds(lines, matrix, author, scope)
    left = [*mending.left, *_add_releases(lines, matrix, author, scope)]
    _add_names(lines, author, day)
    result = lines.text
    last = _unused(result)
    if last or result != text or not scope.only:
        last |= _dates(result, day, _sources_read(evidence), last)
    return Refreshed(changed(result, last), tuple(dict.fromkeys(left)))


def _add_builds(lines: Lines, matrix: Matrix, author: Author, scope: Scope) -> None:
    """Add the platforms and default channels of known releases that have no row."""
    for release in releases_in(matrix, scope):
        if release.version in matrix.past_versions:
            continue
        row = ("torch", release.version)
        seen = {
            platform: wheel
            for platform in PLATFORMS
            if not isinstance(
                wheel := author.evidence.wheel(Build(PACKAGE_INDEX, "torch", release.version, platform)), Missing
            )
        }
        for platform, wheel in seen.items():
            if not has(matrix, (*row, platform)):
                lines.add_entry(row, platform, author.platform(release.version, platform, wheel))
        for name in dict.fromkeys(channel(wheel.contents) for wheel in seen.values()):
            if name == CPU:
                continue
            if not has(matrix, (*row, name)):
                lines.add_block(row, author.channel(release.version, name, seen).lstrip("\n"))
                continue
            for platform, wheel in seen.items():
                if channel(wheel.contents) == name and not has(matrix, (*row, name, platform)):
                    lines.add_entry((*row, name), platform, author.build(wheel))


def _add_releases(lines: Lines, matrix: Matrix, author: Author, scope: Scope) -> Iterator[str]:
    """Add partners and torch releases that the matrix has no row for; yield why one could not be added."""
    for name in PARTNERS:
        for version in new_releases(matrix, name, author.evidence.page(PACKAGE_INDEX, name), scope.only):
            row = author.partner(name, version)
            if isinstance(row, Missing):
                yield f"{name} {version} was not added: {row.reason}"
            else:
                lines.add_entry((name, "releases"), version, row, before=partial(_is_older, version))
    behind = list(matrix.versions)
    for version in new_releases(matrix, "torch", author.evidence.page(PACKAGE_INDEX, "torch"), scope.only):
        block = author.release(version)
        if isinstance(block, Missing):
            yield f"torch {version} was not added: {block.reason}"
            continue
        before = [known for known in behind if older(known, version)]
        lines.add_block(("torch", before[-1]), block)
        behind.insert(len(before), version)


def _is_older(version: str, other: str) -> bool:
    try:
        return older(version, other)
    except NotAVersion:
        return False


def _add_names(lines: Lines, author: Author, day: str) -> None:
    """Add the lists and sources that new rows refer to."""
    for (table, name), value in author.lists.added.items():
        if isinstance(value, Kernels):
            cells = {"sass": [f"{a}.{b}" for a, b in value.sass], "ptx": [f"{a}.{b}" for a, b in value.ptx]}
            lines.add_entry((table,), name, inline({key: texts for key, texts in cells.items() if texts}))
        else:
            lines.add_entry((table,), name, listed(value))
    for key in SOURCES:
        if f'source = "{key}"' in lines.text and key not in author.matrix.root.row("sources").cells:
            lines.add_entry(("sources",), key, source_row(key, day))


def _unused(text: str) -> dict[Path, str | tuple[str, ...] | None]:
    """Named lists and sources that no row refers to, to be taken out: a law asks for it, and they say nothing."""
    document = parsed(text)
    tables = ("sources", "python_tags", "architectures")
    said = set(_texts([value for key, value in document.items() if key not in tables]))
    unused: dict[Path, str | tuple[str, ...] | None] = {}
    for table in tables:
        rows = document.get(table)
        unused |= {(table, key): None for key in (rows if isinstance(rows, dict) else ()) if key not in said}
    return unused


def _texts(node: Node) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _texts(value)


def _sources_read(evidence: Evidence) -> tuple[str, ...]:
    """The sources of ours that were read this time."""
    pages = evidence.pages.items()
    channels = any(place != PACKAGE_INDEX and not isinstance(page, Missing) for (place, _), page in pages)
    read = [METADATA, *([FLAGS] if evidence.architectures else [])]
    if channels:
        read += [CHANNEL_METADATA, *([CHANNEL_FLAGS] if evidence.architectures else [])]
    return tuple(read)


def _dates(text: str, day: str, read: tuple[str, ...], gone: Container[Path]) -> dict[Path, str]:
    """The day of reading for the revision and the sources that were read; a later day stays."""
    document = parsed(text)
    edits: dict[Path, str] = {}
    if str(document.get("revision", "")) < day:
        edits[("revision",)] = day
    sources = document.get("sources")
    for key in read:
        source = sources.get(key) if isinstance(sources, dict) else None
        if isinstance(source, dict) and str(source.get("date", "")) < day and ("sources", key) not in gone:
            edits[("sources", key, "date")] = day
    return edits
