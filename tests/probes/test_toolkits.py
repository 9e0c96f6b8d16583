"""CUDA toolkits by their files, and the one torch would compile with (`_find_cuda_home` of torch 2.14)."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import interpreter, toolkits
from recorded_tree import Tree, look_at, value

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts

# As CUDA 12.4.1, 10.2 and 13.0 write them, shortened.
VERSION_JSON = json.dumps(
    {"cuda": {"name": "CUDA SDK", "version": "12.4.1"}, "cuda_nvcc": {"name": "CUDA NVCC", "version": "12.4.131"}},
    indent=3,
)
VERSION_TXT = "CUDA Version 10.2.89\n"
CUDA_H = "/* a header */\n" * 900 + "\n#define CUDA_VERSION 13000\n"


def program(tree: Tree, path: str) -> None:
    there = tree.file(path, "\x7fELF")
    there.chmod(there.stat().st_mode | stat.S_IXUSR)


def look(tree: Tree) -> Facts:
    return tree.look((interpreter, toolkits))


def installed(facts: Facts) -> list[tuple[str, str, bool]]:
    return [(one["path"], one["version"], one["nvcc"]) for one in value(facts, "toolkit.installed")]


def home(facts: Facts) -> tuple[object, ...]:
    found = [facts[f"toolkit.home{what}"] for what in ("", "_version", "_because")]
    return tuple(fact.value if isinstance(fact, Known) else type(fact).__name__ for fact in found)


def test_a_machine_without_a_toolkit(tree: Tree) -> None:
    facts = look(tree)
    assert installed(facts) == []
    assert all(isinstance(facts[name], Absent) for name in toolkits.FACTS if name != "toolkit.installed")


@pytest.mark.parametrize(
    ("file", "content", "version"),
    [
        ("version.json", VERSION_JSON, "12.4.1"),
        ("version.txt", VERSION_TXT, "10.2.89"),
        ("include/cuda.h", CUDA_H, "13.0"),
        ("targets/x86_64-linux/include/cuda.h", CUDA_H.replace("13000", "12060"), "12.6"),
    ],
)
def test_a_version_by_each_kind_of_file(tree: Tree, file: str, content: str, version: str) -> None:
    tree.file(f"/usr/local/cuda/{file}", content)
    facts = look(tree)
    assert installed(facts) == [("/usr/local/cuda", version, False)]
    assert home(facts) == ("/usr/local/cuda", version, "/usr/local/cuda")


def test_a_link_is_not_a_second_toolkit(tree: Tree) -> None:
    tree.file("/usr/local/cuda-11.8/version.json", VERSION_JSON.replace("12.4.1", "11.8.0"))
    tree.file("/usr/local/cuda-12.4/version.json", VERSION_JSON)
    program(tree, "/usr/local/cuda-12.4/bin/nvcc")
    (tree.root / "usr/local/cuda").symlink_to("cuda-12.4")
    facts = look(tree)
    assert installed(facts) == [
        ("/usr/local/cuda-12.4", "12.4.1", True),
        ("/usr/local/cuda-11.8", "11.8.0", False),
    ]
    assert home(facts)[1] == "12.4.1"


def test_the_order_in_which_torch_looks(tree: Tree) -> None:
    for number in ("11.8", "12.1", "12.4", "12.8"):
        tree.file(f"/opt/cuda-{number}/version.json", VERSION_JSON.replace("12.4.1", number))
        program(tree, f"/opt/cuda-{number}/bin/nvcc")
    tree.file("/usr/local/cuda/version.json", VERSION_JSON.replace("12.4.1", "13.0.2"))
    assert home(look(tree)) == ("/usr/local/cuda", "13.0.2", "/usr/local/cuda")
    tree.set(PATH="/opt/cuda-12.8/bin")
    facts = look(tree)
    assert home(facts) == ("/opt/cuda-12.8", "12.8", "nvcc on PATH")
    assert (value(facts, "toolkit.nvcc"), value(facts, "toolkit.nvcc_version")) == ("/opt/cuda-12.8/bin/nvcc", "12.8")
    tree.set(CUDA_PATH="/opt/cuda-12.1")
    assert home(look(tree)) == ("/opt/cuda-12.1", "12.1", "CUDA_PATH")
    tree.set(CUDA_HOME="/opt/cuda-11.8")
    assert home(look(tree)) == ("/opt/cuda-11.8", "11.8", "CUDA_HOME")
    tree.set(CUDA_HOME="/opt/gone")
    assert home(look(tree)) == ("/opt/gone", "Absent", "CUDA_HOME")


def test_an_nvcc_that_is_a_link_tells_by_the_toolkit_it_leads_to(tree: Tree) -> None:
    tree.file("/usr/local/cuda-12.4/version.json", VERSION_JSON)
    program(tree, "/usr/local/cuda-12.4/bin/nvcc")
    (tree.folder("/usr/bin") / "nvcc").symlink_to("../local/cuda-12.4/bin/nvcc")
    tree.set(PATH="/usr/bin")
    facts = look(tree)
    assert home(facts) == ("/usr", "12.4.1", "nvcc on PATH")
    assert value(facts, "toolkit.nvcc_version") == "12.4.1"


def test_an_nvcc_whose_toolkit_tells_nothing_is_unknown(tree: Tree) -> None:
    program(tree, "/usr/local/bin/nvcc")
    tree.set(PATH="/usr/local/bin")
    facts = look(tree)
    assert installed(facts) == []
    assert home(facts) == ("/usr/local", "Unknown", "nvcc on PATH")
    assert isinstance(facts["toolkit.nvcc_version"], Unknown)


def test_the_compiler_of_conda(tree: Tree) -> None:
    program(tree, "/venv/bin/nvcc")
    tree.file("/venv/conda-meta/cuda-nvcc-12.4.131-hd3aeb46_0.json", "{}")
    assert installed(look(tree)) == [("/venv", "12.4", True)]


def test_windows(tree: Tree) -> None:
    tree.machine["os"] = "windows"
    root = "/C/Program Files/NVIDIA GPU Computing Toolkit/CUDA"
    for version in ("v11.8", "v12.4"):
        tree.file(f"{root}/{version}/version.json", VERSION_JSON.replace("12.4.1", version[1:]))
        program(tree, f"{root}/{version}/bin/nvcc.exe")
    tree.set(PATH=rf"C:\Windows;{toolkits.WINDOWS_USUAL}\v11.8\bin")
    assert home(look(tree)) == (rf"{toolkits.WINDOWS_USUAL}\v11.8", "11.8", "nvcc on PATH")
    tree.set(CUDA_PATH=rf"{toolkits.WINDOWS_USUAL}\v12.4")
    facts = look(tree)
    assert [(version, nvcc) for _, version, nvcc in installed(facts)] == [("11.8", True), ("12.4", True)]
    assert home(facts)[1:] == ("12.4", "CUDA_PATH")


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 1000, b"{" * 200_000, b'"cuda": {' * 50_000, b"\n#define CUDA_VERSION 1\n"]
)
def test_a_broken_version_file_tells_nothing(tree: Tree, content: bytes) -> None:
    for name in ("version.json", "version.txt", "include/cuda.h"):
        tree.file(f"/usr/local/cuda/{name}", content)
    os.mkfifo(tree.folder("/opt/cuda") / "version.json")
    assert installed(look(tree)) == []


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_cuda_home_is_looked_at_without_harm(path: str) -> None:
    host = Host("/nowhere", environ={"CUDA_HOME": path, "PATH": path}, recorded={})
    facts = look_at(host, "/venv/bin/python", (toolkits,))
    assert set(facts) == set(toolkits.FACTS)


@pytest.mark.skipif(not Path("/usr/local/cuda/include/cuda.h").is_file(), reason="no CUDA toolkit in /usr/local/cuda")
def test_the_toolkit_of_this_machine() -> None:
    """By its real cuda.h or version.json: the folder says the same where it names a version."""
    found = installed(look_at(Host(environ={"PATH": ""}), sys.executable, (toolkits,)))
    named = {path.rpartition("-")[2]: version for path, version, _ in found if path.startswith("/usr/local/cuda-")}
    assert found
    assert all(version.startswith(name) for name, version in named.items())
