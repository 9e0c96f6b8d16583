"""Device code inside an object: for which GPU architectures it holds machine code (SASS) and PTX, in how many modules.

nvcc puts one fat binary ("module") for each CUDA source into the section `.nv_fatbin`; what it compiles for the device
linker stands in `__nv_relfatbin`, which counts too: there alone bitsandbytes 0.50.2 has its PTX. NVIDIA does not
describe the layout. It was measured on what nvcc 13.0 writes for known `-gencode` options (plain, compressed in every
mode, PTX alone, code for link-time optimisation, relocatable, with debug information) and on wheels of CUDA 11.7 to
13.2. The counts are those of `cuobjdump --all-fatbin` with `--list-elf` and `--list-ptx`, which leaves out the "f" of
machine code.

Only headers are read, few bytes here and there in hundreds of megabytes, so what was touched is given back to the
system: libtorch_cuda.so of torch 2.14.1 grows the process by 1.3 MB at most, and by 117 MB where it is not.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.binary.arch_flags import arch_flags_in
from envdoctor.binary.image import NotElf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.binary.image import Image, Section

SECTIONS = (".nv_fatbin", "__nv_relfatbin")
SHT_PROGBITS = 1

MODULE = struct.Struct("<IHHQ")
"""Magic, version, size of this header, size of the entries behind it."""

ENTRY = struct.Struct("<HHIQ12xI8xQ")
"""Kind, version, size of this header, size of the payload; at 28 the architecture, at 40 the flags."""

MAGIC = 0xBA55ED50
MODULE_VERSION = 1
ENTRY_VERSION = 0x0101

PTX, SASS = 1, 2
"""Kinds of entry; 8 is code for the device linker (`lto_80`), which no GPU runs."""

ARCHITECTURE_ONLY, FAMILY = 0x100000, 0x200000
"""Flags of `sm_90a` (runs on 9.0 alone) and `sm_100f` (runs on the family of 10.0)."""

# Far above anything real: libcublasLt.so.13 has 2782 modules with 5737 entries, libtorch_cuda.so 475 with 2975.
MOST_READS = 200_000
MOST_ARCHITECTURES = 100
LEAST_ARCHITECTURE, GREATEST_ARCHITECTURE = 10, 999

READS_KEPT = 32
"""Reads after which the pages are given back; the system maps 64 kB around each, so 2 MB lie in memory at most."""

FLAGS_SECTION = ".rodata"
MOST_CONSTANTS = 4 * 1024 * 1024
"""Bytes of constants searched for the flags; libtorch_python.so of torch 2.14.1 has one megabyte."""


class Kernels(NamedTuple):
    """How many fat binaries there are, and how many of them hold each architecture, ascending.

    Keys are architectures as their names end: "75", "90a", "103f".
    """

    modules: int
    sass: dict[str, int]
    ptx: dict[str, int]


def kernels_of(image: Image) -> Kernels | None:
    """The device code of a mapped object, None where it has none.

    Raises `NotElf` for damage, for a layout that is not known, and for an object without section headers: nothing else
    tells where device code lies, and it must not be said to have none.
    """
    if not image.sections:
        raise NotElf("stripped of its section headers, which tell where device code lies")
    sections = [one for one in image.sections if one.name in SECTIONS and one.kind == SHT_PROGBITS and one.size]
    if not sections:
        return None
    if any(one.offset + one.size > image.size for one in sections):
        raise NotElf("truncated: device code lies beyond the end of the file")
    headers = _Headers(image)
    modules = 0
    holding: Counter[tuple[int, int, str]] = Counter()
    try:
        for section in sections:
            for module in _modules(headers, section):
                modules += 1
                holding.update(module)
                if len(holding) > MOST_ARCHITECTURES:
                    raise NotElf("damaged: device code for an impossible number of architectures")
    finally:
        headers.give_back()
    return Kernels(modules, _by_name(holding, SASS), _by_name(holding, PTX))


def arch_flags_of(image: Image) -> tuple[str, ...] | None:
    """The words of CUDA_ARCH_FLAGS (`arch_flags.py`) among the constants of an object; None where there are none.

    Raises `NotElf`.
    """
    for section in [one for one in image.sections if one.name == FLAGS_SECTION][:1]:
        end = min(section.offset + min(section.size, MOST_CONSTANTS), image.size)
        return arch_flags_in(image.data, section.offset, end)
    return None


class _Headers:
    """Reads few bytes at many places of a map: so many at most, and little of it stays in memory."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._reads = 0
        image.advise("MADV_RANDOM")

    def unpack(self, layout: struct.Struct, offset: int) -> tuple[int, ...]:
        self._reads += 1
        if self._reads > MOST_READS:
            raise NotElf("damaged: device code in an impossible number of parts")
        if not self._reads % READS_KEPT:
            self._image.advise("MADV_DONTNEED")
        return self._image.unpack(layout, offset)

    def give_back(self) -> None:
        """Leave the map as it was for whoever reads on."""
        self._image.advise("MADV_DONTNEED")
        self._image.advise("MADV_NORMAL")


def _modules(headers: _Headers, section: Section) -> Iterator[set[tuple[int, int, str]]]:
    """Yield for each module of a section what it holds: kind, architecture, "a", "f" or nothing."""
    place, end = section.offset, section.offset + section.size
    while place + MODULE.size <= end:
        magic, version, header, size = headers.unpack(MODULE, place)
        if not magic:  # what lies between two modules is filled with zeros
            place += 8
            continue
        if magic != MAGIC or version != MODULE_VERSION or header < MODULE.size:
            raise NotElf("device code in an unknown layout")
        start, place = place + header, place + header + size
        if place > end:
            raise NotElf("damaged: device code that leaves its section")
        yield _entries(headers, start, place)
        place += -place % 8


def _entries(headers: _Headers, place: int, end: int) -> set[tuple[int, int, str]]:
    held = set()
    while place < end:
        kind, version, header, size, architecture, flags = headers.unpack(ENTRY, place)
        if version != ENTRY_VERSION or header < ENTRY.size:
            raise NotElf("device code in an unknown layout")
        place += header + size
        if place > end:
            raise NotElf("damaged: device code that leaves its module")
        if kind not in (PTX, SASS):
            continue
        if not LEAST_ARCHITECTURE <= architecture <= GREATEST_ARCHITECTURE:
            raise NotElf("damaged: device code for an impossible architecture")
        held.add((kind, architecture, "a" if flags & ARCHITECTURE_ONLY else "f" if flags & FAMILY else ""))
    return held


def _by_name(holding: Counter[tuple[int, int, str]], wanted: int) -> dict[str, int]:
    return {
        f"{architecture}{variant}": count
        for (kind, architecture, variant), count in sorted(holding.items())
        if kind == wanted
    }
