"""A torch of a few kilobytes, and extensions of it: shared objects with the names and the symbols of the real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envdoctor.binary.dynamic import read_dynamic
from envdoctor.binary.image import read_machine
from envdoctor.binary.process import Process
from envdoctor.binary.soname_search import Places, default_folders
from envdoctor.host.host import Host
from envdoctor.model.fact import Fact, Known
from envdoctor.probes import compiled_objects, dependents, distributions, symbols
from envdoctor.probes.looking import Looking
from envdoctor.probes.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envdoctor.binary.dynamic import Dynamic
    from envdoctor.probes.looking import Facts

NEW = "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
CHECK_FAIL = f"_ZN3c106detail14torchCheckFailEPKcS2_jRK{NEW}"
CHECK_FAIL_OLD = "_ZN3c106detail14torchCheckFailEPKcS2_jRKSs"
EMPTY = "_ZN2at4_ops5empty4callEv"
RELU = "_ZN2at4_ops4relu4callERKNS_6TensorE"
STABLE = "aoti_torch_empty_strided"
TORCH = {
    "libc10.so": (CHECK_FAIL, "_ZN3c104impl8ExcludeDEv"),
    "libtorch_cpu.so": (EMPTY, STABLE, "torch_call_dispatcher"),
    "libtorch.so": (),
}
SUFFIX = f".cpython-3{sys.version_info.minor}-x86_64-linux-gnu.so"
DLOPEN = (
    "import ctypes, sys\nctypes.CDLL(sys.argv[1])\nfor path in sys.argv[2:]:\n    try: ctypes.CDLL(path)\n"
    "    except OSError as error: print(error)\n    else: print('loads')"
)


def cc(output: Path, code: str, *options: str) -> Path:
    """Make a shared object without the C library; the test is skipped where there is no compiler.

    What is linked with is told by the names of libraries that stand in the folder of the option -L.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    folder = next((option for option in options if option.startswith("-L")), None)
    key = (code, *(option for option in options if option != folder), folder and tuple(_contents(Path(folder[2:]))))
    if key not in COMPILED:
        COMPILED[key] = _compiled(code, options)
    output.write_bytes(COMPILED[key])
    return output


COMPILED: dict[object, bytes] = {}
"""By the text and the options: compilers are slow, and most tests need the same few objects."""


def _contents(folder: Path) -> Iterator[tuple[str, int]]:
    for path in sorted(folder.glob("*.so*")):
        yield path.name, hash(path.read_bytes())


def _compiled(code: str, options: Sequence[str]) -> bytes:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "made.c"), Path(folder, "made.so")
        source.write_text(code)
        line = [compiler, "-shared", "-fPIC", "-nostdlib", "-Wl,-z,lazy", "-o", str(output), str(source), *options]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return output.read_bytes()


def defining(names: Iterable[str]) -> str:
    return "".join(f"void {name}(void) {{}}\n" for name in names)


def calling(names: Iterable[str], weak: Iterable[str] = ()) -> str:
    """C that calls functions which others define."""
    declared = "".join(f"void {name}(void);\n" for name in names)
    declared += "".join(f"void {name}(void) __attribute__((weak));\n" for name in weak)
    calls = "".join(f"    {name}();\n" for name in names) + "".join(f"    if ({name}) {name}();\n" for name in weak)
    return f"{declared}void use(void) {{\n{calls}}}\n"


class TinyTorch:
    """A folder of packages with a torch of these libraries and the functions they define."""

    def __init__(self, site: Path, defined: dict[str, tuple[str, ...]] | None = None) -> None:
        self.site = site
        self.lib = site / "torch" / "lib"
        self.libraries = TORCH if defined is None else defined
        for name, names in self.libraries.items():
            self.library(name, defining(names), f"-Wl,-soname,{name}")
        (site / "torch" / "__init__.py").write_text("")
        self.torch_c = cc(
            site / "torch" / f"_C{SUFFIX}", "int torch_module;\n", *self.linked(), "-Wl,-rpath,$ORIGIN/lib"
        )

    def library(self, name: str, code: str, *options: str) -> Path:
        return cc(self.lib / name, code, *options)

    def linked(self) -> tuple[str, ...]:
        """What an extension is linked with: every library of torch, whether it defines what is called or not."""
        names = [f"-l:{name}" for name in self.libraries]
        return (f"-L{self.lib}", "-Wl,--no-as-needed", *names, "-Wl,--allow-shlib-undefined")

    def extension(self, path: str, code: str, *options: str) -> Path:
        """An object below the folder of packages that needs torch's libraries."""
        return cc(self.site / path, code, *self.linked(), *options)

    def record(
        self,
        name: str,
        version: str,
        files: Sequence[str],
        *,
        requires: Sequence[str] = (),
        tag: str = "cp311-cp311-linux_x86_64",
        pure: bool = False,
        **others: str,
    ) -> Path:
        """The record of a distribution as installers write it; `others` are further files of it."""
        info = self.site / f"{name}-{version}.dist-info"
        info.mkdir()
        lines = "".join(f"Requires-Dist: {line}\n" for line in requires)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n{lines}\n")
        (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nRoot-Is-Purelib: {str(pure).lower()}\nTag: {tag}\n")
        (info / "RECORD").write_text("".join(f"{path},sha256=x,1\n" for path in (*files, f"{info.name}/WHEEL")))
        for other, text in others.items():
            (info / other).write_text(text)
        return info

    def look(self, facts: Facts | None = None, tag: str = f"cp3{sys.version_info.minor}") -> Looking:
        """What the probes of this subject see, up to the compiled objects."""
        return look_at([str(self.site)], tag, facts or {})

    def symbols(self, *global_first: Path) -> Facts:
        """The facts about symbols, with a loader that knows the system's own folders alone."""
        at = self.look({"libraries.missing": Known([], "elf")})
        opened(at, str(self.torch_c), [str(path) for path in global_first])
        return symbols.look(at)

    def truth(self, *paths: Path) -> list[str]:
        """What the real loader says to each object when torch is there."""
        line = [sys.executable, "-c", DLOPEN, str(self.torch_c), *map(str, paths)]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()


def look_at(sites: list[str], tag: str, facts: Facts, host: Host | None = None) -> Looking:
    at = Looking(host or Host(), Target("/python", "named by --python"), deadline=time.monotonic() + 60)
    given: dict[str, Fact] = {"python.site_packages": Known([*sites], "test"), "python.tag": Known(tag, "test")}
    at.facts.update(given | facts)
    for probe in (distributions, dependents, compiled_objects):
        at.facts.update(probe.look(at))
    return at


def opened(at: Looking, torch_c: str, global_first: Sequence[str] = ()) -> None:
    """Open torch and each object as the loader would, one package after the other."""
    machine = read_machine(torch_c)
    process = Process(RealFiles(), Places(defaults=default_folders(machine)), machine)
    process.start(os.path.realpath(sys.executable))
    for path in global_first:
        process.open(path, everywhere=True)
    at.openings = {torch_c: process.open(torch_c)}
    for one in at.objects:
        at.openings[one.path] = process.open(one.path)
    at.process = process


class RealFiles:
    """The files of this machine."""

    def identity(self, path: str) -> tuple[int, int] | None:
        if not os.path.isfile(path):
            return None
        said = os.stat(path)
        return said.st_dev, said.st_ino

    def is_folder(self, path: str) -> bool:
        return os.path.isdir(path)

    def dynamic(self, path: str) -> Dynamic:
        return read_dynamic(path)


def rows(facts: Facts, name: str) -> list[dict[str, object]]:
    fact = facts[name]
    assert isinstance(fact, Known), fact
    assert isinstance(fact.value, list)
    return fact.value  # type: ignore[return-value]
