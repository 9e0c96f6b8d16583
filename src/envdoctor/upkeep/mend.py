"""From what a wheel tells otherwise to the cells of the file that change with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.reading import PLATFORMS
from envdoctor.model.verification import Outcome
from envdoctor.upkeep.cells import Kernels
from envdoctor.upkeep.check import NOT_PUBLISHED, NOT_WITHDRAWN, PUBLISHED, row_name, shown
from envdoctor.upkeep.evidence import PACKAGE_INDEX, Missing
from envdoctor.upkeep.new_rows import CHANNEL_FLAGS, CHANNEL_METADATA, FLAGS, METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.rows import Node
    from envdoctor.upkeep.check import Check
    from envdoctor.upkeep.named_lists import NamedLists
    from envdoctor.upkeep.toml_text import Path

ORDER = (
    *("released", "requires_python", "torchvision", "torchaudio", "triton", "triton_python_below"),
    *("cuda", "cudnn", "nccl"),
)
"""The cells of a release, then those of a channel, as they follow each other in the file."""


MAY_BE_NONE = ("triton", "triton_python_below")
"""Cells that are taken out where the wheel has nothing of the kind; any other must be somewhere."""


def cells_before(key: str) -> tuple[str, ...]:
    """The cells behind which a new one is written."""
    return ORDER[: ORDER.index(key)] if key in ORDER else ORDER


class Mending:
    """What is to change: `edits` of cells that are there (None takes one out), `added` cells of tables of their own.

    `left` says what an index contradicts and only a person can decide.
    """

    def __init__(self, matrix: Matrix, lists: NamedLists, checks: Iterable[Check]) -> None:
        self._matrix = matrix
        self._lists = lists
        self.edits: dict[Path, str | tuple[str, ...] | None] = {}
        self.added: dict[Path, str] = {}
        self.left: list[str] = []
        heard = tuple(checks)
        # A cell that one wheel confirms is not changed for another: the next run would change it back.
        self._confirmed = {(check.path, check.says) for check in heard if check.outcome is Outcome.CONFIRMED}
        for check in heard:
            self._hear(check)

    def _hear(self, check: Check) -> None:
        """Take in one comparison; most ask for nothing."""
        contradicted = check.outcome is Outcome.CONTRADICTED
        if isinstance(check.found, Missing) or not (contradicted or check.unknown_to_the_matrix):
            return
        path, value = self._place(check)
        if path is None:
            if contradicted:
                said = f"{shown(check.says)}, found {shown(check.found)}"
                self.left.append(f"{row_name(check.path)}: the matrix says {said}")
            return
        known = self.edits.get(path, self.added.get(path))
        if (check.path, check.says) in self._confirmed or (known is not None and known != value):
            self.left.append(f"{row_name(path)}: the wheels of its platforms do not agree")
            return
        if has(self._matrix, path) or path[-2] in PLATFORMS or "releases" in path:
            self.edits[path] = value
        elif isinstance(value, str):
            self.added[path] = value
        self._name_the_wheel(path, check.place)

    def _place(self, check: Check) -> tuple[Path | None, str | tuple[str, ...] | None]:
        """Which cell is written, and what; no cell for what has none: a whole row, or the Pythons of a channel."""
        path, found = check.path, check.found
        assert not isinstance(found, Missing)
        if path[-1] == "standing":  # announced, and now on the index; whether it is advertised only a document says
            return path, "unadvertised"
        if path[-1] == "yanked":
            if "releases" in path:
                return path, None if found == NOT_WITHDRAWN else shown(found)
            return (*path[:-1], "withheld"), f"withdrawn from the package index: {shown(found)}"
        if found in (PUBLISHED, NOT_PUBLISHED) or (path[-1] == "python" and not has(self._matrix, path)):
            return None, None
        if found is None and path[-1] not in MAY_BE_NONE:
            return None, None
        if isinstance(found, Kernels):
            return path, self._lists.kernels(found)
        if path[-1] == "python" and isinstance(found, tuple):
            return path, self._lists.pythons(found)
        return path, found

    def _name_the_wheel(self, path: Path, place: str) -> None:
        """Let the row of a changed cell name the wheel as its source; the partners have one source for all rows."""
        if "releases" in path:
            return
        kernels = path[-1] == "architectures"
        metadata, flags = (METADATA, FLAGS) if place == PACKAGE_INDEX else (CHANNEL_METADATA, CHANNEL_FLAGS)
        row = path[:-2] if path[-2] in PLATFORMS and not kernels else path[:-1]
        for key, value in (("source", flags if kernels else metadata), ("certainty", "verified")):
            cell = (*row, key)
            if _cell(self._matrix, cell) != value:
                self.edits[cell] = value


def has(matrix: Matrix, path: Path) -> bool:
    """Whether the file has that table or cell."""
    return _cell(matrix, path) is not None


def _cell(matrix: Matrix, path: Path) -> Node | None:
    node: Node = matrix.root.cells
    for key in path:
        if not isinstance(node, dict) or key not in node:
            return None
        node = node[key]
    return node
