"""Extensions made of real wheels and with a real compiler: what the probes say beside what the real loader says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.probes.look import look
from envdoctor.probes.target import Target
from tiny_torch import rows

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts

pytestmark = pytest.mark.real

TRUTH = """
import ctypes, json, sys, torch
told = {}
for path in sys.argv[1:]:
    try: ctypes.CDLL(path)
    except OSError as error: told[path] = str(error)
    else: told[path] = ""
print(json.dumps(told))
"""

EXTENSION = """
#include <Python.h>
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
static PyObject* name_of(PyObject*, PyObject*) {
  at::Tensor tensor;
  TORCH_CHECK(tensor.defined(), "nothing of type ", tensor.toString());
  return PyUnicode_FromString(tensor.toString().c_str());
}
static PyMethodDef methods[] = {{"name_of", name_of, METH_NOARGS, ""}, {nullptr, nullptr, 0, nullptr}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "ops", "", -1, methods};
PyMODINIT_FUNC PyInit_ops(void) { return PyModule_Create(&module); }
"""


def environment(variable: str) -> Path:
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} names no environment (make test-real makes them)")
    return Path(folder)


def beside(base: Path, more: Path, fresh: Path) -> Path:
    """The interpreter of a new environment that has the packages of `more` and those of the environment `base`."""
    subprocess.run([base / "bin" / "python", "-m", "venv", "--without-pip", fresh], check=True)
    (site,) = (fresh / "lib").glob("python3*/site-packages")
    (theirs,) = (base / "lib").glob("python3*/site-packages")
    (site / "others.pth").write_text(f"{more}\n{theirs}\n")
    return fresh / "bin" / "python"


def said_by_loader(python: Path, objects: list[Path]) -> dict[str, str]:
    line = [python, "-c", TRUTH, *objects]
    out = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    told: dict[str, str] = json.loads(out.splitlines()[-1])
    return told


def facts_of(python: Path) -> Facts:
    return dict(look(Host(), Target(str(python), "named by --python"), timeout=60).facts)


@pytest.mark.parametrize(
    "wanted",
    [
        "torchvision==0.28.0",
        "torchvision==0.24.1",
        "torchaudio==2.11.0",
        "torchcodec==0.17.0",
        "torchao==0.18.0",
        "bitsandbytes==0.50.2",
        "xformers==0.0.35",
    ],
)
def test_real_wheels_beside_a_real_torch(wanted: str, tmp_path: Path) -> None:
    """Undefined symbols are told of just those objects of which the loader tells them."""
    base = environment("ENVDOCTOR_TEST_CUDA_ENV")
    (python,) = (base / "lib").glob("python3*")
    line = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", tmp_path]
    for platform in ("manylinux_2_28_x86_64", "manylinux_2_24_x86_64"):
        line += ["--platform", platform]
    line += ["--python-version", python.name.removeprefix("python"), wanted]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot have {wanted}: {done.stderr.strip()[-200:]}")
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)

    interpreter = beside(base, site, tmp_path / "env")
    facts = facts_of(interpreter)
    told = said_by_loader(interpreter, sorted(site.glob("*/**/*.so")))
    refused = {str(Path(path).relative_to(site)): error for path, error in told.items() if "undefined symbol" in error}
    undefined = rows(facts, "libraries.undefined")
    assert {row["object"] for row in undefined} == set(refused)
    for row in undefined:
        assert refused[str(row["object"])].endswith(row["symbols"][0]["name"])  # type: ignore[index]
        assert row["provider"] == "torch"
    assert rows(facts, "libraries.unmet_versions") == []


@pytest.mark.parametrize(("abi", "told"), [(1, None), (0, "old")])
def test_an_extension_compiled_with_the_other_string(abi: int, told: str | None, tmp_path: Path) -> None:
    base = environment("ENVDOCTOR_TEST_CPU_ENV")
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    ask = "import sysconfig; print(sysconfig.get_paths()['include'], sysconfig.get_config_var('EXT_SUFFIX'))"
    said = subprocess.run([base / "bin" / "python", "-c", ask], capture_output=True, text=True, check=True)
    include, suffix = said.stdout.split()
    (torch,) = (base / "lib").glob("python3*/site-packages/torch")
    site = tmp_path / "site"
    (site / "ops-1.dist-info").mkdir(parents=True)
    (site / "ops-1.dist-info" / "WHEEL").write_text("Root-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n")
    (site / "ops-1.dist-info" / "METADATA").write_text("Name: ops\nVersion: 1\n\n")
    (site / "ops-1.dist-info" / "RECORD").write_text(f"ops{suffix},,\n")
    source = tmp_path / "ops.cpp"
    source.write_text(EXTENSION)
    line = [compiler, "-shared", "-fPIC", "-std=c++20", f"-D_GLIBCXX_USE_CXX11_ABI={abi}", f"-I{include}"]
    line += [f"-I{torch}/include", str(source), "-o", str(site / f"ops{suffix}"), f"-L{torch}/lib"]
    line += ["-lc10", "-ltorch_cpu", "-ltorch", "-ltorch_python"]
    subprocess.run(line, check=True)

    interpreter = beside(base, site, tmp_path / "env")
    undefined = rows(facts_of(interpreter), "libraries.undefined")
    line = [interpreter, "-c", "import torch, ops"]
    imported = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (imported.returncode == 0) == (undefined == []) == (told is None), imported.stderr
    for row in undefined:
        assert (row["package"], row["string_abi"], row["role"]) == ("ops", told, "entry")
        assert any(one["name"] in imported.stderr for one in row["symbols"])  # type: ignore[attr-defined]
