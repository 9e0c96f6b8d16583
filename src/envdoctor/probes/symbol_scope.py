"""Where the symbols of one object are looked up: each object of its scope opened once, the likely ones asked first."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envdoctor.binary.image import NotElf, opened
from envdoctor.binary.symbols import Symbols
from envdoctor.binary.versions import definitions_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from envdoctor.binary.symbols import Undefined
    from envdoctor.host.host import Host

TORCH_LIBRARIES = ("libtorch_cpu.so", "libc10.so", "libtorch_python.so", "libtorch_cuda.so", "libc10_cuda.so")
"""Those that define nearly all that extensions ask of torch, the most likely first."""


@dataclass(slots=True)
class Shelf:
    """The objects that were opened: each is mapped once, until `stack` is closed."""

    host: Host
    stack: ExitStack
    read: dict[str, Symbols | NotElf] = field(default_factory=dict)
    versions: dict[str, frozenset[str]] = field(default_factory=dict)

    def symbols(self, path: str) -> Symbols:
        """The symbols of the object at a machine path; raises `NotElf` where it cannot be read."""
        found = self.read.get(path)
        if found is None:
            try:
                found = Symbols(self.stack.enter_context(opened(self.host.path(path))))
            except NotElf as error:
                found = error
            self.read[path] = found
        if isinstance(found, NotElf):
            raise found
        return found

    def versions_of(self, path: str) -> frozenset[str]:
        """The versions that the object at a machine path defines; raises `NotElf`."""
        if path not in self.versions:
            self.versions[path] = frozenset(definitions_of(self.symbols(path).section).values())
        return self.versions[path]


@dataclass(frozen=True, slots=True)
class Asked:
    """A symbol that is asked for, and who should define it: "torch", or a library by its short name ("nccl")."""

    symbol: Undefined
    provider: str


@dataclass(slots=True)
class Scope:
    """The scope of one object, as machine paths; `siblings` are the other objects of its package."""

    paths: Sequence[str]
    siblings: Sequence[str]
    shelf: Shelf
    orders: dict[str, list[str]] = field(default_factory=dict)

    def defines(self, asked: Asked) -> bool:
        """Whether an object of the scope defines the symbol.

        Where none does all of them were read; raises `NotElf` where one cannot be.
        """
        likely = "torch" if asked.provider == "torch" else asked.symbol.library or f"lib{asked.provider}.so"
        if likely not in self.orders:
            starts = TORCH_LIBRARIES if likely == "torch" else (likely,)
            self.orders[likely] = sorted(self.paths, key=lambda path: _rank(path, starts))
        return self._any_of(self.orders[likely], asked.symbol)

    def defined_beside(self, asked: Asked) -> bool:
        """Whether an object of the same package defines it, which the package may load for everybody first."""
        return self._any_of(self.siblings, asked.symbol)

    def _any_of(self, paths: Sequence[str], symbol: Undefined) -> bool:
        return any(self.shelf.symbols(path).defines(symbol.name, symbol.version) for path in paths)


def _rank(path: str, starts: tuple[str, ...]) -> int:
    """The place of an object among those whose file names begin in these ways."""
    name = posixpath.basename(path)
    return next((place for place, start in enumerate(starts) if name.startswith(start)), len(starts))
