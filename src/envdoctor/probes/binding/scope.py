"""Where the symbols of one object are looked up: each object of its scope opened once, the likely ones asked first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.binary.image import NotElf, opened
from envdoctor.binary.symbols import Symbols
from envdoctor.binary.versions import definitions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from envdoctor.binary.symbols import Undefined
    from envdoctor.host.host import Host

TORCH_LIBRARIES = ("libtorch_cpu.so", "libc10.so", "libtorch_python.so", "libtorch_cuda.so", "libc10_cuda.so")
"""Those that define nearly all that extensions ask of torch, the most likely first."""

MOST_REMEMBERED = 4096
"""Answers kept about symbols: five packages ask 2,000 times for 1,000 of them."""


@dataclass(slots=True)
class Shelf:
    """The objects that were opened: each is mapped once, until `stack` is closed.

    `pause` is called before each object is read and each symbol is looked up, and may raise what shall end that.
    """

    host: Host
    stack: ExitStack
    pause: Callable[[], None]
    read: dict[str, Symbols | NotElf] = field(default_factory=dict)
    versions: dict[str, frozenset[str]] = field(default_factory=dict)
    answers: dict[tuple[str, str, str | None], bool] = field(default_factory=dict)
    """What `defines` said: extensions ask torch for the same functions."""

    def symbols(self, path: str) -> Symbols:
        """The symbols of the object at a machine path; raises `NotElf` where it cannot be read."""
        found = self.read.get(path)
        if found is None:
            self.pause()
            try:
                found = Symbols(self.stack.enter_context(opened(self.host.path(path))))
            except NotElf as error:
                found = error
            self.read[path] = found
        if isinstance(found, NotElf):
            raise found
        return found

    def defines(self, path: str, name: str, version: str | None = None) -> bool:
        """Whether the object at a machine path defines a symbol; raises `NotElf` where that cannot be read."""
        asked = path, name, version
        if asked not in self.answers:
            if len(self.answers) >= MOST_REMEMBERED:
                self.answers.clear()
            self.answers[asked] = self.symbols(path).defines(name, version)
        return self.answers[asked]

    def give_back(self, path: str) -> None:
        """Let the system have the memory of an object that few others look into; it is read again where one does."""
        found = self.read.get(path)
        if isinstance(found, Symbols):
            found.image.advise("MADV_DONTNEED")

    def versions_of(self, path: str) -> frozenset[str]:
        """The versions that the object at a machine path defines; raises `NotElf`."""
        if path not in self.versions:
            self.versions[path] = frozenset(definitions_of(self.symbols(path).section).values())
        return self.versions[path]


class Asked(NamedTuple):
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
        self.shelf.pause()
        likely = "torch" if asked.provider == "torch" else asked.symbol.library or f"lib{asked.provider}.so"
        if likely not in self.orders:
            starts = TORCH_LIBRARIES if likely == "torch" else (likely,)
            first = (path for start in starts for path in self.paths if f"/{start}" in path)
            self.orders[likely] = [*dict.fromkeys((*first, *self.paths))]
        return self._any_of(self.orders[likely], asked.symbol)

    def defined_beside(self, asked: Asked) -> bool:
        """Whether an object of the same package defines it, which the package may load for everybody first."""
        return self._any_of(self.siblings, asked.symbol)

    def _any_of(self, paths: Sequence[str], symbol: Undefined) -> bool:
        return any(self.shelf.defines(path, symbol.name, symbol.version) for path in paths)
