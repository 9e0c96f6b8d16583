"""Rows of the facts that are read out of shared objects, with types: what the rules of the loader share.

A snapshot may be older than such a fact, or edited by hand: a fact that is not in it has no rows, a cell of another
type is one that is not told, and texts are cut to what a message can hold.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.model.fact import Value
    from envdoctor.model.machine import Machine

MOST_ROWS = 1000
"""A bound for snapshots made by others; probes give a few dozen rows."""

MOST_SHOWN = 160
"""Characters of a demangled name that a message shows whole; of a longer one the arguments are left out."""

VARIABLES = ("LD_LIBRARY_PATH", "LD_PRELOAD")
"""Ways by which a setting, and no file of the environment, decides which library is loaded."""

CUDNN, NCCL = "libcudnn", "libnccl.so"
"""How the libraries of cuDNN, and the one of NCCL, begin."""

WARNS_ONLY = "its import only warns"
"""The circumstance of a package in `GOES_ON`."""

GOES_ON = {
    "xformers": (
        r"xformers/_C\.[^/]*so",
        "`import xformers` warns and goes on without it: memory-efficient attention, SwiGLU and what else it compiled "
        "are not available, torch's own attention is.",
    ),
}
"""Packages that catch the error of a pattern of their objects, and what they do then (`xformers/_cpp_lib.py` of 0.0.32
to 0.0.35). Where its `flash_attn_3/_C.so` does not load either, `import xformers.ops` fails."""

STRING_ABI = {
    "old": "It was compiled with the old std::string of C++ (_GLIBCXX_USE_CXX11_ABI=0), and torch with the new one.",
    "new": "It was compiled with the new std::string of C++ (_GLIBCXX_USE_CXX11_ABI=1), and torch with the old one.",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A compiled object of a distribution, by its path below the folder of packages.

    `role` is "entry" (loaded with the package), "variant" (one of several of which one is chosen) or "optional".
    """

    object: str
    package: str
    role: str


@dataclass(frozen=True, slots=True)
class Missing(Part):
    """It needs a library that is nowhere; `library` is the soname."""

    library: str


@dataclass(frozen=True, slots=True)
class Undefined(Part):
    """It needs symbols that nothing it is loaded with defines; `symbols` are demangled and the first of `count`."""

    version: str | None
    symbols: tuple[str, ...]
    count: int
    provider: str | None
    library: str | None
    string_abi: str | None
    built_for: str | None
    source: str | None

    @property
    def needs(self) -> str:
        """Say which object of which package needs what."""
        version = f" {self.version}" if self.version else ""
        return f"{self.object} of {self.package}{version} needs {some(self.symbols, self.count)}"

    def is_asked_of(self, provider: str, library: str) -> bool:
        """Whether that library of NVIDIA's should define the symbols."""
        return self.provider == provider or (self.library or "").startswith(library)

    def says(self, torch: str) -> str:
        """Say what it lacks, who should define that, and what it was built for, as far as that is told."""
        by = f"torch {torch}" if self.provider == "torch" else self.library or self.provider
        told = f"{self.needs}, which {f'{by} does not define' if by else 'nothing defines'}"
        if self.built_for:
            source = f" ({self.source} says so)" if self.source else ""
            told += f": it was built for {self.built_for}{source}"
        elif self.provider == "torch" and not self.string_abi:
            told += ": it was built for another torch"
        return " ".join(filter(None, (f"{told}.", STRING_ABI.get(self.string_abi or ""))))


@dataclass(frozen=True, slots=True)
class Unmet(Part):
    """It needs a version of a library which the file that would be loaded does not define (GLIBC_2.34)."""

    library: str
    version: str
    file: str | None
    highest: str | None

    @property
    def here(self) -> str:
        """What would be loaded instead, in words."""
        file = self.file or f"the {self.library} of this system"
        return f"{file} ends at {self.highest}" if self.highest else f"{file} does not have it"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A library that torch's import loads, and by which way it was found."""

    library: str
    file: str
    how: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Shadowed(Loaded):
    """A file that takes the place of the environment's own of the same soname.

    `own_package` and `own_version` are of the one that is not loaded. `lacks` are the first of `lacks_count` symbols
    that are needed, which only the environment's own has. `folder` is the entry of the variable it came by.
    """

    needed_by: str | None
    own_package: str | None
    own_version: str | None
    older: bool | None
    lacks: tuple[str, ...]
    lacks_count: int
    folder: str | None

    @property
    def by_variable(self) -> bool:
        """Whether LD_LIBRARY_PATH or LD_PRELOAD names it."""
        return self.how in VARIABLES

    @property
    def place(self) -> str:
        """The entry of the variable, or the folder it lies in."""
        return self.folder or posixpath.dirname(self.file)

    @property
    def is_older(self) -> bool | None:
        """Whether it is of an older minor release than the environment's own; None where nobody can tell.

        Patch releases are left aside: what was built with one runs with the others of that minor release.
        """
        here, own = release(self.version), release(self.own_version)
        return here[:2] < own[:2] if len(here) > 1 and len(own) > 1 else self.older

    @property
    def taken(self) -> str:
        """Say which file is loaded by which way, and which is not."""
        version = f" {self.version}" if self.version else ""
        package = "torch's wheel" if self.own_package == "torch" else self.own_package
        own = " ".join(filter(None, (package, self.own_version)))
        return (
            f"{self.needed_by or 'torch'} gets {self.library}{version} by {self.how} from {self.place}, not the "
            f"environment's own{f' ({own})' if own else ''}"
        )


def missing(machine: Machine) -> list[Missing]:
    """Return the rows of `libraries.missing`; old ones name neither package nor role.

    Raises `Undecidable` where the fact is not known, as the others do where it was looked for.
    """
    return [
        Missing(*_part(row), _text(row, "library") or "a library")
        for row in machine.rows("libraries.missing")[:MOST_ROWS]
    ]


def undefined(machine: Machine) -> list[Undefined]:
    """Return the rows of `libraries.undefined`."""
    return [
        Undefined(
            *_part(row),
            version=_text(row, "version", 60),
            symbols=tuple(shown for one in _list(row, "symbols") if (shown := _symbol(one))),
            count=_count(row, "count"),
            provider=_text(row, "provider", 60),
            library=_text(row, "library", 60),
            string_abi=_text(row, "string_abi"),
            built_for=_text(row, "built_for", 60),
            source=_text(row, "source_of_built_for", 60),
        )
        for row in _rows(machine, "libraries.undefined")
    ]


def unmet(machine: Machine) -> list[Unmet]:
    """Return the rows of `libraries.unmet_versions` that name a version."""
    return [
        Unmet(*_part(row), _text(row, "library") or "a library", version, _text(row, "file"), _text(row, "highest", 60))
        for row in _rows(machine, "libraries.unmet_versions")
        if (version := _text(row, "version", 60))
    ]


def loaded(machine: Machine) -> list[Loaded]:
    """Return the rows of `libraries.loaded`."""
    return [Loaded(*_found(row)) for row in _rows(machine, "libraries.loaded")]


def shadowed(machine: Machine) -> list[Shadowed]:
    """Return the rows of `libraries.shadowed`."""
    return [
        Shadowed(
            *_found(row),
            needed_by=_text(row, "needed_by"),
            own_package=_text(row, "instead_of_package", 60),
            own_version=_text(row, "instead_of_version", 60),
            older=older if isinstance(older := row.get("older"), bool) else None,
            lacks=tuple(one[:MOST_SHOWN] for one in _list(row, "lacks") if isinstance(one, str) and one),
            lacks_count=_count(row, "lacks_count"),
            folder=_text(row, "folder"),
        )
        for row in _rows(machine, "libraries.shadowed")
    ]


P = TypeVar("P", bound=Part)


def by_package(rows: Iterable[P]) -> list[tuple[str, list[P]]]:
    """Return the packages and their rows: those of entry objects, and those of optional ones where no entry has any.

    A variant is none of both: the one that is chosen at run time may be another, so that it says nothing.
    """
    found: dict[str, list[P]] = {}
    for role in ("entry", "optional"):
        told = set(found)
        for row in rows:
            if row.role == role and row.package not in told:
                found.setdefault(row.package, []).append(row)
    return list(found.items())


def when_loaded(rows: list[P], always: str) -> str:
    """Return the circumstance of one package's rows: `always` for entry objects."""
    return always if rows[0].role == "entry" else "an optional part"


def going_on(package: str, rows: Iterable[Part]) -> str:
    """Return what a package does without its objects among all `rows` that do not load; "" where its import fails."""
    objects, told = GOES_ON.get(package, ("", ""))
    return told if all(re.fullmatch(objects, row.object) for row in rows if row.package == package) else ""


def release(version: str | None) -> tuple[int, ...]:
    """Return the numbers a version begins with: (9, 24, 0, 43); none where it begins with none."""
    match = re.match(r"(?a)\d{1,9}(?:\.\d{1,9}){0,5}", version or "")
    return tuple(int(number) for number in match[0].split(".")) if match else ()


def some(names: tuple[str, ...], count: int) -> str:
    """Name the first and how many more there are."""
    more = max(count, len(names)) - 1
    first = names[0] if names else "a symbol"
    return f"{first} and {more} more" if more > 0 else first


def _rows(machine: Machine, fact: str) -> list[dict[str, Value]]:
    return machine.rows(fact)[:MOST_ROWS] if machine.looked_at(fact) else []


def _part(row: dict[str, Value]) -> tuple[str, str, str]:
    thing = _text(row, "object") or "an object"
    role = row.get("role")
    return thing, _text(row, "package", 100) or thing.partition("/")[0], str(role)[:20] if role else "entry"


def _found(row: dict[str, Value]) -> tuple[str, str, str, str | None]:
    library, file = _text(row, "library") or "a library", _text(row, "file") or "a file that is not told"
    return library, file, _text(row, "how", 40) or "a way that is not told", _text(row, "version", 60)


def _text(row: dict[str, Value], key: str, most: int = 300) -> str | None:
    value = row.get(key)
    return value[:most] if isinstance(value, str) and value else None


def _list(row: dict[str, Value], key: str) -> list[Value]:
    value = row.get(key)
    return value[:5] if isinstance(value, list) else []


def _count(row: dict[str, Value], key: str) -> int:
    value = row.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _symbol(value: Value) -> str | None:
    """A symbol as a reader knows it; of a long one the name alone."""
    if not isinstance(value, dict):
        return None
    shown = value.get("shown") or value.get("name")
    if not isinstance(shown, str) or len(shown) <= MOST_SHOWN:
        return shown if isinstance(shown, str) else None
    name = re.split(r"\((?!anonymous namespace\))", shown, maxsplit=1)[0]
    return f"{name[:300]}(...)"
