"""Where a rule must change its mind: floors, PTX, several GPUs, builds of other houses, what the matrix lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Absent, Fact, Unknown
from envdoctor.model.finding import Severity, Verdict
from envdoctor.model.machine import Wishes
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis

MATRIX = load_matrix()
A100 = "NVIDIA A100-SXM4-80GB"
GTX_1080 = "NVIDIA GeForce GTX 1080"
RTX_5090 = "NVIDIA GeForce RTX 5090"
V100 = "Tesla V100-SXM2-16GB"


def judged(**described: object) -> Diagnosis:
    diagnosis = diagnose(machine_snapshot(**described), MATRIX)
    assert diagnosis.crashed == ()
    return diagnosis


def serious(diagnosis: Diagnosis) -> list[str]:
    return [finding.rule for finding in diagnosis.findings if finding.severity > Severity.NOTE]


def errors(diagnosis: Diagnosis) -> list[str]:
    return [finding.rule for finding in diagnosis.findings if finding.severity is Severity.ERROR]


@pytest.mark.parametrize(
    ("kind", "torch", "driver", "cuda", "fits"),
    [
        # CUDA 10.2 has no minor-version compatibility: the driver of the toolkit itself is needed.
        ("bare", "1.12.1+cu102", "440.33.01", "10.2", True),
        ("bare", "1.12.1+cu102", "440.33", "10.2", True),
        ("bare", "1.12.1+cu102", "430.64", "10.1", False),
        # CUDA 11: 450.80.02 on Linux, although driver 450.51 brings CUDA 11.0 itself.
        ("bare", "2.1.2+cu118", "450.80.02", "11.0", True),
        ("bare", "2.1.2+cu118", "450.51.06", "11.0", False),
        ("bare", "2.1.2+cu118", "440.33.01", "10.2", False),
        ("bare", "2.1.2+cu118", "595.58.03", "13.2", True),
        # CUDA 12: 525.60.13 on Linux.
        ("bare", "2.9.1+cu128", "525.60.13", "12.0", True),
        ("bare", "2.9.1+cu128", "525.60.11", "12.0", False),
        ("bare", "2.9.1+cu128", "520.61.05", "11.8", False),
        ("bare", "2.9.1+cu128", "535.104.05", "12.2", True),
        # CUDA 13: 580.65.06 on Linux.
        ("bare", "2.15.0+cu132", "580.65.06", "13.0", True),
        ("bare", "2.15.0+cu132", "575.57.08", "12.9", False),
        # WSL2 runs on the Windows driver, whose floors are others.
        ("wsl2", "2.9.1+cu128", "527.41", "12.0", True),
        ("wsl2", "2.9.1+cu128", "526.98", "12.0", False),
        ("wsl2", "2.1.2+cu118", "452.39", "11.0", True),
        ("wsl2", "2.1.2+cu118", "451.82", "11.0", False),
        ("container", "2.9.1+cu128", "525.60.13", "12.0", True),
    ],
)
def test_driver_floors(kind: str, torch: str, driver: str, cuda: str, fits: bool) -> None:
    gpu = "Tesla T4" if torch.endswith("cu132") else V100  # CUDA 13 has no kernels for a V100
    found = judged(kind=kind, torch=torch, driver=driver, cuda=cuda, gpus=[gpu])
    assert errors(found) == ([] if fits else ["driver-too-old"])
    if not fits:
        assert driver in found.findings[0].message


def test_forward_compatibility_libraries_bridge_a_major_and_its_floor() -> None:
    """A libcuda newer than the driver is of the compat package: it runs what its own driver would."""
    assert serious(judged(driver="535.104.05", cuda="13.0", torch="2.14.0+cu130")) == []
    assert serious(judged(driver="535.104.05", cuda="13.0", torch="2.15.0+cu132")) == []
    assert errors(judged(driver="535.104.05", cuda="12.2", torch="2.14.0+cu130")) == ["driver-too-old"]


def test_a_driver_newer_than_the_matrix_runs_everything() -> None:
    assert serious(judged(driver="777.12.01", cuda="15.1", torch="2.9.1+cu128")) == []
    assert serious(judged(driver="777.12.01", cuda="15.1", torch="2.15.0+cu132")) == []


@pytest.mark.parametrize(("api", "runs"), [("12.8", True), ("12.6", False), ("13.0", True)])
def test_ptx_runs_where_the_driver_compiles_the_cuda_of_the_wheel(api: str, runs: bool) -> None:
    """Torch 2.7 with CUDA 12.8 carries PTX 12.0: a newer GPU runs on it if the driver is as new as CUDA 12.8."""
    wheel = MATRIX.wheel("2.7.1", "cu128", "linux-x86_64")
    assert wheel is not None
    assert wheel.ptx == ((12, 0),)
    driver = {"12.8": "570.86.15", "12.6": "560.35.03", "13.0": "580.65.06"}[api]
    future = ("NVIDIA GPU of tomorrow", "13.0")
    found = judged(torch="2.7.1+cu128", driver=driver, cuda=api, gpus=[future])
    assert errors(found) == ([] if runs else ["gpu-arch-not-in-wheel"])
    if not runs:
        assert "newer CUDA than this driver can compile" in found.findings[0].message


def test_one_gpu_unserved_beside_a_served_one_is_a_warning_on_that_gpu() -> None:
    found = judged(gpus=[A100, GTX_1080], torch="2.9.1+cu128")
    assert found.verdict is Verdict.WARNINGS
    assert [(one.rule, one.subject, one.severity) for one in found.findings] == [
        ("gpu-arch-dropped", "gpu:1", Severity.WARNING)
    ]


def test_every_gpu_unserved_is_an_error_on_each() -> None:
    found = judged(gpus=[V100, GTX_1080], torch="2.14.0+cu130", driver="580.82.07")
    assert [(one.rule, one.subject) for one in found.findings] == [
        ("gpu-arch-dropped", "gpu:0"),
        ("gpu-arch-dropped", "gpu:1"),
    ]
    assert found.verdict is Verdict.BROKEN


def test_a_gpu_that_is_not_visible_does_not_count() -> None:
    assert serious(judged(gpus=[A100, GTX_1080], visible_devices="0")) == []
    assert errors(judged(gpus=[A100, GTX_1080], visible_devices="1")) == ["gpu-arch-dropped"]


def test_hidden_gpus_do_not_ask_for_a_newer_driver() -> None:
    found = judged(gpus=[RTX_5090], driver="535.104.05", visible_devices="", torch="2.5.1+cu124")
    assert serious(found) == []
    assert [one.rule for one in found.findings] == ["cuda-visible-devices-empty"]


def test_mig_in_proper_use_is_no_finding() -> None:
    found = judged(
        gpus=[A100],
        visible_devices="MIG-5c1e9f2a-0000-4000-8000-000000000001",
        visible=[0],
        overrides={"gpu.0.mig": ["MIG-5c1e9f2a-0000-4000-8000-000000000001"]},
    )
    assert found.findings == ()
    assert found.verdict is Verdict.HEALTHY


OTHER_HOUSES = ("ngc", "source", "conda-forge", "conda-pytorch", "jetson", "distro", "unknown")


@pytest.mark.parametrize("provenance", OTHER_HOUSES)
def test_the_matrix_does_not_speak_for_builds_of_other_houses(provenance: str) -> None:
    """Kernels and partners of such a build are not judged by rows sourced from the published wheels."""
    found = judged(gpus=[GTX_1080], torch="2.9.1+cu128", driver="580.82.07", provenance=provenance)
    assert serious(found) == []
    assert found.verdict is Verdict.HEALTHY
    assert {one.rule for one in found.skipped} >= {"gpu-arch-dropped", "gpu-arch-not-in-wheel"}
    assert all(one.fact is None for one in found.skipped)


@pytest.mark.parametrize("provenance", OTHER_HOUSES)
def test_what_its_cuda_cannot_compile_no_house_can_ship(provenance: str) -> None:
    old = judged(gpus=[V100], torch="2.14.0+cu130", driver="580.82.07", provenance=provenance)
    assert errors(old) == ["gpu-arch-dropped"]
    beside = judged(gpus=[V100, A100], torch="2.14.0+cu130", driver="580.82.07", provenance=provenance)
    assert [(one.rule, one.subject, one.severity) for one in beside.findings if one.severity > Severity.NOTE] == [
        ("gpu-arch-dropped", "gpu:0", Severity.WARNING)
    ]
    new = judged(gpus=[RTX_5090], torch="2.5.1+cu124", driver="570.86.15", provenance=provenance)
    assert errors(new) == []
    assert [one.rule for one in new.findings if one.severity is Severity.WARNING] == ["gpu-arch-not-in-wheel"]


@pytest.mark.parametrize(
    ("capability", "cuda", "finds"),
    [
        ("8.6", "11.0", []),  # code for 8.0 runs there
        ("8.9", "11.0", []),
        ("8.6", "10.2", ["gpu-arch-not-in-wheel"]),
        ("9.0", "11.7", ["gpu-arch-not-in-wheel"]),
        ("9.0", "11.8", []),
        ("10.3", "12.8", []),
        ("12.1", "12.6", ["gpu-arch-not-in-wheel"]),
        ("3.5", "11.4", []),
        ("3.7", "12.1", ["gpu-arch-dropped"]),
        ("7.0", "12.9", []),
        ("8.7", "10.2", []),  # a part of Jetson, for which the matrix has no first toolkit
        ("15.0", "13.0", []),  # a GPU of the years to come
    ],
)
def test_the_cuda_of_an_unread_build_against_a_gpu(capability: str, cuda: str, finds: list[str]) -> None:
    found = judged(
        gpus=[("GPU of that capability", capability)],
        torch="2.5.1",
        torch_cuda=cuda,
        provenance="conda-forge",
        driver="470.256.02" if capability[0] == "3" else "580.82.07",
        cuda="13.0",
        torchvision=None,
        triton=None,
    )
    assert [one.rule for one in found.findings if one.rule.startswith("gpu-arch")] == finds


def test_a_cuda_that_is_no_version_is_not_compared() -> None:
    found = judged(torch="2.5.1", torch_cuda="12.4", provenance="source", overrides={"torch.cuda": "twelve"})
    assert not [one for one in found.findings if one.rule.startswith("gpu-arch")]


@pytest.mark.parametrize("provenance", ["ngc", "source", "conda-forge"])
def test_the_cuda_of_any_build_still_needs_its_driver(provenance: str) -> None:
    found = judged(torch="2.14.0+cu130", driver="470.256.02", provenance=provenance)
    assert errors(found) == ["driver-too-old"]


def test_a_jetson_runs_the_driver_of_its_jetpack() -> None:
    found = judged(
        kind="jetson", platform="linux-aarch64", gpus=[("Orin", "8.7")], driver="540.3.0", cuda="12.6",
        torch="2.5.0a0+872d972e41.nv24.8", torch_cuda="12.6", provenance="jetson",
    )  # fmt: skip
    assert serious(found) == []
    assert found.verdict is Verdict.HEALTHY


@pytest.mark.parametrize("torch", ["2.99.0+cu132", "2.16.0.dev20261101+cu132", "3.0.0+cu150"])
def test_a_torch_newer_than_the_matrix_is_unknown_and_never_broken(torch: str) -> None:
    found = judged(torch=torch, driver="595.58.03", gpus=[A100], provenance="pytorch-index", torch_cuda="13.2")
    assert serious(found) == []
    assert found.verdict is Verdict.HEALTHY
    assert any("unknown to this matrix" in one.reason for one in found.skipped)


def test_an_unknown_gpu_with_a_known_capability_is_judged_by_it() -> None:
    assert errors(judged(gpus=[("NVIDIA Secret Board", "7.0")], torch="2.14.0+cu130", driver="580.82.07")) == [
        "gpu-arch-dropped"
    ]
    assert serious(judged(gpus=[("NVIDIA Secret Board", "8.0")])) == []


def without_capability(name: str) -> Diagnosis:
    return judged(
        gpus=[name], torch="2.14.0+cu130", driver="580.82.07",
        overrides={"gpu.0.compute_capability": Absent("nvidia-smi did not tell")},
    )  # fmt: skip


def test_a_known_name_stands_in_for_the_capability() -> None:
    assert errors(without_capability(V100)) == ["gpu-arch-dropped"]
    assert serious(without_capability(A100)) == []


def test_neither_name_nor_capability_is_no_verdict() -> None:
    found = judged(
        gpus=[("NVIDIA Secret Board", "7.0")], torch="2.14.0+cu130", driver="580.82.07",
        overrides={"gpu.0.compute_capability": Absent("not told")},
    )  # fmt: skip
    assert serious(found) == []
    assert found.verdict is Verdict.UNDETERMINED
    assert "gpu.0.compute_capability" in {one.fact for one in found.skipped}


UNKNOWN_DRIVER: dict[str, Fact] = {
    name: Unknown("NVML did not answer within 10 s")
    for name in ("driver.version", "driver.cuda_version", "nvml.status", "cuda.init", "gpu.count", "gpu.visible")
}


@pytest.mark.parametrize("torch", ["2.14.0+cu130", "2.9.1+cu128", "2.13.0+cpu"])
def test_an_unknown_driver_is_no_verdict(torch: str) -> None:
    found = judged(torch=torch, overrides=UNKNOWN_DRIVER)
    assert found.findings == ()
    assert found.verdict is Verdict.UNDETERMINED
    assert {one.fact for one in found.skipped} <= {*UNKNOWN_DRIVER, None}
    assert {"driver-query-failed", "driver-too-old-for-gpu"} <= {one.rule for one in found.skipped}


def test_a_known_error_is_not_hidden_by_an_unknown_driver() -> None:
    found = judged(
        torch="2.9.1+cu128", overrides=UNKNOWN_DRIVER, missing=[("torch/lib/libtorch_cuda.so", "libcudart.so.12")]
    )
    assert errors(found) == ["shared-library-missing"]
    assert found.verdict is Verdict.BROKEN


def test_every_fact_unknown_gives_no_finding_at_all() -> None:
    names = list(machine_snapshot().facts)
    found = judged(overrides={name: Unknown("not looked at") for name in names})
    assert found.findings == ()
    assert found.verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize("kind", ["bare", "container", "wsl2"])
def test_no_gpu_is_a_note_until_one_is_asked_for(kind: str) -> None:
    machine = machine_snapshot(driver=None, gpus=[], kind=kind)
    assert diagnose(machine, MATRIX).verdict is Verdict.HEALTHY
    asked = diagnose(machine, MATRIX, Wishes(require_gpu=True))
    found = [(one.rule, one.caused_by) for one in asked.findings if one.severity is Severity.ERROR]
    # Windows lends WSL2 its driver, and a host its containers: that none is lent is the cause there.
    cause = {"wsl2": "wsl-driver", "container": "no-gpu-in-container"}.get(kind)
    assert found == ([(cause, None)] if cause else []) + [("no-nvidia-gpu", cause)]


def test_a_card_without_driver_is_an_error_on_a_bare_host_alone() -> None:
    assert errors(judged(driver=None, gpus=[A100])) == ["driver-missing"]
    assert errors(judged(driver=None, gpus=[A100], kind="container")) == []
    asked = diagnose(machine_snapshot(driver=None, gpus=[A100], kind="container"), MATRIX, Wishes(require_gpu=True))
    assert [(one.rule, one.caused_by) for one in asked.findings if one.severity is Severity.ERROR] == [
        ("no-gpu-in-container", None), ("driver-missing", "no-gpu-in-container"), ("no-nvidia-gpu", "driver-missing"),
    ]  # fmt: skip


def test_driver_module_not_loaded_is_the_missing_driver() -> None:
    assert errors(judged(nvml_status=9)) == ["driver-missing"]


@pytest.mark.parametrize(
    ("status", "init", "rule", "severity"),
    [
        (18, 803, "nvml-driver-library-mismatch", Severity.ERROR),
        (18, 0, "nvml-driver-library-mismatch", Severity.WARNING),
        (15, 999, "gpu-lost", Severity.ERROR),
        (999, 999, "driver-query-failed", Severity.ERROR),
        (999, 0, "driver-query-failed", Severity.WARNING),
        (3, 100, "driver-query-failed", Severity.ERROR),
    ],
)
def test_each_refusal_of_nvml_has_its_name(status: int, init: int, rule: str, severity: Severity) -> None:
    found = judged(nvml_status=status, cuda_init=init)
    assert [(one.rule, one.severity) for one in found.findings] == [(rule, severity)]


def test_a_lost_gpu_among_others_names_it() -> None:
    found = judged(gpus=[A100, A100, A100], lost=[1])
    assert [(one.rule, one.subject) for one in found.findings] == [("gpu-lost", "gpu:1")]


def test_a_cpu_build_is_no_defect_where_no_cuda_wheel_would_serve() -> None:
    assert (
        serious(judged(torch="2.13.0+cpu", gpus=[("NVIDIA GeForce GT 730", "2.1")], driver="390.157", cuda="9.1")) == []
    )
    assert errors(judged(torch="2.13.0+cpu", gpus=[A100])) == ["cpu-only-build"]
    assert serious(judged(torch="2.13.0+cpu", gpus=[A100], visible_devices="")) == []


def test_a_partner_of_another_cuda_major_comes_before_the_library_it_misses() -> None:
    found = judged(torch="2.9.1+cu128", torchvision="0.24.1+cu130", missing=[("torchvision/_C.so", "libcudart.so.13")])
    assert [(one.rule, one.caused_by) for one in found.findings] == [
        ("torch-torchvision-mismatch", None),
        ("shared-library-missing", None),
    ]


def test_a_hundred_thousand_gpus_cost_no_more_than_the_bound() -> None:
    found = judged(overrides={"gpu.count": 10**9})
    assert found.crashed == ()
    assert found.verdict is Verdict.HEALTHY  # the one that is visible is known, and served


@pytest.mark.parametrize("driver", [[], {}, ["nvidia"], 7, True])
def test_a_bus_edited_by_hand_is_no_crash(driver: object) -> None:
    card = {"address": "0000:01:00.0", "driver": driver}
    assert errors(judged(driver=None, overrides={"pci.nvidia": [card]})) == ["driver-missing"]


@pytest.mark.parametrize(
    "line",
    [
        'triton~=9.0; sys_platform ~= "linux"',
        'triton==9.0; "x" ~= "y"',
        'triton==9.0; python_version ~= "abc" and python_version > "9"',
        "triton>=x",
        "triton @ ://",
        'triton==9.0; extra == "opt"',
    ],
)
def test_a_requirement_that_cannot_be_read_or_does_not_apply_says_nothing(line: str) -> None:
    assert judged(triton="3.1.0", overrides={"torch.requires": [line]}).findings == ()
