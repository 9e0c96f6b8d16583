from __future__ import annotations

import mmap
import os
import re
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.binary import fatbin
from envdoctor.binary.fatbin import Kernels, arch_flags_of, kernels_of
from envdoctor.binary.image import Image, NotElf, opened
from fat_objects import ENTRY, LINK_TIME, PLAIN, PTX, SASS, Code, elf, fat, module, of, with_flags


def read(data: bytes) -> Kernels | None:
    return kernels_of(Image(data))


def refused(data: bytes) -> str:
    with pytest.raises(NotElf) as caught:
        read(data)
    return caught.value.reason


def test_each_module_counts_once_for_an_architecture() -> None:
    modules = [of("75 80", "120"), of("80 90 90a"), module(Code("80"), Code("80"), Code("80", PTX))]
    assert read(fat(modules)) == Kernels(3, {"75": 1, "80": 3, "90": 1, "90a": 1}, {"80": 1, "120": 1})


def test_both_sections_count() -> None:
    linked, relocatable = of("80 90"), of("80 90", "90")
    data = elf([("__nv_relfatbin", relocatable * 2), (".text", b"code"), (".nv_fatbin", linked)])
    assert read(data) == Kernels(3, {"80": 3, "90": 3}, {"90": 2})


def test_an_object_without_device_code_has_none() -> None:
    assert read(elf([(".text", b"code"), (".nvFatBinSegment", bytes(24))])) is None
    assert read(elf([(".nv_fatbin", b"")])) is None


def test_a_file_of_debug_information_names_sections_that_it_does_not_hold() -> None:
    assert read(elf([(".nv_fatbin", of("80"))], kind=8)) is None


def test_stripped_of_its_sections_it_does_not_say_that_it_has_none() -> None:
    assert "section headers" in refused(elf([(".nv_fatbin", of("80"))], stripped=True))


def test_modules_may_be_padded() -> None:
    odd = module(Code("80", payload=27))
    assert len(odd) % 8
    assert read(fat([bytes(32), of("75"), bytes(16), odd + bytes(-len(odd) % 8), of("90"), bytes(64)])) == Kernels(
        3, {"75": 1, "80": 1, "90": 1}, {}
    )


def test_what_only_the_device_linker_reads_is_no_code_for_a_gpu() -> None:
    assert read(fat([module(Code("80", LINK_TIME)), module(Code("80", 64, PLAIN), Code("86"))])) == Kernels(
        2, {"86": 1}, {}
    )


WRITTEN = (
    ("arch=compute_103f,code=sm_103f -compress-mode=size", "103f", "",
     "0200010170000000b804000000000000b5040000400000000800010067000000000000000000000011802001000000000000"
     "0000000000009814000000000000480000002400000000020900000202010002050500030701010203000002060100040b08"
     "000000000000000000000000"),
    ("arch=compute_120a,code=sm_120a -compress-mode=size", "120a", "",
     "0200010170000000b804000000000000b6040000400000000800010078000000000000000000000011801001000000000000"
     "0000000000009814000000000000480000002400000000020901000202010002050500030701010203000002060100040b08"
     "005000000000000000000000"),
    ("arch=compute_100f,code=sm_100f", "100f", "",
     "0200010170000000981400000000000000000000400000000800010064000000000000000000000011002001000000000000"
     "0000000000000000000000000000480000002400000000020900000202010002050500030701010203000002060100040b08"
     "000900000000000000000000"),
    ("arch=compute_90a,code=sm_90a", "90a", "",
     "0200010140000000700e0000000000000000000000000000080001005a000000000000000000000011001000000000000000"
     "0000000000000000000000000000"),
    ("arch=compute_110,code=sm_110", "110", "",
     "0200010170000000d0150000000000000000000040000000080001006e000000000000000000000011000001000000000000"
     "0000000000000000000000000000480000002400000000020900000202010002050500030701010203000002060100040b08"
     "000000000000000000000000"),
    ("arch=compute_120f,code=compute_120f", "", "120f",
     "0100010150000000080100000000000002010000400000000000090078000000000000000000000011802000000000000000"
     "000000000000970100000000000048000000000000000000000000000000"),
    ("arch=compute_90a,code=compute_90a", "", "90a",
     "01000101500000000001000000000000fc00000040000000000009005a000000000000000000000011801000000000000000"
     "0000000000008a0100000000000048000000000000000000000000000000"),
    ("arch=compute_80,code=sm_80 -compress-mode=none", "80", "",
     "0200010140000000280c00000000000000000000000000000800010050000000000000000000000011000000000000000000"
     "0000000000000000000000000000"),
    ("arch=compute_80,code=compute_80 -compress-mode=speed", "", "80",
     "0100010150000000380100000000000038010000400000000000090050000000000000000000000011200000000000000000"
     "000000000000890100000000000048000000000000000000000000000000"),
    ("arch=compute_80,code=lto_80", "", "",
     "0800010178000000d006000000000000cf060000400000004100010050000000000000000000000011800100000000001232"
     "218c00000000880800000000000048000000280000002d66747a3d30202d707265635f6469763d31202d707265635f737172"
     "743d31202d666d61643d31200000000000000000"),
    ("arch=compute_80,code=sm_80 -G", "80", "",
     "0200010148000000680900000000000061090000000000000800010050000000400000000400000013800000000000000000"
     "000000000000e81f0000000000006b2e637500000000"),
    ("arch=compute_80,code=compute_80 -rdc=true", "", "80",
     "01000101600000000001000000000000fc000000400000000000090050000000000000000000000011800000000000000000"
     "000000000000890100000000000048000000100000002d2d636f6d70696c652d6f6e6c7920200000000000000000"),
)  # fmt: skip
"""Headers of entries that nvcc 13.0 wrote for one kernel: its options, the SASS and PTX they stand for, the bytes."""


def recorded(*headers: str) -> bytes:
    """A module of such entries; the payloads, which nobody reads, are zeros."""
    entries = [bytes.fromhex(header) for header in headers]
    return module(*(entry + bytes(struct.unpack_from("<Q", entry, 8)[0]) for entry in entries))


@pytest.mark.parametrize(("options", "sass", "ptx", "header"), WRITTEN, ids=[options for options, *_ in WRITTEN])
def test_headers_that_nvcc_wrote(options: str, sass: str, ptx: str, header: str) -> None:
    found = read(fat([recorded(header)]))
    assert found == Kernels(1, dict.fromkeys(sass.split(), 1), dict.fromkeys(ptx.split(), 1)), options


def test_headers_of_all_lengths_in_one_module() -> None:
    found = read(fat([recorded(*(header for *_, header in WRITTEN))]))
    assert found is not None
    assert (list(found.sass), list(found.ptx)) == (["80", "90a", "100f", "103f", "110", "120a"], ["80", "90a", "120f"])


def test_a_file_is_read_as_its_bytes_are(tmp_path: Path) -> None:
    modules = [of("75 80 86", "86")] * 100
    (tmp_path / "lib.so").write_bytes(fat(modules))
    with opened(str(tmp_path / "lib.so")) as image:
        assert isinstance(image.data, mmap.mmap)
        assert kernels_of(image) == Kernels(100, {"75": 100, "80": 100, "86": 100}, {"86": 100})
        assert kernels_of(image) == read(fat(modules))


codes = st.builds(
    Code,
    st.builds("{}{}".format, st.integers(10, 130), st.sampled_from(["", "a", "f"])),
    st.sampled_from([PTX, SASS, LINK_TIME]),
    st.sampled_from([PLAIN, 0x2011, 0x8011, 0x1008011]),
    st.integers(0, 5).map(lambda words: words * 8),
)


@given(st.lists(st.lists(codes, max_size=6), max_size=6), st.sampled_from([".nv_fatbin", "__nv_relfatbin"]))
def test_what_is_written_is_read(modules: list[list[Code]], section: str) -> None:
    sass: Counter[str] = Counter()
    ptx: Counter[str] = Counter()
    for held in modules:
        sass.update({code.architecture for code in held if code.kind == 2})
        ptx.update({code.architecture for code in held if code.kind == 1})
    found = read(fat([module(*held) for held in modules], section))
    assert found == (Kernels(len(modules), dict(sass), dict(ptx)) if modules else None)
    if found:
        numbers = [int(name.rstrip("af")) for name in found.sass]
        assert numbers == sorted(numbers)


SAMPLE = elf(
    [
        ("__nv_relfatbin", of("80", "80") + module(Code("90a"))),
        (".rodata", b"\0sm_80 sm_90\0"),
        (".nv_fatbin", of("75")),
    ]
)


@given(st.integers(0, len(SAMPLE)))
def test_any_beginning_of_a_file_is_read_or_refused(length: int) -> None:
    try:
        image = Image(SAMPLE[:length])
        kernels_of(image)
        arch_flags_of(image)
    except NotElf:
        return
    assert length == len(SAMPLE)  # the table of sections stands at the end


@given(
    st.lists(
        st.tuples(st.integers(0, len(SAMPLE) - 8), st.one_of(st.binary(min_size=1, max_size=8), st.just(b"\xff" * 8))),
        min_size=1,
        max_size=8,
    )
)
def test_any_bytes_are_read_or_refused(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(SAMPLE)
    for place, new in changes:
        data[place : place + len(new)] = new
    try:
        image = Image(bytes(data))
        found = kernels_of(image)
        arch_flags_of(image)
    except NotElf:
        return
    assert found is None or max([*found.sass.values(), *found.ptx.values()], default=0) <= found.modules


def changed(layout: str, place: int, value: int) -> bytes:
    """An object of one module with one entry, in whose fat binary something else stands at `place`."""
    device = bytearray(of("80"))
    struct.pack_into(layout, device, place, value)
    return fat([bytes(device)])


@pytest.mark.parametrize(
    ("layout", "place", "value", "reason"),
    [
        ("<I", 0, 0xBA55ED51, "unknown layout"),
        ("<I", 0, 0x466243B1, "unknown layout"),
        ("<H", 4, 2, "unknown layout"),
        ("<H", 6, 15, "unknown layout"),
        ("<Q", 8, 0, "unknown layout"),
        ("<Q", 8, 1 << 63, "leaves its section"),
        ("<Q", 8, (1 << 64) - 1, "leaves its section"),
        ("<Q", 8, 96, "leaves its section"),
        ("<H", 18, 0x0201, "unknown layout"),
        ("<I", 20, 0, "unknown layout"),
        ("<I", 20, 0xFFFFFFFF, "leaves its module"),
        ("<Q", 24, (1 << 64) - 1, "leaves its module"),
        ("<Q", 24, 16, "unknown layout"),
        ("<I", 44, 0, "impossible architecture"),
        ("<I", 44, 0xFFFFFFFF, "impossible architecture"),
    ],
)
def test_a_lie_is_refused(layout: str, place: int, value: int, reason: str) -> None:
    assert reason in refused(changed(layout, place, value))


def test_a_section_beyond_the_file_is_refused() -> None:
    data = bytearray(fat([of("80")]))
    table = struct.unpack_from("<Q", data, 40)[0] + 64
    struct.pack_into("<Q", data, table + 32, 1 << 40)  # the size of the first section
    assert "truncated" in refused(bytes(data))


def test_parts_without_content_are_not_counted_for_ever() -> None:
    empty = module()
    assert "impossible number of parts" in refused(fat([empty * (fatbin.MOST_READS + 1)]))
    assert "impossible number of parts" in refused(fat([bytes(8 * fatbin.MOST_READS + 64)]))
    nothing = ENTRY.pack(SASS, 0x0101, ENTRY.size, 0, 80, 0)
    assert "impossible number of parts" in refused(fat([module(nothing * (fatbin.MOST_READS + 1))]))


def test_so_many_architectures_there_are_not() -> None:
    assert "number of architectures" in refused(fat([module(*(Code(str(number)) for number in range(10, 200)))]))


@pytest.mark.parametrize(
    "flags",
    [
        "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120",
        "sm_37 sm_90a compute_90a sm_100f compute_120",
        "compute_80",
        "compute_80 sm_90",
        "sm_86",
    ],
)
def test_the_flags_are_found(flags: str) -> None:
    assert arch_flags_of(Image(with_flags(flags))) == tuple(flags.split())


def constants(data: bytes) -> tuple[str, ...] | None:
    return arch_flags_of(Image(elf([(".rodata", data)])))


def test_what_are_no_flags() -> None:
    assert constants(b"\0sm_count\0set_sm_80 sm_90\0sm_80, sm_90\0 sm_80\0sm_8\0") is None
    assert constants(b"\0sm_80 sm_90") is None, "a string without an end"
    assert constants(b"\0sm_80 sm_90\0sm_80\0") == ("sm_80", "sm_90"), "one word alone is no list"
    assert constants(b"\0sm_80 sm_90\0sm_80 sm_90 \0") == ("sm_80", "sm_90"), "the same once more"
    assert constants(b"\0sm_80 sm_90\0sm_75 sm_80\0") is None, "two lists that differ"
    assert constants(b"") is None
    assert arch_flags_of(Image(elf([(".text", b"\0sm_80 sm_90\0")]))) is None


def test_flags_without_end_cost_little() -> None:
    assert constants(b"\0" + b"sm_80 " * 100_000) is None
    assert constants(b"\0sm_" * 1_000_000) is None


LARGE = 60_000_000
CUOBJDUMP = "lib/python3*/site-packages/triton/backends/nvidia/bin/cuobjdump"


@pytest.fixture(scope="module")
def real() -> Path:
    folder = os.environ.get("ENVDOCTOR_TEST_CUDA_ENV")
    if not folder:
        pytest.skip("ENVDOCTOR_TEST_CUDA_ENV names no environment (make test-real makes one)")
    return Path(folder)


@pytest.fixture(scope="module")
def cuobjdump(real: Path) -> Path:
    found = next(real.glob(CUOBJDUMP), None)
    if found is None:
        pytest.skip("triton brings no cuobjdump")
    return found


def listed(cuobjdump: Path, path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """How many entries of machine code and of PTX there are for each architecture, by NVIDIA's own tool."""
    counts = []
    for option in ("--list-elf", "--list-ptx"):
        out = subprocess.run(
            [cuobjdump, "--all-fatbin", option, path], capture_output=True, text=True, timeout=120, check=False
        ).stdout
        counts.append(dict(Counter(re.findall(r"^(?:ELF|PTX) file +\d+: .*sm_(\d+[af]?)\.\w+$", out, re.MULTILINE))))
    return counts[0], counts[1]


def first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def as_listed(path: Path) -> tuple[dict[str, int], dict[str, int]] | None:
    """The same by what is read here; cuobjdump leaves out the "f" of machine code. No module holds one twice."""
    with opened(str(path)) as image:
        found = kernels_of(image)
    if found is None:
        return None
    sass: Counter[str] = Counter()
    for name, count in found.sass.items():
        sass[name.rstrip("f")] += count
    return dict(sass), found.ptx


@pytest.mark.real
def test_the_libraries_of_a_real_environment_hold_what_cuobjdump_lists(real: Path, cuobjdump: Path) -> None:
    compared = 0
    for path in sorted(real.glob("lib/python3*/site-packages/**/*.so*")):
        # cuobjdump takes 40 s and 6 GB of memory for libtorch_cuda.so, and minutes for all that are large.
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGE:
            continue
        if first_bytes(path) != b"\x7fELF":  # a script of the linker
            continue
        ours = as_listed(path)
        if ours is not None:
            assert ours == listed(cuobjdump, path), path
            compared += 1
    assert compared >= 8


@pytest.mark.real
def test_libtorch_cuda_holds_what_cuobjdump_listed(real: Path) -> None:
    """What `cuobjdump --list-elf` of CUDA 13.1 listed for torch 2.14.1 (and `--list-ptx`: nothing)."""
    path = next(real.glob("lib/python3*/site-packages/torch/lib/libtorch_cuda.so"))
    everywhere = dict.fromkeys(("75", "80", "86", "90", "100", "120"), 475)
    few = {"89": 1, "90a": 4, "100a": 59, "103": 59, "120a": 1, "121a": 1}
    assert as_listed(path) == ({**everywhere, **few}, {})
    with opened(str(path.with_name("libtorch_python.so"))) as image:
        assert arch_flags_of(image) == ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")


KERNEL = "__global__ void k(float *x) { x[threadIdx.x] *= 2.0f; }\n"

COMPILED = {
    "plain": ("compute_80,code=[sm_80,compute_80]", "compute_120,code=sm_120"),
    "variants": ("compute_90a,code=sm_90a", "compute_100f,code=sm_103f", "compute_120a,code=compute_120a"),
    "one": ("compute_75,code=compute_75", "compute_80,code=lto_80"),
}


@pytest.mark.real
@pytest.mark.parametrize("mode", ["none", "size", "speed"])
@pytest.mark.parametrize("wanted", COMPILED)
def test_what_nvcc_compiles_holds_what_cuobjdump_lists(tmp_path: Path, cuobjdump: Path, wanted: str, mode: str) -> None:
    if shutil.which("nvcc") is None:
        pytest.skip("no nvcc")
    (tmp_path / "k.cu").write_text(KERNEL)
    options = [f"-gencode=arch={one}" for one in COMPILED[wanted]]
    command = ["nvcc", "-shared", "-Xcompiler=-fPIC", "-cudart=none", f"-compress-mode={mode}", *options]
    done = subprocess.run(
        [*command, "-o", "k.so", "k.cu"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        pytest.skip(f"this nvcc does not compile that: {done.stderr[-200:]}")
    assert as_listed(tmp_path / "k.so") == listed(cuobjdump, tmp_path / "k.so")
