"""Where the rules about packages change their mind, and machines like those that people have asked about."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Machine
from envdoctor.model.snapshot import Snapshot
from envdoctor.rules.requirement import applies, bounds_of, satisfied
from envdoctor.rules.rule import all_rules
from machines import SITE, Environment, install, machine_snapshot, make_environment, run_cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from envdoctor.model.finding import Diagnosis

MATRIX = load_matrix()
OWN = {
    "conda-pip-mix", "cpu-only-build", "cuda-package-pin-broken", "duplicate-torch-install", "gpu-too-old-for-triton",
    "mixed-cu-packages", "mkl-incompatible", "numpy2-abi", "package-files-damaged", "python-unsupported",
    "shared-library-missing", "torch-not-installed", "torch-torchaudio-mismatch", "torch-torchvision-mismatch",
    "triton-mismatch", "triton-unavailable",
}  # fmt: skip
USER = "/home/me/.local/lib/python3.11/site-packages"
CONDA = "/venv/lib/python3.11/site-packages"
PASCAL = ("NVIDIA GeForce GTX 1080 Ti", "6.1")


def judged(**described: Any) -> Diagnosis:
    diagnosis = diagnose(machine_snapshot(**described), MATRIX, select=OWN)
    assert diagnosis.crashed == ()
    return diagnosis


def said(**described: Any) -> list[tuple[str, str]]:
    return [(one.severity.word, one.rule) for one in judged(**described).findings]


def conda(channel: str = "pytorch", **versions: str) -> dict[str, Any]:
    return {name: {"version": one, "build": "0", "channel": channel} for name, one in versions.items()}


def duplicate(name: str, *records: tuple[str, str, str]) -> list[dict[str, str]]:
    return [
        {"name": name, "version": version, "kind": kind, "site": site, "installer": "pip"}
        for version, kind, site in records
    ]


WINDOWS = {"platform": "windows-x86_64", "kind": "windows", "triton": None}
MACOS = {"platform": "macos-arm64", "kind": "macos", "triton": None, "driver": None, "gpus": []}


@pytest.mark.parametrize(
    ("torch", "numpy", "machine", "broken"),
    [
        ("2.2.2+cu121", "1.26.4", {}, False),
        ("2.2.2+cu121", "2.0.0", {}, True),
        ("2.2.2+cu121", "2.0.0rc1", {}, True),
        ("2.3.0+cu121", "2.3.4", {}, False),
        ("2.2.2+cpu", "2.0.0", {"platform": "linux-aarch64"}, True),
        ("2.3.0+cpu", "2.0.0", {"platform": "linux-aarch64"}, False),
        ("2.3.1+cu121", "2.0.0", WINDOWS, True),
        ("2.4.0+cu124", "2.0.0", WINDOWS, True),
        ("2.4.1+cu124", "2.0.0", WINDOWS, False),
        ("2.2.2", "2.0.0", MACOS, True),
        ("2.3.0", "2.0.0", MACOS, False),
    ],
)
def test_numpy_2_is_judged_by_release_and_system(torch: str, numpy: str, machine: dict[str, Any], broken: bool) -> None:
    found = said(torch=torch, torchvision=None, overrides={"numpy.version": numpy}, **machine)
    assert (("error", "numpy2-abi") in found) is broken


def test_a_numpy_that_is_not_known_is_no_verdict_where_it_would_matter_and_none_where_it_would_not() -> None:
    unknown = {"numpy.version": Unknown("the folder may not be read")}
    assert [one.rule for one in judged(torch="2.2.2+cu121", overrides=unknown).skipped if one.fact] == ["numpy2-abi"]
    assert [one.rule for one in judged(torch="2.9.1+cu128", overrides=unknown).skipped if one.fact] == []


@pytest.mark.parametrize(
    ("torch", "python", "known"),
    [
        ("1.13.1+cu117", "3.11.4", True),
        ("2.0.1+cu118", "3.10.12", True),
        ("2.0.1+cu118", "3.11.4", False),
        ("2.1.0+cu121", "3.11.4", True),
        ("2.3.1+cu121", "3.12.3", False),
        ("2.4.0+cu121", "3.12.3", True),
        ("2.5.1+cu124", "3.13.0", False),
        ("2.6.0+cu124", "3.13.0", True),
        ("2.9.1+cu128", "3.14.0", False),
        ("2.10.0+cu128", "3.14.0", True),
        ("2.15.0+cu132", "3.15.0", True),
        ("9.9.0+cu132", "3.19.0", True),
    ],
)
def test_torch_compile_knows_pythons_up_to_the_one_of_its_release(torch: str, python: str, known: bool) -> None:
    found = said(torch=torch, python=python, torchvision=None, driver="595.58.03", triton=None)
    assert (("note", "python-unsupported") not in found) is known


@pytest.mark.parametrize(
    ("tags", "tag", "loads"),
    [
        (["cp311-cp311-manylinux_2_28_x86_64"], "cp311", True),
        (["cp311-cp311-manylinux_2_28_x86_64"], "cp312", False),
        (["cp313-cp313t-manylinux_2_28_x86_64"], "cp313t", True),
        (["cp313-cp313t-manylinux_2_28_x86_64"], "cp313", False),
        (["cp313-cp313-manylinux_2_28_x86_64"], "cp313t", False),
        (["cp37-cp37m-linux_x86_64"], "cp38", False),
        (["cp38-abi3-linux_x86_64"], "cp312", True),
        (["cp313-abi3-linux_x86_64"], "cp312", False),
        (["cp315-abi3.abi3t-linux_x86_64"], "cp315t", True),
        (["py3-none-any"], "cp312", True),
        (["cp311-none-macosx_11_0_arm64"], "cp311", True),
        (["cp311-none-macosx_11_0_arm64"], "cp310", False),
        (["cp310-cp310-linux_x86_64", "cp311-cp311-linux_x86_64"], "cp311", True),
        (["cp311.cp312-cp311.cp312-linux_x86_64"], "cp312", True),
        (["nonsense"], "cp312", True),
        (["cp311-cp311-linux_x86_64"], "pypy", True),
    ],
)
def test_a_wheel_loads_in_the_python_of_its_tag_alone(tags: list[str], tag: str, loads: bool) -> None:
    facts = {"torch.wheel_tags": tags, "python.tag": tag}
    assert (("error", "python-unsupported") not in said(overrides=facts)) is loads


@pytest.mark.parametrize(
    ("torch", "mkl", "provenance", "broken"),
    [
        ("1.12.1", "2024.1.0", "conda-pytorch", True),
        ("1.12.1", "2024.0.0", "conda-pytorch", False),
        ("2.5.1", "2025.0.0", "conda-pytorch", True),
        ("1.12.1", "2024.1.0", "conda-forge", False),
        ("2.5.1+cu124", "2024.1.0", "pytorch-index", False),
    ],
)
def test_mkl_has_lost_a_symbol_for_the_channel_pytorch_alone(
    torch: str, mkl: str, provenance: str, broken: bool
) -> None:
    facts = {"packages.conda": conda(pytorch=torch.partition("+")[0], mkl=mkl), "torch.installer": "conda"}
    machine = {"torch": torch, "torch_cuda": "11.6", "provenance": provenance, "torchvision": None, "triton": None}
    machine |= {"requires": []}
    assert (("error", "mkl-incompatible") in said(overrides=facts, **machine)) is broken
    assert said(overrides=facts, platform="linux-aarch64", **machine) == []


def test_pip_over_conda_comes_before_the_torchvision_that_it_broke() -> None:
    """From conda came pytorch 1.6.0 with its torchvision 0.7.0, and pip a torch 1.9.0 over it."""
    facts = {
        "packages.conda": conda(pytorch="1.6.0", torchvision="0.7.0", mkl="2021.3.0"),
        "torchvision.version": "0.7.0",
        "torchvision.requires": ["numpy", "torch (==1.6.0)"],
        "torchvision.cuda": "10.1",
    }
    found = judged(torch="1.9.0+cu102", provenance="pypi", gpus=[], driver=None, overrides=facts, triton=None).findings
    assert [(one.rule, one.severity, one.caused_by) for one in found] == [
        ("conda-pip-mix", Severity.ERROR, None),
        ("torch-torchvision-mismatch", Severity.ERROR, "conda-pip-mix"),
    ]


def test_a_record_of_conda_without_its_torch_in_use_is_a_warning_and_conda_alone_is_none() -> None:
    facts = {"packages.conda": conda(pytorch="2.2.1")}
    assert said(torch="2.1.2+cu121", overrides=facts) == [("warning", "conda-pip-mix")]
    assert said(torch="2.2.1+cu121", overrides=facts) == []
    own = {"torch": "2.2.1", "torch_cuda": "12.1", "provenance": "conda-pytorch", "triton": None}
    both = {"packages.conda": conda(pytorch="2.2.1", torchvision="0.17.1"), "torch.installer": "conda"}
    partner = {"torchvision.version": "0.17.1", "torchvision.requires": ["torch==2.2.1"], "torchvision.cuda": "12.1"}
    assert said(overrides={**both, **partner}, **own) == []


@pytest.mark.parametrize(
    ("torch", "partner", "found"),
    [
        ("2.5.1", "0.20.1+cu124", [("warning", "conda-pip-mix")]),
        ("2.6.0", "0.21.0+cu126", []),  # the first wheels with the C++ interface of conda-forge
        ("2.5.1", "0.20.1a0+deadbee", []),  # built here, for this torch
    ],
)
def test_a_published_partner_beside_conda_forge_is_judged_by_the_interface(
    torch: str, partner: str, found: list[tuple[str, str]]
) -> None:
    facts = {
        "packages.conda": conda("conda-forge", libtorch=torch, pytorch=torch),
        "torch.installer": "conda",
        "torchvision.version": partner,
        "torchvision.requires": [f"torch=={torch}"],
        "torchvision.cuda": Absent("not read"),
    }
    assert said(torch=torch, torch_cuda="12.6", provenance="conda-forge", triton=None, overrides=facts) == found


@pytest.mark.parametrize("installer", ["conda", None])
def test_a_copy_of_conda_forge_under_another_name_is_no_mix(installer: str | None) -> None:
    facts = {
        "packages.conda": conda("conda-forge-copy", pytorch="2.1.2", torchvision="0.16.2"),
        "torch.installer": installer or Absent("no INSTALLER says so"),
        "torchvision.version": "0.16.2",
        "torchvision.requires": ["torch"],
        "torchvision.cuda": Absent("not read"),
    }
    assert said(torch="2.1.2", torch_cuda="12.1", provenance="unknown", triton=None, overrides=facts) == []


@pytest.mark.parametrize(("place", "found"), [("/envs/train", 1), ("/envs/train-2", 0)])
def test_an_environment_whose_name_begins_alike_is_another(place: str, found: int) -> None:
    facts = {
        "packages.conda": conda(pytorch="2.2.1"),
        "python.prefix": "/envs/train",
        "torch.location": f"{place}/lib/python3.11/site-packages/torch",
    }
    assert said(overrides=facts).count(("warning", "conda-pip-mix")) == found


def test_a_partner_that_does_not_say_for_which_cuda_it_was_built_is_judged_by_its_pin_alone() -> None:
    facts = {
        "torchvision.version": "0.25.0a0+2ebb1f1",
        "torchvision.cuda": Unknown("its files do not say for which CUDA it was built"),
        "torchvision.requires": ["torch"],
    }
    found = judged(overrides=facts)
    assert found.findings == ()
    assert not [one for one in found.skipped if not one.left_out]


def test_a_torch_of_the_user_over_conda_is_a_duplicate_and_no_mix() -> None:
    facts = {
        "packages.conda": conda(pytorch="2.9.1"),
        "packages.duplicates": duplicate("torch", ("2.7.1", "user", USER), ("2.9.1", "environment", CONDA)),
        "torch.location": f"{USER}/torch",
        "python.user_site": USER,
    }
    assert said(torch="2.7.1+cu128", overrides=facts) == [("warning", "duplicate-torch-install")]


def test_the_users_torch_is_the_cause_of_a_torchvision_that_does_not_load() -> None:
    facts = {
        "packages.duplicates": duplicate("torch", ("2.7.1", "user", USER), ("2.9.1", "environment", CONDA)),
        "torch.location": f"{USER}/torch",
        "torchvision.version": "0.24.1+cu128",
        "torchvision.requires": ["torch==2.9.1"],
    }
    found = judged(torch="2.7.1+cu128", overrides=facts).findings
    assert [(one.rule, one.severity, one.caused_by) for one in found] == [
        ("duplicate-torch-install", Severity.ERROR, None),
        ("torch-torchvision-mismatch", Severity.ERROR, "duplicate-torch-install"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "severity"),
    [
        (("2.7.1", "user", USER), ("2.9.1", "environment", CONDA), "warning"),
        (("2.9.1", "user", USER), ("2.7.1", "environment", CONDA), "warning"),
        (("2.9.1", "user", USER), ("2.9.1", "environment", CONDA), "note"),
        (("2.9.1", "user", USER), ("2.7.1", "dist-packages", "/usr/lib/python3/dist-packages"), "note"),
        (("2.7.1", "user", USER), ("2.10.0", "dist-packages", "/usr/lib/python3/dist-packages"), "warning"),
        (("2.7.1", "environment", SITE), ("2.9.1", "system", "/usr/lib/python3/site-packages"), "note"),
        (("2.7.1", "other", "/software/torch"), ("2.9.1", "environment", SITE), "warning"),
        (("2.7.1", "environment", SITE), ("2.9.1", "environment", SITE), "warning"),
        (("2.9.1", "environment", SITE), ("2.9.1", "environment", SITE), None),
    ],
)
def test_which_torch_hides_which(
    first: tuple[str, str, str], second: tuple[str, str, str], severity: str | None
) -> None:
    facts = {"packages.duplicates": duplicate("torch", first, second), "torch.location": f"{first[2]}/torch"}
    found = said(torch=f"{first[0]}+cu128", torchvision=None, overrides=facts)
    assert found == ([(severity, "duplicate-torch-install")] if severity else [])


def test_a_record_without_files_hides_nothing() -> None:
    """The user's folder holds the record of a torch whose files were deleted: the environment's is imported."""
    facts = {
        "packages.duplicates": duplicate("torch", ("2.7.1", "user", USER), ("2.9.1", "environment", CONDA)),
        "torch.location": f"{CONDA}/torch",
    }
    assert said(torch="2.9.1+cu128", overrides=facts) == [("note", "duplicate-torch-install")]


def test_records_of_anything_but_the_torch_family_are_no_duplicates_of_torch() -> None:
    rows = duplicate("numpy", ("1.26.4", "user", USER), ("2.1.3", "environment", CONDA))
    rows += duplicate("nvidia-cudnn-cu12", ("9.1.0.70", "user", USER), ("9.10.2.21", "environment", CONDA))
    assert said(overrides={"packages.duplicates": rows}) == []


CU12 = {"nvidia-nccl-cu12": "2.29.3", "nvidia-cublas-cu12": "12.8.4.1"}
CU13 = {"nvidia-nccl-cu13": "2.29.7", "nvidia-cublas": "13.1.1.3", "nvidia-cusolver": "12.0.4.66"}
NCCL = "nvidia/nccl/lib/libnccl.so.2"


@pytest.mark.parametrize(
    ("owner", "found"),
    [
        ("nvidia-nccl-cu12", [("warning", "mixed-cu-packages")]),
        ("nvidia-nccl-cu13", [("note", "mixed-cu-packages")]),
        (None, [("note", "mixed-cu-packages")]),
        ("another", [("note", "mixed-cu-packages")]),
    ],
)
def test_a_shared_file_counts_where_its_owner_is_certain(owner: str | None, found: list[tuple[str, str]]) -> None:
    clash = {"file": NCCL, "packages": ["nvidia-nccl-cu12", "nvidia-nccl-cu13"], "owner": owner}
    machine = {"torch": "2.14.1+cu130", "driver": "580.95.05", "requires": ["nvidia-nccl-cu13==2.29.7"], "triton": None}
    assert said(nvidia={**CU12, **CU13}, overrides={"nvidia.clashes": [clash]}, **machine) == found


def test_one_cuda_or_the_libraries_of_other_projects_are_no_mix() -> None:
    machine = {"torch": "2.14.1+cu130", "driver": "580.95.05", "requires": [], "triton": None}
    assert said(nvidia=CU13, **machine) == []
    assert said(nvidia={**CU12, **CU13}, **machine) == [("note", "mixed-cu-packages")]
    for other in ("jax-cuda12-pjrt", "ctranslate2", "cudf-cu12", "cupy-cuda12x"):
        beside = {"packages.installed": {other: "1.0", **CU12, **CU13}}
        assert said(nvidia={**CU12, **CU13}, overrides=beside, **machine) == [], other


@pytest.mark.parametrize(
    ("pin", "version", "severity"),
    [
        ("nvidia-nccl-cu12==2.27.5", "2.27.5", None),
        ("nvidia-nccl-cu12==2.27.5", "2.27.3", "warning"),
        ("nvidia-nccl-cu12==2.27.5", "2.28.9", "note"),
        ("nvidia-nccl-cu12==2.27.5", "3.0.0", "warning"),
        ("nvidia-nccl-cu12>=2.27,<2.28", "2.28.1", "note"),
        ("nvidia-nccl-cu12>=2.27,<2.28", "2.27.9", None),
        ('nvidia-nccl-cu12==2.27.5; sys_platform == "win32"', "2.20.5", None),
        ("nvidia-nccl-cu12 @ ://", "2.20.5", None),
        ("nvidia-nccl-cu12==2.27.5", "not a version", None),
    ],
)
def test_a_pinned_library_by_its_version(pin: str, version: str, severity: str | None) -> None:
    found = said(requires=[pin], nvidia={"nvidia-nccl-cu12": version}, triton=None)
    assert found == ([(severity, "cuda-package-pin-broken")] if severity else [])


def test_a_library_that_is_recorded_twice_may_be_the_pinned_one() -> None:
    """An interrupted upgrade leaves the record of the older one; whose files are there is not told by records."""
    twice = duplicate("nvidia-nccl-cu12", ("2.20.5", "environment", SITE), ("2.27.5", "environment", SITE))
    machine = {"requires": ["nvidia-nccl-cu12==2.27.5"], "nvidia": {"nvidia-nccl-cu12": "2.20.5"}, "triton": None}
    assert said(overrides={"packages.duplicates": twice}, **machine) == []
    assert said(overrides={"packages.duplicates": twice[:1]}, **machine) == [("warning", "cuda-package-pin-broken")]


def test_only_the_extras_that_torch_asks_for_pin_anything() -> None:
    lines = [
        'nvidia-cublas==13.1.1.3; sys_platform == "linux" and extra == "cublas"',
        "nvidia-npp==13.0.1.2; sys_platform == 'linux' and extra == 'npp'",
    ]
    libraries = {"cuda-toolkit": "13.0.3", "nvidia-cublas": "13.1.0.1", "nvidia-npp": "13.0.0.1"}
    found = judged(
        torch="2.14.1+cu130",
        driver="580.95.05",
        requires=['cuda-toolkit[cublas,cudart]==13.0.3; platform_system == "Linux"'],
        nvidia=libraries,
        triton=None,
        overrides={"nvidia.toolkit_requires": lines},
    ).findings
    assert [(one.rule, one.subject) for one in found] == [("cuda-package-pin-broken", "nvidia-cublas")]


def test_a_torch_that_is_recorded_and_gone_is_not_whole() -> None:
    gone = {
        "torch.location": Absent("there is no folder torch"),
        "torch.cuda": Unknown("torch is recorded as installed, but its folder is missing"),
        "torch.hip": Unknown("torch is recorded as installed, but its folder is missing"),
        "torch.channel": Unknown("torch is recorded as installed, but its folder is missing"),
    }
    found = judged(overrides=gone).findings
    assert [(one.rule, one.severity) for one in found] == [("package-files-damaged", Severity.ERROR)]


@pytest.mark.parametrize(
    ("names", "torchvision", "severity"),
    [
        (["~orch-2.9.1.dist-info"], None, "error"),
        (["~-rch-2.9.1.dist-info"], None, "error"),
        (["~orch"], "0.24.1+cu128", "error"),
        (["~orch"], None, None),  # Windows keeps DLLs in use after an uninstall that was wanted
        (["~orchvision-0.24.1.dist-info"], None, None),
        (["~umpy"], None, None),
        ([], None, None),
    ],
)
def test_what_was_moved_aside_where_no_torch_is(
    names: list[str], torchvision: str | None, severity: str | None
) -> None:
    facts: dict[str, Any] = {"packages.leftovers": [{"name": name, "site": SITE} for name in names]}
    if torchvision:
        facts["torchvision.version"] = torchvision
    found = said(torch=None, overrides=facts)
    damaged = [(severity, "package-files-damaged")] if severity else []
    assert sorted(found) == sorted([*damaged, ("note", "torch-not-installed")])


def test_the_missing_torch_is_a_consequence_of_the_interrupted_change() -> None:
    left = {"packages.leftovers": [{"name": "~orch-2.9.1.dist-info", "site": SITE}]}
    found = judged(torch=None, overrides=left).findings
    assert [(one.rule, one.caused_by) for one in found] == [
        ("package-files-damaged", None),
        ("torch-not-installed", "package-files-damaged"),
    ]


@pytest.mark.parametrize(
    ("location", "name", "severity"),
    [
        (f"{SITE}/torch", "~orch-2.9.1.dist-info", "warning"),
        ("/srv/build/torch", "~orch-2.9.1.dist-info", "note"),
        (f"{SITE}/torch", "~orch", "note"),
        (f"{SITE}/torch", "~umpy-2.3.0.dist-info", "note"),
    ],
)
def test_a_torch_without_a_record_where_one_was_moved_aside(location: str, name: str, severity: str) -> None:
    facts = {
        "torch.location": location,
        "torch.dist_version": Absent("torch has no dist-info"),
        "packages.leftovers": [{"name": name, "site": SITE}],
    }
    found = said(provenance="unknown", torchvision=None, requires=[], nvidia={}, overrides=facts)
    assert found == [(severity, "package-files-damaged")]


def test_litter_beside_a_whole_torch_is_a_note() -> None:
    left = {"packages.leftovers": [{"name": f"~umpy-1.2{index}.dist-info", "site": SITE} for index in range(9)]}
    found = judged(overrides=left).findings
    assert [(one.rule, one.severity) for one in found] == [("package-files-damaged", Severity.NOTE)]
    assert "and 6 more" in found[0].message


TRITON = ['triton==3.5.1; platform_system == "Linux" and platform_machine == "x86_64"']


@pytest.mark.parametrize(
    ("machine", "found"),
    [
        ({}, [("warning", "triton-unavailable")]),
        ({"gpus": []}, []),
        ({"gpus": ["NVIDIA A100-SXM4-80GB", PASCAL]}, [("warning", "triton-unavailable")]),
        ({"gpus": [PASCAL], "torch": "2.6.0+cu126"}, []),
        ({"platform": "windows-x86_64", "kind": "windows"}, []),
        ({"platform": "linux-aarch64", "kind": "sbsa"}, []),
        ({"torch": "2.9.1+cpu", "gpus": []}, []),
        ({"overrides": {"packages.installed": {"pytorch-triton": "3.5.1"}}}, []),
        ({"provenance": "ngc", "requires": []}, []),
    ],
)
def test_triton_is_missed_where_torch_asks_for_it_and_a_gpu_would_use_it(
    machine: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert said(**{"triton": None, "requires": TRITON, "torchvision": None, "nvidia": {}, **machine}) == found


def test_a_pascal_gpu_gets_a_note_beside_triton_and_only_where_torch_serves_it() -> None:
    assert said(torch="2.6.0+cu126", gpus=[PASCAL]) == [("note", "gpu-too-old-for-triton")]
    assert said(torch="2.6.0+cu126", gpus=["Tesla V100-SXM2-16GB"]) == []
    assert said(torch="2.9.1+cu128", gpus=[PASCAL]) == []  # it has no kernels for it, which is another rule's word
    both = judged(torch="2.6.0+cu126", gpus=[PASCAL, "NVIDIA A100-SXM4-80GB", PASCAL], visible_devices="1,2").findings
    assert [one.subject for one in both] == ["gpu:2"]


@pytest.mark.parametrize(
    ("pin", "triton", "found"),
    [
        ("triton==3.5.0", "3.5.1", "note"),
        ("triton==3.5.1", "3.5.0", "note"),
        ("triton==3.5.1+git0a1b2c3", "3.5.1+git9f8e7d6", "note"),
        ("triton~=3.8.2", "3.8.0", "note"),
        ("triton==3.5.1", "3.50.0", "error"),
        ("triton==3.5.1", "3.4.1", "error"),
        ("triton==3.50.1", "3.5.1", "error"),
        ("triton~=3.8", "3.7.0", "error"),
    ],
)
def test_another_patch_of_triton_is_a_note(pin: str, triton: str, found: str) -> None:
    facts = {"triton.version": triton}
    assert said(requires=[pin], nvidia={}, overrides=facts) == [(found, "triton-mismatch")]


@pytest.mark.parametrize(
    ("triton", "torch", "pin", "machine", "found"),
    [
        ("2.2.0", "2.1.2+cu121", 'triton==2.1.0; platform_system == "Linux"', {}, True),
        ("2.1.0", "2.1.2+cu121", 'triton==2.1.0; platform_system == "Linux"', {}, False),
        ("3.1.0", "2.3.1+cu121", 'triton==2.3.1; platform_system == "Linux"', {**WINDOWS, "gpus": []}, True),
        ("3.1.0", "2.4.1+cu124", 'triton==3.0.0; platform_system == "Linux"', {**WINDOWS, "gpus": []}, False),
    ],
)
def test_triton_by_its_pin_and_on_windows_by_its_major(
    triton: str, torch: str, pin: str, machine: dict[str, Any], found: bool
) -> None:
    facts = {"triton.version": triton}
    said_of_it = said(**{"torch": torch, "requires": [pin], "nvidia": {}, "overrides": facts, **machine})
    assert (("error", "triton-mismatch") in said_of_it) is found


@pytest.mark.parametrize(
    ("torch", "partner", "fits"),
    [
        ("1.10.0+cu111", "0.10.0+rocm4.1", False),
        ("2.9.1+rocm6.4", "2.9.1+cu128", False),
        ("2.9.1+rocm6.4", "2.9.1+rocm6.4", True),
        ("2.9.1+cu128", "2.9.1+cu128", True),
    ],
)
def test_rocm_and_cuda_do_not_meet(torch: str, partner: str, fits: bool) -> None:
    release, _, local = torch.partition("+")
    rocm = local.startswith("rocm")
    facts = {
        "torch.version": torch,
        "torch.cuda": Absent("a ROCm build") if rocm else Known("12.8" if release == "2.9.1" else "11.1", "described"),
        "torch.hip": Known(local[4:], "described") if rocm else Absent("a CUDA build"),
        "torchaudio.version": partner,
        "torchaudio.requires": [f"torch=={release}"],
        "torchaudio.cuda": Known("12.8", "described") if "cu128" in partner else Absent("its version says so"),
    }
    machine = {"provenance": "rocm" if rocm else "pypi", "torchvision": None, "triton": None, "gpus": []}
    found = said(torch="2.9.1+cu128", driver=None, overrides=facts, **machine)
    assert found == ([] if fits else [("error", "torch-torchaudio-mismatch")])


@pytest.mark.parametrize(
    ("partner", "torch", "severity"),
    [
        ("0.12.0", "1.12.0a0+2c916ef.nv22.3", "warning"),
        ("0.12.0a0+1234567", "1.12.0a0+2c916ef.nv22.3", None),
    ],
)
def test_a_published_wheel_beside_the_torch_of_jetpack_may_not_load(
    partner: str, torch: str, severity: str | None
) -> None:
    facts = {
        "torch.version": torch,
        "torchaudio.version": partner,
        "torchaudio.requires": ["torch==1.12.0"],
        "torchaudio.cuda": Absent("a build without CUDA"),
    }
    machine = {"platform": "linux-aarch64-jetson", "kind": "jetson", "provenance": "jetson", "triton": None, "gpus": []}
    found = said(torch="1.12.1", torch_cuda="11.4", torchvision=None, overrides=facts, **machine)
    assert found == ([(severity, "torch-torchaudio-mismatch")] if severity else [])


@pytest.mark.parametrize(
    ("machine", "found"),
    [
        ({"torch": "2.9.1+cpu", **WINDOWS}, True),
        ({"torch": "2.9.1+cpu", "platform": "linux-aarch64", "kind": "sbsa"}, True),
        ({"torch": "1.12.1", "provenance": "conda-pytorch", "python": "3.10.9"}, True),
        ({"torch": "2.9.1+cpu", "gpus": []}, False),
        ({"torch": "2.9.1+cpu", "gpus": [("GeForce GT 730", "2.1")]}, False),
        ({"torch": "2.9.1", **MACOS}, False),
    ],
)
def test_a_build_without_cuda_beside_a_gpu_whoever_built_it(machine: dict[str, Any], found: bool) -> None:
    facts = {"torch.cuda": Absent("torch/version.py says cuda = None")}
    described = {"torchvision": None, "triton": None, "requires": [], "overrides": facts, **machine}
    assert (("error", "cpu-only-build") in said(**described)) is found


@pytest.mark.parametrize(
    ("line", "extra", "applied"),
    [
        ('a; platform_machine == "x86_64"', "", True),
        ('a; extra == "cublas"', "", False),
        ('a; extra == "cublas" and sys_platform == "linux"', "cublas", True),
        ("a", "", True),
        ("a; (", "", False),
    ],
)
def test_markers_are_those_of_the_examined_environment(line: str, extra: str, applied: bool) -> None:
    assert applies(line, Machine(machine_snapshot()), extra) is applied


def test_markers_name_the_machine_as_its_python_does() -> None:
    windows = Machine(machine_snapshot(**WINDOWS))
    assert applies('a; platform_machine == "AMD64" and os_name == "nt"', windows)
    jetson = Machine(machine_snapshot(platform="linux-aarch64-jetson", kind="jetson"))
    assert applies('a; platform_machine == "aarch64"', jetson)


@pytest.mark.parametrize(
    "bounds",
    [
        "==13.1.1.3.*",
        "==13.1.*",
        "<14,>=13.0.88",
        "~=3.8.0",
        "~=3.8",
        ">=2",
        "<=2.0.0",
        "==2.0",
        ">1,<2",
        "==2.*",
        ">=1!2",
    ],
)
@pytest.mark.parametrize(
    "version",
    ["13.1.1.3", "13.1.1", "13.1.1.30", "13.0.88", "14.0", "3.8.4", "3.9", "2", "2.0.0", "1.9", "2.0+cu1", "2.0rc1"],
)
def test_plain_bounds_mean_what_packaging_says(bounds: str, version: str) -> None:
    from packaging.specifiers import SpecifierSet

    met = SpecifierSet(bounds).contains(version, prereleases=True)
    assert satisfied(f"name{bounds}", version, Machine(machine_snapshot())) is met


def test_extras_are_no_bound() -> None:
    assert bounds_of("cuda-toolkit[cublas,cudart]==13.0.3; x") == "==13.0.3"
    machine = Machine(machine_snapshot())
    assert satisfied("cuda-toolkit[cublas]==13.0.3", "13.0.3", machine) is True
    assert satisfied("cuda-toolkit[cublas] (==13.0.3)", "13.0.2", machine) is False


HOSTILE = [None, 7, True, [], {}, "x" * 10_000, "\x1b[31m", [[]], [{}], {"": {}}, {"torch": []}, ["a; ("], [None, 1]]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_facts_edited_by_hand_are_no_crash(value: Any) -> None:
    names = (
        "packages.conda", "packages.duplicates", "packages.leftovers", "nvidia.clashes", "nvidia.packages",
        "nvidia.toolkit_requires", "torch.wheel_tags", "extensions.packages", "torch.requires", "numpy.version",
    )  # fmt: skip
    described = machine_snapshot(torch="2.2.2+cu121", triton=None)
    for name in names:
        edited = Snapshot({**described.facts, name: Known(value, "edited")}, taken=described.taken, envdoctor="0.1.0")
        assert diagnose(edited, MATRIX, select=OWN).crashed == ()


def test_the_default_wheels_with_all_their_libraries_are_healthy() -> None:
    for torch in ("2.5.1+cu124", "2.9.1+cu128", "2.12.1+cu130", "2.14.1+cu130", "2.15.0+cu132"):
        assert said(torch=torch, driver="595.58.03") == [], torch


def _leave_a_record(environment: Environment) -> None:
    shutil.rmtree(environment.site_packages / "torch")


def _lose_the_package(environment: Environment) -> None:
    (environment.site_packages / "torch" / "__init__.py").unlink()


def _leave_an_old_record(environment: Environment) -> None:
    old = environment.site_packages / "torchvision-0.2.0.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Name: torchvision\nVersion: 0.2.0\nRequires-Dist: torch==1.0\n", encoding="utf-8")


def _move_the_record_aside(environment: Environment) -> None:
    record = next(environment.site_packages.glob("torch-*.dist-info"))
    record.rename(environment.site_packages / f"~{record.name[1:]}")


def _move_aside(environment: Environment) -> None:
    site = environment.site_packages
    record = next(site.glob("torch-*.dist-info"))
    record.rename(site / f"~{record.name[1:]}")
    (site / "torch").rename(site / "~orch")


def _record_another(environment: Environment) -> None:
    install(environment, "torch", "2.8.0")


def _record_for_conda(environment: Environment) -> None:
    folder = environment.prefix / "conda-meta"
    folder.mkdir()
    record = {"name": "pytorch", "version": "2.2.1", "build": "py3.11_cuda12.1_0", "channel": "pytorch"}
    (folder / "pytorch-2.2.1-py3.11_cuda12.1_0.json").write_text(json.dumps(record), encoding="utf-8")


def _of_another_python(environment: Environment) -> None:
    wheel = next(environment.site_packages.glob("torch-*.dist-info")) / "WHEEL"
    wheel.write_text("Wheel-Version: 1.0\nTag: cp27-cp27mu-linux_x86_64\n", encoding="utf-8")


def _older_cudnn(environment: Environment) -> None:
    old = next(environment.site_packages.glob("nvidia_cudnn_cu12-*.dist-info"))
    shutil.rmtree(old)
    install(environment, "nvidia-cudnn-cu12", "9.1.0.70")


def _nccl_of_another_cuda(environment: Environment) -> None:
    shutil.rmtree(next(environment.site_packages.glob("nvidia_nccl_cu12-*.dist-info")))
    library = "nvidia/nccl/lib/libnccl.so.2"
    install(environment, "nvidia-nccl-cu12", "2.27.5", files={library: "of CUDA 12"})
    install(environment, "nvidia-nccl-cu13", "2.28.9", files={library: "of CUDA 13, and written last"})


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (None, []),
        (_leave_a_record, [("error", "package-files-damaged")]),
        (_lose_the_package, [("error", "package-files-damaged")]),
        (_move_the_record_aside, [("warning", "package-files-damaged")]),
        (_leave_an_old_record, [("warning", "duplicate-torch-install")]),
        (_move_aside, [("error", "package-files-damaged")]),
        (_record_another, [("warning", "duplicate-torch-install")]),
        (_record_for_conda, [("warning", "conda-pip-mix")]),
        (_of_another_python, [("error", "python-unsupported")]),
        (_older_cudnn, [("warning", "cuda-package-pin-broken")]),
        (_nccl_of_another_cuda, [("warning", "mixed-cu-packages")]),
    ],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_an_environment_on_disk_by_the_command_line(
    change: Callable[[Environment], None] | None, found: list[tuple[str, str]], tmp_path: Path
) -> None:
    environment = make_environment(tmp_path / "venv", "2.9.1+cu128")
    if change:
        change(environment)
    report = run_cli(["check", "--python", str(environment.python), "--format", "json"], {}).json()
    assert report["crashed"] == []
    serious = [one for one in report["findings"] if one["severity"] != "note" and one["caused_by"] is None]
    assert [(one["severity"], one["rule"]) for one in serious if one["rule"] in OWN] == found


@pytest.mark.parametrize(
    ("version", "from_pypi", "wheel", "index"),
    [
        ("2.9.1+cu128", True, "torch==2.9.1", None),
        ("2.9.1+cu126", False, "torch==2.9.1+cu126", "https://download.pytorch.org/whl/cu126"),
    ],
)
def test_the_plan_for_a_record_without_files_puts_back_what_is_recorded(
    version: str, from_pypi: bool, wheel: str, index: str | None, tmp_path: Path
) -> None:
    environment = make_environment(tmp_path / "venv", version, from_pypi=from_pypi)
    _leave_a_record(environment)
    plan = run_cli(["check", "--python", str(environment.python), "--format", "json"], {}).json()["plan"]
    assert plan["status"] == "solved"
    argv = plan["steps"][0]["argv"]
    assert argv[-1] == wheel
    assert "--force-reinstall" in argv
    assert (argv[argv.index("--index-url") + 1] if "--index-url" in argv else None) == index


def test_the_plan_for_a_record_that_was_moved_aside_installs_the_same_build(tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "venv", "2.9.1+cu128")
    _move_the_record_aside(environment)
    plan = run_cli(["check", "--python", str(environment.python), "--format", "json"], {}).json()["plan"]
    assert "torch==2.9.1+cu128" in plan["steps"][0]["argv"]


def test_numpy_2_beside_an_old_torch_on_disk(tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "venv", "2.2.2+cu121", others={"numpy": "2.0.0"})
    report = run_cli(["check", "--python", str(environment.python), "--format", "json"], {}).json()
    assert "numpy2-abi" in [one["rule"] for one in report["findings"] if one["severity"] == "error"]


def test_every_rule_here_exists() -> None:
    assert {rule.name for rule in all_rules()} >= OWN


@pytest.mark.parametrize("provenance", ["pytorch-index", "conda-pytorch", "source", "ngc"])
@pytest.mark.parametrize("partner", ["torchvision", "torchaudio"])
def test_a_partner_that_needs_what_no_torch_here_has_does_not_load(partner: str, provenance: str) -> None:
    rows = [{"object": f"{partner}/_C.so", "library": "libtorch_hip.so"}]
    told: dict[str, Any] = {
        "provenance": provenance,
        "torchvision": None,
        "overrides": {
            f"{partner}.version": "0.1",
            f"{partner}.requires": ["torch"],
            f"{partner}.cuda": Unknown("it does not say"),
            "libraries.missing": rows,
        },
    }
    found = judged(**told).findings
    assert [(one.severity.word, one.rule) for one in found] == [("error", f"torch-{partner}-mismatch")]
    assert "libtorch_hip.so" in found[0].message
    # Where torch has lost its own, the partner says nothing of itself.
    rows.append({"object": "torch/lib/libtorch_python.so", "library": "libtorch_hip.so"})
    assert said(**told) == [("error", "shared-library-missing")]


def test_a_nightly_of_conda_without_mkl_is_judged_by_what_is_there() -> None:
    found = judged(torch="1.8.0.dev20201023", torch_cuda="11.0", provenance="conda-pytorch", torchvision=None)
    assert "mkl-incompatible" not in {one.rule for one in (*found.findings, *found.skipped)}
