"""How facts of the matrix stand in cells, the same in every table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix import age
from envdoctor.matrix.reading import CPU
from envdoctor.matrix.versions import NotAVersion, parts
from envdoctor.model.sheet import NONE, Column, Items, Sheet, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Release, Wheel
    from envdoctor.model.machine import Capability
    from envdoctor.model.sheet import Cell

LATEST = 12
"""Releases in a table that was not asked for all of them: two years of torch."""

PYTHON_TAG, VERSION = r"^cp(\d)(\d+)", r"\1.\2"
"""What is found in "cp314t", and what it reads as: 3.14t."""

SEEN = ("verified", "sourced")
JUDGED = "judged only"
JUDGED_NOTE = "judged only: known for judging what is installed; no plan names it."
UNSEEN_MARK = "?"
UNSEEN = "A channel with a question mark was announced or inferred; nobody saw these builds on the index."
ORIGIN = (Column("certainty", "certainty", 1), Column("source", "source", 4))


def sheet(matrix: Matrix, title: str, tables: Iterable[Table], notes: Iterable[str] = (), *, day: str) -> Sheet:
    """Return the tables with what is known of the matrix itself on `day` (ISO 8601)."""
    old = age.note(matrix, day)
    said = (*((old,) if old else ()), *notes)
    return Sheet(title, matrix.revision, matrix.newest_torch, matrix.overlay_name, said, tuple(tables))


def capability_text(capability: Capability) -> str:
    """(8, 6) as "8.6"."""
    return f"{capability[0]}.{capability[1]}"


def capabilities(found: tuple[Capability, ...] | None) -> Cell:
    """A list of compute capabilities; None where it is not known."""
    return None if found is None else Items(tuple(map(capability_text, found)), "" if found else NONE)


def pythons(tags: tuple[str, ...] | None) -> Cell:
    """Python tags as versions: ("cp310", "cp311", "cp313t") as "3.10-3.11, 3.13t"."""
    if not tags:
        return None
    versions = tuple(re.sub(PYTHON_TAG, VERSION, tag).replace("py3", "any 3").replace("py2", "any 2") for tag in tags)
    runs: list[list[str]] = []
    for version in sorted(versions, key=lambda one: (one.endswith("t"), _number(one))):
        follows = runs and _number(version) == _next(_number(runs[-1][-1])) and version[-1:] != "t"
        if follows and not runs[-1][-1].endswith("t"):
            runs[-1].append(version)
        else:
            runs.append([version])
    short = ", ".join(run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return Items(versions, short)


def for_python(tag: str | None) -> str:
    """What follows a title: "cp314" as " for Python 3.14", no Python as ""."""
    return f" for Python {re.sub(PYTHON_TAG, VERSION, tag)}" if tag else ""


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _next(number: tuple[int, ...]) -> tuple[int, ...]:
    return (*number[:-1], number[-1] + 1) if number else ()


def channels(wheels: Iterable[Wheel]) -> Items:
    """The CUDA channels among some builds, lowest CUDA first; one that nobody saw has a mark."""
    seen: dict[str, bool] = {}
    for wheel in wheels:
        if wheel.channel != CPU:
            seen[wheel.channel] = seen.get(wheel.channel, False) or wheel.certainty in SEEN
    names = sorted(seen, key=lambda channel: (int(channel[2:]) if channel[2:].isdigit() else 0, channel))
    items = tuple(name if seen[name] else name + UNSEEN_MARK for name in names)
    return Items(items, "" if items else NONE)


def has_unseen(rows: Iterable[Sequence[Cell]]) -> bool:
    """Whether a mark of `channels` stands in any of the rows."""
    return any(
        item.endswith(UNSEEN_MARK) for row in rows for cell in row if isinstance(cell, Items) for item in cell.items
    )


def origin(matrix: Matrix, certainty: str, key: str) -> tuple[str, str]:
    """The cells under `ORIGIN`: how far a row is to be trusted, and where it was read when."""
    return certainty, f"{key} ({matrix.source(key).date})"


def standing(matrix: Matrix, release: Release) -> str:
    """What is to be known of a release before it is installed; "" mostly."""
    if release.version in matrix.past_versions:
        return JUDGED
    return f"withheld: {release.withheld}" if release.withheld else ""


def every_release(matrix: Matrix) -> tuple[Release, ...]:
    """All releases, those for judging alone too, newest first."""
    return tuple(reversed((*matrix.past_releases, *matrix.releases)))


def belongs_to(version: str, line: str) -> bool:
    """Whether a version is `line` itself or one of that line: 2.7.1 is of 2.7; raises `NotAVersion` for neither."""
    given = len(line.split("."))
    return (parts(version) + (0,) * given)[:given] == (parts(line) + (0,) * given)[:given]


def is_version(text: str) -> bool:
    """Whether a word is a dotted number."""
    try:
        parts(text)
    except NotAVersion:
        return False
    return True
