"""What an environment holds is read from its records, whole ones and broken ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from envdoctor.fix.freezing import fingerprints, freeze, outside, sites, torch_set
from envdoctor.model.fix import PackageChange

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The folder of packages of an environment."""
    folder = tmp_path / "lib" / "python3.11" / "site-packages"
    folder.mkdir(parents=True)
    (tmp_path / "lib64").symlink_to("lib")
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    return folder


def recorded(site: Path, name: str, version: str, *requires: str) -> Path:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    lines = [f"Requires-Dist: {line}\n" for line in requires]
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{''.join(lines)}\nText\n")
    return info


def test_names_are_normalised_and_versions_whole(site: Path, tmp_path: Path) -> None:
    recorded(site, "torch", "2.9.1+cu128")
    recorded(site, "Typing_Extensions", "4.15.0")
    recorded(site, "nvidia_cudnn.cu12", "9.10.2.21")
    assert freeze(str(tmp_path)) == {
        "torch": "2.9.1+cu128", "typing-extensions": "4.15.0", "nvidia-cudnn-cu12": "9.10.2.21",
    }  # fmt: skip


def test_broken_records_tell_what_their_folder_says(site: Path, tmp_path: Path) -> None:
    (site / "empty-1.0.dist-info").mkdir()
    (site / "cut-2.0.dist-info").mkdir()
    (site / "cut-2.0.dist-info" / "METADATA").write_bytes(b"Metadata-Version: 2.1\nNa")
    (site / "binary-3.0.dist-info").mkdir()
    (site / "binary-3.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe\0" * 100)
    (site / "folder-4.0.dist-info" / "METADATA").mkdir(parents=True)
    (site / "noversion.dist-info").mkdir()
    (site / "~orch-2.9.1.dist-info").mkdir()
    (site / ".dist-info").mkdir()
    (site / "file-5.0.dist-info").touch()
    assert freeze(str(tmp_path)) == {
        "empty": "1.0", "cut": "2.0", "binary": "3.0", "folder": "4.0", "noversion": "", "file": "5.0",
    }  # fmt: skip


def test_what_setuptools_recorded(site: Path, tmp_path: Path) -> None:
    (site / "old-1.0-py3.11.egg-info").write_text("Metadata-Version: 1.0\nName: old\nVersion: 1.0\n")
    (site / "older-2.0-py3.11.egg-info").mkdir()
    (site / "egg-3.0-py3.11.egg" / "EGG-INFO").mkdir(parents=True)
    (site / "egg-3.0-py3.11.egg" / "EGG-INFO" / "PKG-INFO").write_text("Name: egg\nVersion: 3.0.post1\n")
    project = tmp_path / "project" / "my_linked.egg-info"
    project.mkdir(parents=True)
    (project / "PKG-INFO").write_text("Name: my-linked\nVersion: 0.4.dev0\n")
    (site / "my-linked.egg-link").write_text(f"{project.parent}\n.")
    (site / "now-gone.egg-link").write_text("/nowhere\n.")
    assert freeze(str(tmp_path)) == {
        "old": "1.0", "older": "2.0", "egg": "3.0.post1", "my-linked": "0.4.dev0", "now-gone": "",
    }  # fmt: skip


def test_of_two_the_first_that_python_searches(site: Path, tmp_path: Path) -> None:
    other = tmp_path / "lib" / "python3.10" / "site-packages"
    other.mkdir(parents=True)
    recorded(other, "torch", "2.0.0")
    recorded(other, "left", "1.0")
    recorded(site, "torch", "2.9.1")
    (tmp_path / "lib64").unlink()
    packages64 = tmp_path / "lib64" / "python3.11" / "site-packages"
    packages64.mkdir(parents=True)
    recorded(packages64, "torch", "2.1.0")
    assert sites(str(tmp_path)) == (str(site), str(packages64), str(other))
    assert freeze(str(tmp_path)) == {"torch": "2.9.1", "left": "1.0"}


def test_an_environment_without_packages(tmp_path: Path) -> None:
    assert freeze(str(tmp_path)) == {}
    assert sites(str(tmp_path / "none")) == ()


def test_the_torch_set_is_what_torch_requires_and_its_family(site: Path, tmp_path: Path) -> None:
    recorded(
        site, "torch", "2.14.1", "filelock", "cuda-toolkit[cublas]==13.0.2; platform_system == 'Linux'",
        "old-backport; python_version < '3.9'", "optree; extra == 'optree'", "no requirement!", "sympy>=1.13",
    )  # fmt: skip
    recorded(site, "cuda-toolkit", "13.0.2", "nvidia-cublas==13.*; extra == 'cublas'", "tile; extra == 'tile'")
    recorded(site, "torchvision", "0.29.1", "pillow!=8.3.*,>=5.3.0", "torch==2.14.1")
    recorded(site, "sympy", "1.13", "mpmath")
    for name in ("nvidia_nccl_cu13", "triton", "filelock", "optree", "requests", "torchmetrics", "pytorch_triton_rocm"):
        recorded(site, name, "1.0")
    found = torch_set(str(tmp_path))
    if sys.platform == "linux":
        assert {"cuda-toolkit", "nvidia-cublas"} <= found
    assert found - {"cuda-toolkit", "nvidia-cublas"} == {
        "torch", "torchvision", "torchaudio", "filelock", "sympy", "mpmath", "pillow", "nvidia-nccl-cu13", "triton",
        "pytorch-triton-rocm",
    }  # fmt: skip


def test_markers_are_those_of_the_python_of_the_environment(site: Path, tmp_path: Path) -> None:
    recorded(site, "torch", "2.4.1", "old; python_version < '3.9'", "new; python_full_version >= '3.11.7'")
    assert {"old", "new"} & torch_set(str(tmp_path)) == {"new"}
    (tmp_path / "pyvenv.cfg").write_text("version_info = 3.8.18\n")
    assert {"old", "new"} & torch_set(str(tmp_path)) == {"old"}


def test_what_changed_outside() -> None:
    before = {"torch": "2.9.1", "numpy": "1.26.4", "mine": "0.1", "gone": "1"}
    after = {"torch": "2.9.1+cu126", "numpy": "2.0.0", "mine": "0.1", "came": "3"}
    assert outside(before, after, {"torch"}) == (
        PackageChange("came", None, "3"), PackageChange("gone", "1", None), PackageChange("numpy", "1.26.4", "2.0.0"),
    )  # fmt: skip
    assert outside(before, before, ()) == ()


def test_the_same_version_from_elsewhere_has_another_fingerprint(site: Path, tmp_path: Path) -> None:
    info = recorded(site, "mine", "1.0")
    (info / "RECORD").write_text("mine.pth,sha256=a,1\n")
    (info / "direct_url.json").write_text('{"dir_info": {"editable": true}, "url": "file:///src"}')
    editable = fingerprints(str(tmp_path))["mine"]
    (info / "RECORD").write_text("mine.pth,sha256=a,1\n__pycache__/mine.cpython-311.pyc,,\n")
    assert fingerprints(str(tmp_path)) == {"mine": editable}
    (info / "direct_url.json").unlink()
    assert fingerprints(str(tmp_path))["mine"] != editable


def test_a_real_environment_is_frozen_as_python_finds_it() -> None:
    names = (
        "import importlib.metadata, re\nfor one in importlib.metadata.distributions():\n"
        "    print(re.sub('[-_.]+', '-', one.metadata['Name']).lower(), one.version)"
    )
    found = subprocess.run([sys.executable, "-I", "-c", names], capture_output=True, text=True, check=True).stdout
    expected = dict(line.split() for line in found.splitlines())
    if sys.prefix == sys.base_prefix:
        pytest.skip("not run in an environment")
    assert freeze(sys.prefix).items() <= expected.items()
    assert "pytest" in freeze(sys.prefix)
