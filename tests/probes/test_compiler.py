"""The C++ compiler a build would take, and its version by names alone."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known
from envdoctor.probes import compiler
from recorded_tree import Tree, look_at, value

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts


def program(tree: Tree, path: str) -> None:
    there = tree.file(path, "\x7fELF")
    there.chmod(there.stat().st_mode | stat.S_IXUSR)


def link(tree: Tree, path: str, to: str) -> None:
    (tree.folder(path.rpartition("/")[0]) / path.rpartition("/")[2]).symlink_to(to)


def look(tree: Tree, **environ: str) -> Facts:
    tree.set(**{"PATH": "/usr/bin", **environ})
    return tree.look((compiler,))


def said(facts: Facts) -> tuple[str, str | None]:
    version = facts["compiler.version"]
    return value(facts, "compiler.path"), version.value if isinstance(version, Known) else None  # type: ignore[return-value]


def test_no_compiler(tree: Tree) -> None:
    assert look(tree) == dict.fromkeys(compiler.FACTS, Absent("PATH holds no C++ compiler"))


def test_debian_tells_by_links(tree: Tree) -> None:
    program(tree, "/usr/bin/x86_64-linux-gnu-g++-12")
    link(tree, "/usr/bin/g++-12", "x86_64-linux-gnu-g++-12")
    link(tree, "/usr/bin/g++", "g++-12")
    link(tree, "/usr/bin/c++", "g++")
    assert said(look(tree)) == ("/usr/bin/c++", "12")


def test_fedora_tells_by_the_folder_of_its_libraries(tree: Tree) -> None:
    program(tree, "/usr/bin/g++")
    tree.file("/usr/lib/gcc/x86_64-redhat-linux/14/cc1plus")
    tree.file("/usr/lib/gcc/aarch64-linux-gnu/13/cc1plus")
    assert said(look(tree)) == ("/usr/bin/g++", "14")
    tree.file("/usr/lib/gcc/x86_64-redhat-linux/13/cc1plus")
    assert said(look(tree)) == ("/usr/bin/g++", None)


def test_clang_tells_by_its_folder(tree: Tree) -> None:
    program(tree, "/usr/lib/llvm-14/bin/clang")
    link(tree, "/usr/bin/clang++", "../lib/llvm-14/bin/clang")
    assert said(look(tree)) == ("/usr/bin/clang++", "14")


@pytest.mark.parametrize(
    ("cxx", "found"),
    [
        ("g++-11", ("/usr/bin/g++-11", "11")),
        ("/usr/bin/g++-11", ("/usr/bin/g++-11", "11")),
        ("ccache g++-11 -O2", ("/usr/bin/g++-11", "11")),
        ("clang++-17.0.6", ("/usr/bin/clang++-17.0.6", "17.0.6")),
    ],
)
def test_cxx_comes_first(tree: Tree, cxx: str, found: tuple[str, str]) -> None:
    for name in ("c++", "g++-11", "clang++-17.0.6", "ccache"):
        program(tree, f"/usr/bin/{name}")
    assert said(look(tree, CXX=cxx)) == found


def test_cxx_that_is_not_there(tree: Tree) -> None:
    program(tree, "/usr/bin/c++")
    facts = look(tree, CXX="/opt/gone/g++")
    assert facts["compiler.path"] == Absent("CXX names a compiler that is not there")


def test_windows_tells_by_the_folder_of_cl(tree: Tree) -> None:
    tree.machine["os"] = "windows"
    program(tree, "/C/VC/Tools/MSVC/14.38.33130/bin/cl.exe")
    folder = r"C:\VC\Tools\MSVC\14.38.33130\bin"
    assert said(look(tree, PATH=rf"C:\Windows;{folder}")) == (rf"{folder}\cl.exe", "14.38.33130")


def test_a_circle_of_links_ends(tree: Tree) -> None:
    program(tree, "/usr/bin/g++")
    link(tree, "/usr/bin/a", "b")
    link(tree, "/usr/bin/b", "a")
    assert look(tree, CXX="/usr/bin/a")["compiler.path"] == Absent("CXX names a compiler that is not there")


@pytest.mark.skipif(shutil.which("c++") is None or sys.platform != "linux", reason="no c++ on PATH")
def test_the_compiler_of_this_machine_says_the_same() -> None:
    facts = look_at(Host(), sys.executable, (compiler,))
    path, version = said(facts)
    told = subprocess.run([path, "-dumpversion"], capture_output=True, text=True, check=True).stdout.strip()
    assert version is None or told.split(".")[0] == version.split(".")[0]
