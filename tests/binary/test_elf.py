from __future__ import annotations

import glob
import os
import re
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.binary.dynamic import Dynamic, dynamic_of, read_dynamic
from envdoctor.binary.image import Image, NotElf, read_machine

if TYPE_CHECKING:
    from pathlib import Path

needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


def cc(output: Path, *options: str, code: str = "int answer(void) { return 42; }\n") -> Path:
    source = output.with_suffix(".c")
    source.write_text(code)
    subprocess.run(["cc", "-o", str(output), str(source), *options], check=True, capture_output=True)
    return output


def shared(output: Path, *options: str) -> Path:
    return cc(output, "-shared", "-fPIC", "-nostdlib", *options)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("built")
    shared(folder / "libinner.so", "-Wl,-soname,libinner.so.7")
    always = (f"-L{folder}", "-Wl,--no-as-needed", "-linner")
    shared(folder / "old.so", *always, "-Wl,-rpath,$ORIGIN/../lib:/opt/x", "-Wl,--disable-new-dtags")
    shared(folder / "new.so", *always, "-Wl,-rpath,$ORIGIN", "-Wl,--enable-new-dtags", "-Wl,-soname,new.so.1")
    return folder


@pytest.fixture(scope="module")
def sample(built: Path) -> bytes:
    return (built / "new.so").read_bytes()


def by_readelf(path: str) -> dict[str, list[str]]:
    out = subprocess.run(
        ["readelf", "-dW", path], check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}
    ).stdout
    found: dict[str, list[str]] = {}
    for tag, value in re.findall(r"\((NEEDED|SONAME|RPATH|RUNPATH)\).*\[(.*)\]$", out, re.MULTILINE):
        found.setdefault(tag, []).append(value)
    return found


def as_readelf(dynamic: Dynamic) -> dict[str, list[str]]:
    told = {
        "NEEDED": list(dynamic.needed),
        "SONAME": [dynamic.soname] if dynamic.soname is not None else [],
        "RPATH": [dynamic.rpath] if dynamic.rpath is not None else [],
        "RUNPATH": [dynamic.runpath] if dynamic.runpath is not None else [],
    }
    return {tag: values for tag, values in told.items() if values}


def test_old_tags(built: Path) -> None:
    dynamic = read_dynamic(str(built / "old.so"))
    assert dynamic.needed == ("libinner.so.7",)
    assert (dynamic.rpath, dynamic.runpath, dynamic.soname) == ("$ORIGIN/../lib:/opt/x", None, None)
    assert dynamic.machine == read_machine(str(built / "old.so"))


def test_new_tags(built: Path) -> None:
    dynamic = read_dynamic(str(built / "new.so"))
    assert (dynamic.rpath, dynamic.runpath, dynamic.soname) == (None, "$ORIGIN", "new.so.1")
    assert dynamic.interpreter is None


@pytest.mark.skipif(shutil.which("readelf") is None, reason="no readelf")
def test_agrees_with_readelf(built: Path) -> None:
    objects = sorted(built.glob("*.so"))
    assert [as_readelf(read_dynamic(str(path))) for path in objects] == [by_readelf(str(path)) for path in objects]
    assert len(objects) == 3


@needs_cc
def test_a_program_names_its_loader(tmp_path: Path) -> None:
    program = cc(tmp_path / "program", "-Wl,--dynamic-linker=/nix/store/x/ld.so", code="int main(void) { return 0; }\n")
    assert read_dynamic(str(program)).interpreter == "/nix/store/x/ld.so"


@needs_cc
def test_a_static_program_needs_nothing(tmp_path: Path) -> None:
    code = "void _start(void) { for (;;) { } }\n"
    program = cc(tmp_path / "program", "-static", "-nostdlib", "-no-pie", code=code)
    dynamic = read_dynamic(str(program))
    assert (dynamic.needed, dynamic.soname, dynamic.interpreter) == ((), None, None)


@needs_cc
def test_an_object_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotElf, match="neither a program nor a shared object"):
        read_dynamic(str(cc(tmp_path / "part.o", "-c")))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"\x7fEL", "not an ELF file"),
        (b"\x7fELF\x02", "truncated"),
        (b"\x7fELF\x02\x01\x01" + bytes(40), "truncated"),
        (b"MZ\x90\0" + bytes(80), "Windows PE"),
        (b"\xcf\xfa\xed\xfe" + bytes(80), "Mach-O"),
        (b"\xca\xfe\xba\xbe" + bytes(80), "Mach-O"),
        (b"!<arch>\n" + bytes(80), "static library"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"GROUP ( libc.so.6 )" + bytes(80), "not an ELF file"),
        (b"\x7fELF\x02\x01\x02" + bytes(80), "unknown version"),
    ],
)
def test_other_files_are_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(NotElf, match=reason) as caught:
        read_dynamic(str(tmp_path / "file"))
    assert not caught.value.foreign


@pytest.mark.parametrize(("place", "value", "reason"), [(4, 1, "32-bit"), (4, 9, "class"), (5, 2, "big-endian")])
def test_another_machine_class_is_foreign(sample: bytes, place: int, value: int, reason: str) -> None:
    with pytest.raises(NotElf, match=reason) as caught:
        Image(sample[:place] + bytes([value]) + sample[place + 1 :])
    assert caught.value.foreign


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    reasons = {}
    for path in (
        tmp_path,
        tmp_path / "fifo",
        tmp_path / "dangling",
        tmp_path / "round",
        "/dev/null",
        "a\0b",
        "\ud800",
    ):
        with pytest.raises(NotElf) as caught:
            read_dynamic(str(path))
        reasons[os.path.basename(str(path))] = caught.value.reason
    assert reasons.pop(tmp_path.name) == "a folder"
    assert reasons.pop("fifo") == "a FIFO, not a file"
    assert reasons.pop("null") == "a device or socket, not a file"
    assert all(reason.startswith("unreadable: ") for reason in reasons.values())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path, sample: bytes) -> None:
    (tmp_path / "locked.so").write_bytes(sample)
    (tmp_path / "locked.so").chmod(0)
    with pytest.raises(NotElf, match="unreadable: Permission denied"):
        read_dynamic(str(tmp_path / "locked.so"))


def patched(data: bytes, offset: int, layout: str, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(layout, changed, offset, *values)
    return bytes(changed)


def dynamic_tag(data: bytes, tag: int) -> int:
    """The file offset of the entry with this tag."""
    section = next(segment for segment in Image(data).segments if segment.kind == 2)
    for offset in range(section.offset, section.offset + section.size, 16):
        if struct.unpack_from("<q", data, offset)[0] == tag:
            return offset
    raise AssertionError(tag)


def test_lying_headers(sample: bytes) -> None:
    for offset, layout, value in [
        (32, "<Q", 2**64 - 1),  # e_phoff
        (32, "<Q", len(sample) - 8),
        (54, "<H", 8),  # e_phentsize
        (56, "<H", 0xFFFF),  # e_phnum
    ]:
        with pytest.raises(NotElf, match=r"truncated|damaged"):
            dynamic_of(Image(patched(sample, offset, layout, value)))


def test_lying_dynamic_sections(sample: bytes) -> None:
    for tag, value, reason in [
        (5, 2**63, "in no loaded segment"),  # DT_STRTAB
        (10, 0, "has no end"),  # DT_STRSZ
        (1, 2**63, "has no end"),  # DT_NEEDED
        (14, len(sample), "has no end"),  # DT_SONAME
    ]:
        with pytest.raises(NotElf, match=reason):
            dynamic_of(Image(patched(sample, dynamic_tag(sample, tag) + 8, "<Q", value)))
    with pytest.raises(NotElf, match="without its string table"):
        dynamic_of(Image(patched(sample, dynamic_tag(sample, 5), "<q", 0x6FFFFFF0)))


def test_every_truncation(sample: bytes) -> None:
    whole = dynamic_of(Image(sample))
    for length in range(0, len(sample), 7):
        try:
            read = dynamic_of(Image(sample[:length]))
        except NotElf:
            continue
        # Section headers stand at the end and are not needed: what is read is right, or refused.
        assert read == whole


def read_or_refused(data: bytes) -> bool:
    """Whether the bytes give a bounded answer or a refusal with its reason; anything else is raised."""
    try:
        return len(dynamic_of(Image(data)).needed) <= 1024
    except NotElf as error:
        return bool(error.reason)


@given(st.binary(max_size=512))
def test_noise_is_refused(noise: bytes) -> None:
    for data in (noise, b"\x7fELF\x02\x01\x01" + noise):
        assert read_or_refused(data)


@given(st.data())
def test_mutations_are_read_or_refused(sample: bytes, data: st.DataObject) -> None:
    changed = bytearray(sample)
    # The tables stand in the first kilobyte and in the dynamic section; elsewhere a change means nothing.
    section = next(segment for segment in Image(sample).segments if segment.kind == 2)
    places = st.one_of(st.integers(0, 700), st.integers(section.offset, section.offset + section.size - 1))
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=6)):
        changed[place] = value
    assert read_or_refused(bytes(changed))


@pytest.mark.real
@pytest.mark.skipif(shutil.which("readelf") is None, reason="no readelf")
@pytest.mark.parametrize("variable", ["ENVDOCTOR_TEST_CUDA_ENV", "ENVDOCTOR_TEST_CPU_ENV"])
def test_real_wheels_agree_with_readelf(variable: str) -> None:
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    objects = glob.glob(f"{os.environ[variable]}/lib/**/*.so*", recursive=True)
    assert objects
    wrong = [path for path in objects if as_readelf(read_dynamic(path)) != by_readelf(path)]
    assert wrong == []
