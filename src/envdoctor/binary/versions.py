"""Symbol versions: which an object asks of which library (GLIBC_2.34 of libc.so.6), and which it defines.

Layouts: "Symbol Versioning" of the Linux Standard Base Core Specification (`Verneed`, `Vernaux`, `Verdef`, `Verdaux`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.binary.dynamic import DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM
from envdoctor.binary.image import NotElf

if TYPE_CHECKING:
    from envdoctor.binary.dynamic import DynamicSection

NEED = struct.Struct("<HHIII")
NEED_ENTRY = struct.Struct("<IHHII")
DEFINITION = struct.Struct("<HHHHIII")
DEFINITION_NAME = struct.Struct("<II")

VER_FLG_BASE, VER_FLG_WEAK = 1, 2
HIDDEN = 0x8000
"""Bit of an entry of the version table: an old version, which a need without a version does not meet."""
MOST = 4096
"""Libraries and versions read of one object; libtorch_cpu.so asks for versions of nine libraries."""


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
    place = section.place(DT_VERNEED)
    found: list[VersionNeed] = []
    for _ in range(_count(section, DT_VERNEEDNUM) if place is not None else 0):
        assert place is not None
        _, entries, file, first, following = section.image.unpack(NEED, place)
        library, entry = section.text(file), place + first
        for _ in range(entries):
            _, flags, index, name, step = section.image.unpack(NEED_ENTRY, entry)
            found.append(VersionNeed(library, section.text(name), index & ~HIDDEN, bool(flags & VER_FLG_WEAK)))
            if len(found) > MOST:
                raise NotElf("damaged: an impossible number of symbol versions")
            if not step:
                break
            entry += step
        if not following:
            break
        place += following
    return tuple(found)


def definitions_of(section: DynamicSection) -> dict[int, str]:
    """The versions an object defines, by their number; empty for one without versions. Raises `NotElf`.

    Number 1 is the object's own name (`VER_FLG_BASE`).
    """
    place = section.place(DT_VERDEF)
    found: dict[int, str] = {}
    for _ in range(_count(section, DT_VERDEFNUM) if place is not None else 0):
        assert place is not None
        _, _, index, names, _, first, following = section.image.unpack(DEFINITION, place)
        if names:
            name, _ = section.image.unpack(DEFINITION_NAME, place + first)
            found[index & ~HIDDEN] = section.text(name)
        if not following:
            break
        place += following
    return found


def _count(section: DynamicSection, tag: int) -> int:
    count = section.tags.get(tag, 0)
    if count > MOST:
        raise NotElf("damaged: an impossible number of symbol versions")
    return count
