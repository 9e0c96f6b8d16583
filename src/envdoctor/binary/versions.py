"""Symbol versions: which an object asks of which library (GLIBC_2.34 of libc.so.6), and which it defines.

Layouts: "Symbol Versioning" of the Linux Standard Base Core Specification (`Verneed`, `Vernaux`, `Verdef`, `Verdaux`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.binary.dynamic import DT_VERDEF, DT_VERNEED
from envdoctor.binary.image import NotElf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.binary.dynamic import DynamicSection

NEED = struct.Struct("<HHIII")
NEED_ENTRY = struct.Struct("<IHHII")
DEFINITION = struct.Struct("<HHHHIII")
DEFINITION_NAME = struct.Struct("<II")

VER_FLG_WEAK = 2
HIDDEN = 0x8000
"""Bit of an entry of the version table: an old version, which a need without a version does not meet."""
MOST = 4096
"""Libraries and versions read of one object; libtorch_cpu.so asks for versions of nine libraries."""
LONGEST_NAME = 1024
MOST_TEXT = 256 * 1024
"""Characters of all of them together; libstdc++ and the C library define some fifty."""


@dataclass(frozen=True, slots=True)
class VersionNeed:
    """`version` ("GLIBC_2.34") is asked of `library` ("libc.so.6"); a `weak` one may be lacking.

    `index` is the number by which the symbol table refers to it.
    """

    library: str
    version: str
    index: int
    weak: bool


def needs_of(section: DynamicSection) -> tuple[VersionNeed, ...]:
    """The versions an object asks for, in file order; raises `NotElf`."""
    found: list[VersionNeed] = []
    left = MOST_TEXT
    for place in _chain(section, section.place(DT_VERNEED), NEED):
        _, _, file, first, _ = section.image.unpack(NEED, place)
        library = _name(section, file)
        left -= len(library)
        for entry in _chain(section, place + first, NEED_ENTRY):
            _, flags, index, name, _ = section.image.unpack(NEED_ENTRY, entry)
            need = VersionNeed(library, _name(section, name), index & ~HIDDEN, bool(flags & VER_FLG_WEAK))
            found.append(need)
            left -= len(need.version)
            if len(found) > MOST or left < 0:
                raise NotElf("damaged: an impossible number of symbol versions")
    return tuple(found)


def definitions_of(section: DynamicSection) -> dict[int, str]:
    """The versions an object defines, by their number; empty for one without versions. Raises `NotElf`.

    Number 1 is the object's own name (`VER_FLG_BASE`).
    """
    found: dict[int, str] = {}
    left = MOST_TEXT
    for place in _chain(section, section.place(DT_VERDEF), DEFINITION):
        _, _, index, _, _, first, _ = section.image.unpack(DEFINITION, place)
        name, _ = section.image.unpack(DEFINITION_NAME, place + first)
        found[index & ~HIDDEN] = text = _name(section, name)
        left -= len(text)
        if left < 0:
            raise NotElf("damaged: an impossible number of symbol versions")
    return found


def _chain(section: DynamicSection, place: int | None, layout: struct.Struct) -> Iterator[int]:
    """Yield where the entries of a list lie, whose last field is the distance to the next and 0 in the last.

    The counts that the dynamic section and the entries hold are not asked: the loader does not ask them either
    (`_dl_check_map_versions` in glibc `elf/dl-version.c`).
    """
    for _ in range(MOST):
        if place is None:
            return
        yield place
        *_, step = section.image.unpack(layout, place)
        place = place + step if step else None
    raise NotElf("damaged: an impossible number of symbol versions")


def _name(section: DynamicSection, offset: int) -> str:
    text = section.text(offset)
    if len(text) > LONGEST_NAME:
        raise NotElf("damaged: an impossible symbol version")
    return text
