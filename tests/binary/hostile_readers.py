"""The readers of binary files, each with files it reads and the errors it may raise: what is thrown at all of them.

A file under examination may be damaged or made to harm: a reader answers or refuses, whatever the bytes, within bounds
of time and memory. `corpus/` keeps what once was answered otherwise, and what was made to be hard; every run reads it.
"""

from __future__ import annotations

import base64
import posixpath
import struct
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from elf_samples import build_samples, without_sections

from envdoctor.binary.demangle import demangle, short
from envdoctor.binary.dynamic import DynamicSection, build_id_of, dynamic_of
from envdoctor.binary.fatbin import arch_flags_of, kernels_of
from envdoctor.binary.image import ELF_MAGIC, Image, NotElf
from envdoctor.binary.ld_cache import ENTRY, HEADER, NEW_MAGIC, NotCache, parse_cache
from envdoctor.binary.process import Process
from envdoctor.binary.relocations import names_asked_for
from envdoctor.binary.soname_search import Places
from envdoctor.binary.symbols import Symbols
from envdoctor.binary.versions import definitions_of, needs_of
from fat_objects import fat, of

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

    from envdoctor.binary.dynamic import Dynamic

CORPUS = Path(__file__).parent / "corpus"
SMALL = ("-s", "-Wl,-z,noseparate-code", "-Wl,-z,max-page-size=64", "-Wl,-z,common-page-size=64")
NAMES = ("plain", "answer", "wanted", "zeros", "V1", "", "x" * 300)
NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63,
    2**64 - 1,
)


class Reader(NamedTuple):
    """`read` raises nothing: refusals end in it. `files` are such as it reads to the end."""

    read: Callable[[bytes], None]
    files: tuple[bytes, ...]


def read_elf(data: bytes) -> None:
    try:
        image = Image(data)
    except NotElf:
        return
    whole: tuple[Callable[[Image], object], ...] = (dynamic_of, build_id_of, kernels_of, arch_flags_of)
    for look in (*whole, lambda image: image.sections):
        with suppress(NotElf):
            look(image)
    with suppress(NotElf):
        section = DynamicSection(image)
        parts: tuple[Callable[[DynamicSection], object], ...] = (needs_of, definitions_of, asked_for)
        for part in parts:
            with suppress(NotElf):
                part(section)
        symbols = Symbols(image, section)
        with suppress(NotElf):
            for _ in symbols.undefined():
                pass
        for name in NAMES:
            for version in (None, "V1", "V9"):
                with suppress(NotElf):
                    symbols.defines(name, version)


def asked_for(section: DynamicSection) -> list[str]:
    return [*names_asked_for(section)]


class InMemory:
    """A machine whose every shared object is one of a few: the digits and letters of a name say which."""

    def __init__(self, objects: Sequence[bytes]) -> None:
        self.objects = objects

    def identity(self, path: str) -> str | None:
        return posixpath.normpath(path) if ".so" in path and "\0" not in path else None

    def is_folder(self, path: str) -> bool:
        return ".so" not in path

    def dynamic(self, path: str) -> Dynamic:
        return dynamic_of(Image(self.objects[sum(path.encode("utf-8", "surrogateescape")) % len(self.objects)]))


def load(data: bytes) -> None:
    """Build a process whose objects are all the parts of `data`, each of which is an object."""
    parts = [ELF_MAGIC + part for part in data.split(ELF_MAGIC)[1:9]] or [data]
    searches = count()

    def pause() -> None:
        if next(searches) > MOST_SEARCHES:
            raise Enough

    process = Process(InMemory(parts), Places(("/a",), {}, ("/lib",)), 62, ("libz",), pause)
    with suppress(Enough):
        process.start("/bin/p.so", ("libpre.so",))
        before = process.state
        for path in ("/x/one.so", "/x/../x/two.so"):
            opening = process.open(path, everywhere=True)
            assert opening.works == (not opening.lacking and not opening.unreadable)
            for loaded in process.present[:3]:
                process.open_name("libthree.so", loaded.path)
        process.back_to(before)
        process.open("/x/one.so")


class Enough(Exception):
    """The process has asked for many libraries."""


MOST_SEARCHES = 300


def read_cache(data: bytes) -> None:
    with suppress(NotCache):
        parse_cache(data)


def read_name(data: bytes) -> None:
    name = data.decode("ascii", "surrogateescape")
    demangle(name)
    short(name)


CACHE = HEADER.pack(NEW_MAGIC, 2, 8, 2, 0) + ENTRY.pack(1, 96, 98, 0, 0) * 2 + b"a\0/lib/a\0"
MANGLED = (
    b"_ZN3c106detail14torchCheckFailEPKcS2_jRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
    b"_ZSt23__copy_move_backward_a1ILb1EPN2at6TensorES1_EN9__gnu_cxx11__enable_ifIXsrSt23__is_random_access_iterIT0_"
    b"NSt15iterator_traitsIS6_E17iterator_categoryEE7__valueESt15_Deque_iteratorIT1_RSC_PSC_EE6__typeES6_S6_SF_",
    b"_ZZN3fooIJiA3_KcEEEvDpOT_ENKUlT_E_clIMS0_DoFviEEEDaS4_.constprop.0",
    b"_ZTISt5_BindIFMN4gloo4PairEFvSt10shared_ptrIiERKfEPS1_St12_PlaceholderILi1EEEE",
)


def tiny(needed: Sequence[str], *, rpath: str = "", runpath: str = "", soname: str = "") -> bytes:
    """An object that has nothing but a dynamic section."""
    strings, entries = b"\0", b""
    for tag, texts in ((1, needed), (15, [rpath]), (29, [runpath]), (14, [soname])):
        for text in filter(None, texts):
            entries += struct.pack("<qQ", tag, len(strings))
            strings += text.encode() + b"\0"
    start = 64 + 2 * 56
    entries += struct.pack("<qQqQqQ", 5, start + len(entries) + 48, 10, len(strings), 0, 0)
    size = start + len(entries) + len(strings)
    header = struct.pack("<16sHHIQQQIHHHHHH", ELF_MAGIC + b"\2\1\1", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    segments = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, size, size, 8)
    segments += struct.pack("<IIQQQQQQ", 2, 4, start, start, 0, len(entries), len(entries), 8)
    return header + segments + entries + strings


TREE = b"".join((
    tiny(["liba.so", "libb.so.1"], runpath="$ORIGIN/lib:/opt/${LIB}"),
    tiny(["libc.so", "libd.so", "/x/one.so"], rpath="$ORIGIN:$ORIGIN/..", soname="libb.so.1"),
    tiny(["liba.so", "$ORIGIN/libe.so", "libz.so.9"], soname="libe.so"),
    tiny([], soname="liba.so"),
))  # fmt: skip


def readers(folder: Path) -> dict[str, Reader]:
    """The readers by name, with files compiled in `folder` and those of the corpus."""
    kept = {path.name: base64.b64decode(path.read_text()) for path in sorted(CORPUS.glob("*.b64"))}

    def kept_for(name: str) -> tuple[bytes, ...]:
        return tuple(data for file, data in kept.items() if file.startswith(name + "-"))

    objects = [path.read_bytes() for path in build_samples(folder, *SMALL).values()]
    with_code = fat([of("75 80 90a", "120"), of("100f")])
    return {
        "elf": Reader(read_elf, (*objects, *map(without_sections, objects[:2]), with_code, *kept_for("elf"))),
        "cache": Reader(read_cache, (CACHE, *kept_for("cache"))),
        "process": Reader(load, (TREE, *map(bytes, (objects[0], objects[1] + objects[0])), *kept_for("process"))),
        "name": Reader(read_name, (*MANGLED, *kept_for("name"))),
    }


def changed(data: bytes, by: random.Random) -> bytes:
    """The file with a few changes: bytes, numbers where tables have them, parts moved, an end cut off."""
    found = bytearray(data)
    for _ in range(by.randint(1, 6)):
        if not found:
            break
        place = by.randrange(len(found))
        kind = by.randrange(8)
        if kind < 2:
            found[place] = by.randrange(256)
        elif kind < 6:
            layout = by.choice(("<H", "<I", "<Q"))
            size = struct.calcsize(layout)
            place = place // size * size
            if place + size <= len(found):
                value = by.choice((*NUMBERS, len(found), by.randrange(len(found)), by.randrange(2**64)))
                struct.pack_into(layout, found, place, value % 2 ** (8 * size))
        elif kind == 6:
            start, length = by.randrange(len(found)), by.randint(1, 64)
            found[place : place + length] = found[start : start + length]
        elif by.randrange(8) == 0:
            del found[place:]
    return bytes(found)


def inputs(files: tuple[bytes, ...], by: random.Random) -> Iterator[bytes]:
    """The files, and then changes of them without end."""
    yield from files
    while True:
        yield changed(by.choice(files), by)
