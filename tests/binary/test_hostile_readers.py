from __future__ import annotations

import base64
import os
import struct
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hostile_readers import CORPUS, InMemory, Reader, changed, readers, tiny
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.binary.dynamic import DynamicSection, dynamic_of
from envdoctor.binary.image import Image, NotElf, opened
from envdoctor.binary.ld_cache import ENTRY, HEADER, NEW_MAGIC, NotCache, parse_cache
from envdoctor.binary.process import Process
from envdoctor.binary.relocations import names_asked_for
from envdoctor.binary.soname_search import Places
from envdoctor.binary.symbols import Symbols
from envdoctor.binary.versions import definitions_of, needs_of

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

KEPT = sorted(path.name for path in CORPUS.glob("*.b64"))
MOST_MEMORY = 32 * 1024 * 1024
"""Bytes for one file of a few kilobytes; what most of it is, is the bounded work on a mangled name."""


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    return readers(tmp_path_factory.mktemp("files"))


def test_the_corpus_is_there() -> None:
    assert len(KEPT) > 20
    assert {name.partition("-")[0] for name in KEPT} == {"elf", "cache", "name"}


@pytest.mark.parametrize("name", KEPT)
def test_what_was_kept_is_answered_or_refused(every: dict[str, Reader], name: str) -> None:
    data = base64.b64decode((CORPUS / name).read_text())
    tracemalloc.start()
    every[name.partition("-")[0]].read(data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MOST_MEMORY


@pytest.mark.parametrize("name", ["elf", "cache", "process", "name"])
@given(data=st.data(), by=st.randoms(use_true_random=False))
def test_changed_files_are_answered_or_refused(
    every: dict[str, Reader], name: str, data: st.DataObject, by: random.Random
) -> None:
    file = data.draw(st.sampled_from(every[name].files))
    every[name].read(changed(file, by))


def made(tags: dict[int, bytes | int], strings: bytes) -> bytes:
    """An object of one segment, with these tables and numbers in its dynamic section."""
    place = 64 + 2 * 56 + 16 * (len(tags) + 3)
    entries, tables = b"", b""
    for tag, value in (tags | {5: strings, 10: len(strings)}).items():
        if isinstance(value, bytes):
            entries += struct.pack("<qQ", tag, place + len(tables))
            tables += value
        else:
            entries += struct.pack("<qQ", tag, value)
    entries += bytes(16)
    size = place + len(tables)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    segments = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, size, size, 8)
    segments += struct.pack("<IIQQQQQQ", 2, 4, 64 + 112, 64 + 112, 0, len(entries), len(entries), 8)
    return header + segments + entries + tables


SYMTAB, HASH, VERDEF, VERNEED = 6, 4, 0x6FFFFFFC, 0x6FFFFFFE
LONG = b"\0" + b"n" * 9000 + b"\0"


def test_many_symbols_of_one_long_name() -> None:
    symbols = struct.pack("<IBBHQQ", 1, 0x10, 0, 0, 0, 0) * 50_000
    image = Image(made({SYMTAB: symbols, HASH: struct.pack("<II", 0, 50_000)}, LONG))
    taken = []
    with pytest.raises(NotElf, match="lie upon each other"):
        taken.extend(Symbols(image).undefined())
    assert len(taken) <= 4


def test_many_sections_of_one_long_name() -> None:
    sections = struct.pack("<IIQQQQIIQQ", 0, 1, 0, 0, 64 + 64 * 4000, 9000, 0, 0, 0, 0) * 4000
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 0, 64, 0, 64, 56, 0, 64, 4000, 0)
    with pytest.raises(NotElf, match="has no end"):
        _ = Image(header + sections + LONG[1:]).sections


def test_versions_without_end() -> None:
    needs = struct.pack("<HHIII", 1, 1, 1, 16, 0) + struct.pack("<IHHII", 0, 0, 2, 1, 16) * 9000
    definitions = struct.pack("<HHHHIII", 1, 0, 2, 1, 0, 20, 28) + struct.pack("<II", 1, 0)
    for tags, read, most in (
        ({VERNEED: needs}, needs_of, b"\0name\0"),
        ({VERDEF: definitions * 9000}, definitions_of, b"\0name\0"),
    ):
        with pytest.raises(NotElf, match="number of symbol versions"):
            read(DynamicSection(Image(made(tags, most))))
    for tags, read in (({VERNEED: needs}, needs_of), ({VERDEF: definitions}, definitions_of)):
        with pytest.raises(NotElf, match="impossible symbol version"):
            read(DynamicSection(Image(made(tags, LONG))))


def test_versions_that_go_back_are_read_once() -> None:
    # A distance has no sign: what looks like "back" is far behind the file.
    need = struct.pack("<HHIII", 1, 1, 1, 16, 2**32 - 16) + struct.pack("<IHHII", 0, 0, 2, 1, 0)
    with pytest.raises(NotElf, match="beyond the end"):
        needs_of(DynamicSection(Image(made({VERNEED: need}, b"\0name\0"))))


def taken(work: Callable[[], object]) -> int:
    """The bytes that a piece of work has in memory at most."""
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


RELA, RELASZ = 7, 8


def test_relocations_of_symbols_of_one_long_name() -> None:
    symbols = struct.pack("<IBBHQQ", 1, 0x10, 0, 0, 0, 0) * 10_000
    rows = b"".join(struct.pack("<QQq", 0, number << 32, 0) for number in range(10_000))
    image = Image(made({SYMTAB: symbols, RELA: rows, RELASZ: len(rows)}, LONG))

    def read() -> None:
        with pytest.raises(NotElf, match="lie upon each other"):
            for _ in names_asked_for(DynamicSection(image)):
                pass

    assert taken(read) < 1_000_000


def test_a_relocation_of_a_symbol_of_an_impossible_number() -> None:
    row = struct.pack("<QQq", 0, 2**63, 0)
    image = Image(made({SYMTAB: bytes(24), RELA: row, RELASZ: len(row)}, LONG))
    with pytest.raises(NotElf, match="number of symbols"):
        [*names_asked_for(DynamicSection(image))]


def test_a_table_of_a_file_that_is_longer_than_memory(tmp_path: Path) -> None:
    file = tmp_path / "long.so"
    count = 3_000_000
    symbols = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0)
    data = bytearray(made({HASH: struct.pack("<II", 0, count), SYMTAB: symbols}, LONG))
    struct.pack_into("<QQ", data, 64 + 32, 2**36, 2**36)  # the size of the segment
    file.write_bytes(data)
    os.truncate(file, 2**36)

    def read() -> None:
        with opened(str(file)) as image:
            assert [*Symbols(image).undefined()] == []

    assert taken(read) < 1_000_000


def test_names_of_needs_upon_each_other() -> None:
    needed = b"".join(struct.pack("<qQ", 1, 1) for _ in range(1000))
    data = bytearray(made({100 + number: 0 for number in range(1000)}, LONG))
    data[64 + 112 : 64 + 112 + len(needed)] = needed
    with pytest.raises(NotElf, match="number of needed libraries"):
        dynamic_of(Image(bytes(data)))


@pytest.mark.parametrize("count", [1000, 30_000])
def test_a_cache_of_names_upon_each_other(count: int) -> None:
    start = HEADER.size + count * ENTRY.size
    data = HEADER.pack(NEW_MAGIC, count, 4000, 2, 0) + ENTRY.pack(1, start, start, 0, 0) * count + b"n" * 4000 + b"\0"

    def read() -> None:
        with pytest.raises(NotCache, match=r"upon each other|number of entries"):
            parse_cache(data)

    assert taken(read) < 1_000_000


def test_objects_that_all_need_many() -> None:
    needed = [f"lib{number}.so{'x' * 50}" for number in range(900)]
    process = Process(InMemory([tiny(needed)]), Places(defaults=("/lib",)), 62)

    def start() -> None:
        opening = process.start("/bin/p.so")
        assert set(opening.unreadable.values()) == {"one of too many objects"}

    assert taken(start) < MOST_MEMORY


def test_a_pause_may_end_it() -> None:
    def pause() -> None:
        raise TimeoutError

    process = Process(InMemory([tiny(["liba.so"])]), Places(defaults=("/lib",)), 62, pause=pause)
    with pytest.raises(TimeoutError):
        process.start("/bin/p.so")
