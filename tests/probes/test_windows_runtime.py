"""Where the Visual C++ runtime is found on recorded Windows machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.model.fact import Absent, Unknown
from envdoctor.probes import distributions, environment, host_system, interpreter, torch_build, windows_runtime
from recorded_tree import MARKER, Tree, look_at, value

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.model.fact import Fact

PYTHON = r"C:\Users\me\venv\Scripts\python.exe"
ALL = ["msvcp140.dll", "vcruntime140.dll", "vcruntime140_1.dll"]
OPENMP = "libomp140.x86_64.dll"


def machine(root: Path, *files: str, prefix: str = r"C:\Users\me\venv", **told: Any) -> Tree:
    tree = Tree(root)
    tree.machine = {"os": "windows", "machine": "AMD64", "environ": {"SYSTEMROOT": r"C:\WINDOWS"}, "commands": {}}
    tree.folder("C/WINDOWS/System32")
    tree.file("C/Users/me/venv/Lib/site-packages/torch/__init__.py")
    for name in files:
        tree.file(name)
    said = {"version": "3.12.7", "tag": "cp312", "prefix": prefix, "base_prefix": r"C:\Python312",
            "path": [r"C:\Users\me\venv\Lib\site-packages"], "libc": None, **told}  # fmt: skip
    tree.says("interpreter", MARKER + json.dumps(said) + "\n")
    return tree


def missing(tree: Tree) -> Fact:
    probes = (host_system, environment, interpreter, distributions, torch_build, windows_runtime)
    return look_at(tree.host(), PYTHON, probes)["windows.missing_runtime"]


def names(tree: Tree) -> Any:
    return value({"windows.missing_runtime": missing(tree)}, "windows.missing_runtime")


def test_nothing_is_there(tmp_path: Path) -> None:
    assert names(machine(tmp_path)) == ALL


@pytest.mark.parametrize(
    "folder",
    [
        "C/WINDOWS/System32",
        "C/Users/me/venv",
        "C/Users/me/venv/Scripts",
        "C/Users/me/venv/Library/bin",
        "C/Users/me/venv/Lib/site-packages/torch/lib",
    ],
)
def test_each_place_that_is_searched_counts(tmp_path: Path, folder: str) -> None:
    assert names(machine(tmp_path, *(f"{folder}/{name}" for name in ALL))) == []


def test_the_folders_of_the_path_count_and_others_do_not(tmp_path: Path) -> None:
    tree = machine(tmp_path, *(f"D/tools/{name}" for name in ALL), "E/other/msvcp140.dll")
    assert names(tree) == ALL
    tree.set(PATH=r"C:\nowhere;D:\tools;;")
    assert names(tree) == []


def test_windows_does_not_mind_the_case_of_a_name(tmp_path: Path) -> None:
    assert names(machine(tmp_path, "C/WINDOWS/System32/MSVCP140.dll", "C/WINDOWS/System32/VCRUNTIME140_1.DLL")) == [
        "vcruntime140.dll",
    ]


@pytest.mark.parametrize(("release", "needs"), [("2.4.0+cpu", True), ("2.4.1+cpu", False), ("2.3.1+cu121", False)])
def test_one_release_needs_the_openmp_of_the_compiler(tmp_path: Path, release: str, needs: bool) -> None:
    tree = machine(tmp_path, *(f"C/WINDOWS/System32/{name}" for name in ALL))
    tree.file("C/Users/me/venv/Lib/site-packages/torch/version.py", f"__version__ = '{release}'\ncuda = None\n")
    assert names(tree) == ([OPENMP] if needs else [])
    tree.file(f"C/Users/me/venv/Lib/site-packages/torch/lib/{OPENMP}")
    assert names(tree) == []


def test_arm_has_fewer(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    tree.machine["machine"] = "ARM64"
    assert names(tree) == ["msvcp140.dll", "vcruntime140.dll"]


def test_elsewhere_it_is_absent_and_without_an_answer_unknown(tmp_path: Path) -> None:
    assert isinstance(Tree(tmp_path / "linux").look([windows_runtime])["windows.missing_runtime"], Absent)
    tree = machine(tmp_path / "silent")
    tree.says("interpreter", "", code=None, trouble="did not answer within 10 s")
    assert isinstance(missing(tree), Unknown)
    tree = machine(tmp_path / "closed")
    tree.set(SYSTEMROOT=r"C:\elsewhere")
    assert isinstance(missing(tree), Unknown)
