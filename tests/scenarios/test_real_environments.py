"""Real environments made from real wheels: silence, and what torch says of itself when it is imported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from machines import Said, run_cli

TOLD_BY_TORCH = """
import json, torch
told = {"version": torch.__version__, "cuda": torch.version.cuda, "git": torch.version.git_version}
try:
    import torchvision
    told["torchvision"] = torchvision.__version__
except ImportError:
    told["torchvision"] = None
print(json.dumps(told))
"""

WITHOUT_DRIVER = not Path("/proc/driver/nvidia/version").exists()


def environment(variable: str) -> Path:
    """The interpreter of the real environment that a variable names."""
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} names no environment (make test-real makes them)")
    return Path(folder) / "bin" / "python"


def examined(python: Path, *options: str) -> Said:
    return run_cli(["check", "--python", str(python), "--format", "json", *options])


@pytest.mark.real
@pytest.mark.parametrize("variable", ["ENVDOCTOR_TEST_CUDA_ENV", "ENVDOCTOR_TEST_CPU_ENV"])
def test_the_facts_are_what_torch_says_when_imported(variable: str) -> None:
    python = environment(variable)
    told = json.loads(subprocess.run([python, "-c", TOLD_BY_TORCH], capture_output=True, text=True, check=True).stdout)
    facts = examined(python).json()["snapshot"]["facts"]
    assert facts["torch.version"]["value"] == told["version"]
    assert facts["torch.git"]["value"] == told["git"]
    assert facts["torch.cuda"].get("value") == told["cuda"]
    assert facts["torchvision.version"].get("value") == told["torchvision"]


@pytest.mark.real
@pytest.mark.parametrize("variable", ["ENVDOCTOR_TEST_CUDA_ENV", "ENVDOCTOR_TEST_CPU_ENV"])
@pytest.mark.skipif(not WITHOUT_DRIVER, reason="this machine has an NVIDIA driver")
def test_a_real_environment_without_gpu_is_healthy(variable: str) -> None:
    said = examined(environment(variable), "--strict")
    report = said.json()
    assert said.exit_code == 0
    assert report["verdict"] == "healthy"
    assert [f["rule"] for f in report["findings"] if f["severity"] != "note"] == []
    assert report["skipped"] == report["crashed"] == []
    assert report["plan"]["status"] == "nothing-to-do"
    assert report["snapshot"]["facts"]["libraries.missing"] == {"state": "known", "value": [], "source": "elf"}


@pytest.mark.real
@pytest.mark.parametrize("library", ["libcudart.so.*", "libcudnn.so.*", "libnccl.so.*"])
def test_a_library_taken_away_is_missed_just_where_torch_misses_it(library: str, tmp_path: Path) -> None:
    """The same wheels, one library hidden. A toolkit of the system may hold it too: then torch imports."""
    python = environment("ENVDOCTOR_TEST_CUDA_ENV")
    site = next((python.parent.parent / "lib").glob("python3*/site-packages"))
    hidden = next(site.glob(f"nvidia/**/{library}")).name
    copy = tmp_path / "site"
    # Hard links: the wheels hold gigabytes, and a symbolic link would lead `$ORIGIN/..` back to the whole tree.
    shutil.copytree(site, copy, copy_function=os.link, ignore=shutil.ignore_patterns(hidden, "__pycache__"))
    fresh = tmp_path / "env"
    subprocess.run([python, "-m", "venv", "--without-pip", fresh], check=True)
    (next((fresh / "lib").glob("python3*")) / "site-packages" / "wheels.pth").write_text(f"{copy}\n")

    imported = subprocess.run(
        [fresh / "bin" / "python", "-B", "-c", "import torch"], capture_output=True, text=True, check=False
    )
    report = examined(fresh / "bin" / "python").json()
    missed = {row["library"] for row in report["snapshot"]["facts"]["libraries.missing"]["value"]}
    if imported.returncode == 0:
        assert missed == set()
    else:
        assert hidden in imported.stderr
        assert missed == {hidden}
        assert report["findings"][0]["rule"] == "package-files-damaged"
        assert {"shared-library-missing"} == {one["rule"] for one in report["findings"] if one["caused_by"]}
        assert report["exit_code"] == 1


@pytest.mark.skipif(not WITHOUT_DRIVER, reason="this machine has an NVIDIA driver")
def test_an_environment_without_torch_is_healthy(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    said = examined(tmp_path / "env" / "bin" / "python")
    report = said.json()
    assert (said.exit_code, report["verdict"]) == (0, "healthy")
    assert [(f["rule"], f["severity"]) for f in report["findings"]] == [("torch-not-installed", "note")]
