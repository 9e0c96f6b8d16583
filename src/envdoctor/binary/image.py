"""A mapped 64-bit little-endian ELF file: the one place where its bytes are read.

Layouts: System V ABI "gABI" (ELF header, program headers, section headers). Every offset and count in a file is a
claim: each is checked against the size of the map before it is used, and every count has a bound, so a damaged or
hostile file costs one `NotElf`, never another exception and never a read outside the map.
"""

from __future__ import annotations

import os
import stat
import struct
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")

ELF_MAGIC = b"\x7fELF"
OTHER_MAGICS = (
    (b"MZ", "a Windows PE file"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O file"),
    (b"\xce\xfa\xed\xfe", "a Mach-O file"),
    (b"\xca\xfe\xba\xbe", "a Mach-O file"),
    (b"!<arch>", "a static library"),
    (b"version https://git-lfs", "a Git LFS pointer"),
)
CLASS_64, LITTLE_ENDIAN, CURRENT_VERSION = 2, 1, 1
TYPE_PROGRAM, TYPE_SHARED = 2, 3
PT_LOAD = 1

MACHINES = {62: "x86_64", 183: "aarch64"}
"""`e_machine` (gABI, "Machine") to the name `uname -m` uses, for the machines torch wheels exist for."""

# Far above anything real: libtorch_cuda.so of torch 2.14.1 has about ten program headers and 23 needs.
MOST_PROGRAM_HEADERS = 4096
MOST_SECTIONS = 4096  # linked objects have some forty
LONGEST_STRING = 16384  # the longest symbol of libtorch_cuda.so of torch 2.14.1 has 1995 bytes
LONGEST_SECTION_NAME = 1024
BLOCK = 64 * 1024  # bytes of a long table that are in memory at a time
BLOCKS_KEPT = 64  # after as many the system gets the pages of the map back


class NotElf(Exception):
    """The file is not a readable 64-bit little-endian ELF object; `reason` says what it is instead.

    `foreign` is true for an ELF file of another class or byte order: the loader passes over such a file
    and searches on, where any other defect ends its search (`open_verify` in glibc `elf/dl-load.c`).
    """

    def __init__(self, reason: str, *, foreign: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.foreign = foreign


class Segment(NamedTuple):
    """One program header: `offset` and `size` in the file, `address` where it is mapped, `alignment`, all in bytes."""

    kind: int
    offset: int
    address: int
    size: int
    alignment: int


class Section(NamedTuple):
    """One section header: `name`, `kind` (`sh_type`), and its bytes in the file at `offset`, `size` long."""

    name: str
    kind: int
    offset: int
    size: int


class Image:
    """A mapped ELF file with a valid header; every read is checked against the length of the map.

    Raises `NotElf` from the constructor (not such a file) and from every read that leaves the map.
    """

    def __init__(self, data: mmap.mmap | bytes) -> None:
        self.data = data
        self.size = len(data)
        _refuse_other_formats(bytes(data[:32]))
        if self.size < HEADER.size:
            raise NotElf("truncated: shorter than an ELF header")
        fields = HEADER.unpack_from(data, 0)
        self.kind: int = fields[1]
        self.machine: int = fields[2]
        self._program_headers = (fields[5], fields[9], fields[10])
        self._section_headers = (fields[6], fields[11], fields[12])
        self._section_names: int = fields[13]
        if self.kind not in (TYPE_PROGRAM, TYPE_SHARED):
            raise NotElf("an ELF file, but neither a program nor a shared object")

    def unpack(self, layout: struct.Struct, offset: int) -> tuple[int, ...]:
        """The fields of `layout` at file offset `offset` (bytes); raises `NotElf` beyond the end."""
        if offset < 0 or offset + layout.size > self.size:
            raise NotElf("truncated: a table lies beyond the end of the file")
        return layout.unpack_from(self.data, offset)

    def string(self, offset: int, end: int) -> str:
        """The zero-terminated text at file offset `offset`, its zero before `end`; raises `NotElf` without one."""
        end = min(end, self.size, offset + LONGEST_STRING)
        stop = self.data.find(b"\0", offset, end) if 0 <= offset < end else -1
        if stop < 0:
            raise NotElf("damaged: a name in its string table has no end")
        return bytes(self.data[offset:stop]).decode("utf-8", "surrogateescape")

    def span(self, offset: int, size: int) -> bytes:
        """The `size` bytes at file offset `offset`; raises `NotElf` where they are not all in the file."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise NotElf("truncated: a table lies beyond the end of the file")
        return self.data[offset : offset + size]

    def rows(self, layout: struct.Struct, offset: int, count: int) -> Iterator[tuple[int, ...]]:
        """The `count` entries of the table at file offset `offset`; raises `NotElf` where they are not all in the file.

        A table may be as long as the file, which may be longer than the disk: a part of it is in memory at a time.
        """
        if offset < 0 or count < 0 or offset + count * layout.size > self.size:
            raise NotElf("truncated: a table lies beyond the end of the file")
        end, step = offset + count * layout.size, BLOCK // layout.size * layout.size
        return chain.from_iterable(map(layout.iter_unpack, self._blocks(offset, end, step)))

    def _blocks(self, start: int, end: int, step: int) -> Iterator[bytes]:
        for number, place in enumerate(range(start, end, step), 1):
            yield self.data[place : min(place + step, end)]
            if not number % BLOCKS_KEPT:
                self.advise("MADV_DONTNEED")

    def advise(self, advice: str) -> None:
        """Tell the system how the map is used, where it takes advice; dropped pages are read again from the file."""
        import mmap

        if isinstance(self.data, mmap.mmap) and hasattr(mmap, advice):
            try:
                self.data.madvise(getattr(mmap, advice))
            except OSError:  # of locked memory nothing is given back
                pass

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The program headers in file order; raises `NotElf` if the table is not where the header says."""
        table, entry_size, entries = self._program_headers
        if not entries:
            return ()
        if entry_size != PROGRAM_HEADER.size or entries > MOST_PROGRAM_HEADERS:
            raise NotElf("damaged: impossible program header table")
        found = []
        for kind, _, offset, address, _, size, _, alignment in PROGRAM_HEADER.iter_unpack(
            self.span(table, entries * PROGRAM_HEADER.size)
        ):
            found.append(Segment(kind, offset, address, size, alignment))
        return tuple(found)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The section headers in file order, none where they were stripped.

        The loader needs none of them, so what they say is used only for what has no other way: device code.
        Raises `NotElf` if the table is not where the header says.
        """
        table, entry_size, entries = self._section_headers
        if not entries:
            return ()
        if entry_size != SECTION_HEADER.size or entries > MOST_SECTIONS or self._section_names >= entries:
            raise NotElf("damaged: impossible section header table")
        headers = list(SECTION_HEADER.iter_unpack(self.span(table, entries * SECTION_HEADER.size)))
        _, _, _, _, names, length, _, _, _, _ = headers[self._section_names]
        found = []
        for name, kind, _, _, offset, size, _, _, _, _ in headers:
            # Names may overlap, so that a small table could give long ones to all of many sections.
            end = names + min(length, name + LONGEST_SECTION_NAME)
            found.append(Section(self.string(names + name, end) if length else "", kind, offset, size))
        return tuple(found)

    def offset_of(self, address: int) -> int:
        """Where in the file the loaded `address` comes from; raises `NotElf` where it is in no loaded segment."""
        for segment in self.segments:
            if segment.kind == PT_LOAD and segment.address <= address < segment.address + segment.size:
                return segment.offset + address - segment.address
        raise NotElf("damaged: a table is in no loaded segment")


def _refuse_other_formats(start: bytes) -> None:
    if not start:
        raise NotElf("an empty file")
    if not start.startswith(ELF_MAGIC):
        what = next((name for magic, name in OTHER_MAGICS if start.startswith(magic)), "not an ELF file")
        raise NotElf(what)
    if len(start) < 7:
        raise NotElf("truncated: shorter than an ELF header")
    if start[4] != CLASS_64:
        raise NotElf("a 32-bit ELF file" if start[4] == 1 else "an ELF file of unknown class", foreign=True)
    if start[5] != LITTLE_ENDIAN:
        raise NotElf("a big-endian ELF file", foreign=True)
    if start[6] != CURRENT_VERSION:
        raise NotElf("an ELF file of unknown version")


@contextmanager
def opened(path: str) -> Iterator[Image]:
    """Map the ELF file at `path` (a real path, links followed) for the length of a `with` block.

    Raises `NotElf` for everything that is not one, a folder, FIFO, device, or unreadable file included;
    never blocks on a FIFO and never opens a device.
    """
    import mmap

    try:
        _refuse_special(os.stat(path))
        # The name may change hands before the open: O_NONBLOCK keeps even a FIFO from waiting for a writer.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            info = os.fstat(handle)
            _refuse_special(info)
            if not info.st_size:
                raise NotElf("an empty file")
            data = mmap.mmap(handle, info.st_size, access=mmap.ACCESS_READ)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise NotElf(f"unreadable: {getattr(error, 'strerror', None) or error}") from error
    with data:
        yield Image(data)


def _refuse_special(info: os.stat_result) -> None:
    if stat.S_ISREG(info.st_mode):
        return
    if stat.S_ISDIR(info.st_mode):
        raise NotElf("a folder")
    raise NotElf("a FIFO, not a file" if stat.S_ISFIFO(info.st_mode) else "a device or socket, not a file")


def read_machine(path: str) -> int:
    """`e_machine` of the ELF file at the real path `path`; raises `NotElf` as `opened` does."""
    with opened(path) as image:
        return image.machine
