"""The dynamic section of an object: what it needs, where it wants that searched, and where its tables are.

Layouts: System V ABI "gABI", chapter "Dynamic Linking"; the GNU tags in `elf.h` of glibc.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.binary.image import NotElf, opened

if TYPE_CHECKING:
    from envdoctor.binary.image import Image, Segment

ENTRY = struct.Struct("<qQ")

PT_DYNAMIC, PT_INTERP, PT_NOTE = 2, 3, 4
DT_NULL, DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ = 0, 1, 4, 5, 6, 10
DT_SONAME, DT_RPATH, DT_SYMBOLIC, DT_BIND_NOW, DT_RUNPATH, DT_FLAGS = 14, 15, 16, 24, 29, 30
DT_GNU_HASH, DT_VERSYM, DT_FLAGS_1 = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFB
DT_VERDEF, DT_VERNEED = 0x6FFFFFFC, 0x6FFFFFFE

NOTE = struct.Struct("<III")
NT_GNU_BUILD_ID = 3
GNU = b"GNU\0"

# Far above anything real: libtorch_cuda.so of torch 2.14.1 has 23 needs and about fifty entries.
MOST_ENTRIES = 4096
MOST_NEEDED = 1024
MOST_NEEDED_TEXT = 65536
"""Characters of their names together."""
MOST_NOTES = 64
LONGEST_BUILD_ID = 64


class Dynamic(NamedTuple):
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


class DynamicSection:
    """The entries of a mapped object's dynamic section and its string table.

    `tags` holds the last value of every tag, as the loader takes it; it is empty for a statically linked program.
    Raises `NotElf` from the constructor and from every read that the tables do not bear out.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        section = next((segment for segment in image.segments if segment.kind == PT_DYNAMIC), None)
        self.entries: list[tuple[int, int]] = []
        if section is not None:
            count = min(section.size // ENTRY.size, MOST_ENTRIES)
            for tag, value in ENTRY.iter_unpack(image.span(section.offset, count * ENTRY.size)):
                if tag == DT_NULL:
                    break
                self.entries.append((tag, value))
        self.tags: dict[int, int] = dict(self.entries)
        self._strings: tuple[int, int] | None = None

    @property
    def strings(self) -> tuple[int, int]:
        """Where in the file the string table begins and ends; raises `NotElf` where the section names none."""
        if self._strings is None:
            if DT_STRTAB not in self.tags or DT_STRSZ not in self.tags:
                raise NotElf("damaged: a dynamic section without its string table")
            start = self.image.offset_of(self.tags[DT_STRTAB])
            self._strings = (start, start + self.tags[DT_STRSZ])
        return self._strings

    def text(self, offset: int) -> str:
        """The text at `offset` of the string table; raises `NotElf`."""
        start, end = self.strings
        return self.image.string(start + offset, end)

    def place(self, tag: int) -> int | None:
        """Where in the file the table lies whose address is the value of `tag`, None where there is no such tag."""
        return self.image.offset_of(self.tags[tag]) if tag in self.tags else None


def read_dynamic(path: str) -> Dynamic:
    """Read what the object at the real path `path` needs and where it wants it searched.

    Raises `NotElf` for anything but a whole 64-bit little-endian ELF program or shared object.
    """
    with opened(path) as image:
        return dynamic_of(image)


def dynamic_of(image: Image) -> Dynamic:
    """The dynamic section of a mapped object, found by its program header; raises `NotElf` where it lies."""
    interpreter = None
    for segment in image.segments:
        if segment.kind == PT_INTERP:
            interpreter = image.string(segment.offset, segment.offset + segment.size)
            break
    section = DynamicSection(image)
    needed = (value for tag, value in section.entries if tag == DT_NEEDED)
    names: list[str] = []
    left = MOST_NEEDED_TEXT
    for value in needed:
        names.append(section.text(value))
        left -= len(names[-1])
        if len(names) > MOST_NEEDED or left < 0:
            raise NotElf("damaged: an impossible number of needed libraries")

    def named(tag: int) -> str | None:
        return section.text(section.tags[tag]) if tag in section.tags else None

    return Dynamic(
        machine=image.machine,
        needed=tuple(names),
        soname=named(DT_SONAME),
        rpath=named(DT_RPATH),
        runpath=named(DT_RUNPATH),
        interpreter=interpreter,
    )


def build_id_of(image: Image) -> str | None:
    """The build id of a mapped object as hex digits, None where the linker wrote none; raises `NotElf`.

    Two files with the same one are the same build (`NT_GNU_BUILD_ID`, ld(1) `--build-id`).
    """
    for segment in [segment for segment in image.segments if segment.kind == PT_NOTE][:MOST_NOTES]:
        # Padding is to 4 bytes, to 8 in a segment aligned so; linkers that put notes of both kinds into one segment
        # gave it the larger alignment.
        for padding in (8, 4) if segment.alignment == 8 else (4,):
            if found := _build_id_in(image, segment, padding):
                return found
    return None


def _build_id_in(image: Image, segment: Segment, padding: int) -> str | None:
    def padded(size: int) -> int:
        return -(-size // padding) * padding

    place, end = segment.offset, segment.offset + segment.size
    for _ in range(MOST_NOTES):
        if place + NOTE.size > end:
            break
        owner, length, kind = image.unpack(NOTE, place)
        content = place + padded(NOTE.size + owner)
        if kind == NT_GNU_BUILD_ID and owner == len(GNU) and image.span(place + NOTE.size, owner) == GNU:
            return image.span(content, min(length, LONGEST_BUILD_ID)).hex() or None
        place = content + padded(length)
    return None
