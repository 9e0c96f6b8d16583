"""Which file of a CUDA library wins: environments of stubs, read as those of a wheel."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import loader
from envdoctor.probes.distributions import Distribution
from envdoctor.probes.loading.library_versions import compared, same_build, stem
from envdoctor.probes.looking import Looking
from envdoctor.probes.target import Target

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.model.fact import Fact, Value
    from envdoctor.probes.looking import Facts

OLD, NEW = "-Wl,--disable-new-dtags", "-Wl,--enable-new-dtags"
CUDNN, GRAPH, JIT, SPARSE = "libcudnn.so.9", "libcudnn_graph.so.9", "libnvJitLink.so.12", "libcusparse.so.12"
NCCL = "libnccl.so.2"


class Environment:
    """A CUDA wheel of torch in stubs: cuSPARSE and cuDNN state their needs by DT_RUNPATH, as those of CUDA 12 do."""

    def __init__(self, prefix: Path) -> None:
        if shutil.which("cc") is None:
            pytest.skip("no C compiler")
        self.prefix = prefix
        self.site = prefix / "lib/python3.12/site-packages"
        (self.site / "torch").mkdir(parents=True)
        (self.site / "torch/__init__.py").touch()
        self.requires = ["nvidia-cudnn-cu12 (==9.1.0.70)", "nvidia-nccl-cu12==2.21.5; sys_platform"]
        self.versions = {
            "nvidia-cudnn-cu12": "9.1.0.70",
            "nvidia-nvjitlink-cu12": "12.4.127",
            "nvidia-cusparse-cu12": "12.3.1.170",
            "nvidia-nccl-cu12": "2.21.5",
            "torch": "2.5.1",
        }
        self.jit = self.library(
            "nvidia/nvjitlink/lib", JIT, 'void jit12(void) {} void jit12_4(void) {} char v[] = "4";'
        )
        self.nccl = self.library("nvidia/nccl/lib", NCCL, "void reduce(void) {}")
        beside = "-Wl,-rpath,$ORIGIN/../../nvjitlink/lib"
        calls = "void jit12(void); void jit12_4(void); void sparse(void) { jit12(); jit12_4(); }"
        sparse = self.library("nvidia/cusparse/lib", SPARSE, calls, str(self.jit), NEW, beside)
        names = f'const char *part = "{GRAPH.removesuffix(".9")}";'
        self.cudnn = self.library("nvidia/cudnn/lib", CUDNN, names, NEW, "-Wl,-rpath,$ORIGIN")
        self.graph = self.library("nvidia/cudnn/lib", GRAPH, "void graph(void) {}")
        wheels = ":".join(f"$ORIGIN/../../nvidia/{name}/lib" for name in ("cusparse", "cudnn", "nccl"))
        rpath = [OLD, f"-Wl,-rpath,$ORIGIN:{wheels}"]
        needs = [str(path) for path in (sparse, self.cudnn, self.nccl)]
        cuda = self.library(
            "torch/lib", "libtorch_cuda.so", "void reduce(void); void go(void) { reduce(); }", *rpath, *needs
        )
        self.library("torch/lib", "libtorch_global_deps.so", "", *rpath)
        self.library("torch", "_C.cpython-312-x86_64-linux-gnu.so", "", OLD, "-Wl,-rpath,$ORIGIN/lib", str(cuda))

    def library(self, folder: str, name: str, source: str, *options: str, soname: str | None = None) -> Path:
        output = (self.site if not folder.startswith("/") else self.prefix.parent) / folder.lstrip("/") / name
        output.parent.mkdir(parents=True, exist_ok=True)
        code = output.parent / f"{name}.c"
        code.write_text(source)
        argv = ["cc", "-o", str(output), "-shared", "-fPIC", "-nostdlib", str(code), "-Wl,--no-as-needed"]
        argv += ["-Wl,--allow-shlib-undefined", "-Wl,--build-id", f"-Wl,-soname,{soname or name}", *options]
        subprocess.run(argv, check=True, capture_output=True)
        code.unlink()
        return output

    def look(self, **environ: str) -> Facts:
        at = Looking(Host(), Target(f"{self.prefix}/bin/python", "named by --python"), deadline=time.monotonic() + 60)
        site = str(self.site)
        told: dict[str, Value] = {
            "python.prefix": str(self.prefix), "python.site_packages": [site], "torch.requires": [*self.requires],
            "python.executable": f"{self.prefix}/bin/python",
            **{f"env.{name}": value for name, value in environ.items()},
        }  # fmt: skip
        at.facts = {name: Known(value, "told") for name, value in told.items()}
        at.by_name = {
            name: [Distribution(name, version, f"{site}/{name}-{version}.dist-info", site)]
            for name, version in self.versions.items()
        }
        return loader.look(at)

    def folder(self, name: str) -> str:
        return str(self.prefix.parent / name)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "env")


def rows(facts: Facts, name: str) -> dict[str, dict[str, Any]]:
    fact = facts[name]
    assert isinstance(fact, Known), fact
    assert isinstance(fact.value, list)
    return {str(row["library"]): row for row in fact.value if isinstance(row, dict)}


def test_a_whole_environment(environment: Environment) -> None:
    facts = environment.look()
    loaded = rows(facts, "libraries.loaded")
    assert loaded == {
        SPARSE: told(environment, "cusparse", SPARSE, "DT_RPATH", "torch/lib/libtorch_cuda.so", "12.3.1.170"),
        CUDNN: told(environment, "cudnn", CUDNN, "DT_RPATH", "torch/lib/libtorch_cuda.so", "9.1.0.70"),
        NCCL: told(environment, "nccl", NCCL, "DT_RPATH", "torch/lib/libtorch_cuda.so", "2.21.5"),
        JIT: told(environment, "nvjitlink", JIT, "DT_RUNPATH", f"nvidia/cusparse/lib/{SPARSE}", "12.4.127"),
        GRAPH: told(environment, "cudnn", GRAPH, "DT_RUNPATH", f"nvidia/cudnn/lib/{CUDNN}", "9.1.0.70"),
    }
    assert facts["libraries.shadowed"] == Known([], "elf")
    assert facts["cudnn.version"] == Known("9.1.0.70", "dist-info")
    assert facts["nccl.version"] == Known("2.21.5", "dist-info")


def told(environment: Environment, folder: str, library: str, how: str, needed_by: str, version: str) -> dict[str, str]:
    return {
        "library": library, "file": f"{environment.site}/nvidia/{folder}/lib/{library}", "how": how,
        "needed_by": needed_by, "package": f"nvidia-{folder}-cu12", "version": version,
    }  # fmt: skip


def test_an_older_library_on_ld_library_path_and_what_it_lacks(environment: Environment) -> None:
    environment.library("/toolkit/lib64", "libnvJitLink.so.12.1.105", "void jit12(void) {}", soname=JIT)
    folder = environment.folder("toolkit/lib64")
    (environment.prefix.parent / f"toolkit/lib64/{JIT}").symlink_to("libnvJitLink.so.12.1.105")
    facts = environment.look(LD_LIBRARY_PATH=f"/nowhere:{folder}:")
    assert facts["libraries.shadowed"] == Known([{
        "library": JIT, "file": f"{folder}/{JIT}", "how": "LD_LIBRARY_PATH",
        "needed_by": f"nvidia/cusparse/lib/{SPARSE}", "version": "12.1.105", "instead_of": str(environment.jit),
        "instead_of_package": "nvidia-nvjitlink-cu12", "instead_of_version": "12.4.127", "older": True,
        "lacks": ["jit12_4"], "lacks_count": 1, "folder": folder,
    }], "elf")  # fmt: skip
    assert facts["libraries.missing"] == Known([], "elf")


def test_a_library_of_another_environment(environment: Environment) -> None:
    """A variable that names the packages of another interpreter, as some instructions have it."""
    environment.library("/else/site-packages/nvidia/nvjitlink/lib", JIT, "void jit12(void) {}")
    (environment.prefix.parent / "else/site-packages/nvidia_nvjitlink_cu12-12.6.85.dist-info").mkdir()
    facts = environment.look(LD_LIBRARY_PATH=environment.folder("else/site-packages/nvidia/nvjitlink/lib"))
    row = rows(facts, "libraries.shadowed")[JIT]
    assert (row["version"], row["older"], row["lacks_count"]) == ("12.6.85", False, 1)


def test_what_torch_needs_by_rpath_is_not_shadowed(environment: Environment) -> None:
    environment.library("/other", NCCL, "")
    environment.library("/other", SPARSE, "")
    assert environment.look(LD_LIBRARY_PATH=environment.folder("other"))["libraries.shadowed"] == Known([], "elf")


def test_ld_preload_takes_the_place_of_anything(environment: Environment) -> None:
    nccl = environment.library("/other", NCCL, "void other(void) {}")
    # A process without a program preloads nothing: a python that the loader starts.
    (environment.prefix / "bin").mkdir()
    (environment.prefix / "main.c").write_text("int main(void) { return 0; }\n")
    argv = ["cc", "-o", environment.prefix / "bin/python", environment.prefix / "main.c"]
    subprocess.run(argv, check=True, capture_output=True)
    facts = environment.look(LD_PRELOAD=f"libnowhere.so {nccl}")
    row = rows(facts, "libraries.shadowed")[NCCL]
    expected = ("LD_PRELOAD", str(nccl), "torch/lib/libtorch_cuda.so", ["reduce"], None)
    assert (row["how"], row["folder"], row["needed_by"], row["lacks"], row["older"]) == expected
    assert isinstance(facts["nccl.version"], Unknown)


def test_parts_of_cudnn(environment: Environment) -> None:
    environment.library("/cudnn", GRAPH, "void graph(void) {} int more;")
    include = environment.prefix.parent / "include"
    include.mkdir()
    (include / "cudnn_version.h").write_text(
        "#define CUDNN_MAJOR 9\n#define CUDNN_MINOR 3\n#define CUDNN_PATCHLEVEL 0\n#define CUDNN_VERSION 90300\n"
    )
    facts = environment.look(LD_LIBRARY_PATH=environment.folder("cudnn"))
    row = rows(facts, "libraries.shadowed")[GRAPH]
    assert (row["version"], row["instead_of_version"], row["older"], row["lacks"]) == ("9.3.0", "9.1.0.70", False, [])
    assert facts["cudnn.version"] == Known("9.1.0.70", "dist-info")


def test_what_lies_beside_a_shadowing_library_is_shadowing_too(environment: Environment) -> None:
    """A cuDNN of LD_PRELOAD or of a folder brings its parts by its own DT_RPATH."""
    environment.cudnn.unlink()
    names = f'const char *part = "{GRAPH.removesuffix(".9")}";'
    environment.library("/cudnn", CUDNN, names, OLD, "-Wl,-rpath,$ORIGIN/parts")
    environment.library("/cudnn/parts", GRAPH, "void graph(void) {} int more;")
    environment.library("nvidia/cudnn/lib", CUDNN, names, NEW, "-Wl,-rpath,$ORIGIN")
    torch = environment.site / "torch/lib/libtorch_cuda.so"
    wheels = [str(environment.site / f"nvidia/{one}") for one in (f"cudnn/lib/{CUDNN}", f"nccl/lib/{NCCL}")]
    rpath = "-Wl,-rpath,$ORIGIN/../../nvidia/cudnn/lib:$ORIGIN/../../nvidia/nccl/lib"
    environment.library("torch/lib", torch.name, "", NEW, rpath, *wheels)
    found = rows(environment.look(LD_LIBRARY_PATH=environment.folder("cudnn")), "libraries.shadowed")
    assert {name: (row["how"], row["folder"]) for name, row in found.items()} == {
        CUDNN: ("LD_LIBRARY_PATH", environment.folder("cudnn")),
        GRAPH: ("DT_RPATH", None),
    }


def copied(environment: Environment) -> None:
    shutil.copy(environment.jit, environment.prefix.parent / f"other/{JIT}")


def linked(environment: Environment) -> None:
    (environment.prefix.parent / f"other/{JIT}").symlink_to(environment.jit)


def of_the_same_release(environment: Environment) -> None:
    environment.library("/other", "libnvJitLink.so.12.4.127", "int patched;", soname=JIT)
    (environment.prefix.parent / f"other/{JIT}").symlink_to("libnvJitLink.so.12.4.127")


@pytest.mark.parametrize("make", [copied, linked, of_the_same_release])
def test_the_same_build_or_release_takes_nothing_away(environment: Environment, make: Any) -> None:
    (environment.prefix.parent / "other").mkdir()
    make(environment)
    facts = environment.look(LD_LIBRARY_PATH=environment.folder("other"))
    assert rows(facts, "libraries.loaded")[JIT]["how"] == "LD_LIBRARY_PATH"
    assert facts["libraries.shadowed"] == Known([], "elf")


def test_a_system_library_shadows_a_package_only_where_torch_requires_that(environment: Environment) -> None:
    """An image whose torch is built on the system's cuDNN, into which something brought NVIDIA's package."""
    rpath = f"-Wl,-rpath,{environment.folder('system')}"
    cudnn = environment.library("/system", CUDNN, "int system;")
    for path in (environment.graph, environment.site / "torch/lib/libtorch_cuda.so"):
        path.unlink()
    environment.library("torch/lib", "libtorch_cuda.so", "", OLD, rpath, str(cudnn))
    row = rows(environment.look(), "libraries.shadowed")[CUDNN]
    assert (row["instead_of_package"], row["how"], row["folder"]) == ("nvidia-cudnn-cu12", "DT_RPATH", None)
    environment.requires = ["filelock"]
    assert environment.look()["libraries.shadowed"] == Known([], "elf")


def test_a_library_of_torch_itself_says_its_version_by_its_name_alone(environment: Environment) -> None:
    environment.versions = {"torch": "2.5.1"}
    facts = environment.look()
    assert isinstance(facts["cudnn.version"], Unknown)
    assert rows(facts, "libraries.loaded")[CUDNN]["version"] is None
    nccl = environment.library("nvidia/nccl/lib", NCCL, 'const char v[] = "NCCL version 2.27.5+cuda12.9";')
    assert nccl.exists()
    assert environment.look()["nccl.version"] == Known("2.27.5", "its own text")


@pytest.mark.parametrize("library_path", ["lib", "$ORIGIN/lib"])
def test_an_unclear_search_leaves_it_unknown(environment: Environment, library_path: str) -> None:
    facts = environment.look(LD_LIBRARY_PATH=library_path)
    for name in ("libraries.loaded", "libraries.shadowed", "cudnn.version", "nccl.version"):
        fact: Fact = facts[name]
        assert isinstance(fact, Unknown)
        assert "LD_LIBRARY_PATH" in fact.reason
    assert facts["libraries.missing"] == Known([], "elf")


def test_a_build_without_cuda(environment: Environment) -> None:
    (environment.site / "torch/lib/libtorch_cuda.so").unlink()
    environment.library("torch", "_C.cpython-312-x86_64-linux-gnu.so", "")
    facts = environment.look()
    assert facts["libraries.loaded"] == Known([], "elf")
    assert isinstance(facts["cudnn.version"], Absent)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("9.1.0", "9.1.0.70", 0),
        ("9.0.9", "9.1.0.70", -1),
        ("12.10.1", "12.9.1", 1),
        (None, "1", None),
        ("", "1", None),
    ],
)
def test_releases_are_compared_as_far_as_both_tell(one: str | None, other: str, expected: int | None) -> None:
    assert compared(one, other) == expected


@pytest.mark.parametrize(
    ("soname", "expected"),
    [("libcublasLt.so.12", "cublaslt"), ("libcudnn_ops.so.9", "cudnn"), ("libcudart-80664282.so.10.2", "cudart"),
     ("libstdc++.so.6", "stdc++"), ("libnvshmem_host.so.3", "nvshmem_host")],
)  # fmt: skip
def test_what_a_library_is_called(soname: str, expected: str) -> None:
    assert stem(soname) == expected


def test_builds_without_a_build_id_are_told_by_their_bytes(tmp_path: Path, environment: Environment) -> None:
    one = environment.library("/a", JIT, "int a;", "-Wl,--build-id=none")
    other = environment.library("/b", JIT, "int b;", "-Wl,--build-id=none")
    assert not same_build(str(one), str(other))
    shutil.copy(one, other)
    assert same_build(str(one), str(other))
    (tmp_path / "noise").write_bytes(b"noise")
    assert not same_build(str(one), str(tmp_path / "noise"))


def test_an_interpreter_of_conda_finds_its_own_libraries_before_those_of_the_variable(environment: Environment) -> None:
    """Conda's python has a DT_RPATH, which serves all that have no DT_RUNPATH."""
    prefix = environment.prefix
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta/nccl-2.27.5.1-h1.json").touch()
    (prefix / "conda-meta/libcublas-12.9.1.4-h1.json").touch()
    shutil.rmtree(environment.site / "nvidia")
    environment.versions = {"torch": "2.9.1"}
    environment.requires = []
    (prefix / "bin").mkdir()
    (prefix / "main.c").write_text("int main(void) { return 0; }\n")
    argv = ["cc", "-o", prefix / "bin/python", prefix / "main.c", OLD, "-Wl,-rpath,$ORIGIN/../lib"]
    subprocess.run(argv, check=True, capture_output=True)
    made = {name: environment.library("/env/lib", name, "int own;") for name in (NCCL, "libcublas.so.12")}
    for name in made:
        environment.library("/other", name, "int other;")
    needs = [str(path) for path in made.values()]
    cuda = environment.library("torch/lib", "libtorch_cuda.so", "", *needs)
    environment.library("torch", "_C.cpython-312-x86_64-linux-gnu.so", "", OLD, "-Wl,-rpath,$ORIGIN/lib", str(cuda))
    facts = environment.look(LD_LIBRARY_PATH=environment.folder("other"))
    found = {name: (row["file"], row["how"], row["package"]) for name, row in rows(facts, "libraries.loaded").items()}
    assert found == {
        NCCL: (f"{prefix}/lib/{NCCL}", "DT_RPATH", "nccl"),
        "libcublas.so.12": (f"{prefix}/lib/libcublas.so.12", "DT_RPATH", "libcublas"),
    }
    assert facts["libraries.shadowed"] == Known([], "elf")
    assert facts["nccl.version"] == Known("2.27.5.1", "conda-meta")
    # With a DT_RUNPATH of its own torch takes those of the variable instead.
    environment.library("torch/lib", "libtorch_cuda.so", "", NEW, "-Wl,-rpath,$ORIGIN/../../../..", *needs)
    facts = environment.look(LD_LIBRARY_PATH=environment.folder("other"))
    shadowed = rows(facts, "libraries.shadowed")
    assert {name: (row["instead_of_package"], row["instead_of_version"]) for name, row in shadowed.items()} == {
        NCCL: ("nccl", "2.27.5.1"),
        "libcublas.so.12": ("libcublas", "12.9.1.4"),
    }
