"""Wheels read in part: over ranges where a server gives them, and said plainly where it does not."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import Answer
from tiny_wheels import library, metadata, torch_wheel, version_py, wheel

from envdoctor.published.files import PublishedFile, read_name
from envdoctor.published.kernels import find_kernels
from envdoctor.published.session import Session
from envdoctor.published.settings import Settings
from envdoctor.published.store import Store
from envdoctor.published.unreachable import NotThere, Unreachable
from envdoctor.published.wheel import ROOM, WheelContents, read

if TYPE_CHECKING:
    from pathlib import Path

    from loopback import Loopback

TORCH = "torch-2.14.0-cp312-cp312-manylinux_2_28_x86_64.whl"
VISION = "torchvision-0.29.0-cp312-cp312-manylinux_2_28_x86_64.whl"
INFO = "torch-2.14.0.dist-info/METADATA"
SASS = ((7, 5), (8, 0), (8, 6), (9, 0), (10, 0), (12, 0))
REQUIRES = ("filelock", 'nvidia-cudnn-cu13==9.24.0.43; platform_system == "Linux"')


def published(filename: str, base: str, body: bytes | None = None) -> PublishedFile:
    name = read_name(filename)
    assert name is not None
    sha256 = None if body is None else hashlib.sha256(body).hexdigest()
    return PublishedFile(**name._asdict(), filename=filename, url=f"{base}/{filename}", sha256=sha256)


def served(server: Loopback, body: bytes, filename: str = TORCH, **how: bool) -> PublishedFile:
    server.answers[f"/{filename}"] = Answer(body, kind="application/octet-stream", **{"ranges": True, **how})
    return published(filename, server.base, body)


def reason(file: PublishedFile, session: Session, *, architectures: bool = True) -> str:
    with pytest.raises(Unreachable) as caught:
        read(file, session, architectures=architectures)
    assert "\n" not in caught.value.reason
    assert "127.0.0.1" not in caught.value.reason
    return caught.value.reason


def test_a_wheel_is_read_in_part(server: Loopback, session: Session) -> None:
    # Padding between the members: what is not asked for is not sent.
    body = torch_wheel()
    whole = io.BytesIO(body)
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("torch/lib/libtorch_cuda.so", bytes(1_000_000))
    file = served(server, whole.getvalue())
    plain = read(file, session, architectures=False)
    assert plain == WheelContents("2.14.0+cu130", ">=3.10", REQUIRES, "13.0", None, None)
    assert read(file, session, architectures=True) == replace(plain, sass=SASS, ptx=())
    assert session.received < 200_000
    assert all("range" in headers for _, headers in server.asked)


def test_a_server_without_the_last_bytes_is_asked_for_the_length(server: Loopback, session: Session) -> None:
    file = served(server, torch_wheel(), suffixes=False)
    assert read(file, session, architectures=True).sass == SASS


def test_a_server_without_ranges_is_said_to_be_one(server: Loopback, session: Session) -> None:
    file = served(server, torch_wheel(), ranges=False)
    assert reason(file, session).startswith("gives no parts of files")
    assert session.received == 0


def test_a_server_that_sends_other_parts_is_not_believed(server: Loopback, session: Session) -> None:
    file = published(TORCH, server.base)
    body = torch_wheel()
    for said in ("bytes 0-9/10", "bytes */10", "bytes 5-1/10", "items 0-1/2", f"bytes 7-{6 + len(body)}/99999"):
        server.answers[f"/{TORCH}"] = Answer(body, status=206, headers={"Content-Range": said})
        assert reason(file, session) == "sends other parts of the file than were asked for"


def test_a_wheel_that_breaks_off_is_given_up(server: Loopback, session: Session) -> None:
    file = served(server, torch_wheel())
    answer = server.answers[f"/{TORCH}"]
    assert isinstance(answer, Answer)
    answer.cut = 100
    assert reason(file, session) == "broke off the connection"


def test_a_wheel_that_is_gone_is_not_there(server: Loopback, session: Session) -> None:
    with pytest.raises(NotThere):
        read(published(TORCH, server.base), session, architectures=False)


BROKEN = {
    "no archive": b"<html>not a wheel</html>" * 50,
    "nothing": b"",
    "no METADATA": wheel({"torch/version.py": version_py("2.14.0", None)}),
    "two METADATA": wheel({INFO: metadata("torch", "1"), "other-1.dist-info/METADATA": b""}),
    "METADATA without a version": wheel({INFO: b"Metadata-Version: 2.1\nName: torch\n\n"}),
    "no version.py": wheel({INFO: metadata("torch", "2.14.0")}),
    "version.py without CUDA": wheel({INFO: metadata("torch", "2"), "torch/version.py": b"__version__ = '2'\n"}),
    "METADATA without end": wheel({INFO: bytes(5 * 1024 * 1024)}),
    "cut short": torch_wheel()[:-30],
    "damaged inside": torch_wheel()[:40] + b"\xff" * 60 + torch_wheel()[100:],
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_wheel_is_unreachable(server: Loopback, session: Session, case: str) -> None:
    assert reason(served(server, BROKEN[case]), session) != ""


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_no_damage_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]]
) -> None:
    body = bytearray(torch_wheel())
    for place, value in damage:
        body[place % len(body)] = value
    path = tmp_path_factory.mktemp("damaged") / TORCH
    path.write_bytes(body)
    with Session(Settings(), Store(None)) as session:
        try:
            contents = read(published(TORCH, path.parent.as_uri()), session, architectures=True)
        except Unreachable:
            return
    assert contents.version


@pytest.mark.parametrize("cuda", ["abc", "9" * 30 + ".1", "\x1b]0;x", "13", "13.0.0.1"])
def test_a_cuda_that_is_no_version_is_not_told(server: Loopback, session: Session, cuda: str) -> None:
    assert reason(served(server, torch_wheel(cuda=cuda)), session).startswith("holds no torch/version.py that tells")


@pytest.mark.parametrize("version", ["2.14.1", "not a version"])
def test_a_wheel_of_another_release_than_its_name_is_not_believed(
    server: Loopback, session: Session, version: str
) -> None:
    body = wheel({INFO: metadata("torch", version), "torch/version.py": version_py("2.14.0", None)})
    assert reason(served(server, body), session) == "holds METADATA of another release than its name says"


def test_a_member_that_is_larger_than_it_says_is_not_unpacked_whole(
    server: Loopback, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = bytearray(wheel({INFO: bytes(8 << 20), "torch/version.py": version_py("2.14.0", None)}))
    struct.pack_into("<L", body, body.find(b"PK\1\2") + 24, 1000)
    asked: list[int] = []
    real = zipfile.ZipExtFile.read

    def counted(file: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        asked.append(-1 if n is None else n)
        return real(file, n)

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    assert reason(served(server, bytes(body)), session) == "holds an archive that cannot be read"
    assert asked == [1000]


def test_a_wheel_on_the_disk_is_read(tmp_path: Path, session: Session) -> None:
    (tmp_path / TORCH).write_bytes(torch_wheel())
    assert read(published(TORCH, tmp_path.as_uri()), session, architectures=True).sass == SASS
    assert reason(published(VISION, tmp_path.as_uri()), session) == "is not there"


def test_builds_without_cuda_have_no_kernels(server: Loopback, session: Session) -> None:
    file = served(server, torch_wheel(cuda=None, local="cpu", flags=None))
    contents = read(file, session, architectures=True)
    assert (contents.version, contents.cuda, contents.sass, contents.ptx) == ("2.14.0+cpu", None, (), ())


def test_the_kernels_of_rocm_are_not_told(server: Loopback, session: Session) -> None:
    file = served(server, torch_wheel(cuda=None, local="rocm6.4", hip="6.4.4"))
    assert read(file, session, architectures=True).sass is None


def test_windows_keeps_them_in_a_dll(server: Loopback, session: Session) -> None:
    file = served(server, torch_wheel(library_name="torch/lib/torch_python.dll"))
    assert read(file, session, architectures=True).sass == SASS


@pytest.mark.parametrize("filename", ["torch/lib/libtorch_cpu.so", "torch/lib/libtorch_python.so"])
def test_a_library_that_says_nothing_leaves_it_unknown(server: Loopback, session: Session, filename: str) -> None:
    file = served(server, torch_wheel(flags=None, library_name=filename))
    contents = read(file, session, architectures=True)
    assert (contents.cuda, contents.sass, contents.ptx) == ("13.0", None, None)


def test_a_partner_is_its_metadata(server: Loopback, session: Session) -> None:
    body = wheel({"torchvision-0.29.0.dist-info/METADATA": metadata("torchvision", "0.29.0", "numpy", "torch==2.14.0")})
    contents = read(served(server, body, VISION), session, architectures=True)
    assert contents == WheelContents("0.29.0", ">=3.10", ("numpy", "torch==2.14.0"), None)


def test_metadata_served_apart_spares_the_wheel(server: Loopback, session: Session) -> None:
    server.answers[f"/{VISION}.metadata"] = Answer(metadata("torchvision", "0.29.0", "torch==2.14.0"))
    file = replace(published(VISION, server.base), metadata=True, url=f"{server.base}/{VISION}?key=word")
    assert read(file, session, architectures=False).requires == ("torch==2.14.0",)
    assert server.paths() == [f"/{VISION}.metadata?key=word"]


def test_contents_are_remembered_by_hash(server: Loopback, store: Store) -> None:
    file = served(server, torch_wheel())

    def contents(*, architectures: bool, which: PublishedFile = file) -> WheelContents:
        with Session(Settings(), store) as session:
            return read(which, session, architectures=architectures)

    plain = contents(architectures=False)
    asked = len(server.asked)
    assert contents(architectures=False) == plain
    assert len(server.asked) == asked, "remembered"
    full = contents(architectures=True)
    assert full.sass == SASS
    assert len(server.asked) > asked, "the architectures were not remembered"
    server.answers.clear()
    assert contents(architectures=True) == full
    assert contents(architectures=False) == plain, "what was not asked for is not told"
    with pytest.raises(NotThere):
        contents(architectures=False, which=replace(file, sha256=None))


DAMAGED: list[dict[str, object]] = [
    {},
    {"version": 1, "requires": []},
    {"version": "2", "requires": "torch"},
    {"version": "2", "requires": [1], "sass": None, "ptx": None},
    {"version": "2", "requires": [], "cuda": 12, "sass": None, "ptx": None},
    {"version": "2", "requires": [], "sass": 5, "ptx": None},
    {"version": "2", "requires": [], "sass": [[1]], "ptx": None},
    {"version": "2", "requires": [], "sass": [["a", "b"]], "ptx": None},
]


@pytest.mark.parametrize("entry", DAMAGED, ids=str)
def test_a_damaged_memory_is_read_anew(server: Loopback, store: Store, entry: dict[str, object]) -> None:
    file = served(server, torch_wheel())
    store.put(ROOM, file.sha256 or "", entry | {"architectures": True})
    with Session(Settings(), store) as session:
        assert read(file, session, architectures=True).sass == SASS


FLAGS = {
    b"sm_75 sm_80 compute_80": (((7, 5), (8, 0)), ((8, 0),)),
    b"sm_90": (((9, 0),), ()),
    b"sm_80 sm_90a sm_100f sm_120 compute_120": (((8, 0), (9, 0), (10, 0), (12, 0)), ((12, 0),)),
    b"compute_50 sm_35": (((3, 5),), ((5, 0),)),
    b"sm_80 sm_90 ": (((8, 0), (9, 0)), ()),
}


@pytest.mark.parametrize("flags", FLAGS)
def test_the_flags_are_found_among_other_words(flags: bytes) -> None:
    assert find_kernels(library(flags)) == FLAGS[flags]


def test_what_is_said_twice_counts_once_and_two_lists_not() -> None:
    assert find_kernels(library() + b"\0sm_80\0" + library()) == (SASS, ())
    assert find_kernels(library() + library(b"sm_80 sm_90")) is None
    assert find_kernels(b"\0sm_80\0sm_90\0") is None


@given(st.lists(st.sampled_from([b"sm_", b"80", b" ", b"\0", b"compute_", b"a", b"9" * 2000]), max_size=60))
def test_no_library_raises(pieces: list[bytes]) -> None:
    found = find_kernels(b"".join(pieces))
    assert found is None or found.sass or found.ptx
