"""Real wheels: the process in thought against the real loader, which tells by LD_DEBUG what it loaded."""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Known
from envdoctor.probes import cpu, distributions, interpreter, loader, torch_build
from envdoctor.probes.loading.place import loading
from envdoctor.probes.loading.torch_start import find_torch
from envdoctor.probes.looking import Looking
from envdoctor.probes.target import Target

if TYPE_CHECKING:
    from envdoctor.model.fact import Value

pytestmark = pytest.mark.real

ENVIRONMENTS = ("ENVDOCTOR_TEST_CUDA_ENV", "ENVDOCTOR_TEST_CPU_ENV")
SMALL = ("nvidia/cudnn/lib/libcudnn.so.9", "nvidia/cudnn/lib/libcudnn_cnn.so.9", "nvidia/cu13/lib/libcudart.so.13",
         "nvidia/cu13/lib/libcufile.so.0", "nvidia/cu13/lib/libcupti.so.13", "torch/lib/libgomp.so.1",
         "torch/lib/libc10.so", "torch/lib/libtorch_nvshmem.so")  # fmt: skip
"""Libraries that are copied into a folder of LD_LIBRARY_PATH."""
PRELOADED = ("libcudart.so.13", "libcudnn.so.9", "libcupti.so.13", "libgomp.so.1", "libstdc++.so.6")
"""Those among them that load without what lies beside them."""


def prefix_of(variable: str) -> Path:
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    return Path(os.environ[variable])


def machine(prefix: Path, environ: dict[str, str]) -> Looking:
    python = f"{prefix}/bin/python"
    at = Looking(Host(), Target(python, "named by --python"), deadline=time.monotonic() + 60)
    at.facts = {f"env.{name}": Known(value, "told") for name, value in environ.items()}
    for probe in (interpreter, cpu, distributions, torch_build):
        at.facts.update(probe.look(at))
    return at


def thought(prefix: Path, environ: dict[str, str]) -> list[str]:
    """What `import torch` would load, the program left out."""
    at = machine(prefix, environ)
    sites = at.texts("python.site_packages")
    torch = find_torch(at.host, sites, at.text("torch.cuda"))
    assert torch is not None
    process = loading(at, 62 if os.uname().machine == "x86_64" else 183, sites).begun()
    openings = torch.start(process)
    assert all(opening.works for opening in openings.values())
    return [os.path.normpath(path) for path, one in process.loaded.items() if one is not process.program]


def really(prefix: Path, environ: dict[str, str], tmp_path: Path, program: str = "import torch") -> set[str]:
    """What the real loader says that it loaded."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("LD_")}
    debug = {"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(tmp_path / "said")}
    argv = [f"{prefix}/bin/python", "-c", program]
    subprocess.run(argv, env={**plain, **environ, **debug}, check=True, capture_output=True, cwd=tmp_path)
    said = max((Path(path) for path in glob.glob(f"{tmp_path}/said.*")), key=lambda path: path.stat().st_size)
    found = re.findall(r"calling init: (\S+)", said.read_text(errors="replace"))
    said.unlink()
    return {os.path.normpath(path) for path in found}


def concerning(paths: set[str], prefix: Path, tmp_path: Path) -> set[str]:
    """Those of torch, NVIDIA, the folders of the test, and of the C and C++ libraries."""
    folders = rf"{re.escape(str(prefix))}/.*/(?:torch|nvidia)/|{re.escape(str(tmp_path))}"
    kept = re.compile(rf"{folders}|/lib(?:stdc\+\+|gcc_s|c|m)\.so")
    return {path for path in paths if kept.search(path)}


@pytest.mark.parametrize("variable", ENVIRONMENTS)
@pytest.mark.parametrize("case", ["plain", "LD_LIBRARY_PATH", "LD_PRELOAD", "hardware folders"])
def test_every_file_is_the_one_that_the_real_loader_takes(variable: str, case: str, tmp_path: Path) -> None:
    prefix = prefix_of(variable)
    site = next(prefix.glob("lib/python3*/site-packages"))
    other = tmp_path / "other"
    other.mkdir()
    there = [site / name for name in SMALL if (site / name).exists()]
    there += [Path("/lib") / f"{os.uname().machine}-linux-gnu" / name for name in ("libstdc++.so.6", "libgcc_s.so.1")]
    for file in there:
        if file.exists():
            shutil.copy(file, other)
    environ: dict[str, str] = {}
    if case == "LD_LIBRARY_PATH":
        environ = {"LD_LIBRARY_PATH": f"/nowhere:{other}"}
    elif case == "LD_PRELOAD":
        environ = {"LD_PRELOAD": ":".join(str(other / name) for name in PRELOADED if (other / name).exists())}
    elif case == "hardware folders":
        inner = tmp_path / "hard/glibc-hwcaps/x86-64-v2"
        inner.mkdir(parents=True)
        for file in [*other.iterdir()]:
            shutil.copy(file, inner)
        environ = {"LD_LIBRARY_PATH": f"{tmp_path}/hard:{other}"}
    mine = set(thought(prefix, environ))
    real = concerning(really(prefix, environ, tmp_path), prefix, tmp_path)
    assert concerning(mine, prefix, tmp_path) == real
    assert bool([path for path in real if path.startswith(str(tmp_path))]) == (case != "plain")


@pytest.mark.parametrize("variable", ENVIRONMENTS)
def test_whole_environments_shadow_and_lack_nothing(variable: str) -> None:
    prefix = prefix_of(variable)
    facts = loader.look(machine(prefix, {}))
    assert facts["libraries.missing"] == facts["libraries.shadowed"] == Known([], "elf")


def test_copies_of_the_same_libraries_shadow_nothing(tmp_path: Path) -> None:
    prefix = prefix_of(ENVIRONMENTS[0])
    site = next(prefix.glob("lib/python3*/site-packages"))
    for name in SMALL:
        if (site / name).exists():
            shutil.copy(site / name, tmp_path)
    facts = loader.look(machine(prefix, {"LD_LIBRARY_PATH": str(tmp_path)}))
    assert facts["libraries.shadowed"] == Known([], "elf")


@pytest.mark.parametrize("variable", ENVIRONMENTS[:1])
def test_versions_are_those_of_the_packages(variable: str) -> None:
    at = machine(prefix_of(variable), {})
    facts = loader.look(at)
    for fact, start in (("cudnn.version", "nvidia-cudnn"), ("nccl.version", "nvidia-nccl")):
        version = next(found[0].version for name, found in at.by_name.items() if name.startswith(start))
        assert facts[fact] == Known(version, "dist-info")


def test_cusparse_of_cuda_12_takes_an_older_nvjitlink_from_ld_library_path(tmp_path: Path) -> None:
    """The packages nvidia-cusparse-cu12 12.3.1.170 and nvidia-nvjitlink-cu12 12.4.127, and 12.1.105 in a folder."""
    wheels = os.environ.get("ENVDOCTOR_TEST_WHEELS")
    if wheels is None:
        pytest.skip("ENVDOCTOR_TEST_WHEELS is not set")
    site = tmp_path / "env/lib/python3.11/site-packages"
    for name, into in (("cusparse_cu12-12.3.1.170", site), ("nvjitlink_cu12-12.4.127", site),
                       ("nvjitlink_cu12-12.1.105", tmp_path / "toolkit")):  # fmt: skip
        with zipfile.ZipFile(next(Path(wheels).glob(f"nvidia_{name}-*.whl"))) as wheel:
            for member in wheel.namelist():
                if ".so." in member or ".dist-info/" in member:
                    wheel.extract(member, into)
    sparse = site / "nvidia/cusparse/lib/libcusparse.so.12"
    (site / "torch/lib").mkdir(parents=True)
    (site / "torch/__init__.py").touch()
    module = site / "torch/lib/libtorch_global_deps.so"
    rpath = "-Wl,--disable-new-dtags,--no-as-needed,--allow-shlib-undefined,-rpath,$ORIGIN/../../nvidia/cusparse/lib"
    argv = ["cc", "-shared", "-nostdlib", "-xc", "/dev/null", "-xnone", rpath, str(sparse), "-o", str(module)]
    subprocess.run(argv, check=True, capture_output=True)
    folder = str(tmp_path / "toolkit/nvidia/nvjitlink/lib")

    at = Looking(Host(), Target(sys.executable, "named by --python"), deadline=time.monotonic() + 60)
    told: dict[str, Value] = {
        "python.executable": sys.executable,
        "env.LD_LIBRARY_PATH": folder,
        "python.site_packages": [str(site)],
    }
    at.facts = {name: Known(value, "told") for name, value in told.items()}
    at.facts.update(distributions.look(at))
    fact = loader.look(at)["libraries.shadowed"]
    assert isinstance(fact, Known)
    assert isinstance(fact.value, list)
    (row,) = fact.value
    assert isinstance(row, dict)
    assert (row["library"], row["how"], row["folder"]) == ("libnvJitLink.so.12", "LD_LIBRARY_PATH", folder)
    assert (row["instead_of_package"], row["instead_of_version"]) == ("nvidia-nvjitlink-cu12", "12.4.127")
    ran = subprocess.run(
        [sys.executable, "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])", str(module)],
        env={**os.environ, "LD_LIBRARY_PATH": folder}, capture_output=True, text=True,
    )  # fmt: skip
    undefined = re.search(r"undefined symbol: (\w+)", ran.stderr)
    assert undefined
    assert isinstance(row["lacks"], list)
    assert undefined[1] in row["lacks"]
