"""The dynamic symbols of an object: those it lacks, and whether it defines a given one, without reading them all.

A definition is found as the loader finds it, through the object's hash table: "libtorch_cpu.so" of torch 2.14.1
has 75 765 symbols, of which a question touches two or three.

Layouts: System V ABI "gABI" ("Symbol Table", "Hash Table"); DT_GNU_HASH as binutils write and glibc reads it.
Which definition serves: `check_match` and `do_lookup_x` in glibc `elf/dl-lookup.c`.
"""

from __future__ import annotations

import struct
from functools import cached_property, lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.binary.dynamic import DT_GNU_HASH, DT_HASH, DT_SYMTAB, DT_VERSYM, DynamicSection
from envdoctor.binary.image import NotElf
from envdoctor.binary.relocations import MOST_REPEATED, MOST_SYMBOLS, numbers_asked_for
from envdoctor.binary.versions import HIDDEN, definitions_of, needs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
DATA_OR_CODE = frozenset((0, 1, 2, 5, STT_TLS, 10))
"""Types of symbol that define something: none given, object, function, common, thread-local, indirect function."""
BINDABLE = frozenset((STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE))
VISIBLE = frozenset((0, 3))
"""STV_DEFAULT and STV_PROTECTED: what other objects may bind to."""
BASE_VERSION, FIRST_LATER_VERSION = 1, 3
"""Numbers 0 and 1 stand for no version, 2 is the object's oldest, which old programs without versions mean."""

LONGEST_CHAIN = 4096
"""Symbols in one bucket; linkers keep them to a handful."""


class Undefined(NamedTuple):
    """A symbol that another object must define: mangled `name`; `version` and `library` where it names them.

    A `weak` one may stay undefined. `library` is the soname that had the version when this object was linked.
    """

    name: str
    weak: bool
    version: str | None = None
    library: str | None = None


class _GnuTable(NamedTuple):
    """DT_GNU_HASH: file offsets of its parts, filter and buckets known to lie in the file."""

    filter: int
    filter_mask: int
    shift: int
    buckets: int
    bucket_count: int
    first: int
    """The first symbol that is hashed."""
    chains: int
    """Where the chain of symbol 0 would be."""


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
        self._gnu = self._gnu_table()
        self._sysv = self.section.place(DT_HASH)

    def undefined(self, beginnings: tuple[bytes, ...] = (b"",)) -> Iterator[Undefined]:
        """Yield the symbols it needs of others whose names begin with one of `beginnings`, in the order of the table.

        Of a program that is not position-independent, functions whose address it takes may be left out: linkers number
        them among its own.
        """
        if self._table is None:
            return
        needs = {need.index: need for need in needs_of(self.section)}
        count = self._undefined_below
        rows = self.image.rows(SYMBOL, self._table, count)
        numbers: Iterable[tuple[int, ...]] = repeat((0,))
        if self._versions is not None:
            numbers = self.image.rows(HALF, self._versions, count)
        start, end = self.section.strings
        left = MOST_REPEATED * (min(end, self.image.size) - start)
        data, longest = self.image.data, max(map(len, beginnings))
        for (name, info, _, section, _, _), (number,) in zip(rows, numbers, strict=False):
            if section != SHN_UNDEF or info >> 4 == STB_LOCAL or not name:
                continue
            if not data[start + name : start + name + longest].startswith(beginnings):
                continue
            text = self.image.string(start + name, end)
            left -= len(text)
            if left < 0:
                raise NotElf("damaged: names of symbols lie upon each other")
            need = needs.get(number & ~HIDDEN)
            if need is None:
                yield Undefined(text, info >> 4 == STB_WEAK)
            else:
                yield Undefined(text, info >> 4 == STB_WEAK, need.version, need.library)

    def defines(self, name: str, version: str | None = None) -> bool:
        """Whether it defines `name` for others, in that version where it has versions at all.

        A need with a version is met by a definition without one, and by an object without versions (the loader then
        says "no version information available" and goes on). A need without a version is met by a definition without
        one or of the oldest version, else by the default version, if there is but one.
        """
        symbol, wanted = _hashed(name)
        candidates = self._by_gnu_hash(self._gnu, wanted) if self._gnu is not None else self._by_sysv_hash(symbol)
        defaults: list[bool] = []
        for index in candidates:
            bindable = self._definition(index, symbol)
            if bindable is None:
                continue
            number = self._version_number(index)
            if version is not None:
                own = self._version_names.get(number & ~HIDDEN)
                if own == version or (own is None and not number & HIDDEN):
                    return bindable
            elif number & ~HIDDEN < FIRST_LATER_VERSION:
                return bindable
            elif not number & HIDDEN:
                defaults.append(bindable)
        return defaults == [True]

    def _definition(self, index: int, symbol: bytes) -> bool | None:
        """Whether others may bind to entry `index`; None where it is no definition of `symbol`."""
        if self._table is None:
            raise NotElf("damaged: a hash table without symbols")
        name, info, other, section, value, _ = self.image.unpack(SYMBOL, self._table + index * SYMBOL.size)
        # An absolute symbol of value 0 names a version; a symbol of thread-local storage may lie at 0.
        nothing = value == 0 and section != SHN_ABS and info & 15 != STT_TLS
        if section == SHN_UNDEF or nothing or info & 15 not in DATA_OR_CODE:
            return None
        start, end = self.section.strings
        stop = start + name + len(symbol) + 1
        # Where the text would go beyond the map the slice is shorter, and unlike.
        if stop > end or self.image.data[start + name : stop] != symbol + b"\0":
            return None
        return other & 3 in VISIBLE and info >> 4 in BINDABLE

    def _version_number(self, index: int) -> int:
        if self._versions is None or not self._version_names:
            return 0
        (number,) = self.image.unpack(HALF, self._versions + index * HALF.size)
        return number

    @cached_property
    def _version_names(self) -> dict[int, str]:
        """Versions by number, those it needs among them: a program defines its copy of another's variable in such."""
        names = {need.index: need.version for need in needs_of(self.section)}
        names.update(definitions_of(self.section))
        # The object's own name stands there and is no version.
        names.pop(BASE_VERSION, None)
        return names

    @cached_property
    def _undefined_below(self) -> int:
        """How many entries of the table hold all that are undefined."""
        if self._gnu is not None:
            # Those that are hashed are defined and stand last. Without a single one linkers write one empty bucket
            # and number the first as they like.
            hashed = self._gnu.bucket_count > 1 or any(self.image.span(self._gnu.buckets, self._gnu.bucket_count * 4))
            count = self._gnu.first if hashed else self._referenced_below()
        elif self._sysv is not None:
            _, count = self.image.unpack(SYSV_HEADER, self._sysv)
        else:
            count = self._referenced_below()
        if count > MOST_SYMBOLS:
            raise NotElf("damaged: an impossible number of symbols")
        return count

    def _referenced_below(self) -> int:
        """One more than the highest symbol that a relocation asks for: the table itself does not tell its length."""
        return max(numbers_asked_for(self.section), default=0) + 1

    def _gnu_table(self) -> _GnuTable | None:
        place = self.section.place(DT_GNU_HASH)
        if place is None:
            return None
        buckets, first, words, shift = self.image.unpack(GNU_HEADER, place)
        if not words or words & words - 1:
            raise NotElf("damaged: an impossible filter of symbols")
        start = place + GNU_HEADER.size
        end = start + words * BLOOM.size
        chains = end + buckets * WORD.size
        if chains > self.image.size:
            raise NotElf("truncated: a table lies beyond the end of the file")
        return _GnuTable(start, words - 1, shift, end, buckets, first, chains - first * WORD.size)

    def _by_gnu_hash(self, table: _GnuTable, wanted: int) -> Iterable[int]:
        """The numbers of the symbols with this hash; most objects say with one look that they have none."""
        start, mask, shift, buckets, bucket_count, first, _ = table
        data = self.image.data
        (word,) = BLOOM.unpack_from(data, start + (wanted >> 6 & mask) * 8)
        if not word >> (wanted & 63) & word >> (wanted >> shift & 63) & 1 or not bucket_count:
            return ()
        (index,) = WORD.unpack_from(data, buckets + wanted % bucket_count * 4)
        return self._gnu_chain(table, wanted, index) if index and index >= first else ()

    def _gnu_chain(self, table: _GnuTable, wanted: int, index: int) -> Iterator[int]:
        for number in range(index, index + LONGEST_CHAIN):
            (here,) = self.image.unpack(WORD, table.chains + number * WORD.size)
            if here | 1 == wanted | 1:
                yield number
            if here & 1:
                return
        raise NotElf("damaged: a chain of symbols without end")

    def _by_sysv_hash(self, symbol: bytes) -> Iterator[int]:
        if self._sysv is None:
            return
        buckets, symbols = self.image.unpack(SYSV_HEADER, self._sysv)
        if not buckets:
            return
        table = self._sysv + SYSV_HEADER.size
        (index,) = self.image.unpack(WORD, table + sysv_hash(symbol) % buckets * WORD.size)
        for _ in range(min(symbols, LONGEST_CHAIN)):
            if not index:
                return
            if index >= symbols:
                raise NotElf("damaged: a chain of symbols leaves its table")
            yield index
            (index,) = self.image.unpack(WORD, table + (buckets + index) * WORD.size)
        raise NotElf("damaged: a chain of symbols without end")


@lru_cache(maxsize=1024)
def _hashed(name: str) -> tuple[bytes, int]:
    """A name as it stands in a string table, and its hash: one name is asked of many objects in a row."""
    symbol = name.encode("utf-8", "surrogateescape")
    return symbol, gnu_hash(symbol)


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
