from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import loader
from envdoctor.probes.compiled_objects import CompiledObject, Role
from envdoctor.probes.looking import Looking
from envdoctor.probes.target import Target

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.model.fact import Fact, Value
    from envdoctor.probes.looking import Facts

OLD, NEW = "-Wl,--disable-new-dtags", "-Wl,--enable-new-dtags"
CUDART = "libcudart.so.9912"
"""A release that no machine has, so that none can help out."""
OPENER = """
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (!dlopen(argv[i], RTLD_NOW | RTLD_GLOBAL)) { puts(dlerror()); return 1; }
    return 0;
}
"""


class Environment:
    """A folder laid out like an environment with a CUDA wheel of torch, of stubs that need what torch needs."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.site = prefix / "lib/python3.12/site-packages"
        self.stubs = prefix / "stubs"
        (self.site / "torch").mkdir(parents=True)
        (self.site / "torch/__init__.py").touch()
        for soname in (CUDART, "libcuda.so.1"):
            self.build(self.stubs / soname, f"-Wl,-soname,{soname}")
        self.cudart = self.site / "nvidia/cuda_runtime/lib" / CUDART
        self.cudart.parent.mkdir(parents=True)
        shutil.copy(self.stubs / CUDART, self.cudart)

        wheels = "-Wl,-rpath,$ORIGIN/../../nvidia/cuda_runtime/lib:$ORIGIN"
        self.torch("libtorch_global_deps.so", [CUDART], OLD, wheels)
        self.torch("libc10.so", [], OLD, wheels)
        self.torch("libtorch_cuda.so", [CUDART, "libcuda.so.1", "libc10.so"], OLD, wheels)
        self.torch("libtorch_python.so", ["libtorch_cuda.so", "libc10.so"], OLD, wheels)
        rpath = "-Wl,-rpath,$ORIGIN/lib"
        self.module = self.site / "torch/_C.cpython-312-x86_64-linux-gnu.so"
        self.build(self.module, OLD, rpath, *self.needs(["libtorch_python.so"]))

    def build(self, output: Path, *options: str) -> Path:
        output.parent.mkdir(parents=True, exist_ok=True)
        argv = ["cc", "-o", str(output), "-shared", "-fPIC", "-nostdlib", "-xc", "/dev/null", "-xnone"]
        argv += ["-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", *options]
        subprocess.run(argv, check=True, capture_output=True)
        return output

    def needs(self, sonames: list[str]) -> list[str]:
        places = (self.stubs, self.site / "torch/lib")
        return [str(next(place / name for place in places if (place / name).exists())) for name in sonames]

    def torch(self, name: str, sonames: list[str], *options: str) -> Path:
        path = self.site / "torch/lib" / name
        return self.build(path, f"-Wl,-soname,{name}", *options, *self.needs(sonames))

    def look(self, library_path: str | None = None) -> Fact:
        return look(Host(), [str(self.site)], str(self.prefix), library_path)

    def really(self, library_path: str = "") -> str | None:
        """The library that this machine's loader cannot open, loading as `import torch` does."""
        opener = self.prefix / "opener"
        if not opener.exists():
            opener.with_suffix(".c").write_text(OPENER)
            subprocess.run(["cc", "-o", opener, opener.with_suffix(".c"), "-ldl"], check=True, capture_output=True)
        # A driver is what a GPU machine has; the stub of libcuda stands for it.
        driver = self.prefix / "driver"
        driver.mkdir(exist_ok=True)
        shutil.copy(self.stubs / "libcuda.so.1", driver)
        ran = subprocess.run(
            [opener, self.site / "torch/lib/libtorch_global_deps.so", self.module],
            capture_output=True,
            text=True,
            env={**os.environ, "LD_LIBRARY_PATH": f"{driver}:{library_path}"},
        )
        if ran.returncode == 0:
            return None
        said = re.match(r"(\S+): cannot open shared object file", ran.stdout)
        assert said, ran.stdout
        return said[1]


def look(host: Host, sites: list[str], prefix: str | None = None, library_path: str | None = None) -> Fact:
    return look_at(host, sites, prefix, library_path)[1]["libraries.missing"]


def look_at(
    host: Host,
    sites: list[str],
    prefix: str | None = None,
    library_path: str | None = None,
    *objects: CompiledObject,
) -> tuple[Looking, Facts]:
    at = Looking(host, Target(f"{prefix}/bin/python", "named by --python"), deadline=time.monotonic() + 60)
    told: dict[str, Value] = {
        "python.prefix": prefix,
        "env.LD_LIBRARY_PATH": library_path,
        "python.site_packages": [*sites],
    }
    at.facts = {name: Known(value, "told") for name, value in told.items() if value is not None}
    at.objects = objects
    facts = loader.look(at)
    assert facts.keys() == loader.FACTS.keys()
    return at, facts


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    return Environment(tmp_path / "env")


NOTHING = Known([], "elf")


def lacking(*rows: tuple[str, str], package: str = "torch", role: str = "entry") -> Known:
    return Known(
        [{"object": path, "library": soname, "package": package, "role": role} for path, soname in rows], "elf"
    )


def test_a_whole_environment_lacks_nothing(environment: Environment) -> None:
    assert environment.really() is None
    assert environment.look() == NOTHING


def test_a_library_that_is_gone(environment: Environment) -> None:
    environment.cudart.unlink()
    assert environment.really() == CUDART
    assert environment.look() == lacking(
        ("torch/lib/libtorch_global_deps.so", CUDART), ("torch/lib/libtorch_cuda.so", CUDART)
    )


def test_an_object_of_torch_that_is_gone(environment: Environment) -> None:
    (environment.site / "torch/lib/libc10.so").unlink()
    assert environment.really() == "libc10.so"
    fact = environment.look()
    assert fact == lacking(("torch/lib/libtorch_python.so", "libc10.so"), ("torch/lib/libtorch_cuda.so", "libc10.so"))


def test_ld_library_path_may_hold_it(environment: Environment) -> None:
    environment.cudart.unlink()
    assert environment.really(str(environment.stubs)) is None
    assert environment.look(f"/nowhere:{environment.stubs}:") == NOTHING


@pytest.mark.parametrize("text", ["lib", "$ORIGIN/lib", "/nowhere:./lib"])
def test_an_unclear_ld_library_path_leaves_it_unknown(environment: Environment, text: str) -> None:
    assert environment.look(text) == NOTHING
    environment.cudart.unlink()
    fact = environment.look(text)
    assert isinstance(fact, Unknown)
    assert CUDART in fact.reason
    assert "LD_LIBRARY_PATH" in fact.reason


@pytest.mark.parametrize("folder", ["nvidia/cu13/lib", "cuda_runtime/lib"])
def test_torch_loads_from_folders_beside_it(environment: Environment, folder: str) -> None:
    place = environment.site / folder
    place.mkdir(parents=True)
    environment.cudart.rename(place / CUDART)
    assert environment.look() == NOTHING


def test_lib_of_the_environment_and_of_the_one_behind_it(environment: Environment, tmp_path: Path) -> None:
    conda = tmp_path / "conda"
    (conda / "lib").mkdir(parents=True)
    environment.cudart.rename(conda / "lib" / CUDART)
    assert environment.look() != NOTHING
    assert look(Host(), [str(environment.site)], str(conda)) == NOTHING
    (environment.prefix / "pyvenv.cfg").write_text(f"home = {conda}/bin\nversion = 3.12.1\n")
    assert environment.look() == NOTHING


def test_what_the_first_object_brings_in_serves_the_others(environment: Environment) -> None:
    environment.torch("libtorch_cuda.so", [CUDART], NEW, "-Wl,-rpath,/nowhere")
    assert environment.really() is None
    assert environment.look() == NOTHING


def test_optional_objects_are_left_alone(environment: Environment) -> None:
    environment.build(environment.stubs / "libmagma.so", "-Wl,-soname,libmagma.so")
    environment.torch("libtorch_cuda_linalg.so", ["libmagma.so"])
    environment.torch("libcaffe2_nvrtc.so", ["libcuda.so.1"])
    assert environment.look() == NOTHING


def test_partners_use_what_torch_loaded(environment: Environment) -> None:
    site, torch_needs = environment.site, environment.needs(["libtorch_cuda.so", "libc10.so", CUDART])
    environment.build(site / "torchvision/_C.so", *torch_needs, "-Wl,-rpath,/build/machine")
    environment.build(site / "torchaudio/lib/libtorchaudio.so", "-Wl,-soname,libtorchaudio.so", *torch_needs)
    audio = str(site / "torchaudio/lib/libtorchaudio.so")
    environment.build(
        site / "torchaudio/lib/_torchaudio.so", f"-L{os.path.dirname(audio)}", "-ltorchaudio", *torch_needs
    )
    # The image codecs of torchvision are optional, and so are their libraries.
    environment.build(environment.stubs / "libjpeg.so.8", "-Wl,-soname,libjpeg.so.8")
    environment.build(site / "torchvision/image.so", *environment.needs(["libjpeg.so.8"]))
    assert environment.look() == NOTHING


def test_a_partner_of_another_build(environment: Environment) -> None:
    environment.build(environment.stubs / "libcudart.so.9911", "-Wl,-soname,libcudart.so.9911")
    environment.build(environment.site / "torchvision/_C.so", *environment.needs(["libcudart.so.9911"]))
    assert environment.look() == lacking(("torchvision/_C.so", "libcudart.so.9911"), package="torchvision")


def extension(environment: Environment, name: str, role: Role, *options: str) -> CompiledObject:
    path = environment.build(environment.site / f"{name}.so", *options)
    return CompiledObject(str(path), f"{name}.so", name.partition("/")[0].replace("_", "-"), "1.0", role, of_torch=True)


def test_extensions_are_opened_after_torch_each_package_for_itself(environment: Environment) -> None:
    environment.build(environment.stubs / "libgone.so.1", "-Wl,-soname,libgone.so.1")
    gone = environment.needs(["libgone.so.1"])
    objects = [
        extension(environment, "whole_one/_C", Role.ENTRY, *environment.needs(["libtorch_cuda.so", CUDART])),
        extension(environment, "lacks_one/_C", Role.ENTRY, *gone),
        extension(environment, "lacks_one/_v9", Role.VARIANT, *gone),
        # What one module of a package brings in serves the next.
        extension(environment, "pair/base", Role.ENTRY, "-Wl,-soname,libbase.so"),
        extension(environment, "pair/more", Role.ENTRY, str(environment.site / "pair/base.so")),
        # What another package brings in does not.
        extension(environment, "other/more", Role.OPTIONAL, str(environment.site / "pair/base.so")),
    ]
    at, facts = look_at(Host(), [str(environment.site)], str(environment.prefix), None, *objects)
    assert facts["libraries.missing"] == Known(
        [
            {"object": "lacks_one/_C.so", "library": "libgone.so.1", "package": "lacks-one", "role": "entry"},
            {"object": "lacks_one/_v9.so", "library": "libgone.so.1", "package": "lacks-one", "role": "variant"},
            {"object": "other/more.so", "library": "libbase.so", "package": "other", "role": "optional"},
        ],
        "elf",
    )
    assert {one.path for one in objects} <= at.openings.keys()
    assert str(environment.module) in at.openings
    scope = at.openings[objects[0].path].scope
    library = f"{environment.site}/torch/lib/libtorch_cuda.so"
    assert library in [os.path.normpath(path) for path in scope]
    assert not any(path.endswith("base.so") for path in at.openings[objects[5].path].scope)


def test_a_library_in_another_package_may_be_opened_by_path_first(environment: Environment) -> None:
    environment.build(environment.site / "vendor_libs/libinfer.so.9", "-Wl,-soname,libinfer.so.9")
    needs = str(environment.site / "vendor_libs/libinfer.so.9")
    one = extension(environment, "fast/_C", Role.ENTRY, needs)
    _, facts = look_at(Host(), [str(environment.site)], str(environment.prefix), None, one)
    assert facts["libraries.missing"] == NOTHING


class CountingHost(Host):
    """Counts how often each folder is listed and each name is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def listdir(self, path: str) -> list[str]:
        self.asked[path] += 1
        return super().listdir(path)

    def is_file(self, path: str) -> bool:
        self.asked[path] += 1
        return super().is_file(path)


def test_many_lacks_do_not_ask_every_package_again(environment: Environment) -> None:
    """An extension with an object for every CUDA lacks most of what they need, among hundreds of packages."""
    for number in range(20):
        (environment.site / f"package_{number}/lib").mkdir(parents=True)
    sonames = [f"libgone.so.{number}" for number in range(8)]
    for soname in sonames:
        environment.build(environment.stubs / soname, f"-Wl,-soname,{soname}")
    gone = environment.needs(sonames)
    objects = [extension(environment, f"many/_v{number}", Role.VARIANT, *gone) for number in range(8)]
    host = CountingHost()
    _, facts = look_at(host, [str(environment.site)], str(environment.prefix), None, *objects)
    missing = facts["libraries.missing"]
    assert isinstance(missing, Known)
    assert isinstance(missing.value, list)
    assert len(missing.value) == len(objects) * len(sonames)
    below = {path: count for path, count in host.asked.items() if "/package_" in path}
    assert len(below) == 40
    assert set(below.values()) == {1}


def test_needs_of_a_library_of_another_package_are_its_own(environment: Environment) -> None:
    environment.build(environment.stubs / "libz.so.9", "-Wl,-soname,libz.so.9")
    environment.build(environment.cudart, f"-Wl,-soname,{CUDART}", *environment.needs(["libz.so.9"]))
    assert environment.look() == lacking((f"nvidia/cuda_runtime/lib/{CUDART}", "libz.so.9"))


def test_a_library_for_another_machine_does_not_serve(environment: Environment) -> None:
    data = bytearray(environment.cudart.read_bytes())
    data[18:20] = (0xB7, 0) if data[18] != 0xB7 else (0x3E, 0)
    environment.cudart.write_bytes(data)
    assert environment.look() == lacking(
        ("torch/lib/libtorch_global_deps.so", CUDART), ("torch/lib/libtorch_cuda.so", CUDART)
    )


def test_a_damaged_library_is_there(environment: Environment) -> None:
    environment.cudart.write_bytes(b"")
    assert environment.look() == NOTHING


def test_a_damaged_object_leaves_it_unknown(environment: Environment) -> None:
    path = environment.site / "torch/lib/libtorch_cuda.so"
    path.write_bytes(path.read_bytes()[:300])
    fact = environment.look()
    assert isinstance(fact, Unknown)
    assert fact.reason.startswith("torch/lib/libtorch_cuda.so: truncated")


def test_a_module_that_is_no_module(environment: Environment) -> None:
    environment.module.write_bytes(b"MZ" + bytes(100))
    assert environment.look() == Unknown(f"torch/{environment.module.name}: a Windows PE file")
    environment.module.unlink()
    assert environment.look() == Known([], "elf")


def test_an_interpreter_with_a_loader_of_its_own(environment: Environment) -> None:
    program = environment.prefix / "bin/python3"
    program.parent.mkdir()
    (environment.prefix / "main.c").write_text("int main(void) { return 0; }\n")
    argv = [
        "cc",
        "-o",
        program,
        environment.prefix / "main.c",
        "-Wl,--dynamic-linker=/nix/store/x/ld-linux-x86-64.so.2",
    ]
    subprocess.run(argv, check=True, capture_output=True)
    assert environment.look() == NOTHING
    environment.cudart.unlink()
    fact = environment.look()
    assert isinstance(fact, Unknown)
    assert "/nix/store/x/ld-linux-x86-64.so.2" in fact.reason


def recorded(environment: Environment) -> Fact:
    host = Host(str(environment.prefix), os_name="linux", environ={})
    return look(host, ["/lib/python3.12/site-packages"], "/")


def test_a_recorded_tree_is_searched_under_its_root(environment: Environment) -> None:
    assert recorded(environment) == NOTHING
    environment.cudart.unlink()
    fact = recorded(environment)
    assert isinstance(fact, Unknown)
    assert "/etc/ld.so.cache is unreadable: No such file or directory" in fact.reason


def test_without_a_cache_the_c_library_shows_the_default_folders(environment: Environment) -> None:
    environment.cudart.unlink()
    (environment.prefix / "lib64").mkdir()
    shutil.copy(environment.stubs / CUDART, environment.prefix / "lib64/libc.so.6")
    gone = lacking(("torch/lib/libtorch_global_deps.so", CUDART), ("torch/lib/libtorch_cuda.so", CUDART))
    assert recorded(environment) == gone
    (environment.prefix / "etc").mkdir()
    (environment.prefix / "etc/ld.so.cache").write_bytes(b"noise")
    assert recorded(environment) == gone
    for machine in ("x86_64", "aarch64"):
        (environment.prefix / f"lib/ld-musl-{machine}.so.1").touch()
    assert isinstance(recorded(environment), Unknown)


def test_without_a_cache_the_folders_of_ld_so_conf_count(environment: Environment) -> None:
    (environment.prefix / "etc").mkdir()
    (environment.prefix / "etc/ld.so.conf").write_text("/usr/local/cuda/lib64\n")
    assert recorded(environment) == NOTHING
    place = environment.prefix / "usr/local/cuda/lib64"
    place.mkdir(parents=True)
    environment.cudart.rename(place / CUDART)
    assert recorded(environment) == NOTHING


def test_without_torch(tmp_path: Path) -> None:
    absent = Absent("torch is not installed")
    assert look(Host(), []) == absent
    assert look(Host(), [str(tmp_path / "nowhere")], str(tmp_path)) == absent
    (tmp_path / "torch").mkdir()
    assert look(Host(), [str(tmp_path)]) == absent


@pytest.mark.parametrize("system", ["windows", "macos"])
def test_on_other_systems(system: str) -> None:
    assert look(Host(os_name=system), ["/x"]) == Absent("not an ELF platform")


@pytest.mark.real
@pytest.mark.parametrize("variable", ["ENVDOCTOR_TEST_CUDA_ENV", "ENVDOCTOR_TEST_CPU_ENV"])
def test_real_wheels_lack_nothing(variable: str) -> None:
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    prefix = os.environ[variable]
    sites = glob.glob(f"{prefix}/lib/python3*/site-packages")
    assert look(Host(), sites, prefix, os.environ.get("LD_LIBRARY_PATH")) == NOTHING
