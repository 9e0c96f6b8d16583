"""Which symbols an object really asks for: those that a relocation names.

The loader looks up relocations, not the symbol table: an undefined symbol that none of them names harms nobody
(`elf_dynamic_do_Rela` in glibc `elf/do-rel.h`). Opened with RTLD_NOW, as Python opens its modules, those of functions
(`DT_JMPREL`) are looked up at once as well.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from envdoctor.binary.dynamic import DT_SYMTAB
from envdoctor.binary.image import NotElf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.binary.dynamic import DynamicSection

DT_PLTRELSZ, DT_RELA, DT_RELASZ, DT_JMPREL = 2, 7, 8, 23
RELOCATION = struct.Struct("<QQq")
NAME = struct.Struct("<I")
SIZE_OF_SYMBOL = 24

MOST_RELOCATIONS = 8_000_000
"""libtorch_cpu.so of torch 2.14.1 has 356,594."""
MOST_SYMBOLS = 8_000_000
MOST_REPEATED = 4
"""Names that are read, in total, as a multiple of the string table they come from."""


def numbers_asked_for(section: DynamicSection) -> Iterator[int]:
    """Yield for each relocation the number of the symbol that it looks up, 0 for one without; raises `NotElf`."""
    for start, size in ((DT_RELA, DT_RELASZ), (DT_JMPREL, DT_PLTRELSZ)):
        place = section.place(start)
        if place is not None:
            count = section.tags.get(size, 0) // RELOCATION.size
            if count > MOST_RELOCATIONS:
                raise NotElf("damaged: an impossible number of relocations")
            for _, info, _ in section.image.rows(RELOCATION, place, count):
                yield info >> 32


def names_asked_for(section: DynamicSection) -> Iterator[str]:
    """Yield the names of the symbols that an object's relocations look up, each once; raises `NotElf`.

    Reads every relocation: of big objects some hundred thousand.
    """
    table = section.place(DT_SYMTAB)
    if table is None:
        return
    start, end = section.strings
    left = MOST_REPEATED * (min(end, section.image.size) - start)
    seen = bytearray(b"\1")  # number 0 stands for no symbol
    for number in numbers_asked_for(section):
        if number >= len(seen):
            if number >= MOST_SYMBOLS:
                raise NotElf("damaged: an impossible number of symbols")
            seen.extend(bytes(max(number + 1 - len(seen), len(seen))))
        if seen[number]:
            continue
        seen[number] = True
        name = section.text(section.image.unpack(NAME, table + number * SIZE_OF_SYMBOL)[0])
        left -= len(name)
        if left < 0:
            raise NotElf("damaged: names of symbols lie upon each other")
        yield name
