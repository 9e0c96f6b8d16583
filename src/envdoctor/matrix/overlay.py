"""An organisation's file laid over the shipped matrix: its rows beside ours, or in place of ours.

A row is replaced whole, with its source, so that no row holds figures of two origins; what hangs below it (the
channels of a release, the platforms of a channel) merges by name. docs/adr/0009-overlay.md says why. Only documents are
merged here; whether the result is lawful, `laws` says.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.rows import MatrixError, Row
from envdoctor.matrix.versions import NotAVersion, parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.matrix.rows import Node

WITHHELD = "withheld"
"""A policy on our row, not another figure: alone it leaves the row as it is."""

SHARED = ("sources", "python_tags", "architectures", "glibc.floors")
"""Tables whose entries other rows refer to by name: one of ours given another meaning would change those rows too."""

CORE = ("sources", "torch", "torchvision", "torchaudio", "toolkits", "driver_branches", "generations", "gpus")
"""A file that has all of these is a matrix by itself, as every copy of ours is."""

ORDERED = (
    *("torch", "history.torch", "toolkits", "driver_branches", "driver_floors"),
    *("images.releases", "ngc_images", "cuda_images.releases"),
)
"""Tables that stand oldest first."""


class Named(NamedTuple):
    """What names a row of a list of tables: the cells `by`, or each item of the list `shared` among rows alike in `by`.

    `order` is the cell by which the rows ascend, "" where any order will do.
    """

    by: tuple[str, ...] = ()
    shared: str = ""
    order: str = ""


LISTS = {
    "gpus": Named(shared="names"),
    "generations": Named(shared="capabilities"),
    "conda_forge": Named(("cuda", "first_build", "variant", "platforms"), shared="torch"),
    "cudnn": Named(("from",), order="from"),
    "compile_pythons": Named(("from",), order="from"),
    "mps": Named(("from",), order="from"),
    "jetson": Named(("l4t", "capability"), order="l4t"),
    "peaks": Named(("gpu",)),
}
"""A list that is not here takes the rows of an overlay at its end."""


class Overlay(NamedTuple):
    """A file laid over the matrix: its name, its own date if it states one, and its rows as they stand there.

    The name without its folder: reports are given away, and a path tells of the person who wrote the command.
    """

    file: str
    revision: str | None
    rows: Mapping[str, Node]

    def states(self, table: str) -> frozenset[str]:
        """The keys of a table of the file itself."""
        rows = self.rows.get(table)
        return frozenset(rows) if isinstance(rows, dict) else frozenset()


def is_whole(document: Mapping[str, Node]) -> bool:
    """Whether a file is a matrix by itself, in place of the shipped one."""
    return document.keys() >= set(CORE)


def laid_over(shipped: Mapping[str, Node], document: dict[str, Node], file: str) -> tuple[dict[str, Node], Overlay]:
    """Return the shipped document with the rows of `document` laid over it, and what that file is.

    `revision` stays ours. Raises `MatrixError` for what cannot be laid over: a table that is none of the matrix, a
    partner without a source of its own, a shared name given another meaning.
    """
    given = Row(document, "", file)
    overlay = Overlay(os.path.basename(file), given.optional_text("revision"), document)
    rows = {key: value for key, value in document.items() if key != "revision"}
    if not rows:
        raise MatrixError(f"{file}: holds no row to lay over the shipped matrix")
    return _merged(shipped, Row(rows, "", file)), overlay


def _merged(ours: Mapping[str, Node], theirs: Row) -> dict[str, Node]:
    """Return one table of ours with theirs of the same name over it; it goes as deep as ours and no deeper."""
    cells = {key: value for key, value in theirs.cells.items() if not _is_table(value)}
    keep_cells = not theirs.where or theirs.where in SHARED or not cells.keys() - {WITHHELD}
    merged = {key: value for key, value in ours.items() if keep_cells or _is_table(value)}
    for key, value in theirs.cells.items():
        present = merged.get(key)
        if theirs.where in SHARED and present is not None and present != value:
            raise theirs.wrong("is a name of the matrix itself; give yours another", key)
        if theirs.where == "torch" and present is None and isinstance(value, dict) and value.keys() == {WITHHELD}:
            raise theirs.wrong("withholds a release that the matrix does not have", key)
        if isinstance(present, dict) and isinstance(value, dict):
            merged[key] = _merged(present, theirs.row(key))
        elif isinstance(present, list) and isinstance(value, list) and not theirs.where:
            merged[key] = _listed(present, value, LISTS.get(key))
        else:
            merged[key] = value
        if theirs.where.endswith(".releases") and isinstance(value, dict) and "source" not in value:
            raise theirs.wrong("is missing; ours does not speak for your row", f"{key}.source")
    return {key: merged[key] for key in sorted(merged, key=_age)} if theirs.where in ORDERED else merged


def _is_table(value: Node) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _listed(ours: list[Node], theirs: list[Node], named: Named | None) -> list[Node]:
    """Return the rows of a list of tables; theirs take what they name out of ours."""
    kept = ours
    for row in theirs:
        if named and isinstance(row, dict):
            left = (_without(mine, row, named) for mine in kept)
            kept = [one for one in left if one is not None]
    merged = [*kept, *theirs]
    if named and named.order:
        merged.sort(key=lambda row: _age(row.get(named.order, "")) if isinstance(row, dict) else LAST)
    return merged


def _without(mine: Node, theirs: dict[str, Node], named: Named) -> Node | None:
    """Return a row of ours without what theirs names anew; None where nothing is left of it."""
    if not isinstance(mine, dict) or any(mine.get(cell) != theirs.get(cell) for cell in named.by):
        return mine
    if not named.shared:
        return None
    items, anew = mine.get(named.shared), theirs.get(named.shared)
    if not isinstance(items, list) or not isinstance(anew, list):
        return mine
    left: list[Node] = [one for one in items if one not in anew]
    return {**mine, named.shared: left} if left else None


LAST = (10**9,)
"""After every version."""


def _age(version: Node) -> tuple[int, ...]:
    """What orders versions, and image tags of a month by it; what is neither goes last, where the laws find it."""
    if isinstance(version, int):
        return (version,)
    month = re.search(r":(\d\d)\.(\d\d)-py3$", version, re.ASCII) if isinstance(version, str) else None
    if month:
        return int(month[1]), int(month[2])
    try:
        return parts(version) if isinstance(version, str) else LAST
    except NotAVersion:
        return LAST
