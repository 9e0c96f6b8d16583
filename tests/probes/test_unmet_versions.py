"""Versions that an object asks of a library and that the library which would be loaded does not have."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from envdoctor.binary.symbols import sysv_hash
from envdoctor.binary.versions import NEED_ENTRY, VER_FLG_WEAK
from envdoctor.probes.symbols import highest_like
from tiny_torch import EMPTY, SUFFIX, TinyTorch, calling, cc, rows

if TYPE_CHECKING:
    from pathlib import Path

NEWER = "GLIBCXX_3.4.30 { global: newer; };\nGLIBCXX_3.4.31 { global: newest; };\nCXXABI_1.3 {};\n"
OLDER = "GLIBCXX_3.4.30 { global: newer; };\nGLIBCXX_3.4.9 {};\nGLIBCXX_LDBL_3 {};\nCXXABI_1.3 {};\n"


CODE = "void newer(void) {}\nvoid newest(void) {}\n"


def library(folder: Path, script: str | None, code: str = CODE, *more: str) -> Path:
    """A stand-in for libstdc++ that defines these versions."""
    path = folder / "libtiny++.so.6"
    options = ["-Wl,-soname,libtiny++.so.6", *more]
    if script is not None:
        versions = folder / "versions.map"
        folder.mkdir(parents=True, exist_ok=True)
        versions.write_text(script)
        options.append(f"-Wl,--version-script,{versions}")
    return cc(path, f"{code}/* {script} */\n", *options)


@pytest.fixture
def torch(tmp_path: Path) -> TinyTorch:
    return TinyTorch(tmp_path / "site")


def extension(torch: TinyTorch, code: str) -> Path:
    """An object linked against the newer library, which finds the one that is in torch's folder."""
    library(torch.lib, NEWER)
    path = torch.extension(f"ops{SUFFIX}", code, "-l:libtiny++.so.6", "-Wl,-rpath,$ORIGIN/torch/lib")
    torch.record("ops", "1", [path.name])
    return path


def unmet(torch: TinyTorch) -> list[dict[str, object]]:
    return rows(torch.symbols(), "libraries.unmet_versions")


def test_a_version_that_is_there_has_no_row(torch: TinyTorch) -> None:
    path = extension(torch, calling([EMPTY, "newer", "newest"]))
    assert torch.truth(path) == ["loads"]
    assert unmet(torch) == []


def test_a_library_that_is_too_old(torch: TinyTorch) -> None:
    path = extension(torch, calling([EMPTY, "newer", "newest"]))
    old = library(torch.lib, OLDER)
    (said,) = torch.truth(path)
    assert "version `GLIBCXX_3.4.31' not found" in said
    assert unmet(torch) == [
        {
            "object": path.name,
            "package": "ops",
            "role": "entry",
            "library": "libtiny++.so.6",
            "version": "GLIBCXX_3.4.31",
            "file": str(old),
            "highest": "GLIBCXX_3.4.30",
        }
    ]


def test_a_weak_need_may_be_unmet(torch: TinyTorch) -> None:
    """The flag is that of the version; a weak symbol alone does not make its version's need a weak one."""
    path = extension(torch, calling([EMPTY, "newer"], weak=["newest"]))
    library(torch.lib, OLDER)
    assert "GLIBCXX_3.4.31" in torch.truth(path)[0]
    assert len(unmet(torch)) == 1
    data = path.read_bytes()
    need = NEED_ENTRY.pack(sysv_hash(b"GLIBCXX_3.4.31"), 0, 0, 0, 0)[:6]
    assert data.count(need) == 1
    path.write_bytes(data.replace(need, need[:4] + VER_FLG_WEAK.to_bytes(2, "little")))
    assert torch.truth(path) == ["loads"]
    assert unmet(torch) == []


def test_a_library_without_versions_serves_all(torch: TinyTorch) -> None:
    path = extension(torch, calling([EMPTY, "newer", "newest"]))
    # It needs versions of the C library, as every real one does: without a table of them the loader gives up.
    code = "int getpid(void); void newer(void) {}\nvoid newest(void) { getpid(); }\n"
    library(torch.lib, None, code, "-l:libc.so.6")
    assert torch.truth(path) == ["loads"]
    assert unmet(torch) == []


def test_torchs_own_objects_are_asked_too(torch: TinyTorch) -> None:
    library(torch.lib, NEWER)
    torch.library(
        "libtorch_python.so", calling(["newest"]), f"-L{torch.lib}", "-l:libtiny++.so.6", "-Wl,-rpath,$ORIGIN",
        "-Wl,-soname,libtorch_python.so",
    )  # fmt: skip
    cc(
        torch.torch_c, "int torch_module;\n", f"-L{torch.lib}", "-Wl,--no-as-needed", "-l:libtorch_python.so",
        "-Wl,--allow-shlib-undefined", "-Wl,-rpath,$ORIGIN/lib",
    )  # fmt: skip
    assert unmet(torch) == []
    library(torch.lib, OLDER)
    (row,) = unmet(torch)
    assert (row["object"], row["package"], row["role"]) == ("torch/lib/libtorch_python.so", "torch", "entry")


def test_a_version_of_the_c_library_that_does_not_exist(torch: TinyTorch, tmp_path: Path) -> None:
    """The real C library of this machine, asked for a version of the future."""
    versions = tmp_path / "future.map"
    versions.write_text("GLIBC_2.99 { global: of_the_future; };\n")
    future = tmp_path / "lib" / "libc.so.6"
    cc(future, "void of_the_future(void) {}\n", "-Wl,-soname,libc.so.6", f"-Wl,--version-script,{versions}")
    path = torch.extension(f"ops{SUFFIX}", calling([EMPTY, "of_the_future"]), f"-L{future.parent}", "-l:libc.so.6")
    torch.record("ops", "1", [path.name])
    assert "version `GLIBC_2.99' not found" in torch.truth(path)[0]
    (row,) = unmet(torch)
    assert (row["library"], row["version"]) == ("libc.so.6", "GLIBC_2.99")
    said = subprocess.run(["ldd", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    assert row["highest"] == f"GLIBC_{said.rpartition(' ')[2]}"


def test_the_highest_is_that_of_the_same_family() -> None:
    glibc = ["libc.so.6", "GLIBC_2.2.5", "GLIBC_2.36", "GLIBC_2.4", "GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR", "GLIBC_2."]
    assert highest_like("GLIBC_2.38", glibc) == "GLIBC_2.36"
    assert highest_like("GLIBC_ABI_DT_RELR", ["GLIBC_2.31"]) == "GLIBC_2.31"
    assert highest_like("GLIBCXX_3.4.30", ["CXXABI_1.3"]) is None
    assert highest_like("libcudart.so.12", ["libcudart.so.13"]) is None
