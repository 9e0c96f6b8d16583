"""From the words of a question to its sheet; a word that means nothing is answered with those near it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.sheets import cells, elsewhere, releases, tables
from envdoctor.matrix.versions import older, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.sheets.releases import Environment
    from envdoctor.matrix.tables import Release
    from envdoctor.model.sheet import Sheet

TABLES = (
    "torch",
    "torchvision",
    "torchaudio",
    "drivers",
    "cuda",
    "cudnn",
    "gpus",
    "peaks",
    "images",
    "conda",
    "jetson",
    "sources",
)
"""What `envdoctor matrix show WORD` prints besides a release."""

LINED = ("torch", "torchvision", "torchaudio", "drivers", "cuda")
"""Tables of which a version may be asked for."""

PARTNERS = ("torchvision", "torchaudio")
NEAR = 4
LONGEST = 80
"""Letters of a word that are compared; the time difflib takes grows with their square."""


class NoSuchTable(Exception):
    """The words name nothing of the matrix; the text is one line with near names."""


def answer(matrix: Matrix, words: Sequence[str], environment: Environment, *, everything: bool, day: str) -> Sheet:
    """Return what the words ask for: nothing, a table, a release or line of releases, or a table and a line of it.

    `environment` leaves out releases, and builds of them, that cannot be installed there. Raises `NoSuchTable`.
    """
    table, line = _table_and_line(matrix, words) if words else ("torch", None)
    if table == "torch":
        found = [release for release in releases_of(matrix, words) if environment.admits(release)]
        if line is not None and found:
            return releases.one(matrix, found, environment, day=day)
        if words:
            return releases.every_column(matrix, found, environment, day=day)
        return releases.overview(matrix, found, environment, everything=everything, day=day)
    if environment != releases.Environment():
        raise NoSuchTable(f"{table}: a platform and a Python narrow what is shown of torch; leave out one of them")
    if table in PARTNERS:
        known = {*matrix.partners.get(table, {}), *matrix.past_partners.get(table, {})}
        _of_line(known, table, line)
        return tables.partner(matrix, table, line, everything=everything, day=day)
    if table == "drivers":
        branches = [str(row.branch) for row in matrix.driver_branches]
        _of_line(branches, table, str(matrix.driver_branch(line)) if line else None)
        return tables.drivers(matrix, line, day=day)
    if table == "cuda":
        _of_line([row.version for row in matrix.toolkits], table, line)
        return tables.cuda(matrix, line, day=day)
    whole: dict[str, Callable[[], Sheet]] = {
        "cudnn": lambda: tables.cudnn(matrix, day=day),
        "gpus": lambda: tables.gpus(matrix, day=day),
        "peaks": lambda: tables.peaks(matrix, day=day),
        "images": lambda: elsewhere.images(matrix, day=day),
        "conda": lambda: elsewhere.conda(matrix, day=day),
        "jetson": lambda: elsewhere.jetson(matrix, day=day),
        "sources": lambda: tables.sources(matrix, day=day),
    }
    return whole[table]()


def releases_of(matrix: Matrix, words: Sequence[str]) -> list[Release]:
    """The torch releases that the words name, newest first: all without a word. Raises `NoSuchTable`."""
    table, line = _table_and_line(matrix, words) if words else ("torch", None)
    if table != "torch":
        raise NoSuchTable(f"{table}: the question is about torch; name a release of it, or nothing")
    known = cells.every_release(matrix)
    _of_line([release.version for release in known], "torch", line)
    return [release for release in known if line is None or cells.belongs_to(release.version, line)]


def _table_and_line(matrix: Matrix, words: Sequence[str]) -> tuple[str, str | None]:
    """Read "2.7", "torch", "torch 2.7" or "drivers 535". Raises `NoSuchTable`."""
    first, *rest = (word.lower() for word in words)
    if cells.is_version(first):
        first, rest = "torch", [first, *rest]
    if first not in TABLES:
        raise NoSuchTable(f"{words[0]}: no such table or release{_near(matrix, words[0])}")
    if not rest:
        return first, None
    if len(rest) > 1 or first not in LINED:
        raise NoSuchTable(f"{' '.join(words)}: one table, and one release or version of it")
    if not cells.is_version(rest[0]):
        raise NoSuchTable(f"{words[1]}: not a version; write it like 2.7")
    return first, rest[0]


def _of_line(known: Sequence[str] | set[str], table: str, line: str | None) -> None:
    """Refuse a version of which the matrix knows nothing, with near ones. Raises `NoSuchTable`."""
    if line is None or any(cells.belongs_to(version, line) for version in known):
        return
    newest = max(known, key=parts, default=line)
    if older(newest, line):
        raise NoSuchTable(f"{table} {line}: newer than what this matrix knows, which ends with {newest}")
    from difflib import get_close_matches

    near = get_close_matches(line[:LONGEST], sorted(known), NEAR, 0.5)
    hint = f" (did you mean {' or '.join(near)}?)" if near else f" (`envdoctor matrix show {table}` lists them)"
    raise NoSuchTable(f"{table} {line}: unknown to this matrix{hint}")


def _near(matrix: Matrix, word: str) -> str:
    """Return words that suggest what a mistyped word may have meant: a table, a release, or a GPU."""
    from difflib import get_close_matches

    if matrix.gpu(word[:LONGEST]):
        return f" (did you mean --gpu '{word}'?)"
    inside = re.search(r"\d+(\.\d+)+", word[:LONGEST])  # v2.7, torch==2.7.1, 2.7.1+cu126
    if inside and any(cells.belongs_to(one.version, inside[0]) for one in cells.every_release(matrix)):
        return f" (did you mean {inside[0]}?)"
    found = get_close_matches(word[:LONGEST].lower(), (*TABLES, *matrix.past_versions, *matrix.versions), NEAR)
    found += [f"--gpu '{name}'" for name in matrix.gpu_names_near(word[:LONGEST])[:NEAR]]
    return f" (did you mean {' or '.join(found)}?)" if found else f" (tables: {', '.join(TABLES)})"
