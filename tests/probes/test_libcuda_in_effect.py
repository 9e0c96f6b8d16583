"""Which libcuda programs load: by what the loader loaded, and by the same search on the files of a recorded machine."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.binary.ld_cache import ENTRY, HEADER, NEW_MAGIC
from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import driver, environment, host_system
from recorded_tree import Tree, lines, look_at, value

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.probes.looking import Facts

PROBES = (host_system, environment, driver)
OWN, COMPAT = "/usr/lib/x86_64-linux-gnu", "/usr/local/cuda-12.8/compat"


def library(tree: Tree, folder: str, version: str | None) -> None:
    """Put a libcuda into a folder, as its packages do: a versioned file and a link to it."""
    if version is None:
        tree.file(f"{folder}/libcuda.so.1")
        return
    real = tree.file(f"{folder}/libcuda.so.{version}")
    (real.parent / "libcuda.so.1").symlink_to(real.name)


def cached(tree: Tree, *folders: str) -> None:
    """Write the index of the loader, as ldconfig of glibc 2.32 and later does."""
    texts, entries = b"", b""
    strings = HEADER.size + ENTRY.size * len(folders)
    for folder in folders:
        key = strings + len(texts)
        texts += b"libcuda.so.1\0"
        entries += ENTRY.pack(0x0303, key, strings + len(texts), 0, 0)
        texts += f"{folder}/libcuda.so.1".encode() + b"\0"
    tree.file("/etc/ld.so.cache", HEADER.pack(NEW_MAGIC, len(folders), len(texts), 2, 0) + entries + texts)


def loaded(tree: Tree, version: str = "535.104.05", *, nvml: bool = True) -> None:
    """A driver whose kernel module and NVML answer, and a libcuda that was not asked."""
    tree.file("/sys/module/nvidia/version", f"{version}\n")
    said = [{"status": 0}, {"driver": version}, {"cuda": 12020}, {"count": 0}, {"end": True}]
    tree.says("nvml", lines(*(said if nvml else [{"status": 12, "error": "not found"}])))


def look(tree: Tree, **environ: str) -> Facts:
    tree.set(**environ)
    return tree.look(PROBES)


def test_the_driver_s_own_in_its_default_folder(tree: Tree) -> None:
    loaded(tree)
    library(tree, OWN, "535.104.05")
    seen = look(tree)
    assert value(seen, "cuda.library") == f"{OWN}/libcuda.so.535.104.05"
    assert value(seen, "cuda.library_version") == "535.104.05"
    assert isinstance(seen["cuda.compat"], Absent)
    assert value(seen, "cuda.compat_folders") == []


def test_a_compat_folder_that_merely_lies_there(tree: Tree) -> None:
    loaded(tree)
    library(tree, OWN, "535.104.05")
    library(tree, COMPAT, "570.86.15")
    (tree.root / "usr/local/cuda").symlink_to("/usr/local/cuda-12.8")  # absolute, as alternatives make it
    cached(tree, OWN)
    tree.file("/etc/ld.so.conf.d/cuda.conf", f"{COMPAT}\n")  # written, and ldconfig not run since
    seen = look(tree)
    assert isinstance(seen["cuda.compat"], Absent)
    assert value(seen, "cuda.library_version") == "535.104.05"
    [folder] = value(seen, "cuda.compat_folders")
    assert folder["version"] == "570.86.15"
    assert folder["folder"] in (COMPAT, "/usr/local/cuda/compat")


@pytest.mark.parametrize("path", [COMPAT, f"/nowhere:{COMPAT}:/usr/lib", f":{COMPAT}", f"{COMPAT};/usr/lib"])
def test_ld_library_path_puts_it_first(tree: Tree, path: str) -> None:
    loaded(tree)
    library(tree, OWN, "535.104.05")
    library(tree, COMPAT, "570.86.15")
    seen = look(tree, LD_LIBRARY_PATH=path)
    assert seen["cuda.compat"] == Known(COMPAT, "LD_LIBRARY_PATH")
    assert value(seen, "cuda.library") == f"{COMPAT}/libcuda.so.570.86.15"
    assert value(seen, "cuda.library_version") == "570.86.15"


def test_the_index_of_the_loader_puts_it_first(tree: Tree) -> None:
    loaded(tree)
    library(tree, OWN, "535.104.05")
    library(tree, COMPAT, "570.86.15")
    cached(tree, "/usr/lib/i386-linux-gnu", COMPAT, OWN)
    library(tree, "/usr/lib/i386-linux-gnu", "535.104.05")
    assert look(tree)["cuda.compat"] == Known(COMPAT, "/etc/ld.so.cache")


@pytest.mark.parametrize(
    "files",
    [
        {"/etc/ld.so.conf": f"{COMPAT}\n"},
        {"/etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n", "/etc/ld.so.conf.d/00-compat.conf": f"{COMPAT}\n"},
        {"/etc/ld.so.conf": "include ld.so.conf.d/*.conf", "/etc/ld.so.conf.d/00.conf": f"# cuda\n{COMPAT} # compat\n"},
    ],
    ids=["named", "absolute include", "relative include"],
)
@pytest.mark.parametrize("cache", [None, b"not a cache"], ids=["none", "damaged"])
def test_without_a_readable_index_it_cannot_be_told(tree: Tree, files: dict[str, str], cache: bytes | None) -> None:
    loaded(tree)
    library(tree, OWN, "535.104.05")
    library(tree, COMPAT, "570.86.15")
    for path, text in files.items():
        tree.file(path, text)
    if cache is not None:
        tree.file("/etc/ld.so.cache", cache)
    fact = look(tree)["cuda.compat"]
    assert isinstance(fact, Unknown)
    assert "ld.so.cache" in fact.reason


def test_without_an_index_and_without_a_compat_folder_there_is_no_doubt(tree: Tree) -> None:
    loaded(tree)
    library(tree, OWN, "535.104.05")
    tree.file("/etc/ld.so.conf", f"{OWN}\n")
    assert isinstance(look(tree)["cuda.compat"], Absent)


@pytest.mark.parametrize("entry", ["lib", "$ORIGIN/lib", "/opt/$LIB"])
def test_a_folder_that_depends_on_the_program_cannot_be_told(tree: Tree, entry: str) -> None:
    loaded(tree)
    library(tree, OWN, "535.104.05")
    seen = look(tree, LD_LIBRARY_PATH=f"{entry}:/usr/lib")
    assert isinstance(seen["cuda.compat"], Unknown)
    assert isinstance(seen["cuda.library"], Unknown)


def test_another_version_than_the_driver_s_is_forward_compat_under_any_name(tree: Tree) -> None:
    loaded(tree)
    library(tree, OWN, "535.104.05")
    library(tree, "/opt/newer", "570.86.15")
    seen = look(tree, LD_LIBRARY_PATH="/opt/newer")
    assert value(seen, "cuda.compat") == "/opt/newer"
    assert value(seen, "cuda.compat_folders") == [{"folder": "/opt/newer", "version": "570.86.15"}]


def test_an_upgrade_without_a_reboot_is_no_compat_folder(tree: Tree) -> None:
    tree.file("/sys/module/nvidia/version", "535.104.05\n")
    tree.says("nvml", lines({"status": 18, "error": "mismatch"}))
    library(tree, OWN, "550.54.15")
    (tree.file(f"{OWN}/libnvidia-ml.so.550.54.15").parent / "libnvidia-ml.so.1").symlink_to("libnvidia-ml.so.550.54.15")
    assert isinstance(look(tree)["cuda.compat"], Absent)


def test_images_that_link_the_folder_into_use(tree: Tree) -> None:
    """NGC keeps the files in lib.real, and links lib to it when its entrypoint decides so."""
    loaded(tree)
    library(tree, OWN, "535.104.05")
    library(tree, "/usr/local/cuda/compat/lib.real", "570.86.15")
    assert isinstance(look(tree)["cuda.compat"], Absent)
    (tree.root / "usr/local/cuda/compat/lib").symlink_to("lib.real")
    seen = look(tree, LD_LIBRARY_PATH="/usr/local/cuda/compat/lib:/usr/local/nvidia/lib64")
    assert value(seen, "cuda.compat") == "/usr/local/cuda/compat/lib"
    assert len(value(seen, "cuda.compat_folders")) == 1


@pytest.mark.parametrize(
    ("folder", "fact"),
    [
        ("/usr/lib/aarch64-linux-gnu/tegra", Absent),
        ("/usr/lib/wsl/lib", Absent),
        (OWN, Absent),
        ("/opt/somewhere", Unknown),
    ],
)
def test_a_file_without_a_version_in_its_name(tree: Tree, folder: str, fact: type) -> None:
    loaded(tree)
    library(tree, folder, None)
    seen = look(tree, LD_LIBRARY_PATH=folder)
    assert isinstance(seen["cuda.compat"], fact)
    assert isinstance(seen["cuda.library_version"], Unknown)


def test_jetson_names_its_file_by_another_count(tree: Tree) -> None:
    loaded(tree, "540.4.0")
    real = tree.file("/usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1.1")
    (real.parent / "libcuda.so.1").symlink_to(real.name)
    cached(tree, "/usr/lib/aarch64-linux-gnu/nvidia")
    seen = look(tree)
    assert value(seen, "cuda.library") == "/usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1.1"
    assert isinstance(seen["cuda.library_version"], Unknown)
    assert isinstance(seen["cuda.compat"], Absent)


def test_no_libcuda_is_absent(tree: Tree) -> None:
    tree.says("libcuda", lines({"missing": "libcuda.so.1: cannot open shared object file"}))
    library(tree, COMPAT, "570.86.15")
    seen = look(tree)
    for name in ("cuda.library", "cuda.library_version", "cuda.compat"):
        assert isinstance(seen[name], Absent), name
    assert value(seen, "cuda.compat_folders") == [{"folder": COMPAT, "version": "570.86.15"}]


def answered(tree: Tree, library: str | None, version: int = 12020) -> None:
    said: list[dict[str, Any]] = [{"library": library}] if library else []
    tree.says("libcuda", lines(*said, {"version": version}, {"init": 100}))


@pytest.mark.parametrize(
    ("path", "version", "compat"),
    [
        (f"{OWN}/libcuda.so.535.104.05", 12020, None),
        (f"{COMPAT}/libcuda.so.570.86.15", 12080, COMPAT),
        (f"{COMPAT}/libcuda.so.535.104.05", 12020, COMPAT),
        ("/opt/x/libcuda.so.570.86.15", 12080, "/opt/x"),
        ("/opt/x/libcuda.so.1", 12080, "/opt/x"),
        ("/opt/x/libcuda.so.1", 12020, None),
        (None, 12020, None),
        (None, 12080, "a folder that it did not name"),
    ],
)
def test_where_it_answered_its_own_word_decides(tree: Tree, path: str | None, version: int, compat: str | None) -> None:
    loaded(tree)
    answered(tree, path, version)
    tree.file("/etc/ld.so.conf", f"{COMPAT}\n")
    fact = look(tree, LD_LIBRARY_PATH="relative")["cuda.compat"]
    assert (fact.value if isinstance(fact, Known) else None) == compat
    assert not isinstance(fact, Unknown)


def test_what_windows_lends(tree: Tree) -> None:
    tree.file("/proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n")
    library(tree, "/usr/lib/wsl/lib", None)
    answered(tree, "/usr/lib/wsl/lib/libcuda.so.1", 13000)
    seen = look(tree)
    assert value(seen, "driver.wsl_library") == "/usr/lib/wsl/lib/libcuda.so.1"
    assert isinstance(seen["cuda.compat"], Absent)


@pytest.mark.parametrize("system", ["windows", "macos"])
def test_other_systems_have_no_forward_compat(tree: Tree, system: str) -> None:
    tree.machine["os"] = system
    if system == "windows":
        answered(tree, "C:\\Windows\\System32\\nvcuda.dll", 13000)
    else:
        tree.says("libcuda", lines({"missing": "not there"}))
    seen = look(tree)
    assert isinstance(seen["cuda.compat"], Absent)
    assert isinstance(seen["cuda.library"], Known if system == "windows" else Absent)
    assert value(seen, "cuda.compat_folders") == []


def test_links_that_lead_nowhere_or_in_circles(tree: Tree) -> None:
    loaded(tree)
    for name, target in (("a", "b"), ("b", "a")):
        os.symlink(target, tree.folder("/opt/round") / name)
    os.symlink("/opt/round/a", tree.folder("/opt/one") / "libcuda.so.1")
    os.symlink("../../../../../../gone", tree.folder("/opt/two") / "libcuda.so.1")
    tree.folder("/opt/three/libcuda.so.1")
    os.mkfifo(tree.folder("/opt/four") / "libcuda.so.1")
    seen = look(tree, LD_LIBRARY_PATH=":".join(f"/opt/{name}" for name in ("one", "two", "three", "four", "x\0y")))
    assert isinstance(seen["cuda.library"], Absent)


def test_the_live_loader_says_which_file_it_took(standin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "compat"
    folder.mkdir()
    shutil.copy(standin / "libcuda.so.1", folder / "libcuda.so.570.86.15")
    (folder / "libcuda.so.1").symlink_to("libcuda.so.570.86.15")
    path = f"{folder}:{standin}"
    place = Host(environ={"PATH": "", "LD_LIBRARY_PATH": path, "STANDIN_CUDA": "12020", "STANDIN_LIBCUDA": "12080"})
    seen = look_at(place, sys.executable, PROBES)
    real = os.path.realpath(folder)
    assert value(seen, "cuda.library") == f"{real}/libcuda.so.570.86.15"
    assert value(seen, "cuda.library_version") == "570.86.15"
    assert value(seen, "cuda.compat") == real
    assert (value(seen, "driver.cuda_version"), value(seen, "driver.version")) == ("12.8", "535.104.05")


def test_the_live_driver_s_own_is_no_compat_library(standin: Path, tmp_path: Path) -> None:
    shutil.copy(standin / "libcuda.so.1", tmp_path / "libcuda.so.535.104.05")
    (tmp_path / "libcuda.so.1").symlink_to("libcuda.so.535.104.05")
    place = Host(environ={"PATH": "", "LD_LIBRARY_PATH": f"{tmp_path}:{standin}"})
    seen = look_at(place, sys.executable, PROBES)
    assert value(seen, "cuda.library_version") == "535.104.05"
    assert isinstance(seen["cuda.compat"], Absent)


def test_a_libcuda_that_hangs_has_said_where_it_lies(standin: Path) -> None:
    place = Host(environ={"PATH": "", "LD_LIBRARY_PATH": str(standin), "STANDIN_CUDA_HANG": "init"})
    seen = look_at(place, sys.executable, PROBES, limit=3)
    assert value(seen, "cuda.library") == os.path.realpath(standin / "libcuda.so.1")
    assert isinstance(seen["cuda.init"], Unknown)
