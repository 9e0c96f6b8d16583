"""What a 64-bit little-endian ELF file says about itself, read by mmap and never loaded.

Layouts: System V ABI "gABI" (ELF header, program headers, dynamic section), the Linux additions in
`elf.h` of glibc. Every offset and count in a file is a claim: each is checked against the size of the
map before it is used, and every count has a bound, so a damaged or hostile file costs one `NotElf`.
"""

from __future__ import annotations

import os
import stat
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
DYNAMIC_ENTRY = struct.Struct("<qQ")

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
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = 0, 1, 5, 10, 14, 15, 29

MACHINES = {62: "x86_64", 183: "aarch64"}
"""`e_machine` (gABI, "Machine") to the name `uname -m` uses, for the machines torch wheels exist for."""

# Far above anything real: libtorch_cuda.so of torch 2.14.1 has about ten program headers and 23 needs.
MOST_PROGRAM_HEADERS = 4096
MOST_DYNAMIC_ENTRIES = 65536
MOST_NEEDED = 1024
LONGEST_STRING = 16384


class NotElf(Exception):
    """The file is not a readable 64-bit little-endian ELF object; `reason` says what it is instead.

    `foreign` is true for an ELF file of another class or byte order: the loader passes over such a file
    and searches on, where any other defect ends its search (`open_verify` in glibc `elf/dl-load.c`).
    """

    def __init__(self, reason: str, *, foreign: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.foreign = foreign


@dataclass(frozen=True, slots=True)
class Dynamic:
    """What the dynamic loader reads of one object; strings as stored, bytes above 127 as surrogate escapes.

    `machine` is `e_machine`. `rpath` and `runpath` are the undivided texts, None where the tag is not there.
    `interpreter` is the loader a program asks for (`PT_INTERP`), None for most shared objects.
    A statically linked program has no needs and no names.
    """

    machine: int
    needed: tuple[str, ...] = ()
    soname: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    interpreter: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """One program header: `offset` and `size` in the file, `address` where it is mapped, all in bytes."""

    kind: int
    offset: int
    address: int
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
        self._table: int = fields[5]
        self._entry_size: int = fields[9]
        self._entries: int = fields[10]
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

    def segments(self) -> list[Segment]:
        """The program headers in file order; raises `NotElf` if the table is not where the header says."""
        if not self._entries:
            return []
        if self._entry_size != PROGRAM_HEADER.size or self._entries > MOST_PROGRAM_HEADERS:
            raise NotElf("damaged: impossible program header table")
        found = []
        for index in range(self._entries):
            kind, _, offset, address, _, size, _, _ = self.unpack(
                PROGRAM_HEADER, self._table + index * PROGRAM_HEADER.size
            )
            found.append(Segment(kind, offset, address, size))
        return found


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


def read_dynamic(path: str) -> Dynamic:
    """Read what the object at the real path `path` needs and where it wants it searched.

    Raises `NotElf` for anything but a whole 64-bit little-endian ELF program or shared object.
    """
    with opened(path) as image:
        return dynamic_of(image)


def dynamic_of(image: Image) -> Dynamic:
    """The dynamic section of a mapped object, found by its program header; raises `NotElf` where it lies."""
    segments = image.segments()
    interpreter = None
    section = None
    for segment in segments:
        if segment.kind == PT_INTERP and interpreter is None:
            interpreter = image.string(segment.offset, segment.offset + segment.size)
        elif segment.kind == PT_DYNAMIC and section is None:
            section = segment
    if section is None:
        return Dynamic(image.machine, interpreter=interpreter)
    entries = _dynamic_entries(image, section)
    if not any(tag in (DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH) for tag, _ in entries):
        return Dynamic(image.machine, interpreter=interpreter)

    last = dict(entries)
    if DT_STRTAB not in last or DT_STRSZ not in last:
        raise NotElf("damaged: a dynamic section without its string table")
    start = _file_offset(segments, last[DT_STRTAB])
    end = start + last[DT_STRSZ]

    def text(tag: int) -> str | None:
        return image.string(start + last[tag], end) if tag in last else None

    needed = [value for tag, value in entries if tag == DT_NEEDED]
    if len(needed) > MOST_NEEDED:
        raise NotElf("damaged: an impossible number of needed libraries")
    return Dynamic(
        machine=image.machine,
        needed=tuple(image.string(start + value, end) for value in needed),
        soname=text(DT_SONAME),
        rpath=text(DT_RPATH),
        runpath=text(DT_RUNPATH),
        interpreter=interpreter,
    )


def _dynamic_entries(image: Image, section: Segment) -> list[tuple[int, int]]:
    """The (tag, value) pairs before `DT_NULL`."""
    count = min(section.size // DYNAMIC_ENTRY.size, MOST_DYNAMIC_ENTRIES)
    entries = []
    for index in range(count):
        tag, value = image.unpack(DYNAMIC_ENTRY, section.offset + index * DYNAMIC_ENTRY.size)
        if tag == DT_NULL:
            break
        entries.append((tag, value))
    return entries


def _file_offset(segments: list[Segment], address: int) -> int:
    """Where in the file the loaded `address` comes from."""
    for segment in segments:
        if segment.kind == PT_LOAD and segment.address <= address < segment.address + segment.size:
            return segment.offset + address - segment.address
    raise NotElf("damaged: its string table is in no loaded segment")
