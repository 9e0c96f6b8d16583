"""Two flavours of one CUDA library in one folder, and the pins of cuda-toolkit."""

from __future__ import annotations

import os
from typing import Any

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known
from envdoctor.probes import distributions, interpreter, nvidia_packages
from envdoctor.probes.installed.records import parse_record
from recorded_tree import SITE, Tree, value

PROBES = (interpreter, distributions, nvidia_packages)
LIBRARY = "nvidia/cudnn/lib/libcudnn.so.9"


def library(tree: Tree, name: str, version: str, files: dict[str, int], digest: str | None = None) -> None:
    """Record a distribution with files of given sizes; what is on disk is written apart."""
    lines = "".join(f"{path},sha256={digest or name},{size}\n" for path, size in files.items())
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    tree.file(f"{SITE}/{info}/RECORD", f"{lines}{info}/RECORD,,\n")


def clashes(tree: Tree) -> list[dict[str, Any]]:
    return value(tree.look(PROBES), "nvidia.clashes")  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("size", "owner"), [(100, "nvidia-cudnn-cu12"), (120, "nvidia-cudnn-cu13"), (7, None), (None, None)]
)
def test_two_flavours_of_cudnn(tree: Tree, size: int | None, owner: str | None) -> None:
    library(tree, "nvidia-cudnn-cu12", "9.10.2.21", {LIBRARY: 100, "nvidia/__init__.py": 0})
    library(tree, "nvidia-cudnn-cu13", "9.24.0.43", {LIBRARY: 120, "nvidia/__init__.py": 0})
    if size is not None:
        tree.file(f"{SITE}/{LIBRARY}", b"x" * size)
    assert clashes(tree) == [{"file": LIBRARY, "packages": ["nvidia-cudnn-cu12", "nvidia-cudnn-cu13"], "owner": owner}]


def test_of_two_of_one_size_it_cannot_be_told(tree: Tree) -> None:
    library(tree, "nvidia-nccl-cu12", "2.27.5", {"nvidia/nccl/lib/libnccl.so.2": 9})
    library(tree, "nvidia-nccl-cu13", "2.29.7", {"nvidia/nccl/lib/libnccl.so.2": 9})
    tree.file(f"{SITE}/nvidia/nccl/lib/libnccl.so.2", "x" * 9)
    assert [row["owner"] for row in clashes(tree)] == [None]


def test_the_same_file_in_both_and_files_of_their_own_are_none(tree: Tree) -> None:
    library(tree, "nvidia-cublas-cu12", "12.8.4.1", {"nvidia/cublas/lib/libcublas.so.12": 9, "nvidia/LICENSE": 3}, "a")
    library(tree, "nvidia-cublas", "13.1.0.3", {"nvidia/cu13/lib/libcublas.so.13": 9, "nvidia/LICENSE": 3}, "a")
    assert clashes(tree) == []


@pytest.mark.parametrize(
    "path",
    [
        "nvidia/cuda_runtime/include/cuda_runtime.h", "nvidia/nvtx/lib/libnvToolsExt.so.1",
        "nvidia/cuda_cupti/lib/libnvperf_host.so",
    ],
)  # fmt: skip
def test_what_torch_does_not_load_by_name_is_no_clash(tree: Tree, path: str) -> None:
    """As nvidia-cuda-runtime-cu11 and -cu12, nvidia-nvtx-cu11 and -cu12 share them."""
    library(tree, "nvidia-cuda-runtime-cu11", "11.8.89", {path: 1})
    library(tree, "nvidia-cuda-runtime-cu12", "12.9.79", {path: 2})
    tree.file(f"{SITE}/{path}", "x")
    assert clashes(tree) == []


@pytest.mark.parametrize("path", ["nvidia/curand/lib/libcurand.so.10", "nvidia/cudnn/bin/cudnn64_9.dll"])
def test_libraries_of_one_name_are(tree: Tree, path: str) -> None:
    library(tree, "nvidia-curand-cu11", "10.3", {path: 1})
    library(tree, "nvidia-curand-cu12", "10.3.9", {path: 2})
    tree.file(f"{SITE}/{path}", "x")
    assert [row["owner"] for row in clashes(tree)] == ["nvidia-curand-cu11"]


def test_records_are_read_only_of_libraries_in_two_flavours(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nvidia-cudnn-cu12", "nvidia-nccl-cu12", "nvidia-nccl-cu13", "torch"):
        library(tree, name, "1", {LIBRARY: 1})
    opened: list[str] = []
    read = Host.read

    def watched(self: Host, path: str, *limit: int) -> str:
        opened.append(path)
        return read(self, path, *limit)

    monkeypatch.setattr(Host, "read", watched)
    assert len(clashes(tree)) == 1
    assert [path for path in opened if path.endswith("RECORD")] == [
        f"{SITE}/nvidia_nccl_cu12-1.dist-info/RECORD",
        f"{SITE}/nvidia_nccl_cu13-1.dist-info/RECORD",
    ]


@pytest.mark.parametrize("path", ["../../../etc/passwd", "/etc/passwd", "nvidia/../x"])
def test_paths_out_of_the_folder_are_not_looked_at(tree: Tree, path: str) -> None:
    library(tree, "nvidia-cudnn-cu12", "9", {path: 1})
    library(tree, "nvidia-cudnn-cu13", "9", {path: 2})
    assert clashes(tree) == []


@pytest.mark.parametrize("state", ["missing", "fifo", "binary", "huge lines"])
def test_a_record_that_tells_nothing(tree: Tree, state: str) -> None:
    library(tree, "nvidia-cudnn-cu12", "9", {LIBRARY: 1})
    library(tree, "nvidia-cudnn-cu13", "9", {LIBRARY: 2})
    record = tree.folder(f"{SITE}/nvidia_cudnn_cu13-9.dist-info") / "RECORD"
    record.unlink()
    if state == "fifo":
        os.mkfifo(record)
    elif state != "missing":
        record.write_bytes(bytes(range(256)) * 1000 if state == "binary" else b"x," * 1_000_000)
    assert clashes(tree) == []


def test_the_list_is_bounded(tree: Tree) -> None:
    for name, size in (("nvidia-cudnn-cu12", 1), ("nvidia-cudnn-cu13", 2)):
        library(tree, name, "9", {f"nvidia/lib/lib{number}.so.9": size for number in range(nvidia_packages.MOST + 9)})
    assert len(clashes(tree)) == nvidia_packages.MOST


def test_the_pins_of_cuda_toolkit(tree: Tree) -> None:
    assert tree.look(PROBES)["nvidia.toolkit_requires"] == Absent("no distribution named cuda-toolkit")
    lines = ["nvidia-cublas==13.1.1.3.*; extra == 'cublas'", "nvidia-nvtx==13.0.85.*; extra == 'all'"]
    head = "".join(f"Requires-Dist: {line}\n" for line in lines)
    tree.file(f"{SITE}/cuda_toolkit-13.0.3.0.dist-info/METADATA", f"Name: cuda-toolkit\n{head}\nRequires-Dist: text\n")
    assert tree.look(PROBES)["nvidia.toolkit_requires"] == Known(lines, "dist-info")


@pytest.mark.parametrize(
    ("line", "listed"),
    [
        ("a/b.py,sha256=x,12", {"a/b.py": ("sha256=x", 12)}),
        ("a/RECORD,,", {"a/RECORD": ("", None)}),
        ('"a,b"",c.py",sha256=x,3', {'a,b",c.py': ("sha256=x", 3)}),
        ("a,b,not a number", {"a": ("b", None)}),
        ("a,b,\u00b2", {"a": ("b", None)}),
        (f"a,b,{'9' * 5000}", {"a": ("b", None)}),
        ("only", {}),
        ("a,b", {}),
        (",,", {}),
    ],
)
def test_lines_of_a_record(line: str, listed: dict[str, tuple[str, int | None]]) -> None:
    assert parse_record(line) == listed
