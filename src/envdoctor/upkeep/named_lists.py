"""The named lists of the matrix: found by what they hold, or given a name in the manner of the others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.upkeep.cells import Kernels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Capability


class NamedLists:
    """[python_tags] and [architectures] with what is added to them; `added` holds the new ones by table and name."""

    def __init__(self, matrix: Matrix) -> None:
        root = matrix.root
        pythons, kernels = root.row("python_tags"), root.row("architectures")
        self._generations = {c: row.name for row in matrix.generations for c in row.capabilities}
        self._pythons = {name: frozenset(pythons.texts(name)) for name in pythons.cells}
        self._kernels = {
            name: Kernels(row.capabilities("sass"), row.capabilities("ptx")) for name, row in kernels.rows()
        }
        self.added: dict[tuple[str, str], tuple[str, ...] | Kernels] = {}

    def pythons(self, tags: tuple[str, ...]) -> str:
        """The name of a list of Python tags."""
        for name, known in self._pythons.items():
            if known == frozenset(tags):
                return name
        name = _free(_span(tags), self._pythons)
        self._pythons[name] = frozenset(tags)
        self.added["python_tags", name] = tags
        return name

    def kernels(self, kernels: Kernels) -> str:
        """The name of an architecture list."""
        for name, known in self._kernels.items():
            if known == kernels:
                return name
        ends = [self._generation(kernels.sass[0]), self._generation(kernels.sass[-1])] if kernels.sass else ["none"]
        name = _free("-".join(dict.fromkeys(ends)) + ("-ptx" if kernels.ptx else ""), self._kernels)
        self._kernels[name] = kernels
        self.added["architectures", name] = kernels
        return name

    def _generation(self, capability: Capability) -> str:
        word = self._generations.get(capability, "sm{}{}".format(*capability))
        return re.sub(r"[^a-z0-9]+", "", word.lower())


def _span(tags: tuple[str, ...]) -> str:
    """The Pythons from oldest to newest, and those without a GIL: "3.10-3.14-and-3.14t"."""
    spelled = [re.sub(r"^[a-z]+(\d)(\d+)", r"\1.\2", tag) for tag in tags]
    plain, free = ([one for one in spelled if one.endswith("t") is threaded] for threaded in (False, True))
    spans = ["-".join(dict.fromkeys((some[0], some[-1]))) for some in (plain, free) if some]
    return "-and-".join(spans) or "none"


def _free(name: str, taken: Iterable[str]) -> str:
    numbered = (f"{name}-{number}" for number in range(2, 1000))
    return name if name not in taken else next(one for one in numbered if one not in taken)
