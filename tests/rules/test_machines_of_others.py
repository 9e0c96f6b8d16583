"""Machines that other tools, and earlier versions of this one, judged wrong: each with the right answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Machine, Wishes
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.solve import Solver
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.plan import Plan

MATRIX = load_matrix()
GTX_1080 = "NVIDIA GeForce GTX 1080"
RTX_5090 = "NVIDIA GeForce RTX 5090"
H200 = "NVIDIA H200"


def judged(wishes: Wishes | None = None, **machine: Any) -> tuple[list[tuple[str, str]], Plan]:
    """Findings above a note, as (severity, rule), and the plan."""
    snapshot = machine_snapshot(**machine)
    diagnosis = diagnose(snapshot, MATRIX, wishes)
    assert diagnosis.crashed == ()
    found = [(one.severity.word, one.rule) for one in diagnosis.findings if one.severity > Severity.NOTE]
    return found, plan_for(diagnosis, Solver(Machine(snapshot, wishes), MATRIX))


def target(plan: Plan) -> str | None:
    return f"{plan.target.torch}+{plan.target.channel}" if plan.target else None


@pytest.mark.parametrize("platform", [{"platform": "windows-x86_64"}, {"kind": "wsl2"}])
def test_windows_numbers_run_on_inside_a_branch(platform: dict[str, str]) -> None:
    """581.29 is R580, the last branch for Pascal."""
    machine = {"driver": "581.29", "cuda": "13.0", "gpus": [GTX_1080], "triton": None, **platform}
    found, plan = judged(torch="2.14.0+cu130", **machine)
    assert (found, target(plan)) == ([("error", "gpu-arch-dropped")], "2.14.0+cu126")
    assert judged(torch="2.14.0+cpu", **machine)[0] == [("error", "cpu-only-build")]
    assert judged(torch="2.14.0+cu126", **machine)[0] == []


def test_a_gpu_that_was_asked_for_and_cannot_be_reached_is_an_error() -> None:
    kernel_module = {"driver.version": Known("580.95.05", "/proc/driver/nvidia/version")}
    container = {"driver": None, "gpus": [H200], "kind": "container", "overrides": kernel_module}
    asked = judged(Wishes(require_gpu=True), torch="2.14.0+cu130", **container)[0]
    assert asked == [("error", "no-gpu-in-container"), ("error", "no-nvidia-gpu")]
    assert judged(torch="2.14.0+cu130", **container)[0] == []
    listed = {"driver": "580.95.05", "gpus": [], "cuda_init": 100}
    assert ("error", "no-nvidia-gpu") in judged(Wishes(require_gpu=True), **listed)[0]


@pytest.mark.parametrize(
    ("torch", "partner", "version", "fits"),
    [
        ("2.5.1+cu124", "torchaudio", "2.5.1+cu124", True),
        ("2.5.1+cu124", "torchaudio", "2.5.1+cu121", False),
        ("2.0.1+cu117", "torchvision", "0.15.2+cu118", False),
        ("2.1.2+cu121", "torchvision", "0.16.2+cu121", True),
        ("2.9.1+cu128", "torchvision", "0.24.1+cu126", True),
        ("2.9.1+cu128", "torchvision", "0.24.1+cu130", False),
    ],
)
def test_which_cuda_a_partner_accepts(torch: str, partner: str, version: str, fits: bool) -> None:
    """Torchaudio compares major and minor, torchvision did so before 0.16 and compares the major since."""
    found, _ = judged(torch=torch, **{partner: version})
    assert found == ([] if fits else [("error", f"torch-{partner}-mismatch")])


def test_a_partner_without_cuda_works_where_no_gpu_is() -> None:
    nothing = {"driver": None, "gpus": [], "torch": "2.14.1+cu130", "torchvision": "0.29.1+cpu"}
    assert judged(**nothing)[0] == []
    assert judged(driver="580.95.05", gpus=[H200], torch="2.14.1+cu130", torchvision="0.29.1+cpu")[0] == [
        ("error", "torch-torchvision-mismatch")
    ]


def test_ptx_of_an_old_cuda_is_doubtful_on_a_newer_gpu() -> None:
    """Windows cu118 wheels carry PTX 3.7; their cuBLAS and cuDNN were made before Blackwell."""
    machine = {"platform": "windows-x86_64", "driver": "572.16", "cuda": "12.8", "gpus": [RTX_5090], "triton": None}
    assert judged(torch="2.4.1+cu118", **machine)[0] == [("warning", "gpu-arch-not-in-wheel")]
    found, plan = judged(torch="2.5.1+cu124", **machine)
    assert found == [("error", "gpu-arch-not-in-wheel")]
    assert plan.target is not None
    assert plan.target.channel in ("cu128", "cu129")


def test_two_gpus_that_no_single_wheel_serves_do_not_hide_a_cpu_build() -> None:
    found, _ = judged(driver="580.95.05", gpus=[RTX_5090, GTX_1080], torch="2.13.0+cpu")
    assert found == [("error", "cpu-only-build")]


def test_what_is_not_known_of_a_hidden_gpu_silences_nothing() -> None:
    unknown = {"gpu.1.name": Unknown("x"), "gpu.1.compute_capability": Unknown("x")}
    gpus = ["NVIDIA A100-SXM4-80GB", "NVIDIA A100-SXM4-80GB"]
    found, _ = judged(driver="470.256.02", gpus=gpus, torch="2.5.1+cu124", visible_devices="0", overrides=unknown)
    assert found == [("error", "driver-too-old")]


def test_the_driver_api_version_speaks_where_the_driver_version_is_not_known() -> None:
    told = {"driver.version": Unknown("x"), "driver.cuda_version": Known("11.4", "libcuda")}
    assert judged(torch="2.5.1+cu124", overrides=told)[0] == [("error", "driver-too-old")]


def test_before_cuda_11_every_minor_needs_its_own_driver() -> None:
    told = {"driver.version": Known("410.48", "nvml"), "driver.cuda_version": Known("10.0", "libcuda")}
    found, _ = judged(torch="1.4.0+cu101", torch_cuda="10.1", gpus=[GTX_1080], overrides=told)
    assert found == [("error", "driver-too-old")]


def test_a_cudnn_that_dropped_the_gpu_is_told_and_planned_for_alike() -> None:
    found, plan = judged(torch="2.5.1+cu118", driver="470.256.02", cuda="11.4", gpus=["Tesla K80"])
    assert found == [("warning", "gpu-arch-dropped")]
    assert target(plan) == "2.3.1+cu118"


@pytest.mark.parametrize(("asked", "found"), [("0,-1", []), ("0,7", [("warning", "cuda-visible-devices-empty")])])
def test_minus_one_ends_the_list_on_purpose(asked: str, found: list[tuple[str, str]]) -> None:
    assert judged(gpus=[H200, H200], driver="580.95.05", visible_devices=asked, visible=[0])[0] == found


def test_another_builder_s_torch_behind_an_old_driver_is_helped_by_a_driver() -> None:
    found, plan = judged(torch="2.6.0a0+ecf3bae40a.nv25.1", torch_cuda="12.8", provenance="ngc", driver="470.256.02",
                         cuda="11.4")  # fmt: skip
    assert found == [("error", "driver-too-old")]
    assert [step.kind for way in plan.alternatives for step in way.steps][:1] == ["upgrade-driver"]


def test_a_published_partner_beside_a_jetson_torch_is_a_warning() -> None:
    requires = {"torchaudio.requires": Known(["torch==1.12.0"], "dist-info"), "torchaudio.cuda": Absent("none")}
    found, _ = judged(torch="1.12.0a0+2c916ef.nv22.3", torch_cuda="11.4", provenance="jetson", driver=None, gpus=[],
                      torchaudio="0.12.0", overrides=requires)  # fmt: skip
    assert found == [("warning", "torch-torchaudio-mismatch")]


def test_the_operating_system_s_python_is_not_changed_by_pip() -> None:
    managed = {"python.externally_managed": Known(True, "interpreter")}
    _, plan = judged(driver="580.95.05", gpus=[H200], torch="2.13.0+cpu", overrides=managed)
    assert plan.steps[0].applicability.value == "manual"
    assert "virtual environment" in plan.steps[0].why
