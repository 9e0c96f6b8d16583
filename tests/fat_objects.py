"""ELF objects with device code, byte by byte: nothing but a header, sections and their names."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ELF = struct.Struct("<16sHHIQQQIHHHHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
ENTRY = struct.Struct("<HHIQ12xI8xQ16x")

PTX, SASS, LINK_TIME = 1, 2, 8
PLAIN, COMPRESSED = 0x11, 0x8011
VARIANTS = {"": 0, "a": 0x100000, "f": 0x200000}


class Code(NamedTuple):
    """One entry of a fat binary."""

    architecture: str
    kind: int = SASS
    flags: int = COMPRESSED
    payload: int = 24


def entry(code: Code) -> bytes:
    number = int(code.architecture.rstrip("af"))
    flags = code.flags | VARIANTS[code.architecture.lstrip("0123456789")]
    return ENTRY.pack(code.kind, 0x0101, ENTRY.size, code.payload, number, flags) + bytes(code.payload)


def module(*codes: Code | bytes) -> bytes:
    """A fat binary of entries, given as what they are or as their bytes."""
    content = b"".join(code if isinstance(code, bytes) else entry(code) for code in codes)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(content)) + content


def of(sass: str = "", ptx: str = "") -> bytes:
    """A fat binary with these architectures."""
    return module(*(Code(one) for one in sass.split()), *(Code(one, PTX) for one in ptx.split()))


def elf(sections: Sequence[tuple[str, bytes]], *, kind: int = 1, stripped: bool = False) -> bytes:
    """A shared object of these sections, which are of `kind`; `stripped` of the table that tells where they are."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name, _ in sections) + b".shstrtab\0"
    place = ELF.size
    content = b""
    headers = [bytes(SECTION.size)]
    named = 1
    for name, data in (*sections, (".shstrtab", names)):
        content += bytes(-(place + len(content)) % 16)
        headers.append(SECTION.pack(named, kind, 2, 0, place + len(content), len(data), 0, 0, 16, 0))
        named += len(name) + 1
        content += data
    content += bytes(-(place + len(content)) % 16)
    table = 0 if stripped else place + len(content)
    count = 0 if stripped else len(headers)
    header = ELF.pack(
        b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 0, table, 0, ELF.size, 0, 0, SECTION.size, count, max(count - 1, 0)
    )
    return header + content + (b"" if stripped else b"".join(headers))


def fat(modules: Iterable[bytes], section: str = ".nv_fatbin") -> bytes:
    """A shared object with these fat binaries."""
    return elf([(section, b"".join(modules))])


def with_flags(flags: str) -> bytes:
    """A shared object with CUDA_ARCH_FLAGS among its constants."""
    return elf([(".rodata", b"_get_sm_count\0\0" + flags.encode() + b"\0torch/csrc/cuda/Module.cpp\0")])
