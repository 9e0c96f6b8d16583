"""The dynamic symbols of an object: those it lacks, and whether it defines a given one, without reading them all.

A definition is found as the loader finds it, through the object's hash table: "libtorch_cpu.so" of torch 2.14.1
defines some hundred thousand symbols, of which a question touches two or three.

Layouts: System V ABI "gABI" ("Symbol Table", "Hash Table"); DT_GNU_HASH as binutils write and glibc reads it
(`do_lookup_x` in `elf/dl-lookup.c`): symbols that are defined stand behind those that are not, sorted by bucket.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from envdoctor.binary.dynamic import DT_GNU_HASH, DT_HASH, DT_SYMTAB, DT_VERSYM, DynamicSection
from envdoctor.binary.image import NotElf
from envdoctor.binary.versions import HIDDEN, definitions_of, needs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.binary.image import Image

SYMBOL = struct.Struct("<IBBHQQ")
GNU_HEADER = struct.Struct("<IIII")
SYSV_HEADER = struct.Struct("<II")
WORD = struct.Struct("<I")
HALF = struct.Struct("<H")
BLOOM = struct.Struct("<Q")

SHN_UNDEF, SHN_ABS = 0, 0xFFF1
STB_LOCAL, STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE = 0, 1, 2, 10
STT_TLS = 6
VISIBLE = (0, 3)
"""STV_DEFAULT and STV_PROTECTED: what other objects may bind to."""

MOST_SYMBOLS = 8_000_000
LONGEST_CHAIN = 100_000
"""Symbols in one bucket; linkers keep them to a handful."""


@dataclass(frozen=True, slots=True)
class Undefined:
    """A symbol that another object must define: mangled `name`; `version` and `library` where it names them.

    A `weak` one may stay undefined. `library` is the soname that had the version when this object was linked.
    """

    name: str
    weak: bool
    version: str | None = None
    library: str | None = None


class Symbols:
    """The dynamic symbol table of a mapped object.

    Valid as long as the image is mapped. Raises `NotElf` from the constructor and from every read that leaves the map.
    An object without dynamic symbols defines and lacks nothing.
    """

    def __init__(self, image: Image, section: DynamicSection | None = None) -> None:
        self.image = image
        self.section = section or DynamicSection(image)
        self._table = self.section.place(DT_SYMTAB)
        self._versions = self.section.place(DT_VERSYM)
        self._gnu = self.section.place(DT_GNU_HASH)
        self._sysv = self.section.place(DT_HASH)
        if self._table is not None and self._gnu is None and self._sysv is None:
            raise NotElf("damaged: a symbol table without a hash table")

    def undefined(self) -> Iterator[Undefined]:
        """Yield the symbols it needs of others, in the order of the table."""
        if self._table is None:
            return
        needs = {need.index: need for need in needs_of(self.section)}
        count = self._undefined_below
        versions = self._version_table(count)
        rows = SYMBOL.iter_unpack(self.image.span(self._table, count * SYMBOL.size))
        for index, (name, info, _, section, _, _) in enumerate(rows):
            if section != SHN_UNDEF or info >> 4 == STB_LOCAL or not name:
                continue
            need = needs.get(versions[index][0] & ~HIDDEN) if versions else None
            yield Undefined(
                self.section.text(name),
                info >> 4 == STB_WEAK,
                need.version if need else None,
                need.library if need else None,
            )

    def defines(self, name: str, version: str | None = None) -> bool:
        """Whether it defines `name` for others, in that version where it has versions at all.

        A need without a version is met by any that is not hidden, and one with a version by an object without versions
        (the loader then says "no version information available" and goes on).
        """
        symbol = name.encode("utf-8", "surrogateescape")
        candidates = self._by_gnu_hash(symbol) if self._gnu is not None else self._by_sysv_hash(symbol)
        return any(self._serves(index, symbol, version) for index in candidates)

    @cached_property
    def _undefined_below(self) -> int:
        """How many entries of the table hold all that are undefined: those before the first that is hashed."""
        if self._gnu is not None:
            buckets, first, _, _ = self.image.unpack(GNU_HEADER, self._gnu)
            # Without a single definition linkers write one empty bucket and number the first as 1.
            count = first if buckets and self._hashes_anything else self._all_by_sections()
        else:
            assert self._sysv is not None
            _, count = self.image.unpack(SYSV_HEADER, self._sysv)
        if count > MOST_SYMBOLS:
            raise NotElf("damaged: an impossible number of symbols")
        return count

    @cached_property
    def _hashes_anything(self) -> bool:
        assert self._gnu is not None
        buckets, _, words, _ = self.image.unpack(GNU_HEADER, self._gnu)
        start = self._gnu + GNU_HEADER.size + words * BLOOM.size
        if buckets > MOST_SYMBOLS:
            raise NotElf("damaged: an impossible number of symbols")
        return any(self.image.span(start, buckets * WORD.size))

    def _all_by_sections(self) -> int:
        """The length of the table by its section header, the only place that tells where nothing is hashed."""
        for section in self.image.sections:
            if section.offset == self._table:
                return section.size // SYMBOL.size
        return 0

    def _version_table(self, count: int) -> list[tuple[int]]:
        if self._versions is None:
            return []
        return list(HALF.iter_unpack(self.image.span(self._versions, count * HALF.size)))

    @cached_property
    def _defined_versions(self) -> dict[int, str]:
        return definitions_of(self.section)

    def _serves(self, index: int, symbol: bytes, version: str | None) -> bool:
        """Whether entry `index` is a definition of `symbol` that others may bind to, in that version."""
        assert self._table is not None
        name, info, other, section, value, _ = self.image.unpack(SYMBOL, self._table + index * SYMBOL.size)
        # An absolute symbol of value 0 names a version; a symbol of thread-local storage may lie at 0.
        nothing = value == 0 and section != SHN_ABS and info & 15 != STT_TLS
        if section == SHN_UNDEF or nothing or info >> 4 not in (STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE):
            return False
        start, end = self.section.strings
        if other & 3 not in VISIBLE or start + name + len(symbol) >= min(end, self.image.size):
            return False
        if self.image.data[start + name : start + name + len(symbol) + 1] != symbol + b"\0":
            return False
        if self._versions is None or not self._defined_versions:
            return True
        (number,) = self.image.unpack(HALF, self._versions + index * HALF.size)
        if version is None:
            return not number & HIDDEN
        return self._defined_versions.get(number & ~HIDDEN) == version

    def _by_gnu_hash(self, symbol: bytes) -> Iterator[int]:
        assert self._gnu is not None
        buckets, first, words, shift = self.image.unpack(GNU_HEADER, self._gnu)
        if not buckets or not words:
            return
        wanted = gnu_hash(symbol)
        bloom = self._gnu + GNU_HEADER.size
        (filtered,) = self.image.unpack(BLOOM, bloom + wanted // 64 % words * BLOOM.size)
        if not filtered >> wanted % 64 & filtered >> (wanted >> (shift & 63)) % 64 & 1:
            return
        table = bloom + words * BLOOM.size
        (index,) = self.image.unpack(WORD, table + wanted % buckets * WORD.size)
        if index < first:
            return
        chain = table + buckets * WORD.size
        for _ in range(LONGEST_CHAIN):
            (here,) = self.image.unpack(WORD, chain + (index - first) * WORD.size)
            if here | 1 == wanted | 1:
                yield index
            if here & 1:
                return
            index += 1

    def _by_sysv_hash(self, symbol: bytes) -> Iterator[int]:
        if self._sysv is None:
            return
        buckets, symbols = self.image.unpack(SYSV_HEADER, self._sysv)
        if not buckets:
            return
        table = self._sysv + SYSV_HEADER.size
        (index,) = self.image.unpack(WORD, table + sysv_hash(symbol) % buckets * WORD.size)
        for _ in range(LONGEST_CHAIN):
            if not index or index >= symbols:
                return
            yield index
            (index,) = self.image.unpack(WORD, table + (buckets + index) * WORD.size)


def gnu_hash(symbol: bytes) -> int:
    """The hash of DT_GNU_HASH: 5381, then times 33 plus each byte, in 32 bits (`dl_new_hash` of glibc)."""
    value = 5381
    for byte in symbol:
        value = value * 33 + byte & 0xFFFFFFFF
    return value


def sysv_hash(symbol: bytes) -> int:
    """The hash of DT_HASH (gABI, "Hash Table"), in 28 bits."""
    value = 0
    for byte in symbol:
        value = (value << 4) + byte
        value = (value ^ (value & 0xF0000000) >> 24) & 0x0FFFFFFF
    return value
