"""Which symbols an object really asks for: those that a relocation names.

The loader looks up relocations, not the symbol table: an undefined symbol that none of them names harms nobody
(`elf_dynamic_do_Rela` in glibc `elf/do-rel.h`). Opened with RTLD_NOW, as Python opens its modules, those of functions
(`DT_JMPREL`) are looked up at once as well.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from envdoctor.binary.dynamic import DT_SYMTAB

if TYPE_CHECKING:
    from envdoctor.binary.dynamic import DynamicSection

DT_PLTRELSZ, DT_RELA, DT_RELASZ, DT_JMPREL = 2, 7, 8, 23
RELOCATION = struct.Struct("<QQq")
NAME = struct.Struct("<I")
SIZE_OF_SYMBOL = 24


def names_asked_for(section: DynamicSection) -> frozenset[str]:
    """The names of the symbols that an object's relocations look up; raises `NotElf`.

    Reads every relocation: of big objects some hundred thousand.
    """
    table = section.place(DT_SYMTAB)
    numbers: set[int] = set()
    for start, size in ((DT_RELA, DT_RELASZ), (DT_JMPREL, DT_PLTRELSZ)):
        place = section.place(start)
        if place is not None:
            count = section.tags.get(size, 0) // RELOCATION.size
            rows = RELOCATION.iter_unpack(section.image.span(place, count * RELOCATION.size))
            numbers.update(info >> 32 for _, info, _ in rows)
    numbers.discard(0)
    if table is None:
        return frozenset()
    return frozenset(section.text(section.image.unpack(NAME, table + number * SIZE_OF_SYMBOL)[0]) for number in numbers)
