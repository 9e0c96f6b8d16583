"""What compiled objects ask of others and do not get: symbols that nobody defines, versions that a library lacks.

Python opens its modules with RTLD_NOW, and so does `torch.ops.load_library`: a function that nobody defines fails the
import, not the call. A symbol is called undefined only where nothing else can be the reason: every file of the scope
was found and read, a relocation asks for the symbol, it is not weak, and its name says who should define it. Symbols
of the C and C++ libraries are judged by their versions, those of Python and of the driver not at all, as who defines
them is not settled by files.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

from envdoctor.binary.image import NotElf
from envdoctor.binary.relocations import names_asked_for
from envdoctor.binary.versions import needs_of
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes.binding.built_for import built_for
from envdoctor.probes.binding.names import CUDA_BEGINNINGS, provider_of, string_abi
from envdoctor.probes.binding.scope import TORCH_LIBRARIES, Asked, Scope, Shelf
from envdoctor.probes.compiled_objects import CompiledObject, Role
from envdoctor.probes.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.binary.process import Opening
    from envdoctor.binary.symbols import Undefined
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "libraries.undefined": "compiled objects that do not load because nobody defines a symbol they need: the object, "
    "its package, the symbols and who should define them, and the torch it was built for where the package says",
    "libraries.unmet_versions": "versions (GLIBC_2.34, GLIBCXX_3.4.30) that an object needs and the library that would "
    "be loaded does not have",
}

MOST_ROWS = 100
MOST_SYMBOLS = 5
"""Symbols told of one object; all are counted."""
LONGEST_SHOWN = 300
"""Characters of a declaration; templates within templates make some of a hundred thousand."""

MOST_LACKING = 10_000
"""Undefined symbols counted of one object; one for quite another torch has some hundred."""

TORCH_OWN = ("libtorch_cuda.so", "libc10_cuda.so")
"""torch's objects that are checked against the CUDA libraries, which come from packages of their own."""


def look(at: Looking) -> Facts:
    """Ask for the symbols and versions that compiled objects of torch need, in the scope in which each is opened."""
    missing, loaded = at.facts.get("libraries.missing"), at.facts.get("libraries.loaded")
    if isinstance(missing, (Absent, Unknown)):
        return dict.fromkeys(FACTS, missing)
    if at.process is None:
        none = Unknown("the loader was not followed")
        return dict.fromkeys(FACTS, loaded if isinstance(loaded, (Absent, Unknown)) else none)
    with ExitStack() as stack:
        shelf = Shelf(at.host, stack, at.in_time)
        found = {"libraries.undefined": [*_undefined(at, shelf)], "libraries.unmet_versions": [*_unmet(at, shelf)]}
    return {
        # Another file may win where the search is in doubt; that nothing is wrong holds for any that would.
        name: loaded if rows and isinstance(loaded, Unknown) else Known(rows[:MOST_ROWS], "elf")
        for name, rows in found.items()
    }


def _undefined(at: Looking, shelf: Shelf) -> Iterator[Value]:
    # What an object lacks was noted when it was first loaded: those opened later with it in their scope lack it too.
    gaps = {needer for opening in at.openings.values() for needer, _ in opening.lacking}
    beside: dict[str, list[str]] = {}
    for other in at.objects:
        beside.setdefault(other.package, []).append(other.path)
    for one, opening in (*_torch_files(at, TORCH_OWN), *_extensions(at)):
        if opening.unreadable or not gaps.isdisjoint(opening.scope):
            continue
        siblings = [path for path in beside.get(one.package, ()) if path != one.path]
        asked = _nowhere_defined(one, Scope(opening.scope, siblings, shelf))
        shelf.give_back(one.path)
        if asked:
            yield _row(at, one, asked, opening, shelf)


def _extensions(at: Looking) -> Iterator[tuple[CompiledObject, Opening]]:
    """The objects of extensions that were opened, each with its scope."""
    for one in at.objects:
        opening = at.openings.get(one.path)
        if one.of_torch and opening is not None:
            yield one, opening


def _torch_opening(at: Looking) -> tuple[str, Opening | None]:
    """The folder of torch, with a slash, and what opening its `_C` came to."""
    for path, opening in at.openings.items():
        folder, name = posixpath.split(path)
        if posixpath.basename(folder) == "torch" and name.startswith("_C."):
            return f"{folder}/", opening
    return "", None


def _nowhere_defined(one: CompiledObject, scope: Scope) -> list[Asked]:
    """The symbols of one object that no object of its scope defines; none where that is not certain."""
    cuda_alone = one.package == "torch"
    lacking: dict[str, Asked] = {}
    try:
        own = scope.shelf.symbols(one.path)
        for symbol in own.undefined(CUDA_BEGINNINGS) if cuda_alone else own.undefined():
            provider = None if symbol.weak else provider_of(symbol.name)
            if provider is None or scope.defines(asked := Asked(symbol, provider)):
                continue
            # What follows costs more, and only broken objects get here.
            if not scope.defined_beside(asked):
                lacking[symbol.name] = asked
            if len(lacking) == MOST_LACKING:
                break
        needed = lacking.keys() & names_asked_for(own.section) if lacking else ()
    except NotElf:
        return []
    return [asked for name, asked in lacking.items() if name in needed]


def _row(at: Looking, one: CompiledObject, asked: list[Asked], opening: Opening, shelf: Shelf) -> Value:
    provider = Counter(each.provider for each in asked).most_common(1)[0][0]
    told = [each.symbol for each in asked if each.provider == provider]
    names = [symbol.name for symbol in told]
    torch = [path for path in opening.scope if posixpath.basename(path) in TORCH_LIBRARIES]
    abi, witness = string_abi(names, lambda name: any(_defines(shelf, path, name) for path in torch))
    if witness is not None:
        names = [witness, *(name for name in names if name != witness)]
    built, source = built_for(at.host, at.by_name.get(one.package, []), one) if one.package != "torch" else (None, None)
    return {
        "object": one.shown,
        "package": one.package,
        "version": one.version,
        "role": one.role.value,
        "symbols": [{"name": printable(name), "shown": _readable(name)} for name in names[:MOST_SYMBOLS]],
        "count": len(asked),
        "provider": provider,
        "library": _library(at, provider, told[0], opening),
        "string_abi": abi,
        "built_for": built,
        "source_of_built_for": source,
    }


def _readable(name: str) -> str:
    """A symbol as a person writes it; of a long one the name alone, as its parameters are most of it."""
    from envdoctor.binary.demangle import demangle, short

    shown = demangle(name)
    if len(shown) > LONGEST_SHOWN:
        shown = f"{short(name)[:LONGEST_SHOWN]}(...)"
    return printable(shown)


def _library(at: Looking, provider: str, symbol: Undefined, opening: Opening) -> str | None:
    """The name of the library that should define a symbol; None for torch, whose libraries are one package."""
    if provider == "torch":
        return None
    if symbol.library is not None:
        return printable(symbol.library)
    names = (name for path in opening.scope for name in _names(at, path) if name.startswith(f"lib{provider}.so"))
    return next(map(printable, names), None)


def _names(at: Looking, path: str) -> tuple[str, ...]:
    """The names under which others ask for a loaded object: its soname, else its file's."""
    mapped = at.process.loaded.get(path) if at.process is not None else None
    soname = mapped.dynamic.soname if mapped is not None else None
    return (soname, posixpath.basename(path)) if soname else (posixpath.basename(path),)


def _unmet(at: Looking, shelf: Shelf) -> Iterator[Value]:
    """Rows for torch's own objects and for those that load with their package."""
    seen: set[tuple[str, str, str]] = set()
    for one, opening in (*_torch_files(at), *_entries(at)):
        files = {name: member for member in reversed(opening.scope) for name in _names(at, member)}
        try:
            needs = needs_of(shelf.symbols(one.path).section)
        except NotElf:
            continue
        for need in needs:
            file = files.get(need.library)
            key = (one.path, need.library, need.version)
            if need.weak or file is None or key in seen or _meets(shelf, file, need.version):
                continue
            seen.add(key)
            yield {
                "object": one.shown,
                "package": one.package,
                "role": one.role.value,
                "library": printable(need.library),
                "version": printable(need.version),
                "file": printable(file),
                "highest": highest_like(need.version, shelf.versions_of(file)),
            }


def _defines(shelf: Shelf, path: str, name: str) -> bool:
    """Whether a library defines a symbol, in whatever version; false where it cannot be read."""
    try:
        return shelf.defines(path, name)
    except NotElf:
        return False


def _meets(shelf: Shelf, file: str, version: str) -> bool:
    """Whether a library has a version, or no versions at all: the loader then only says so; true where unreadable."""
    try:
        defined = shelf.versions_of(file)
    except NotElf:
        return True
    return not defined or version in defined


def _torch_files(at: Looking, names: tuple[str, ...] = ()) -> Iterator[tuple[CompiledObject, Opening]]:
    """The objects of torch's own folder that its import loads, of these `names` where some are given."""
    home, opening = _torch_opening(at)
    version = at.text("torch.version") or ""
    for member in opening.scope if opening else ():
        path = posixpath.normpath(member)
        if opening and path.startswith(home) and (not names or posixpath.basename(path) in names):
            yield (
                CompiledObject(
                    member, printable(f"torch/{path[len(home) :]}"), "torch", version, Role.ENTRY, of_torch=True
                ),
                opening,
            )


def _entries(at: Looking) -> Iterator[tuple[CompiledObject, Opening]]:
    """The objects that load with their package and were opened."""
    for one in at.objects:
        if one.role is Role.ENTRY and one.path in at.openings:
            yield one, at.openings[one.path]


def highest_like(version: str, defined: Iterable[str]) -> str | None:
    """The highest of the versions that begin with the same word: GLIBC_2.36 of those of a C library; None for none."""
    family = version.partition("_")[0]
    numbered = []
    for name in defined:
        start, _, number = name.partition("_")
        parts = number.split(".")
        if start == family and all(part.isascii() and part.isdigit() and len(part) < 9 for part in parts):
            numbered.append(([int(part) for part in parts], name))
    return max(numbered)[1] if numbered else None
